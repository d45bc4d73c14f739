//! What the clusters cost, as the workspace's own bill says.

use super::cost::cost;
use super::warehouse;
use crate::cluster::short;
use icebridge_databricks::Client;
use icebridge_model::photon::{AgainstEstimate, Bill, Cost, CostEstimate, RunCost, TAG_PLAN};
use icebridge_model::{Code, Result};
use tokio_util::sync::CancellationToken;

/// By the tag of the plan, which clusters carry, and by the runs that are known here: usage of serverless compute has the tags
/// of usage policies alone. At the list price of the time, in the cloud of the usage
/// (<https://docs.databricks.com/aws/en/admin/system-tables/pricing>).
fn query(job_runs: &[i64]) -> String {
    let ids: Vec<String> = job_runs.iter().map(|id| format!("'{id}'")).collect();
    let by_run = match ids.is_empty() {
        true => String::new(),
        false => format!(" OR u.usage_metadata.job_run_id IN ({})", ids.join(", ")),
    };
    format!(
        "SELECT u.usage_metadata.job_run_id AS run, SUM(u.usage_quantity) AS dbus, \
         SUM(u.usage_quantity * p.pricing.default) AS dollars \
         FROM system.billing.usage u JOIN system.billing.list_prices AS p ON u.sku_name = p.sku_name AND u.cloud = p.cloud \
         WHERE (u.custom_tags.`{TAG_PLAN}` = :plan{by_run}) AND u.usage_start_time >= p.price_start_time \
         AND (p.price_end_time IS NULL OR u.usage_start_time < p.price_end_time) GROUP BY 1"
    )
}

/// Of all job runs of a plan. Where it is not known, why; it never fails a migration.
pub async fn bill(
    client: &Client,
    named_warehouse: Option<&str>,
    plan_hash: &str,
    job_runs: &[i64],
    estimate: Option<&CostEstimate>,
    cancel: &CancellationToken,
) -> Result<Bill> {
    let unknown = |explanation: String| Ok(Bill::Unknown { explanation });
    let warehouse = match warehouse::choose(client, named_warehouse).await {
        Ok(Some(warehouse)) => warehouse,
        Ok(None) => return unknown("the workspace has no SQL warehouse to ask for the bill".into()),
        Err(error) if error.code == Code::Cancelled => return Err(error),
        Err(error) => return unknown(error.to_string()),
    };
    let rows = match warehouse::rows(client, &warehouse, &query(job_runs), &[("plan", short(plan_hash))], cancel).await
    {
        Ok(rows) => rows,
        Err(error) if error.code == Code::Cancelled => return Err(error),
        Err(error) if matches!(error.code, Code::AccessDenied | Code::TableNotFound) => {
            return unknown(format!("system.billing cannot be read: {error}"));
        }
        Err(error) => return unknown(error.to_string()),
    };
    let number = |text: Option<&Option<String>>| -> f64 {
        text.and_then(Option::as_deref).and_then(|text| text.parse().ok()).unwrap_or(0.0)
    };
    let mut runs = Vec::new();
    let mut sum = Cost::default();
    for row in &rows {
        let (dbu, dollars) = (number(row.get(1)), number(row.get(2)));
        let each = if dbu > 0.0 { dollars / dbu } else { 0.0 };
        let cost = cost(dbu, each);
        sum.milli_dbu += cost.milli_dbu;
        sum.cents += cost.cents;
        runs.push(RunCost { job_run_id: row.first().cloned().flatten().unwrap_or_default(), cost });
    }
    if runs.is_empty() {
        let explanation = "the bill has nothing of this plan yet: it is written some hours after a run".to_owned();
        return Ok(Bill::NotYet { explanation });
    }
    runs.sort_by(|a, b| a.job_run_id.cmp(&b.job_run_id));
    Ok(Bill::Known { cost: sum, runs, against_estimate: AgainstEstimate::of(sum, estimate) })
}
