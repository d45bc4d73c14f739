//! Keeping migrated tables up with their sources: a look, a round, or rounds until it is asked to stop.

use super::rounds::{self, Round};
use super::run::stop_on_interrupt;
use crate::arguments::SyncArgs;
use crate::ended::Ended;
use crate::output::{Grid, Output, words};
use crate::progress::Live;
use icebridge_api::Api;
use icebridge_model::Result;
use icebridge_model::ids::RunId;
use icebridge_model::sync::{SyncRequest, SyncState, SyncView, SyncedTable};
use std::future::Future;
use std::time::Duration;

pub async fn run(api: &Api, arguments: SyncArgs, output: &Output) -> Result<Ended> {
    let request = SyncRequest {
        run_id: arguments.run_id.unwrap_or_default().into(),
        tables: arguments.table,
        whole: arguments.whole,
        repeated: false,
    };
    if arguments.look {
        let view = shown(api, output, api.look(&request)).await?;
        output.result(&view, told)?;
        return Ok(Ended::done_if(is_up_to_date(&view)));
    }
    match arguments.every {
        Some(interval) => keep_up(api, request, interval, output).await,
        None => {
            let view = shown(api, output, api.sync(&request)).await?;
            output.result(&view, told)?;
            Ok(Ended::done_if(is_up_to_date(&view)))
        }
    }
}

async fn shown(api: &Api, output: &Output, work: impl Future<Output = Result<SyncView>>) -> Result<SyncView> {
    let live = Live::show(*output, api.events());
    let view = stop_on_interrupt(api, work).await;
    live.end().await;
    view
}

/// Ends at Ctrl-C, which lets a round that is under way end its commits.
async fn keep_up(api: &Api, request: SyncRequest, interval: Duration, output: &Output) -> Result<Ended> {
    let round = async |run_id: Option<RunId>| {
        // After the first round the run is known.
        let request = match run_id {
            Some(run_id) => SyncRequest { run_id, repeated: true, ..request.clone() },
            None => request.clone(),
        };
        let view = shown(api, output, api.sync(&request)).await?;
        output.result(&view, told)?;
        // One table that fails must not slow down the others.
        let is_good = view.count(SyncState::Failed) == 0 || view.tables.iter().any(|table| table.made.is_some());
        Ok(Round { run_id: view.run_id, is_good, ended: Ended::Done })
    };
    // Whatever the last round said: who ends it knows that it was not over.
    rounds::until_interrupted(interval, output, round).await.map(|_| Ended::Done)
}

fn is_up_to_date(view: &SyncView) -> bool {
    view.tables.iter().all(|table| matches!(table.state, SyncState::UpToDate | SyncState::CutOver))
}

/// What needs somebody comes first.
fn told(view: &SyncView) -> String {
    let mut tables: Vec<&SyncedTable> = view.tables.iter().collect();
    tables.sort_by_key(|table| table.error.is_none());
    let mut grid = Grid::new(&[
        "state", "source", "target", ">round", ">behind", ">files", ">written", ">rows", "compared", ">time",
    ]);
    for table in &tables {
        let made = table.made.as_ref();
        grid.row([
            table.state.as_str().to_string(),
            table.source.to_string(),
            table.target.to_string(),
            if matches!(table.state, SyncState::NotMigrated | SyncState::CutOver) {
                String::new()
            } else {
                table.round.to_string()
            },
            behind(table),
            // Files that a cluster writes are its engine's own.
            made.filter(|made| made.engine.is_embedded())
                .map(|made| words::number(made.files_copied))
                .unwrap_or_default(),
            made.filter(|made| made.engine.is_embedded())
                .map(|made| words::bytes(made.bytes_written))
                .unwrap_or_default(),
            made.map(|made| words::number(made.rows)).unwrap_or_default(),
            made.map(|made| made.compared.as_str().to_string()).unwrap_or_default(),
            made.map(|made| format!("{:.1} s", made.milliseconds as f64 / 1000.0)).unwrap_or_default(),
        ]);
    }
    let mut text = format!("{grid}\n");
    for table in tables {
        if let Some(error) = &table.error {
            text.push_str(&format!("{}\n{}\n\n", table.source, words::error(error)));
        }
    }
    let counts: Vec<String> = [
        (SyncState::UpToDate, "up to date"),
        (SyncState::Behind, "behind"),
        (SyncState::Failed, "failed"),
        (SyncState::Stopped, "stopped"),
        (SyncState::CutOver, "cut over"),
        (SyncState::NotMigrated, "not migrated"),
    ]
    .iter()
    .map(|(state, name)| (view.count(*state), name))
    .filter(|(count, _)| *count > 0)
    .map(|(count, name)| format!("{count} {name}"))
    .collect();
    let all = words::count(view.tables.len(), "table", "tables");
    text.push_str(&format!("run {}: {all}: {}", view.run_id, counts.join(", ")));
    text
}

fn behind(table: &SyncedTable) -> String {
    if table.state != SyncState::Behind && table.lag.seconds == 0 && table.lag.snapshots == 0 {
        return String::new();
    }
    let snapshots = words::count(usize::try_from(table.lag.snapshots).unwrap_or(usize::MAX), "snapshot", "snapshots");
    let rows = table.lag.rows.map(|rows| format!(", {} rows", words::number(rows))).unwrap_or_default();
    format!("{snapshots}{rows}, {}", words::seconds(table.lag.seconds))
}
