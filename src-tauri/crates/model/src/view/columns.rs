//! What each column of a view means. A name has one meaning, in every view, on every page and in every filter.

use super::scope_kind::ScopeKind;
use crate::format;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    pub about: &'static str,
    /// Its sum over many tables says something.
    pub summed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// One of these.
    Choice(&'static [&'static str]),
    /// Codes with blanks between them.
    Codes,
    Number,
    Bytes,
    Seconds,
    /// Milliseconds since 1970.
    Time,
}

impl Kind {
    pub fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Choice(_) | Self::Codes)
    }

    pub fn display(self, number: i64) -> String {
        let amount = u64::try_from(number).unwrap_or(0);
        match self {
            Self::Bytes => format::bytes(amount),
            Self::Seconds => format::seconds(amount),
            Self::Time => format::epoch_ms(number),
            _ => format::count(amount),
        }
    }
}

const fn column(name: &'static str, kind: Kind, about: &'static str) -> Column {
    Column { name, kind, about, summed: false }
}

const fn sum(name: &'static str, kind: Kind, about: &'static str) -> Column {
    Column { name, kind, about, summed: true }
}

const YES_NO: &[&str] = &["no", "yes"];

pub static NAME: Column = column("name", Kind::Text, "the source table, as namespace.table");
pub static NAMESPACE: Column = column("namespace", Kind::Text, "the source table's namespace");
pub static TARGET: Column = column("target", Kind::Text, "the table it becomes, as namespace.table");
pub static FORMAT: Column = column("format", Kind::Number, "the version of the Iceberg table format");
/// `TableFacts::live_bytes`.
pub static BYTES: Column =
    sum("bytes", Kind::Bytes, "size of the live data files and delete files at the pinned snapshot");
/// `TableFacts::live_rows`.
pub static ROWS: Column = sum(
    "rows",
    Kind::Number,
    "rows at the pinned snapshot, deletes applied; what equality deletes take is known only after a read",
);
/// `TableFacts::live_files`.
pub static FILES: Column = sum("files", Kind::Number, "live data files and delete files at the pinned snapshot");
pub static DELETES: Column = sum("deletes", Kind::Number, "delete files and deletion vectors at the pinned snapshot");
pub static HAS_DELETES: Column = column("has_deletes", Kind::Choice(YES_NO), "whether there are delete files");
pub static SNAPSHOTS: Column = column("snapshots", Kind::Number, "snapshots in the table's metadata");
pub static UPDATED: Column = column("updated", Kind::Time, "when the table was last changed");
pub static PARTITIONING: Column = column("partitioning", Kind::Text, "the current partition spec");
pub static ERROR: Column = column("error", Kind::Text, "the code of the error");
pub static MESSAGE: Column = column("message", Kind::Text, "what went wrong");
pub static MODE: Column = column("mode", Kind::Choice(&["clone", "register", "rewrite"]), "how the table is copied");
pub static ENGINE: Column =
    column("engine", Kind::Choice(&["embedded", "photon"]), "who copies: this process or a cluster");
pub static METHOD: Column = column("method", Kind::Text, "the statement by which a cluster copies");
pub static VERDICT: Column =
    column("verdict", Kind::Choice(&["none", "note", "loses", "blocks"]), "the gravest finding's verdict");
pub static CODES: Column = column("codes", Kind::Codes, "codes of the findings");
pub static OPEN: Column = sum("open", Kind::Number, "losses that are not accepted yet");
pub static ACCEPTED: Column = sum("accepted", Kind::Number, "losses that were accepted");
pub static REASON: Column = column("reason", Kind::Text, "why");
pub static BYTES_TO_COPY: Column = sum(
    "bytes_to_copy",
    Kind::Bytes,
    "bytes that the copy reads: with history for a clone, data files for a rewrite, none for a registration",
);
pub static FILES_TO_COPY: Column = sum("files_to_copy", Kind::Number, "files that the copy reads");
pub static SECONDS: Column = sum("seconds", Kind::Seconds, "estimate of the time, one table at a time");
pub static BYTES_COPIED: Column = sum("bytes_copied", Kind::Bytes, "bytes copied so far");
pub static ROWS_COPIED: Column =
    sum("rows_copied", Kind::Number, "rows written so far; only a rewrite and a cluster count them");
pub static PROOF: Column = column(
    "proof",
    Kind::Choice(&["none", "schema", "count", "aggregates", "digest", "bytes", "target_read_back", "read_back"]),
    "how much the validation proves",
);
pub const RESULTS: &[&str] = &["differs", "not_compared", "equal"];
pub static RESULT: Column = column("result", Kind::Choice(RESULTS), "what the last validation of the table found");
pub static CHECKS: Column = column("checks", Kind::Number, "checks of the validation");
pub static CHECKS_PASSED: Column = column("checks_passed", Kind::Number, "checks of the validation that passed");
pub static DIGEST: Column = column("digest", Kind::Text, "the typed row digest of the source");
pub static VALIDATION_MS: Column = column("validation_ms", Kind::Number, "milliseconds that the validation took");
pub static OWED: Column = sum("owed", Kind::Number, "statements left to do in Unity Catalog after the copy");
/// The most urgent first.
pub const SYNC_STATES: &[&str] = &["stopped", "failed", "behind", "up_to_date", "cut_over", "not_migrated"];
pub static SYNC: Column =
    column("sync", Kind::Choice(SYNC_STATES), "how the target stands to its source, as it was looked at last");
pub static SYNC_ROUND: Column = column("sync_round", Kind::Number, "the round of a sync that the target stands at");
pub static BEHIND_SNAPSHOTS: Column =
    sum("behind_snapshots", Kind::Number, "snapshots that the source has got since the target's round");
pub static BEHIND_ROWS: Column =
    sum("behind_rows", Kind::Number, "rows that those snapshots added and deleted, where all of them say so");
pub static BEHIND_SECONDS: Column =
    column("behind_seconds", Kind::Seconds, "time since the first of those snapshots was committed");
pub static SYNC_ERROR: Column = column("sync_error", Kind::Text, "the code of the error that the last round ended in");
pub static SYNC_MESSAGE: Column = column("sync_message", Kind::Text, "what went wrong in that round");
pub static LOOKED_AT: Column = column("looked_at", Kind::Time, "when source and target were looked at last");

/// The most urgent first.
pub const CUTOVER_STATES: &[&str] =
    &["moving", "returning", "failed", "begun", "on_probation", "not_begun", "finished", "not_migrated"];
pub static CUTOVER: Column = column("cutover", Kind::Choice(CUTOVER_STATES), "how far the table is cut over");
pub static DOWNTIME_MS: Column =
    column("downtime_ms", Kind::Number, "milliseconds from the source's last state to the end of the move");
pub static LATE_SNAPSHOTS: Column =
    sum("late_snapshots", Kind::Number, "snapshots that the source has got since the table was moved");
pub static OWN_SNAPSHOTS: Column =
    sum("own_snapshots", Kind::Number, "snapshots that the target has got since the table was moved");
pub static OWN_ROWS: Column = column("own_rows", Kind::Number, "rows that those added, less those that they deleted");
pub static CUTOVER_ERROR: Column =
    column("cutover_error", Kind::Text, "the code of the error that the last step of the cut-over ended in");
pub static CUTOVER_MESSAGE: Column =
    column("cutover_message", Kind::Text, "what went wrong in that step, and whether writers stand still");
pub static CUTOVER_AT: Column = column("cutover_at", Kind::Time, "when that step was made");

pub const INVENTORY_STATES: &[&str] = &["unreadable", "empty", "read"];
pub const MAPPING_STATES: &[&str] = &["conflict", "exists", "create", "migrated", "excluded"];
pub const PREFLIGHT_STATES: &[&str] = &["blocked", "open", "ready", "moved_on", "migrated", "excluded"];
pub const PLAN_STATES: &[&str] = &["planned", "left_out"];
/// The most urgent first: what failed, what moves, what waits, what is done.
pub const RUN_STATES: &[&str] =
    &["failed", "copying", "committing", "validating", "committed", "queued", "cancelled", "migrated"];

static INVENTORY_STATE: Column = column("state", Kind::Choice(INVENTORY_STATES), "whether its metadata was read");
static MAPPING_STATE: Column = column("state", Kind::Choice(MAPPING_STATES), "what the mapping means for the target");
static PREFLIGHT_STATE: Column = column("state", Kind::Choice(PREFLIGHT_STATES), "whether it can be planned");
static PLAN_STATE: Column = column("state", Kind::Choice(PLAN_STATES), "whether the plan migrates it");
static RUN_STATE: Column = column("state", Kind::Choice(RUN_STATES), "how far its migration is");

static INVENTORY: [&Column; 14] = [
    &NAME,
    &NAMESPACE,
    &INVENTORY_STATE,
    &FORMAT,
    &ROWS,
    &BYTES,
    &FILES,
    &DELETES,
    &HAS_DELETES,
    &PARTITIONING,
    &SNAPSHOTS,
    &UPDATED,
    &ERROR,
    &MESSAGE,
];
static MAPPING: [&Column; 6] = [&NAME, &NAMESPACE, &TARGET, &MAPPING_STATE, &REASON, &MESSAGE];
static PREFLIGHT: [&Column; 13] = [
    &NAME,
    &NAMESPACE,
    &TARGET,
    &PREFLIGHT_STATE,
    &VERDICT,
    &OPEN,
    &CODES,
    &MODE,
    &ENGINE,
    &FORMAT,
    &ROWS,
    &BYTES,
    &FILES,
];
static PLAN: [&Column; 16] = [
    &NAME,
    &NAMESPACE,
    &TARGET,
    &PLAN_STATE,
    &MODE,
    &ENGINE,
    &METHOD,
    &FORMAT,
    &ROWS,
    &BYTES,
    &BYTES_TO_COPY,
    &FILES_TO_COPY,
    &SECONDS,
    &CODES,
    &ACCEPTED,
    &REASON,
];
static RUN: [&Column; 37] = [
    &NAME,
    &NAMESPACE,
    &TARGET,
    &RUN_STATE,
    &MODE,
    &ENGINE,
    &METHOD,
    &ROWS,
    &BYTES,
    &BYTES_TO_COPY,
    &BYTES_COPIED,
    &ROWS_COPIED,
    &PROOF,
    &RESULT,
    &CHECKS,
    &CHECKS_PASSED,
    &DIGEST,
    &VALIDATION_MS,
    &ERROR,
    &MESSAGE,
    &OWED,
    &SYNC,
    &SYNC_ROUND,
    &BEHIND_SNAPSHOTS,
    &BEHIND_ROWS,
    &BEHIND_SECONDS,
    &SYNC_ERROR,
    &SYNC_MESSAGE,
    &LOOKED_AT,
    &CUTOVER,
    &DOWNTIME_MS,
    &LATE_SNAPSHOTS,
    &OWN_SNAPSHOTS,
    &OWN_ROWS,
    &CUTOVER_ERROR,
    &CUTOVER_MESSAGE,
    &CUTOVER_AT,
];

/// The columns of a view, in the order in which they are shown.
pub fn of(kind: ScopeKind) -> &'static [&'static Column] {
    match kind {
        ScopeKind::Inventory => &INVENTORY,
        ScopeKind::Mapping => &MAPPING,
        ScopeKind::Preflight => &PREFLIGHT,
        ScopeKind::Plan => &PLAN,
        ScopeKind::Run => &RUN,
    }
}

/// Where a value stands among its column's choices: what sorting by a choice goes by.
pub fn rank(column: &Column, value: &str) -> Option<usize> {
    match column.kind {
        Kind::Choice(choices) => choices.iter().position(|choice| *choice == value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::TableState;
    use crate::sync::SyncState;
    use std::collections::BTreeMap;

    /// Only `state` differs, in its choices.
    #[test]
    fn a_name_means_one_thing_in_every_view() {
        let mut meanings: BTreeMap<&str, &Column> = BTreeMap::new();
        for kind in ScopeKind::ALL {
            for column in of(kind).iter().filter(|column| column.name != "state") {
                assert_eq!(meanings.insert(column.name, column).unwrap_or(column), *column);
            }
            assert_eq!(of(kind).iter().filter(|column| column.name == "state").count(), 1);
        }
    }

    /// docs/views.md says of each view what each column means.
    #[test]
    fn the_page_on_views_tells_of_every_column() {
        let page = include_str!("../../../../../docs/views.md");
        let parts: Vec<&str> = page.split("\n### ").skip(1).collect();
        assert_eq!(parts.len(), ScopeKind::ALL.len());
        for (kind, part) in ScopeKind::ALL.into_iter().zip(parts) {
            for column in of(kind) {
                let choices = match column.kind {
                    Kind::Choice(choices) => format!(": {}", choices.join(", ")),
                    _ => String::new(),
                };
                let line = format!("| `{}` | {}{choices} |", column.name, column.about);
                assert!(part.contains(&line), "{line}");
            }
        }
    }

    #[test]
    fn every_state_of_a_table_has_its_place() {
        assert_eq!(TableState::ALL.len(), RUN_STATES.len());
        for state in TableState::ALL {
            assert!(rank(&RUN_STATE, state.as_str()).is_some(), "{}", state.as_str());
        }
        assert_eq!(SyncState::ALL.len(), SYNC_STATES.len());
        for state in SyncState::ALL {
            assert!(rank(&SYNC, state.as_str()).is_some(), "{}", state.as_str());
        }
    }
}
