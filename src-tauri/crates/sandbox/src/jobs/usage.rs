//! What compute would have been billed: the rows of system.billing.usage, and the prices.

use super::cluster::Cluster;
use crate::base::{ACCOUNT_ID, WORKSPACE_ID};
use crate::state::behaviour::Cloud;
use serde_json::{Value, json};

const PHOTON: &str = "PREMIUM_JOBS_COMPUTE_(PHOTON)";
const STANDARD: &str = "PREMIUM_JOBS_COMPUTE";
const SQL: &str = "PREMIUM_SERVERLESS_SQL_COMPUTE";
/// What serverless compute takes in an hour, and how much more for speed.
const SERVERLESS_DBU: f64 = 2.0;
const FAST: f64 = 2.0;
/// Since when today's prices are in force, and those before them.
const EARLIER: &str = "2023-01-01T00:00:00Z";
const TODAY: &str = "2025-07-01T00:00:00Z";

/// Serverless compute has a price for each region.
fn serverless_sku(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Aws => "PREMIUM_JOBS_SERVERLESS_COMPUTE_EU_IRELAND",
        Cloud::Azure => "PREMIUM_JOBS_SERVERLESS_COMPUTE_EU_WEST",
        Cloud::Gcp => "PREMIUM_JOBS_SERVERLESS_COMPUTE_EUROPE_WEST1",
    }
}

/// Of all clouds, and of times gone by: only with cloud and time does a row of usage have one price.
pub fn prices() -> Vec<Value> {
    let mut rows = Vec::new();
    for (cloud, jobs) in [(Cloud::Aws, "0.150000"), (Cloud::Azure, "0.300000"), (Cloud::Gcp, "0.160000")] {
        let skus = [(PHOTON, jobs), (STANDARD, jobs), (SQL, "0.700000"), (serverless_sku(cloud), "0.390000")];
        for (sku, price) in skus {
            rows.push(price_row(cloud, sku, "0.100000", EARLIER, Some(TODAY)));
            rows.push(price_row(cloud, sku, price, TODAY, None));
        }
    }
    rows
}

fn price_row(cloud: Cloud, sku: &str, price: &str, from: &str, until: Option<&str>) -> Value {
    json!({
        "account_id": ACCOUNT_ID, "price_start_time": from, "price_end_time": until, "sku_name": sku,
        "cloud": cloud.upper(), "currency_code": "USD", "usage_unit": "DBU",
        "pricing": {"default": price, "promotional": {"default": price}, "effective_list": {"default": price}},
    })
}

/// The run that compute was for, as far as the bill names it.
#[derive(Clone, Debug)]
pub struct Billed {
    pub cloud: Cloud,
    pub run: u64,
    pub job: u64,
    pub one_time: bool,
    pub name: String,
    pub run_as: String,
    pub performance: String,
    pub policy: Option<String>,
    /// What the usage policy puts on it.
    pub tags: Value,
}

#[derive(Clone, Debug)]
enum Compute {
    Cluster { id: String, node: Value, photon: bool },
    Serverless { performance: String, policy: Option<String> },
}

#[derive(Clone, Debug)]
pub struct Usage {
    id: String,
    cloud: Cloud,
    compute: Compute,
    /// One-time runs on clusters may come without a job's id in the real table, too: tags find them.
    job: Option<u64>,
    run: u64,
    name: String,
    run_as: String,
    dbus: f64,
    from: i64,
    to: i64,
    tags: Value,
}

fn hours(from: i64, to: i64) -> f64 {
    (to - from).max(1) as f64 / 3_600_000.0
}

impl Usage {
    pub fn of_cluster(id: String, billed: Billed, cluster: &Cluster) -> Self {
        let compute = Compute::Cluster {
            id: cluster.id.clone(),
            node: cluster.spec["node_type_id"].clone(),
            photon: cluster.spec["runtime_engine"] == "PHOTON",
        };
        Self {
            id,
            cloud: billed.cloud,
            compute,
            job: (!billed.one_time).then_some(billed.job),
            run: billed.run,
            name: billed.name,
            run_as: billed.run_as,
            dbus: cluster.dbu_per_hour() * hours(cluster.started, cluster.ended),
            from: cluster.started,
            to: cluster.ended,
            tags: cluster.spec["custom_tags"].clone(),
        }
    }

    /// Of one task. Tags come from the usage policy alone.
    pub fn of_serverless(id: String, billed: Billed, from: i64, to: i64) -> Self {
        let factor = if billed.performance == "PERFORMANCE_OPTIMIZED" { FAST } else { 1.0 };
        Self {
            id,
            cloud: billed.cloud,
            compute: Compute::Serverless { performance: billed.performance, policy: billed.policy },
            job: Some(billed.job),
            run: billed.run,
            name: billed.name,
            run_as: billed.run_as,
            dbus: SERVERLESS_DBU * factor * hours(from, to),
            from,
            to,
            tags: billed.tags,
        }
    }

    pub fn row(&self) -> Value {
        let time = |ms: i64| jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| at.to_string());
        let from = time(self.from);
        let day = from.get(..10).unwrap_or_default();
        let (sku, cluster, node, policy, performance) = match &self.compute {
            Compute::Cluster { id, node, photon } => {
                (if *photon { PHOTON } else { STANDARD }, json!(id), node.clone(), Value::Null, Value::Null)
            }
            Compute::Serverless { performance, policy } => {
                (serverless_sku(self.cloud), Value::Null, Value::Null, json!(policy), json!(performance))
            }
        };
        let serverless = cluster.is_null();
        let photon = matches!(self.compute, Compute::Cluster { photon: true, .. });
        let tags = if self.tags.is_null() { json!({}) } else { self.tags.clone() };
        json!({
            "record_id": self.id, "account_id": ACCOUNT_ID, "workspace_id": WORKSPACE_ID, "cloud": self.cloud.upper(),
            "sku_name": sku, "usage_quantity": format!("{:.9}", self.dbus), "usage_unit": "DBU",
            "usage_start_time": from, "usage_end_time": time(self.to), "usage_date": day, "ingestion_date": day,
            "custom_tags": tags, "billing_origin_product": "JOBS", "record_type": "ORIGINAL", "usage_type": "COMPUTE_TIME",
            "usage_metadata": {
                "cluster_id": cluster, "node_type": node, "job_id": self.job.map(|id| id.to_string()),
                "job_run_id": self.run.to_string(), "job_name": if serverless { json!(self.name) } else { Value::Null },
                "usage_policy_id": policy, "budget_policy_id": policy, "warehouse_id": null, "notebook_id": null,
            },
            "identity_metadata": {"run_as": self.run_as},
            "product_features": {
                "is_serverless": serverless, "is_photon": serverless || photon, "jobs_tier": "CLASSIC",
                "performance_target": performance,
            },
        })
    }
}
