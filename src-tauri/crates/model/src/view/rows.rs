//! From what the product knows of a table to its row in a view. Pure, so that a view can be built anew at any time.

use super::ViewRow;
use super::memory::Cells;
use crate::TableIdent;
use crate::cutover::CutoverTable;
use crate::facts::{InventoryOutcome, InventoryRow};
use crate::finding::{Finding, TableFindings, Verdict};
use crate::mapping::{MappingRow, MappingState};
use crate::plan::{LeftOut, PlannedTable};
use crate::run::{TableMigration, TableState};
use crate::sync::{SyncState, SyncedTable};
use crate::validation::Validation;
use serde_json::Value;

/// SQLite's integers are signed; a file that claims more than that claims nonsense.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

fn named(name: &TableIdent) -> ViewRow {
    let mut row = ViewRow::default();
    row.set("name", name.to_string());
    row.set("namespace", name.namespace_text());
    row
}

pub fn of_inventory(table: &InventoryRow) -> ViewRow {
    let mut row = named(&table.ident);
    row.set("state", table.view_state());
    match &table.outcome {
        InventoryOutcome::Facts(facts) => {
            row.set("format", facts.format_version);
            row.set("rows", number(facts.live_rows()));
            row.set("bytes", number(facts.live_bytes()));
            row.set("files", number(facts.live_files()));
            row.set("deletes", number(facts.files.delete_files()));
            row.set("has_deletes", yes(facts.files.delete_files() > 0));
            row.set("partitioning", facts.partitioning());
            row.set("snapshots", number(facts.snapshot_count as u64));
            row.set("updated", facts.last_updated_ms);
        }
        InventoryOutcome::Problem(error) => {
            row.set("error", error.code.as_str());
            row.set("message", error.message.clone());
        }
    }
    row
}

/// A mapping's view is made of its rows as they are: there is a new one with every key that is typed.
impl Cells for MappingRow {
    fn value(&self, column: &str) -> Option<Value> {
        let value = match column {
            "name" => self.source.to_string(),
            "namespace" => self.source.namespace_text(),
            "target" => self.target.as_ref()?.to_string(),
            "state" => mapping_state(self.state).to_string(),
            "reason" => self.because.clone(),
            "message" if !self.problem.is_empty() => self.problem.clone(),
            "message" => format!("migrated by run {}", self.migrated_by.as_ref()?.run_id),
            _ => return None,
        };
        Some(Value::String(value))
    }
}

pub fn mapping_state(state: MappingState) -> &'static str {
    match state {
        MappingState::Create => "create",
        MappingState::Exists => "exists",
        MappingState::Migrated => "migrated",
        MappingState::Excluded => "excluded",
        MappingState::Conflict => "conflict",
    }
}

pub fn of_preflight(table: &TableFindings) -> ViewRow {
    let mut row = named(&table.source);
    if let Some(target) = &table.target {
        row.set("target", target.to_string());
    }
    row.set("state", preflight_state(table));
    row.set("verdict", verdict(table.worst()));
    row.set("open", number(table.unaccepted().len() as u64));
    row.set("codes", codes(&table.findings));
    if let Some(mode) = table.mode {
        row.set("mode", mode.as_str());
        row.set("engine", table.engine.as_str());
    }
    row
}

/// A table that the mapping leaves out, or that an earlier run migrated, is neither ready nor blocked.
pub fn preflight_state(table: &TableFindings) -> &'static str {
    match () {
        () if table.is_blocked() => "blocked",
        () if table.target.is_none() => "excluded",
        () if table.migrated_by.as_ref().is_some_and(|earlier| earlier.source_moved_on) => "moved_on",
        () if table.migrated_by.is_some() => "migrated",
        () if !table.unaccepted().is_empty() => "open",
        () => "ready",
    }
}

fn verdict(worst: Option<Verdict>) -> &'static str {
    match worst {
        None => "none",
        Some(Verdict::Note) => "note",
        Some(Verdict::Loses) => "loses",
        Some(Verdict::Blocks) => "blocks",
    }
}

fn codes(findings: &[Finding]) -> String {
    findings.iter().map(|finding| finding.code.as_ref()).collect::<Vec<_>>().join(" ")
}

pub fn of_plan(table: &PlannedTable) -> ViewRow {
    let mut row = of_run(table);
    row.set("state", "planned");
    row.set("format", table.format_version);
    row.set("files_to_copy", number(table.estimate.files));
    row.set("seconds", number(table.estimate.seconds));
    row.set("codes", codes(&table.findings));
    row.set("accepted", number(table.findings.iter().filter(|finding| finding.accepted).count() as u64));
    row.set("reason", table.mode_reason.clone());
    for column in ["bytes_copied", "rows_copied", "owed", "result"] {
        row.0.remove(column);
    }
    row
}

pub fn of_left_out(table: &LeftOut) -> ViewRow {
    let mut row = named(&table.source);
    row.set("state", "left_out");
    row.set("codes", table.codes.join(" "));
    row.set("reason", table.reason.clone());
    row
}

/// A table of a run that has not begun.
pub fn of_run(table: &PlannedTable) -> ViewRow {
    let mut row = named(&table.source);
    row.set("target", table.target.to_string());
    row.set("state", TableState::Queued.as_str());
    row.set("mode", table.mode.as_str());
    row.set("engine", table.engine().as_str());
    if let Some(cluster) = &table.cluster {
        row.set("method", cluster.method.as_str());
    }
    row.set("rows", number(table.estimate.rows));
    row.set("bytes_to_copy", number(table.estimate.bytes));
    row.set("bytes_copied", 0);
    row.set("rows_copied", 0);
    row.set("owed", 0);
    row.set("result", "not_compared");
    row
}

/// The columns of a validation.
pub fn validated(row: &mut ViewRow, validation: &Validation) {
    row.set("result", if validation.passed { "equal" } else { "differs" });
    row.set("proof", validation.proof.as_str());
    row.set("rows", number(validation.rows));
    row.set("checks", number(validation.checks.len() as u64));
    row.set("checks_passed", number(validation.checks.iter().filter(|check| check.passed).count() as u64));
    row.set("digest", validation.digest.clone());
    row.set("validation_ms", number(validation.milliseconds));
}

/// The columns of a sync. `looked_at`: milliseconds since 1970.
pub fn synced(table: &SyncedTable, looked_at: i64) -> ViewRow {
    let mut row = ViewRow::default();
    row.set("sync", table.state.as_str());
    row.set("sync_round", number(table.round));
    row.set("behind_snapshots", number(table.lag.snapshots));
    row.set("behind_rows", table.lag.rows.map(number));
    row.set("behind_seconds", number(table.lag.seconds));
    row.set("sync_error", table.error.as_ref().map(|error| error.code.as_str()));
    row.set("sync_message", table.error.as_ref().map(|error| error.message.clone()));
    row.set("looked_at", looked_at);
    row
}

/// The columns of a cut-over. `at`: milliseconds since 1970.
pub fn cut_over(table: &CutoverTable, at: i64) -> ViewRow {
    let mut row = ViewRow::default();
    row.set("cutover", table.state.as_str());
    row.set("downtime_ms", table.moved.as_ref().map(|moved| number(moved.downtime_ms)).filter(|ms| *ms > 0));
    let seen = table.probation.as_ref();
    row.set("late_snapshots", seen.map(|seen| number(seen.source_snapshots)));
    row.set("own_snapshots", seen.map(|seen| number(seen.target_snapshots)));
    row.set("own_rows", seen.and_then(|seen| seen.target_rows));
    row.set("cutover_error", table.error.as_ref().map(|error| error.code.as_str()));
    let message = table.error.as_ref().map(|error| error.message.clone());
    let stopped = table.writers_stopped.then(|| "writers are stopped".to_string());
    row.set(
        "cutover_message",
        match (stopped, message) {
            (Some(stopped), Some(message)) => Some(format!("{stopped}; {message}")),
            (stopped, message) => stopped.or(message),
        },
    );
    row.set("cutover_at", at);
    if table.state.is_moved() {
        row.set("sync", SyncState::CutOver.as_str());
    }
    row
}

/// A table at work, as its process sees it. `stage` and `stage_message` are of its cluster and only for who follows the run.
pub fn of_migration(table: &TableMigration) -> ViewRow {
    let mut row = named(&table.source);
    row.set("target", table.target.to_string());
    row.set("state", table.state.as_str());
    row.set("mode", table.mode.as_str());
    row.set("engine", table.engine.as_str());
    row.set("rows", number(table.rows_total));
    row.set("bytes_copied", number(table.bytes_done));
    row.set("rows_copied", number(table.rows_done));
    if let Some(cluster) = &table.cluster {
        row.set("stage", cluster.stage.as_str());
        row.set("stage_message", cluster.message.clone());
    }
    if let Some(error) = &table.error {
        row.set("error", error.code.as_str());
        row.set("message", error.message.clone());
    }
    if let Some(validation) = &table.validation {
        validated(&mut row, validation);
    }
    row
}
