//! A plan rehearsed.

use super::run::stop_on_interrupt;
use crate::arguments::{DrillArgs, RehearseArgs};
use crate::ended::Ended;
use crate::output::{Grid, Output, words};
use crate::paths::hooks_path;
use crate::progress::Live;
use icebridge_api::Api;
use icebridge_model::Result;
use icebridge_model::format;
use icebridge_model::rehearsal::{Rehearsal, RehearsalOf, RehearsalRequest};

pub async fn drill(api: &Api, arguments: DrillArgs, output: &Output) -> Result<Ended> {
    let request = RehearsalRequest {
        of: RehearsalOf::Run(arguments.run_id.unwrap_or_default().into()),
        tables: arguments.table,
        schema: arguments.schema.unwrap_or_default(),
        hooks: hooks_path(arguments.hooks)?,
    };
    rehearse(api, &request, output).await
}

pub async fn run(api: &Api, arguments: RehearseArgs, output: &Output) -> Result<Ended> {
    let request = RehearsalRequest {
        of: RehearsalOf::Plan(arguments.plan),
        tables: arguments.table,
        schema: arguments.schema.unwrap_or_default(),
        hooks: hooks_path(arguments.hooks)?,
    };
    rehearse(api, &request, output).await
}

async fn rehearse(api: &Api, request: &RehearsalRequest, output: &Output) -> Result<Ended> {
    let live = Live::show(*output, api.events());
    let made = stop_on_interrupt(api, api.rehearse(request)).await;
    live.end().await;
    let made = made?;
    output.result(&made, told)?;
    Ok(Ended::done_if(made.is_whole()))
}

fn told(made: &Rehearsal) -> String {
    let mut grid = Grid::new(&["source", ">rows", ">copied", "proof", ">downtime", ">recovery", "result"]);
    for table in &made.tables {
        grid.row([
            table.source.to_string(),
            words::number(table.rows),
            format::bytes(table.bytes),
            table.proof.as_str().to_string(),
            table.downtime_ms.map(format::milliseconds).unwrap_or_default(),
            table.recovery_ms.map(format::milliseconds).unwrap_or_default(),
            match &table.error {
                Some(error) => error.code.to_string(),
                None => "moved, and moved back".into(),
            },
        ]);
    }
    let mut text = format!("{grid}\n");
    for table in &made.tables {
        if let Some(error) = &table.error {
            text.push_str(&format!("{}: {error}\n", table.source));
        }
    }
    let newer = made.tables.iter().filter(|table| table.is_newer).count();
    if newer > 0 {
        let sources = words::count(newer, "source has", "sources have");
        text.push_str(&format!("{sources} changed since the plan was made: make it again before its run\n"));
    }
    for hook in &made.hooks {
        if let Some(error) = &hook.error {
            text.push_str(&format!("the hook {} failed at {}: {error}\n", hook.hook, hook.stage.as_str()));
        }
    }
    let steps = made.milliseconds;
    let steps =
        [("run", steps.run), ("sync", steps.sync), ("move", steps.moved), ("check", steps.check), ("back", steps.back)];
    let steps: Vec<String> = steps
        .iter()
        .filter(|(_, ms)| *ms > 0)
        .map(|(name, ms)| format!("{name} {}", format::milliseconds(*ms)))
        .collect();
    text.push_str(&format!(
        "rehearsed: {} of {} moved and moved back ({})\n",
        made.passed(),
        words::count(made.tables.len(), "table", "tables"),
        steps.join(", ")
    ));
    let is_copied = made.tables.iter().any(|table| table.rows > 0 || table.bytes > 0 || table.error.is_none());
    if is_copied {
        let (schema, target) = (&made.schema, &made.target);
        text.push_str(&format!("What was copied stays in the schema {schema} of {target}, until you drop it there.\n"));
    }
    text.push_str(&format!("Its own journal: icebridge --state {} status", made.state_folder));
    text
}
