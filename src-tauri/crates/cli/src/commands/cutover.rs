//! Moving readers and writers of migrated tables to the target, and back.

use super::rehearsal;
use super::rounds::{self, Round};
use super::run::stop_on_interrupt;
use super::waves;
use crate::arguments::{CutoverCommand, MoveArgs, WhichTables};
use crate::ended::Ended;
use crate::output::{Grid, Output, words};
use crate::paths::{hooks_path, path_text};
use crate::progress::Live;
use icebridge_api::{Api, RunbookForm};
use icebridge_model::cutover::{CutoverRequest, CutoverState, CutoverTable, CutoverTables, CutoverView};
use icebridge_model::format;
use icebridge_model::ids::RunId;
use icebridge_model::ops::Text;
use icebridge_model::{Error, Result};
use std::future::Future;
use std::path::PathBuf;

pub async fn run(api: &Api, command: CutoverCommand, output: &Output) -> Result<Ended> {
    use CutoverState::{Finished, Moving, OnProbation, Returning};
    // Whether a table came to where the command takes it.
    type IsGood = fn(&CutoverTable) -> bool;
    let (view, is_good): (CutoverView, IsGood) = match command {
        CutoverCommand::Look(which) => (api.cut_over(&tables(which)).await?, |_| true),
        CutoverCommand::Runbook { arguments, html, out } => return runbook(api, arguments, html, out, output).await,
        CutoverCommand::Waves { run_id, dependencies } => return waves::run(api, run_id, &dependencies, output).await,
        CutoverCommand::Rehearse(arguments) => return rehearsal::run(api, arguments, output).await,
        CutoverCommand::Move(arguments) => {
            let request = request(arguments)?;
            (shown(api, output, api.move_over(&request)).await?, |table| matches!(table.state, OnProbation | Finished))
        }
        CutoverCommand::Check { which, compare, every } => {
            let request = CutoverTables { compare, ..tables(which) };
            let round = async |run_id: Option<RunId>| {
                let request =
                    CutoverTables { run_id: run_id.unwrap_or_else(|| request.run_id.clone()), ..request.clone() };
                let view = shown(api, output, api.check_moved(&request)).await?;
                output.result(&view, told)?;
                let ended = Ended::done_if(view.tables.iter().all(is_well));
                Ok(Round { run_id: view.run_id, is_good: true, ended })
            };
            return match every {
                Some(interval) => rounds::until_interrupted(interval, output, round).await,
                None => round(None).await.map(|made| made.ended),
            };
        }
        CutoverCommand::Back { which, hooks, leave_rows } => {
            let request = CutoverTables { hooks: hooks_path(hooks)?, anyway: leave_rows, ..tables(which) };
            (shown(api, output, api.move_back(&request)).await?, |table| {
                !matches!(table.state, OnProbation | Moving | Returning) && !table.writers_stopped
            })
        }
        CutoverCommand::Finish { which, yes: false, .. } => {
            let view = api.cut_over(&tables(which)).await?;
            output.result(&view, to_finish)?;
            return Ok(Ended::done_if(false));
        }
        CutoverCommand::Finish { which, hooks, compare, anyway, yes: true } => {
            let request = CutoverTables { hooks: hooks_path(hooks)?, compare, anyway, ..tables(which) };
            (shown(api, output, api.finish_moved(&request)).await?, |table| {
                !matches!(table.state, OnProbation | Moving | Returning)
            })
        }
    };
    output.result(&view, told)?;
    Ok(Ended::done_if(view.tables.iter().all(is_good)))
}

fn notes(table: &CutoverTable) -> String {
    match table.recovery_ms {
        _ if table.writers_stopped => "writers are stopped".into(),
        Some(time) => format!("back after {}", format::milliseconds(time)),
        None => String::new(),
    }
}

/// Nobody has to look at it.
fn is_well(table: &CutoverTable) -> bool {
    match table.state {
        CutoverState::OnProbation => table.error.is_none(),
        state => !matches!(state, CutoverState::Moving | CutoverState::Returning) && !table.writers_stopped,
    }
}

async fn runbook(api: &Api, arguments: MoveArgs, html: bool, out: Option<PathBuf>, output: &Output) -> Result<Ended> {
    let form = if html { RunbookForm::Html } else { RunbookForm::Markdown };
    let text = api.runbook(&request(arguments)?, form).await?;
    match out {
        None => output.result(&Text { text }, |page| page.text.clone())?,
        Some(file) => {
            std::fs::write(&file, text)
                .map_err(|e| Error::invalid("the runbook cannot be written").about(file.display()).with_cause(e))?;
            output.result(&serde_json::json!({"path": path_text(&file)?}), |_| file.display().to_string())?;
        }
    }
    Ok(Ended::Done)
}

async fn shown(api: &Api, output: &Output, work: impl Future<Output = Result<CutoverView>>) -> Result<CutoverView> {
    let live = Live::show(*output, api.events());
    let view = stop_on_interrupt(api, work).await;
    live.end().await;
    view
}

fn tables(which: WhichTables) -> CutoverTables {
    CutoverTables { run_id: which.run_id.unwrap_or_default().into(), tables: which.table, ..CutoverTables::default() }
}

fn request(arguments: MoveArgs) -> Result<CutoverRequest> {
    Ok(CutoverRequest {
        run_id: arguments.which.run_id.unwrap_or_default().into(),
        tables: arguments.which.table,
        quiet_seconds: arguments.quiet.as_secs(),
        within_seconds: arguments.within.as_secs(),
        judge: arguments.judge.map(Into::into),
        hooks: hooks_path(arguments.hooks)?,
    })
}

/// What needs somebody comes first.
fn told(view: &CutoverView) -> String {
    let mut tables: Vec<&CutoverTable> = view.tables.iter().collect();
    tables.sort_by_key(|table| table.error.is_none());
    let mut grid = Grid::new(&["state", "source", "target", ">rows", "proof", ">downtime", ">since", "at", "notes"]);
    for table in &tables {
        let moved = table.moved.as_ref();
        grid.row([
            table.state.as_str().to_string(),
            table.source.to_string(),
            table.target.to_string(),
            moved.map(|moved| words::number(moved.rows)).unwrap_or_default(),
            moved.map(|moved| moved.proof.as_str().to_string()).unwrap_or_default(),
            moved
                .filter(|moved| moved.downtime_ms > 0)
                .map(|moved| format::milliseconds(moved.downtime_ms))
                .unwrap_or_default(),
            since(table),
            table.at.clone(),
            notes(table),
        ]);
    }
    let mut text = format!("{grid}\n");
    for table in tables {
        if let Some(error) = &table.error {
            text.push_str(&format!("{}\n{}\n\n", table.source, words::error(error)));
        }
    }
    for hook in view.hooks.iter().filter_map(|hook| Some((hook, hook.error.as_ref()?))) {
        text.push_str(&format!("{} {}\n{}\n\n", hook.0.stage.as_str(), hook.0.hook, words::error(hook.1)));
    }
    if view.tables.iter().any(|table| table.writers_stopped) {
        text.push_str(
            "Where writers are stopped, `icebridge cutover move` goes on; or `icebridge cutover back`, with the hooks file, tells them that \
             they may write again.\n\n",
        );
    }
    text.push_str(&summary(view));
    text
}

fn summary(view: &CutoverView) -> String {
    let counts: Vec<String> = CutoverState::ALL
        .iter()
        .map(|state| (view.count(*state), state.as_str().replace('_', " ")))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    let all = words::count(view.tables.len(), "table", "tables");
    format!("run {}: {all}: {}", view.run_id, counts.join(", "))
}

/// What the target has got of its own.
fn since(table: &CutoverTable) -> String {
    let Some(seen) = &table.probation else { return String::new() };
    if seen.target_snapshots == 0 {
        return "unchanged".into();
    }
    let snapshots = usize::try_from(seen.target_snapshots).unwrap_or(usize::MAX);
    let rows = seen.target_rows.map(|rows| format!(", {rows:+} rows")).unwrap_or_default();
    format!("{}{rows}", words::count(snapshots, "snapshot", "snapshots"))
}

/// Before anything is closed.
fn to_finish(view: &CutoverView) -> String {
    let ready: Vec<&CutoverTable> =
        view.tables.iter().filter(|table| table.state == CutoverState::OnProbation).collect();
    if ready.is_empty() {
        return format!("no table is on probation\n{}", summary(view));
    }
    let mut grid = Grid::new(&["source", "target", "moved"]);
    for table in &ready {
        grid.row([table.source.to_string(), table.target.to_string(), table.at.clone()]);
    }
    format!(
        "{grid}\nFinishing {} closes the way back: `icebridge cutover back` will refuse. The source stays as it is; drop it by \
         the engine that owns it, when nothing reads it any more. A copy by the mode register reads the source's files: never \
         purge those.\nAdd --yes to finish.",
        words::count(ready.len(), "table", "tables")
    )
}
