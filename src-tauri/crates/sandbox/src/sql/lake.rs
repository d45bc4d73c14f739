//! Tables whose rows lie in files. The sandbox reads no data, but it knows from the metadata how many rows there are, and which
//! versions of a foreign table can be read.

use super::ast::Version;
use super::error::SqlError;
use super::evaluate::Scope;
use super::session::Session;
use crate::base::{Refusal, plain};
use crate::iceberg::{files, required_inside};
use crate::state::behaviour::ForeignVersions;
use crate::unity::objects::Table;
use serde_json::{Value, json};

/// As many rows can be counted.
const MAX_ROWS: u64 = 1_000_000;

/// The metadata of a table that lies in files of this machine.
pub fn metadata(table: &Table) -> Option<Value> {
    files::newest(table.folder.as_ref()?).map(|(_, metadata)| metadata)
}

/// Rows without their values.
pub fn rows(
    session: &Session<'_>,
    table: &Table,
    metadata: &Value,
    version: Option<&Version>,
) -> Result<Vec<Value>, SqlError> {
    let Some(id) = reached(session, table, metadata, version)? else { return Ok(Vec::new()) };
    let found = snapshots(metadata).find(|one| one["snapshot-id"] == id);
    let snapshot = found.ok_or_else(|| no_version(id, &[]))?;
    let total = |name: &str| plain(&snapshot["summary"][name]).parse::<u64>().ok();
    let deleted = total("total-position-deletes").unwrap_or_default();
    let count = total("total-records").filter(|_| total("total-equality-deletes").unwrap_or_default() == 0);
    let count = count.map(|count| count.saturating_sub(deleted)).filter(|count| *count <= MAX_ROWS);
    let count = count.ok_or_else(|| SqlError::unsupported(&format!("counting the rows of {}", table.full_name)))?;
    Ok((0..count).map(|_| json!({})).collect())
}

/// The snapshot that a statement reads, which is one that was read from now on.
pub fn reached(
    session: &Session<'_>,
    table: &Table,
    metadata: &Value,
    version: Option<&Version>,
) -> Result<Option<i64>, SqlError> {
    check_nested(table, metadata)?;
    let snapshot = match version {
        Some(version) => Some(asked_for(session, table, metadata, version)?),
        None => metadata["current-snapshot-id"].as_i64().filter(|id| *id != -1),
    };
    let counts = session.engine.common.settings.lock().prime_counts_as_read;
    if let Some(id) = snapshot.filter(|_| is_foreign(table) && counts) {
        session.engine.folder.reads().note(&table.full_name, id).map_err(Refusal::from)?;
    }
    Ok(snapshot)
}

fn is_foreign(table: &Table) -> bool {
    table.kind == "FOREIGN"
}

fn snapshots(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["snapshots"].as_array().into_iter().flatten()
}

/// Delta has no NOT NULL below a column, and says so when it reads.
fn check_nested(table: &Table, metadata: &Value) -> Result<(), SqlError> {
    let current = &metadata["current-schema-id"];
    let schemas = metadata["schemas"].as_array().into_iter().flatten();
    let schema = schemas.into_iter().find(|one| one["schema-id"] == *current);
    let fields = schema.and_then(|schema| schema["fields"].as_array()).into_iter().flatten();
    for field in fields {
        if is_foreign(table)
            && let Some(kind) = required_inside(&field["type"])
        {
            return Err(SqlError::nested_not_null(kind, field["name"].as_str().unwrap_or_default()));
        }
    }
    Ok(())
}

fn no_version(version: i64, there: &[i64]) -> SqlError {
    let there: Vec<String> = there.iter().map(i64::to_string).collect();
    let message =
        format!("Cannot time travel Delta table to version {version}. Available versions: [{}].", there.join(", "));
    SqlError::new("DELTA_VERSION_NOT_FOUND", "22003", message)
}

/// The snapshot that a version means.
fn asked_for(session: &Session<'_>, table: &Table, metadata: &Value, version: &Version) -> Result<i64, SqlError> {
    let all: Vec<i64> = snapshots(metadata).filter_map(|one| one["snapshot-id"].as_i64()).collect();
    let (how, reach) = {
        let settings = session.engine.common.settings.lock();
        (settings.behaviour.foreign_versions, settings.time_travel_of_foreign)
    };
    let read = match reach {
        "any" => all.clone(),
        "never" => Vec::new(),
        _ => session.engine.folder.reads().of(&table.full_name),
    };
    let number = match version {
        Version::Number(number) => *number,
        Version::Time(at) => {
            let scope = Scope { environment: &session.environment, rows: &[], grouped: false };
            let before = at_time(metadata, &plain(&scope.value(at)?))?;
            let known = before.filter(|id| !is_foreign(table) || read.contains(id));
            return known.ok_or_else(|| {
                let message = "The provided timestamp is before the earliest version available to this table.";
                SqlError::new("DELTA_TIMESTAMP_EARLIER_THAN_COMMIT_RETENTION", "42816", message)
            });
        }
    };
    let place = |ids: &[i64]| usize::try_from(number).ok().and_then(|at| ids.get(at).copied());
    let found = match (is_foreign(table), how) {
        (true, ForeignVersions::SnapshotIds) => read.contains(&number).then_some(number),
        (true, ForeignVersions::Numbers) => place(&read),
        (false, _) => {
            if all.contains(&number) {
                Some(number)
            } else {
                place(&all)
            }
        }
    };
    found.ok_or_else(|| no_version(number, if is_foreign(table) { &read } else { &all }))
}

fn at_time(metadata: &Value, text: &str) -> Result<Option<i64>, SqlError> {
    let spelled = text.replacen(' ', "T", 1);
    let zoned = if spelled.ends_with('Z') { spelled } else { format!("{spelled}Z") };
    let at: jiff::Timestamp = zoned.parse().map_err(|_| {
        let message = format!("The provided timestamp ('{text}') cannot be converted to a valid timestamp.");
        SqlError::new("DELTA_INVALID_TIMESTAMP_FORMAT", "22007", message)
    })?;
    let before = snapshots(metadata).filter(|one| one["timestamp-ms"].as_i64() <= Some(at.as_millisecond()));
    Ok(before.max_by_key(|one| one["timestamp-ms"].as_i64()).and_then(|one| one["snapshot-id"].as_i64()))
}

/// The versions of a table, newest first: number, time, operation.
pub fn history(session: &Session<'_>, table: &Table, metadata: &Value) -> Vec<(usize, String, String)> {
    let read = session.engine.folder.reads().of(&table.full_name);
    let is_read = |one: &&Value| {
        let id = one["snapshot-id"].as_i64().unwrap_or_default();
        !is_foreign(table) || read.contains(&id)
    };
    let row = |(at, one): (usize, &Value)| {
        let time = one["timestamp-ms"].as_i64().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        let operation = one["summary"]["operation"].as_str().unwrap_or_default().to_uppercase();
        (at, time.map(|time| time.to_string()).unwrap_or_default(), operation)
    };
    let mut all: Vec<_> = snapshots(metadata).filter(is_read).enumerate().map(row).collect();
    all.reverse();
    all
}
