//! The whole way in one go.

use super::{audit, inventory, plan, preflight, run as runs};
use crate::arguments::Journey;
use crate::ended::Ended;
use crate::output::{Output, words};
use crate::paths::path_text;
use crate::route::route;
use icebridge_api::{Api, Operations};
use icebridge_model::audit::{AuditBundle, AuditVerdict};
use icebridge_model::finding::PreflightReport;
use icebridge_model::ops::{
    AcceptRequest, AuditRequest, InventoryRequest, InventorySummary, Nothing, PlanMade, PlanRequest, Route,
    SampleRequest, StartRunRequest, VerifyRequest,
};
use icebridge_model::plan::Settings;
use icebridge_model::run::{RunState, RunView};
use icebridge_model::{Code, Error, Result};
use serde::Serialize;

/// With `--json`, all of it at the end.
#[derive(Serialize)]
struct Told {
    inventory: InventorySummary,
    preflight: PreflightReport,
    /// None if an earlier plan was run again.
    plan: Option<PlanMade>,
    run: RunView,
    bundle: AuditBundle,
    verdict: AuditVerdict,
}

pub async fn run(api: &Api, arguments: Journey, output: &Output) -> Result<Ended> {
    let route = match &arguments.sample {
        Some(folder) => {
            output.note("Laying out the sample lakehouse");
            let folder = folder.as_deref().map(path_text).transpose()?;
            let created = api.sample_create(SampleRequest { folder }).await?;
            output.note(format!("  {} in {}\n", words::count(created.tables, "table", "tables"), created.source.uri));
            Route { source: created.source.name, target: created.target.name }
        }
        None => route(api, &arguments.route).await?,
    };
    let settings = arguments.settings.settings()?;
    let bundle_path = arguments.out.as_deref().map(path_text).transpose()?;

    output.note(format!("Inventory of {}", route.source));
    let request = InventoryRequest { source: route.source.clone(), ..InventoryRequest::default() };
    let inventory = inventory::take(api, request, output).await?;
    output.note(format!("  {}\n", inventory::told(&inventory)));

    output.note("Pre-flight");
    let preflight = accept_losses(api, &route, &settings, output).await?;
    output.note(format!("{}\n", preflight::told(&preflight)));

    output.note("Plan");
    let (path, plan) = match api.plan(&PlanRequest { route: route.clone(), settings, path: None }).await {
        Ok(made) => {
            output.note(format!("{}\n", plan::told(&made)));
            (made.path.clone(), Some(made))
        }
        Err(error) if matches!(error.code, Code::PreflightBlocked | Code::AlreadyMigrated) => {
            (earlier_plan(api, &route, output).await?.ok_or(error)?, None)
        }
        Err(error) => return Err(error),
    };

    output.note(format!("Run from {} to {}", route.source, route.target));
    let run = runs::watch(api, output, api.run_start(StartRunRequest { plan: path })).await?;
    output.note(format!("\n{}\n", runs::told(&run)));
    if run.state == RunState::Cancelled {
        return Err(Error::new(Code::Cancelled, "the run was cancelled").about(&run.run_id));
    }

    output.note("Audit");
    let bundle = api.audit_export(AuditRequest { run_id: run.run_id.clone(), path: bundle_path }).await?;
    let verdict = api.audit_verify(VerifyRequest { path: bundle.path.clone(), ..VerifyRequest::default() }).await?;
    output.note(audit::verified(&verdict));
    output.note("");

    let good = verdict.intact && runs::is_done(&run);
    let told = Told { inventory, preflight, plan, run, bundle, verdict };
    output.result(&told, |told| audit::exported(&told.bundle))?;
    Ok(Ended::done_if(good))
}

/// Names every loss before it is accepted.
async fn accept_losses(api: &Api, route: &Route, settings: &Settings, output: &Output) -> Result<PreflightReport> {
    let found = preflight::judge(api, route, settings).await?;
    let lost = preflight::lost(&found);
    if lost.is_empty() {
        return Ok(found);
    }
    for (code, (title, tables)) in &lost {
        output.note(format!("  accepted: {code} {title}"));
        for (table, reason) in tables {
            output.note(format!("    {table}: {reason}"));
        }
    }
    let codes = lost.into_keys().collect();
    let request =
        AcceptRequest { route: route.clone(), settings: settings.clone(), codes, tables: Vec::new(), accepted: true };
    api.accept_losses(&request).await
}

/// When nothing is left to migrate because an earlier journey did it, its plan is run again: that changes nothing and
/// proves everything anew.
async fn earlier_plan(api: &Api, route: &Route, output: &Output) -> Result<Option<String>> {
    let about = api.about(Nothing {}).await?;
    for run_id in api.run_list(Nothing {}).await? {
        if run_id.source != route.source || run_id.target != route.target || run_id.migrated == 0 {
            continue;
        }
        let name = format!("{}.json", run_id.plan_hash.get(..12).unwrap_or(&run_id.plan_hash));
        let path = std::path::Path::new(&about.state_dir).join("plans").join(name);
        if path.is_file() {
            output.note(format!(
                "  nothing is left to migrate: running the plan of run {} again, which changes nothing\n",
                run_id.run_id
            ));
            return path_text(&path).map(Some);
        }
    }
    Ok(None)
}
