//! What a plan's clusters will cost, and what they did cost. Prices change and the plan does not: the estimate is no part of it.

use super::file;
use crate::LocalState;
use crate::cluster::StepRecord;
use crate::governance::{self, Prices};
use crate::ledger::{body, find_run, plan_of};
use crate::workspaces::client;
use icebridge_databricks::Client;
use icebridge_model::catalog::CatalogKind;
use icebridge_model::ids::PlanHash;
use icebridge_model::photon::{Bill, ClusterCopy, CostEstimate, PhotonSettings};
use icebridge_model::plan::Plan;
use icebridge_model::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tokio_util::sync::CancellationToken;

const COST_ESTIMATED: &str = "cost.estimated";

/// Body of `cost.estimated`: the bill is compared with it.
#[derive(Serialize, Deserialize)]
struct CostEstimated {
    plan_hash: PlanHash,
    estimate: CostEstimate,
}

pub async fn estimate(local: &LocalState, path: &Path) -> Result<CostEstimate> {
    let plan = file::read(path).await?;
    let (settings, client) = clusters_of(local, &plan).await?;
    let tables: Vec<ClusterCopy> = plan.tables.iter().filter_map(|table| table.cluster.as_deref().cloned()).collect();
    let offer = governance::offer(&client, settings).await?;
    let estimate = governance::estimate(&Prices::of(&local.state_dir)?, &offer, settings, &tables)?;
    let estimated = CostEstimated { plan_hash: plan.hash.clone(), estimate };
    local.store.append("", "", COST_ESTIMATED, body(&estimated)?).await?;
    Ok(estimated.estimate)
}

/// Of all runs of the run's plan (empty: the latest run), as the workspace's own bill has them.
pub async fn bill(local: &LocalState, run_id: &str, cancel: &CancellationToken) -> Result<Bill> {
    let record = find_run(local, run_id).await?;
    let plan = plan_of(&record)?;
    let (_, client) = clusters_of(local, &plan).await?;
    let mut estimate = None;
    for entry in local.store.entries("").await?.into_iter().rev().filter(|entry| entry.kind == COST_ESTIMATED) {
        let estimated: CostEstimated = serde_json::from_value(entry.body)
            .map_err(|e| Error::internal("an estimate in the journal cannot be understood").with_cause(e))?;
        if estimated.plan_hash == plan.hash {
            estimate = Some(estimated.estimate);
            break;
        }
    }
    let warehouse = plan.settings.governance.as_ref().and_then(|wanted| wanted.warehouse.as_deref());
    let steps: Vec<StepRecord> = local.store.cluster_steps(&plan.hash).await?;
    let job_runs: Vec<i64> = steps.iter().filter_map(|step| step.job_run_id).collect();
    governance::bill(&client, warehouse, &plan.hash, &job_runs, estimate.as_ref(), cancel).await
}

async fn clusters_of<'a>(local: &LocalState, plan: &'a Plan) -> Result<(&'a PhotonSettings, Client)> {
    let spec = local.store.catalog(&plan.target).await?;
    match &plan.settings.photon {
        Some(settings) if spec.kind == CatalogKind::Unity && plan.tables.iter().any(|t| t.cluster.is_some()) => {
            Ok((settings, client(local, &spec.uri).await?))
        }
        _ => Err(Error::invalid("the plan gives no table to a cluster, so there is no cost to estimate")
            .about(plan.short_hash())),
    }
}
