//! The inventory: taking it and listing it.

use super::run::stop_on_interrupt;
use crate::Ended;
use crate::output::{Grid, Output, words};
use crate::progress::Live;
use icebridge_api::{Api, Operations};
use icebridge_model::Result;
use icebridge_model::facts::{InventoryOutcome, InventoryRow, TableFacts};
use icebridge_model::ops::{InventoryRequest, InventorySummary, Named};

pub async fn refresh(api: &Api, source: String, only: Vec<String>, output: &Output) -> Result<Ended> {
    let summary = take(api, InventoryRequest { source, only }, output).await?;
    output.result(&summary, told)?;
    Ok(Ended::Done)
}

pub async fn take(api: &Api, request: InventoryRequest, output: &Output) -> Result<InventorySummary> {
    let live = Live::show(*output, api.events());
    let summary = stop_on_interrupt(api, api.inventory_refresh(request)).await;
    live.end().await;
    summary
}

pub fn told(summary: &InventorySummary) -> String {
    let problems = match summary.problems {
        0 => String::new(),
        n => format!(
            "; {} could not be read, see: icebridge tables {}",
            words::count(n, "table", "tables"),
            summary.source
        ),
    };
    format!(
        "{} in {}: {} rows, {}{problems}",
        words::count(summary.tables, "table", "tables"),
        summary.source,
        words::number(summary.rows),
        words::bytes(summary.bytes)
    )
}

pub async fn tables(api: &Api, source: String, output: &Output) -> Result<Ended> {
    let rows = api.inventory_list(Named { name: source.clone() }).await?;
    output.result(&rows, |rows| match rows.is_empty() {
        true => format!("no tables yet; take the inventory with: icebridge inventory {source}"),
        false => list(rows),
    })?;
    Ok(Ended::Done)
}

fn list(rows: &[InventoryRow]) -> String {
    let mut grid = Grid::new(&["table", ">v", ">rows", ">size", ">files", ">deletes", ">snapshots", "refs", "problem"]);
    for row in rows {
        match &row.outcome {
            InventoryOutcome::Facts(facts) => grid.row([
                row.ident.to_string(),
                facts.format_version.to_string(),
                words::number(facts.files.data_records),
                words::bytes(facts.files.data_bytes),
                words::number(facts.files.data_files),
                deletes(facts),
                facts.snapshot_count.to_string(),
                refs(facts),
                String::new(),
            ]),
            InventoryOutcome::Problem(error) => {
                let mut cells = vec![String::new(); 9];
                cells[0] = row.ident.to_string();
                cells[8] = format!("{} [{}]", error.message, error.code);
                grid.row(cells);
            }
        }
    }
    grid.to_string()
}

fn deletes(facts: &TableFacts) -> String {
    match facts.files.delete_files() {
        0 => String::new(),
        n => words::number(n),
    }
}

fn refs(facts: &TableFacts) -> String {
    facts.refs.iter().filter(|r| r.name != "main").map(|r| r.name.as_str()).collect::<Vec<_>>().join(", ")
}
