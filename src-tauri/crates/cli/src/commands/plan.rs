//! The plan.

use super::cost;
use crate::arguments::PlanArgs;
use crate::ended::Ended;
use crate::output::{Grid, Output, words};
use crate::paths::path_text;
use crate::route::route;
use icebridge_api::{Api, Operations};
use icebridge_model::Result;
use icebridge_model::ops::{PathRequest, PlanMade, PlanRequest};
use icebridge_model::plan::{Plan, PlannedTable};

pub async fn make(api: &Api, arguments: PlanArgs, output: &Output) -> Result<Ended> {
    let request = PlanRequest {
        route: route(api, &arguments.route).await?,
        settings: arguments.approval.on(arguments.settings.settings()?)?,
        path: arguments.out.as_deref().map(path_text).transpose()?,
    };
    let made = api.plan(&request).await?;
    if made.plan.tables.iter().any(|table| table.cluster.is_some()) && !output.json {
        match api.plan_cost(PathRequest { path: made.path.clone() }).await {
            Ok(estimate) => output.note(format!("{}\n", cost::told(&estimate))),
            // The plan is made all the same.
            Err(error) => output.note(format!("what the clusters cost cannot be told: {error}\n")),
        }
    }
    output.result(&made, |made| format!("{}\nnext: {} {}", told(made), next(&made.plan), made.path))?;
    Ok(Ended::Done)
}

fn next(plan: &Plan) -> &'static str {
    if plan.settings.approval.is_some() { "each approver calls icebridge approval give" } else { "icebridge run" }
}

fn how(table: &PlannedTable) -> String {
    match &table.cluster {
        Some(cluster) => format!("photon, {}", cluster.method.as_str()),
        None => table.mode.as_str().to_string(),
    }
}

pub fn told(made: &PlanMade) -> String {
    let plan = &made.plan;
    let mut grid = Grid::new(&["source", "target", "mode", ">rows", ">size", ">files", ">about"]);
    for table in &plan.tables {
        grid.row([
            table.source.to_string(),
            table.target.to_string(),
            how(table),
            words::number(table.estimate.rows),
            words::bytes(table.estimate.bytes),
            words::number(table.estimate.files),
            words::seconds(table.estimate.seconds),
        ]);
    }
    let mut left = Grid::new(&["left out", "codes", "why"]);
    for table in &plan.left_out {
        left.row([table.source.to_string(), table.codes.join(" "), table.reason.clone()]);
    }
    let left = if left.is_empty() { String::new() } else { format!("\n{left}") };
    let mut reasons = String::new();
    for table in plan.tables.iter().filter(|table| !table.engine_reason.is_empty()) {
        reasons.push_str(&format!("{}: {}, because {}\n", table.source, table.engine().as_str(), table.engine_reason));
    }
    for table in &plan.tables {
        for conversion in &table.conversions {
            reasons.push_str(&format!("{}: converts {conversion}\n", table.source));
        }
    }
    format!(
        "{grid}{left}\n{reasons}{}: {} rows, {} to write, about {} one after the other\nplan {} in {}",
        words::count(plan.tables.len(), "table", "tables"),
        words::number(plan.totals.rows),
        words::bytes(plan.totals.bytes),
        words::seconds(plan.totals.seconds),
        plan.short_hash(),
        made.path
    )
}
