//! Runs: start, resume, watch, cancel, look back, validate again.

use crate::arguments::RunArgs;
use crate::ended::Ended;
use crate::interrupt::{asked_to_stop, leave_on_next};
use crate::output::{Grid, Output, words};
use crate::paths::path_text;
use crate::progress::Live;
use icebridge_api::{Api, Operations};
use icebridge_model::governance::GovernanceReport;
use icebridge_model::judge::JudgeKind;
use icebridge_model::ops::{Nothing, RunRequest, StartRunRequest};
use icebridge_model::plan::EngineKind;
use icebridge_model::run::{RunOverview, RunState, RunSummary, RunView, TableMigration, TableState};
use icebridge_model::{Error, Result};
use std::future::Future;

pub async fn run(api: &Api, arguments: RunArgs, output: &Output) -> Result<Ended> {
    let view = match (arguments.plan, arguments.resume) {
        (_, Some(run_id)) => watch(api, output, api.run_resume(RunRequest { run_id: run_id.into() })).await?,
        (Some(plan), None) => watch(api, output, api.run_start(StartRunRequest { plan: path_text(&plan)? })).await?,
        (None, None) => {
            return Err(Error::invalid("name a plan file, or say --resume")
                .with_hint("`icebridge plan` makes the file and tells its path."));
        }
    };
    output.result(&view, told)?;
    Ok(Ended::done_if(is_done(&view)))
}

/// Every table is migrated, and what shall follow in Unity Catalog is done.
pub fn is_done(view: &RunView) -> bool {
    let governed = |table: &TableMigration| table.governance.as_ref().is_none_or(GovernanceReport::is_complete);
    view.state == RunState::Succeeded && view.tables.iter().all(governed)
}

/// Begins a run and stays until it ends. Ctrl-C or SIGTERM cancels it; a second one leaves at once.
pub async fn watch(api: &Api, output: &Output, begin: impl Future<Output = Result<RunOverview>>) -> Result<RunView> {
    let live = Live::show(*output, api.events());
    let ended = async {
        let begun = begin.await?;
        let waiting = api.wait(&begun.run_id);
        tokio::pin!(waiting);
        let interrupted = asked_to_stop();
        tokio::select! {
            ended = &mut waiting => return ended,
            // Where signals cannot be had there is nothing to wait for but the end.
            caught = interrupted => if caught.is_err() { return waiting.await },
        }
        output.note("cancelling; tables in the middle of a commit finish it. Ctrl-C again leaves at once.");
        leave_on_next();
        // It may have ended in this moment: then there is nothing left to cancel.
        let _ = api.run_cancel(RunRequest { run_id: begun.run_id.clone() }).await;
        waiting.await
    }
    .await;
    live.end().await;
    ended
}

/// Carries on until it is done or is asked to stop.
pub async fn stop_on_interrupt<T>(api: &Api, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        caught = asked_to_stop() => if caught.is_err() { return work.await },
    }
    leave_on_next();
    api.stop();
    work.await
}

pub async fn runs(api: &Api, output: &Output) -> Result<Ended> {
    let runs = api.run_list(Nothing {}).await?;
    output.result(&runs, |runs| list(runs))?;
    Ok(Ended::Done)
}

pub async fn status(api: &Api, run_id: Option<String>, output: &Output) -> Result<Ended> {
    let view = api.run_status(RunRequest { run_id: run_id.unwrap_or_default().into() }).await?;
    output.result(&view, told)?;
    Ok(Ended::Done)
}

pub async fn validate(api: &Api, run_id: Option<String>, judge: Option<JudgeKind>, output: &Output) -> Result<Ended> {
    let live = Live::show(*output, api.events());
    let view = stop_on_interrupt(api, api.validate(&run_id.unwrap_or_default(), judge)).await;
    live.end().await;
    let view = view?;
    output.result(&view, told)?;
    Ok(Ended::done_if(view.tables.iter().all(was_validated)))
}

/// By the attempt that was just made: an earlier proof does not count for it.
fn was_validated(table: &TableMigration) -> bool {
    table.not_validated.is_none()
        && table.not_read_back.is_none()
        && table.state == TableState::Migrated
        && table.validation.as_ref().is_some_and(|validation| validation.passed)
}

fn list(runs: &[RunSummary]) -> String {
    let mut grid = Grid::new(&["run", "state", "from", "to", ">tables", ">migrated", ">failed", "started", "plan"]);
    for run in runs {
        grid.row([
            run.run_id.to_string(),
            run.state.as_str().to_string(),
            run.source.clone(),
            run.target.clone(),
            run.tables.to_string(),
            run.migrated.to_string(),
            run.failed.to_string(),
            words::moment(&run.started_at),
            run.plan_hash.get(..12).unwrap_or_default().to_string(),
        ]);
    }
    if grid.is_empty() { "no runs yet".into() } else { grid.to_string() }
}

fn how(table: &TableMigration) -> String {
    match table.outcome.as_ref().and_then(|outcome| outcome.cluster.as_ref()) {
        Some(cluster) => format!("photon, {}", cluster.method.as_str()),
        None if table.engine == EngineKind::Photon => "photon".into(),
        None => table.mode.as_str().to_string(),
    }
}

/// What the last validation could not do.
fn not_looked_at(table: &TableMigration) -> String {
    let mut text = String::new();
    for (error, what) in [
        (&table.not_validated, "not validated, its state stays as it was"),
        (&table.not_read_back, "not read by another engine, its proof stays as it is"),
    ] {
        if let Some(error) = error {
            text.push_str(&format!("{}: {what}\n{}\n", table.source, words::error(error)));
        }
    }
    text
}

/// What failed comes first: it must not be lost in the scroll.
pub fn told(view: &RunView) -> String {
    let mut grid = Grid::new(&["state", "source", "target", "mode", ">rows", ">written", "proof", ">time"]);
    let mut tables: Vec<&TableMigration> = view.tables.iter().collect();
    tables.sort_by_key(|t| t.error.is_none() && t.not_validated.is_none());
    for table in &tables {
        let validation = table.validation.as_ref();
        let outcome = table.outcome.as_ref();
        let written = match outcome {
            Some(outcome) if outcome.adopted => "was there".to_string(),
            // What a cluster writes, the cluster knows.
            Some(outcome) if outcome.cluster.is_some() => "on a cluster".into(),
            Some(outcome) => words::bytes(outcome.bytes_written),
            None => String::new(),
        };
        grid.row([
            table.state.as_str().to_string(),
            table.source.to_string(),
            table.target.to_string(),
            how(table),
            validation.map(|v| words::number(v.rows)).unwrap_or_default(),
            written,
            validation.map(|v| v.proof.as_str().to_string()).unwrap_or_default(),
            validation.map(|v| format!("{:.1} s", v.milliseconds as f64 / 1000.0)).unwrap_or_default(),
        ]);
    }
    let mut text = format!("{grid}\n");
    for table in tables {
        let failed = table.validation.iter().flat_map(|v| &v.checks).filter(|c| !c.passed);
        for check in failed {
            text.push_str(&format!(
                "{}: {} differs: source {}, target {}\n",
                table.source, check.name, check.source, check.target
            ));
        }
        if let Some(page) = &table.documents {
            text.push_str(&format!("{}: Data Docs in {page}\n", table.source));
        }
        for left in table.governance.iter().flat_map(|report| &report.not_done) {
            text.push_str(&format!(
                "{}: migrated, but this was not done: {}\n{}\n",
                table.source,
                left.statement,
                words::error(&left.error)
            ));
        }
        for sentence in table.governance.iter().flat_map(|report| &report.left_behind) {
            text.push_str(&format!("{}: {sentence}\n", table.source));
        }
        text.push_str(&not_looked_at(table));
        if let Some(error) = &table.error {
            text.push_str(&format!("{}\n{}\n\n", table.source, words::error(error)));
        }
    }
    let resume = match view.state {
        RunState::Succeeded | RunState::Running => String::new(),
        _ => format!("; go on with: icebridge run --resume {}", view.run_id),
    };
    let not_validated = match view.tables.iter().filter(|table| table.not_validated.is_some()).count() {
        0 => String::new(),
        count => format!(", {count} not validated"),
    };
    text.push_str(&format!(
        "run {} {}: {} of {} migrated, {} failed{not_validated}{resume}",
        view.run_id,
        view.state.as_str(),
        view.migrated,
        words::count(view.tables.len(), "table", "tables"),
        view.failed
    ));
    text
}
