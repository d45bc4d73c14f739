//! What clusters will cost, and what they cost.

use crate::ended::Ended;
use crate::output::{Grid, Output};
use icebridge_api::{Api, Operations};
use icebridge_model::Result;
use icebridge_model::ops::{PathRequest, RunRequest};
use icebridge_model::photon::{Bill, Cost, CostEstimate};
use std::path::Path;

pub async fn estimate(api: &Api, plan: &Path, output: &Output) -> Result<Ended> {
    let estimate = api.plan_cost(PathRequest { path: super::path_text(plan)? }).await?;
    output.result(&estimate, told)?;
    Ok(Ended::Done)
}

pub async fn bill(api: &Api, run_id: Option<String>, output: &Output) -> Result<Ended> {
    let bill = api.run_bill(RunRequest { run_id: run_id.unwrap_or_default().into() }).await?;
    output.result(&bill, |bill| match bill {
        Bill::NotYet { explanation } | Bill::Unknown { explanation } => explanation.clone(),
        Bill::Known { cost, runs, against_estimate } => {
            let mut grid = Grid::new(&["run", ">DBU", ">dollars"]);
            for run in runs {
                grid.row([run.job_run_id.clone(), dbu(run.cost), dollars(run.cost)]);
            }
            format!("{grid}\n{} DBU, {} dollars: {against_estimate}", dbu(*cost), dollars(*cost))
        }
    })?;
    Ok(Ended::Done)
}

pub fn told(estimate: &CostEstimate) -> String {
    let CostEstimate { min, max, clusters, basis, guessed } = estimate;
    let guess = if *guessed { "; the machine is not in the table of prices, and was guessed by its cores" } else { "" };
    format!(
        "clusters: {clusters}, {} to {} DBU, {} to {} dollars\n{basis}{guess}",
        dbu(*min),
        dbu(*max),
        dollars(*min),
        dollars(*max)
    )
}

fn dbu(cost: Cost) -> String {
    format!("{}.{:03}", cost.milli_dbu / 1000, cost.milli_dbu % 1000)
}

fn dollars(cost: Cost) -> String {
    format!("{}.{:02}", cost.cents / 100, cost.cents % 100)
}
