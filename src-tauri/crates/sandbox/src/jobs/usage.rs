//! What a cluster would have been billed: the rows of system.billing.usage.

use super::cluster::Cluster;
use crate::base::WORKSPACE_ID;
use serde_json::{Value, json};

const PHOTON: &str = "PREMIUM_JOBS_COMPUTE_(PHOTON)";
const STANDARD: &str = "PREMIUM_JOBS_COMPUTE";
/// Per DBU, in dollars.
pub const PRICES: [(&str, &str); 3] =
    [(PHOTON, "0.150000"), (STANDARD, "0.150000"), ("PREMIUM_SERVERLESS_SQL_COMPUTE", "0.700000")];

#[derive(Clone, Debug)]
pub struct Usage {
    id: String,
    cluster: String,
    /// One-time runs may come without a job's id in the real table, too: tags find them.
    job: Option<u64>,
    run: u64,
    photon: bool,
    dbus: f64,
    from: i64,
    to: i64,
    tags: Value,
}

impl Usage {
    pub fn new(id: String, cluster: &Cluster, job: Option<u64>) -> Self {
        let hours = (cluster.ended - cluster.started).max(1) as f64 / 3_600_000.0;
        Self {
            id,
            cluster: cluster.id.clone(),
            job,
            run: cluster.run,
            photon: cluster.spec["runtime_engine"] == "PHOTON",
            dbus: cluster.dbu_per_hour() * hours,
            from: cluster.started,
            to: cluster.ended,
            tags: cluster.spec["custom_tags"].clone(),
        }
    }

    pub fn row(&self) -> Value {
        let time = |ms: i64| jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| at.to_string());
        let from = time(self.from);
        json!({
            "record_id": self.id, "workspace_id": WORKSPACE_ID, "cloud": "AWS",
            "sku_name": if self.photon { PHOTON } else { STANDARD }, "usage_quantity": format!("{:.9}", self.dbus),
            "usage_unit": "DBU", "usage_start_time": from, "usage_end_time": time(self.to),
            "usage_date": from.get(..10).unwrap_or_default(), "custom_tags": self.tags, "billing_origin_product": "JOBS",
            "usage_metadata": {
                "cluster_id": self.cluster, "job_id": self.job.map(|id| id.to_string()), "job_run_id": self.run.to_string(),
            },
        })
    }
}
