//! Makes the plan file: exactly what a run will do, from inventory, mapping, accepted losses and settings. It holds no
//! time and nothing of this machine but the paths of the tables, so the same input gives the same bytes.

mod approvers;
pub mod cost;
mod estimate;
mod file;
mod freeze;

#[cfg(test)]
mod tests;

pub use file::{read, write};

use crate::LocalState;
use crate::preflight::{self, Judged};
use icebridge_metrics::Stage;
use icebridge_model::catalog::CatalogKind;
use icebridge_model::finding::Verdict;
use icebridge_model::format;
use icebridge_model::ids::PlanHash;
use icebridge_model::ops::{PlanMade, PlanRequest, Route};
use icebridge_model::plan::{EngineKind, Estimate, LeftOut, PLAN_VERSION, Plan, PlannedTable, Settings};
use icebridge_model::{Code, Error, Result};
use std::path::PathBuf;
use std::sync::Arc;

/// Reasons shown when nothing is left to do; the pre-flight shows all.
const REASONS_SHOWN: usize = 20;

/// Only tables that are ready: nothing blocks them, and what they lose was accepted. The others are in the plan too, as
/// left out and why.
#[tracing::instrument(name = "plan", skip_all, fields(source = request.route.source, target_catalog = request.route.target))]
pub async fn make(local: &LocalState, request: &PlanRequest) -> Result<PlanMade> {
    let _at_work = local.metrics.stage(Stage::Plan);
    check_settings(&request.settings)?;
    let target = local.store.catalog(&request.route.target).await?;
    if request.settings.governance.is_some() && target.kind != CatalogKind::Unity {
        return Err(Error::invalid("what follows a copy is done in Unity Catalog, and the target is another catalog")
            .about(&target.name)
            .with_hint("Leave those settings out for this target."));
    }
    let planned = preflight::judge(local, &request.route, &request.settings, planned).await?;
    let plan = assemble(&request.route, &request.settings, planned)?;
    if plan.tables.is_empty() {
        return Err(nothing_to_do(&plan));
    }
    let path = match &request.path {
        Some(path) => PathBuf::from(path),
        None => local.state_dir.join("plans").join(format!("{}.json", plan.short_hash())),
    };
    let plan = Arc::new(plan);
    let (path, ()) = tokio::try_join!(file::write(Arc::clone(&plan), &path), local.store.save_plan_view(&plan))?;
    Ok(PlanMade { path, plan: Arc::unwrap_or_clone(plan) })
}

fn assemble(route: &Route, settings: &Settings, planned: Vec<Result<PlannedTable, LeftOut>>) -> Result<Plan> {
    let mut plan = Plan {
        plan_version: PLAN_VERSION,
        source: route.source.clone(),
        target: route.target.clone(),
        settings: settings.clone(),
        tables: Vec::new(),
        left_out: Vec::new(),
        totals: Estimate::default(),
        hash: PlanHash::default(),
    };
    for table in planned {
        match table {
            Ok(planned) => {
                plan.totals += planned.estimate;
                plan.tables.push(planned);
            }
            Err(left_out) => plan.left_out.push(left_out),
        }
    }
    plan.tables.sort_by(|a, b| a.source.cmp(&b.source));
    plan.left_out.sort_by(|a, b| a.source.cmp(&b.source));
    plan.sealed()
}

fn planned(judged: Judged) -> Result<PlannedTable, LeftOut> {
    let found = &judged.findings;
    let left_out = |codes: Vec<String>, reason: String| LeftOut { source: found.source.clone(), codes, reason };
    let blockers: Vec<_> = found.findings.iter().filter(|f| f.verdict == Verdict::Blocks).collect();
    if !blockers.is_empty() {
        let reasons: Vec<_> = blockers.iter().map(|f| format!("{}: {}", f.title, f.reason)).collect();
        return Err(left_out(blockers.iter().map(|f| f.code.to_string()).collect(), reasons.join("; ")));
    }
    if found.migrated_by.is_some() {
        return Err(left_out(vec![Code::AlreadyMigrated.to_string()], found.mode_reason.clone()));
    }
    let (Some(target), Some(mode), Some(facts)) = (&found.target, found.mode, judged.row.facts()) else {
        return Err(left_out(vec!["excluded".into()], found.mode_reason.clone()));
    };
    let unaccepted = found.unaccepted();
    if !unaccepted.is_empty() {
        let codes =
            [Code::LossNotAccepted.to_string()].into_iter().chain(unaccepted.iter().map(|f| f.code.to_string()));
        let reasons: Vec<_> = unaccepted.iter().map(|f| format!("{} {}: {}", f.code, f.title, f.reason)).collect();
        return Err(left_out(codes.collect(), format!("loses what was not accepted: {}", reasons.join("; "))));
    }
    let estimate = match judged.cluster {
        Some(_) => estimate::on_cluster(facts),
        None => estimate::of(facts, mode),
    };
    Ok(PlannedTable {
        target: target.clone(),
        mode,
        metadata_location: facts.metadata_location.clone(),
        table_uuid: facts.uuid.clone(),
        snapshot_id: facts.snapshot_id,
        format_version: facts.format_version,
        estimate,
        cluster: judged.cluster,
        source: judged.findings.source,
        mode_reason: judged.findings.mode_reason,
        engine_reason: judged.findings.engine_reason,
        conversions: judged.findings.conversions,
        findings: judged.findings.findings,
    })
}

fn check_settings(settings: &Settings) -> Result<()> {
    let positive = [
        ("max_parallel_tables", settings.max_parallel_tables as u64),
        ("max_parallel_writers", settings.max_parallel_writers as u64),
        ("max_commits_per_min", u64::from(settings.max_commits_per_min)),
        ("target_file_bytes", settings.target_file_bytes),
    ];
    if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
        return Err(Error::invalid(format!("the setting {name} must be at least 1"))
            .with_hint("Leave it out for the standard, or give a larger number."));
    }
    match (settings.engine, &settings.photon) {
        (_, Some(photon)) => photon.checked()?,
        (Some(EngineKind::Photon), None) => {
            return Err(Error::invalid("clusters were asked for, and no volume is named for their inputs and results")
                .with_hint("Name one: /Volumes/catalog/schema/volume."));
        }
        _ => {}
    }
    if let Some(governance) = &settings.governance {
        governance.checked()?;
    }
    approvers::check(settings.approval.as_ref(), &settings.change)?;
    freeze::check(&settings.freeze)?;
    let levels = match settings.codec.as_str() {
        "zstd" => 1..=22,
        "gzip" => 0..=9,
        "brotli" => 0..=11,
        // These have no level, so that any number means the same.
        "snappy" | "lz4" | "uncompressed" => i32::MIN..=i32::MAX,
        other => {
            return Err(Error::invalid(format!("the codec `{other}` is not known"))
                .with_hint("Codecs are zstd, snappy, gzip, brotli, lz4 and uncompressed."));
        }
    };
    if !levels.contains(&settings.codec_level) {
        return Err(Error::invalid(format!("{} has no level {}", settings.codec, settings.codec_level))
            .with_hint(format!("Its levels are {} to {}.", levels.start(), levels.end())));
    }
    Ok(())
}

fn nothing_to_do(plan: &Plan) -> Error {
    let first = |left: &LeftOut, code: Code| left.codes.first().is_some_and(|first| first == code.as_str());
    let any = |code: Code| plan.left_out.iter().any(|left| first(left, code));
    let is_done = |left: &LeftOut| first(left, Code::AlreadyMigrated) || left.codes == ["excluded"];
    let (code, message, hint) = match () {
        () if any(Code::LossNotAccepted) => (
            Code::LossNotAccepted,
            "no table is ready to be migrated",
            "Look at the losses with `icebridge preflight`, and accept them by their codes with `--accept CODE`.",
        ),
        () if any(Code::AlreadyMigrated) && plan.left_out.iter().all(is_done) => {
            (Code::AlreadyMigrated, "every table is migrated already", Code::AlreadyMigrated.next_step())
        }
        () => (
            Code::PreflightBlocked,
            "no table is ready to be migrated",
            "`icebridge preflight` shows for each table what to do.",
        ),
    };
    let mut error = Error::new(code, message).about(format!("{} to {}", plan.source, plan.target)).with_hint(hint);
    let (done, others): (Vec<_>, Vec<_>) = plan.left_out.iter().partition(|left| first(left, Code::AlreadyMigrated));
    for left in others.iter().take(REASONS_SHOWN) {
        error = error.with_cause_text(format!("{} [{}] {}", left.source, left.codes.join(" "), left.reason));
    }
    let more = others.len().saturating_sub(REASONS_SHOWN);
    if more > 0 {
        error = error.with_cause_text(format!("and {more} more"));
    }
    if !done.is_empty() {
        error = error.with_cause_text(format!("migrated by earlier runs: {}", format::tables(done.len())));
    }
    error
}
