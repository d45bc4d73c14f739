//! What a run would have been billed: the rows of system.billing.usage.

use crate::clusters::dbu_per_hour;
use crate::world::{Shared, locked};
use serde_json::{Value, json};

pub const PHOTON: &str = "PREMIUM_JOBS_COMPUTE_(PHOTON)";
pub const STANDARD: &str = "PREMIUM_JOBS_COMPUTE";
/// Per DBU, in dollars.
pub const PRICES: [(&str, &str); 3] =
    [(PHOTON, "0.150000"), (STANDARD, "0.150000"), ("PREMIUM_SERVERLESS_SQL_COMPUTE", "0.700000")];

#[derive(Clone, Debug)]
pub struct Usage {
    pub id: String,
    pub cluster: String,
    pub job: u64,
    pub run: u64,
    pub one_time: bool,
    pub photon: bool,
    pub dbus: f64,
    pub from: i64,
    pub to: i64,
    pub tags: Value,
}

pub fn record(world: &Shared, id: u64) {
    let mut book = locked(&world.jobs);
    let Some((job, one_time)) = book.runs.get(&id).map(|run| (run.job_id, run.one_time)) else { return };
    let mine = book.clusters.values().filter(|cluster| cluster.run == id);
    let rows: Vec<Usage> = mine
        .map(|cluster| {
            let photon = cluster.spec["runtime_engine"] == "PHOTON";
            let hours = (cluster.ended - cluster.started).max(1) as f64 / 3_600_000.0;
            Usage {
                id: world.ids.uuid(),
                cluster: cluster.id.clone(),
                job,
                run: id,
                one_time,
                photon,
                dbus: dbu_per_hour(&cluster.spec) * hours,
                from: cluster.started,
                to: cluster.ended,
                tags: cluster.spec["custom_tags"].clone(),
            }
        })
        .collect();
    book.usage.extend(rows);
}

impl Usage {
    pub fn row(&self) -> Value {
        let time = |ms: i64| jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| at.to_string());
        let from = time(self.from);
        // One-time runs may come without a job id in the real table, too: tags find them.
        let job = if self.one_time { Value::Null } else { self.job.to_string().into() };
        json!({
            "record_id": self.id, "workspace_id": crate::caller::WORKSPACE_ID, "cloud": "AWS",
            "sku_name": if self.photon { PHOTON } else { STANDARD }, "usage_quantity": format!("{:.9}", self.dbus),
            "usage_unit": "DBU", "usage_start_time": from, "usage_end_time": time(self.to),
            "usage_date": from.get(..10).unwrap_or_default(), "custom_tags": self.tags, "billing_origin_product": "JOBS",
            "usage_metadata": {"cluster_id": self.cluster, "job_id": job, "job_run_id": self.run.to_string()},
        })
    }
}
