//! The view of a run: begun with the run, and moved by each entry of its journal, in the transaction that writes the entry.

use super::facts::put_plan;
use super::write::{measure_by_inventory, patch, put, view_id};
use super::{Kind, Owner};
use crate::kinds::TABLE_VALIDATED;
use crate::run_record::RunRecord;
use crate::{Store, Write, failure, to_json};
use icebridge_model::journal::Entry;
use icebridge_model::plan::Plan;
use icebridge_model::run::CopyOutcome;
use icebridge_model::validation::Validation;
use icebridge_model::view::{ViewRow, rows};
use icebridge_model::{Result, TableIdent};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

const TABLE_STATE: &str = "table.state";
const TABLE_GOVERNANCE: &str = "table.governance";
/// As earlier builds wrote it.
const OLD_TABLE_GOVERNANCE: &str = "table.after";
/// The second is what it was called before runs were.
const RESUMED: [&str; 2] = ["run.resumed", "job.resumed"];

/// Every table of the plan waits. A plan that cannot be read has no rows: whatever reads the run reports it.
pub(crate) async fn begin_run(write: &mut Write<'_>, run: &RunRecord) -> Result<()> {
    let Ok(plan) = serde_json::from_str::<Plan>(&run.plan_text) else { return Ok(()) };
    put_plan(write, &plan).await?;
    let view = view_id(write, Owner { kind: Kind::Run, key: &run.run_id }).await?;
    put(write, Kind::Run, view, plan.tables.iter().map(rows::of_run)).await?;
    measure_by_inventory(write, Kind::Run, view, &plan.source).await
}

/// Of a `table.state` entry, what a view shows; the run writes more.
#[derive(Deserialize)]
struct Step {
    state: String,
    #[serde(default)]
    error: Option<Failure>,
    #[serde(default)]
    outcome: Option<CopyOutcome>,
}

#[derive(Deserialize)]
struct Failure {
    code: String,
    message: String,
}

/// Moves the view as an entry says. An entry whose body is not as it is today says nothing about it.
pub(crate) async fn follow(write: &mut Write<'_>, run_id: &str, table: &str, kind: &str, body: &Value) -> Result<()> {
    if RESUMED.contains(&kind) {
        return wait_again(write, run_id).await;
    }
    let Some(changes) = changes(kind, body) else { return Ok(()) };
    let Some(view) = view_of(write, run_id).await? else { return Ok(()) };
    patch(write, Kind::Run, view, &[table], &changes.row).await?;
    if changes.copied_by_cluster {
        // The cluster does not say what its files came to.
        sqlx::query("UPDATE view_run SET bytes_copied = bytes_to_copy WHERE view = ? AND name = ?")
            .bind(view)
            .bind(table)
            .execute(&mut *write.transaction)
            .await
            .map_err(|e| failure::of(e, "write a view"))?;
    }
    Ok(())
}

/// As [`follow`] for entries of one kind, of which many say the same.
pub(crate) async fn follow_all(write: &mut Write<'_>, run_id: &str, kind: &str, entries: &[Entry]) -> Result<()> {
    let mut alike: HashMap<String, (ViewRow, Vec<&str>)> = HashMap::new();
    for entry in entries {
        match changes(kind, &entry.body) {
            Some(Changes { row, copied_by_cluster: false }) => {
                let (_, tables) = alike.entry(to_json(&row)?).or_insert_with(|| (row, Vec::new()));
                tables.push(&entry.table);
            }
            _ => follow(write, run_id, &entry.table, kind, &entry.body).await?,
        }
    }
    let Some(view) = view_of(write, run_id).await? else { return Ok(()) };
    for (row, tables) in alike.values() {
        patch(write, Kind::Run, view, tables, row).await?;
    }
    Ok(())
}

async fn view_of(write: &mut Write<'_>, run_id: &str) -> Result<Option<i64>> {
    sqlx::query_scalar("SELECT view FROM views WHERE scope = 'run' AND owner = ?")
        .bind(run_id)
        .fetch_optional(&mut *write.transaction)
        .await
        .map_err(|e| failure::of(e, "read a view"))
}

#[derive(Default)]
struct Changes {
    row: ViewRow,
    copied_by_cluster: bool,
}

fn changes(kind: &str, body: &Value) -> Option<Changes> {
    let mut changes = Changes::default();
    let row = &mut changes.row;
    match kind {
        TABLE_STATE => {
            let step = Step::deserialize(body).ok()?;
            row.set("state", step.state);
            row.set("error", step.error.as_ref().map(|error| error.code.clone()));
            row.set("message", step.error.map(|error| error.message));
            if let Some(outcome) = step.outcome {
                let by_cluster = outcome.cluster.is_some();
                let bytes = if outcome.adopted || by_cluster { 0 } else { outcome.bytes_written };
                row.set("bytes_copied", bytes);
                row.set("rows_copied", outcome.rows_written.unwrap_or(0));
                changes.copied_by_cluster = by_cluster && !outcome.adopted;
            }
        }
        TABLE_VALIDATED => {
            rows::validated(row, &Validation::deserialize(body.get("validation")?).ok()?);
        }
        TABLE_GOVERNANCE | OLD_TABLE_GOVERNANCE => {
            let not_done = body.get("not_done").and_then(Value::as_array).map_or(0, Vec::len);
            row.set("owed", not_done);
        }
        _ => return None,
    }
    Some(changes)
}

/// A resumed run takes up every table that is not migrated.
async fn wait_again(write: &mut Write<'_>, run_id: &str) -> Result<()> {
    let rank = icebridge_model::view::columns::RUN_STATES.iter().position(|state| *state == "queued");
    sqlx::query(
        "UPDATE view_run SET state = 'queued', state_rank = ?, error = NULL, message = NULL
         WHERE state <> 'migrated' AND view = (SELECT view FROM views WHERE scope = 'run' AND owner = ?)",
    )
    .bind(rank.and_then(|rank| i64::try_from(rank).ok()))
    .bind(run_id)
    .execute(&mut *write.transaction)
    .await
    .map_err(|e| failure::of(e, "write a view"))?;
    Ok(())
}

impl Store {
    /// The source tables that a run has migrated, as its journal says: without reading all of it.
    pub async fn migrated_tables(&self, run_id: &str) -> Result<HashSet<String>> {
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM view_run WHERE state = 'migrated'
             AND view = (SELECT view FROM views WHERE scope = 'run' AND owner = ?)",
        )
        .bind(run_id)
        .fetch_all(&self.pool)
        .await
        .map_err(|e| failure::of(e, "read a view"))?;
        Ok(names.into_iter().collect())
    }

    /// What the view of a run shows of some tables besides: how they stand to their sources, how far they are cut over. It is no
    /// entry of the journal.
    pub async fn save_run_rows(&self, run_id: &str, tables: &[(TableIdent, ViewRow)]) -> Result<()> {
        if tables.is_empty() {
            return Ok(());
        }
        let mut write = self.write().await?;
        if let Some(view) = view_of(&mut write, run_id).await? {
            let names: Vec<String> = tables.iter().map(|(table, _)| table.to_string()).collect();
            let mut alike: HashMap<String, (&ViewRow, Vec<&str>)> = HashMap::new();
            for (name, (_, row)) in names.iter().zip(tables) {
                alike.entry(to_json(row)?).or_insert_with(|| (row, Vec::new())).1.push(name);
            }
            for (row, names) in alike.values() {
                patch(&mut write, Kind::Run, view, names, row).await?;
            }
        }
        write.commit().await
    }
}
