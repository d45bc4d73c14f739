//! Statements under way: begun, polled, cancelled, and forgotten if they are not polled.

use super::error::SqlError;
use super::table::Table;
use super::warehouses::Warehouses;
use crate::base::Refusal;
use crate::state::behaviour::SqlStates;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The most bytes of an inline answer.
const MAX_INLINE_BYTES: usize = 25 << 20;
/// A statement that is not polled for so long is cancelled.
const IDLE_MS: i64 = 15 * 60_000;
const RESULT_MS: i64 = 3_600_000;

#[derive(Default)]
pub struct Statements {
    all: BTreeMap<String, Statement>,
    pub warehouses: Warehouses,
}

struct Statement {
    owner: String,
    phase: Phase,
    polled: i64,
    ended: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    Pending,
    Running,
    Succeeded(Table),
    Failed(SqlError),
    Canceled,
    Closed,
}

impl Phase {
    /// What came of a run, with at most so many rows.
    pub fn of(result: Result<Table, SqlError>, row_limit: Option<usize>) -> Self {
        let mut table = match result {
            Ok(table) => table,
            Err(error) => return Self::Failed(error),
        };
        table.rows.truncate(row_limit.unwrap_or(usize::MAX));
        let bytes: usize = table.rows.iter().flatten().flatten().map(String::len).sum();
        if bytes <= MAX_INLINE_BYTES {
            return Self::Succeeded(table);
        }
        let message = "Inline byte limit exceeded. Statements executed with disposition=INLINE can have a result size of at \
                       most 26214400 bytes.";
        Self::Failed(SqlError { state: "54000", message: message.to_owned() })
    }

    fn is_open(&self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}

impl Statements {
    pub fn begin(&mut self, id: String, owner: &str, now: i64) {
        let statement = Statement { owner: owner.to_owned(), phase: Phase::Pending, polled: now, ended: 0 };
        self.all.insert(id, statement);
    }

    pub fn is_over(&self, id: &str) -> bool {
        self.all.get(id).is_none_or(|one| !one.phase.is_open())
    }

    pub fn set_running(&mut self, id: &str) {
        if let Some(statement) = self.all.get_mut(id).filter(|one| one.phase.is_open()) {
            statement.phase = Phase::Running;
        }
    }

    /// The first end counts.
    pub fn end(&mut self, id: &str, phase: Phase, now: i64) {
        if let Some(statement) = self.all.get_mut(id).filter(|one| one.phase.is_open()) {
            statement.phase = phase;
            statement.ended = now;
        }
    }

    /// Its phase, for its owner.
    pub fn poll(&mut self, caller: &str, id: &str, now: i64) -> Result<&Phase, Refusal> {
        let absent = || Refusal::not_found(format!("The statement {id} was not found."));
        let statement = self.all.get_mut(id).filter(|one| one.owner == caller).ok_or_else(absent)?;
        if statement.phase.is_open() && now - statement.polled > IDLE_MS {
            statement.phase = Phase::Canceled;
            statement.ended = now;
        } else if matches!(statement.phase, Phase::Succeeded(_)) && now - statement.ended > RESULT_MS {
            statement.phase = Phase::Closed;
        }
        statement.polled = now;
        Ok(&statement.phase)
    }

    pub fn payload(
        &mut self,
        caller: &str,
        id: &str,
        chunk_rows: usize,
        states: SqlStates,
        now: i64,
    ) -> Result<Value, Refusal> {
        let phase = self.poll(caller, id, now)?;
        let state = |word: &str| json!({"state": word});
        let status = match phase {
            Phase::Pending => state("PENDING"),
            Phase::Running => state("RUNNING"),
            Phase::Canceled => state("CANCELED"),
            Phase::Closed => state("CLOSED"),
            Phase::Succeeded(_) => state("SUCCEEDED"),
            // With 200: the call succeeded, the statement did not.
            Phase::Failed(error) => json!({
                "state": "FAILED", "error": {"error_code": "BAD_REQUEST", "message": error.message},
                "sql_state": error.state,
            }),
        };
        let mut payload = json!({"statement_id": id, "status": status});
        if states == SqlStates::Absent
            && let Some(status) = payload["status"].as_object_mut()
        {
            status.remove("sql_state");
        }
        if let Phase::Succeeded(table) = phase {
            payload["manifest"] = manifest(table, chunk_rows);
            payload["result"] = chunk(id, table, chunk_rows, 0).unwrap_or_else(|| json!({}));
        }
        Ok(payload)
    }

    pub fn chunk(&mut self, caller: &str, id: &str, at: usize, chunk_rows: usize, now: i64) -> Result<Value, Refusal> {
        match self.poll(caller, id, now)? {
            Phase::Succeeded(table) => chunk(id, table, chunk_rows, at)
                .ok_or_else(|| Refusal::invalid(format!("The result has no chunk {at}."))),
            Phase::Closed => Err(Refusal::not_found(format!("The result of statement {id} is no longer there."))),
            _ => Err(Refusal::bad(format!("The statement {id} has no result."))),
        }
    }
}

fn chunks(table: &Table, size: usize) -> usize {
    table.rows.len().div_ceil(size).max(1)
}

fn manifest(table: &Table, size: usize) -> Value {
    let column = |(at, (name, kind)): (usize, &(String, &'static str))| {
        let text = if *kind == "LONG" { "BIGINT" } else { kind };
        json!({"name": name, "position": at, "type_name": kind, "type_text": text})
    };
    let columns: Vec<Value> = table.columns.iter().enumerate().map(column).collect();
    let chunk = |at| {
        let rows = table.rows.len().saturating_sub(at * size).min(size);
        json!({"chunk_index": at, "row_offset": at * size, "row_count": rows})
    };
    let chunks: Vec<Value> = (0..chunks(table, size)).map(chunk).collect();
    json!({
        "format": "JSON_ARRAY", "schema": {"column_count": columns.len(), "columns": columns},
        "total_row_count": table.rows.len(), "total_chunk_count": chunks.len(), "truncated": false, "chunks": chunks,
    })
}

fn chunk(id: &str, table: &Table, size: usize, at: usize) -> Option<Value> {
    let count = chunks(table, size);
    if at >= count {
        return None;
    }
    let rows = table.rows.get(at * size..(at * size + size).min(table.rows.len())).unwrap_or_default();
    let mut payload = json!({"chunk_index": at, "row_offset": at * size, "row_count": rows.len(), "data_array": rows});
    if at + 1 < count {
        payload["next_chunk_index"] = (at + 1).into();
        payload["next_chunk_internal_link"] = format!("/api/2.0/sql/statements/{id}/result/chunks/{}", at + 1).into();
    }
    Some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(values: impl Iterator<Item = String>) -> Table {
        Table { columns: vec![("n".to_owned(), "STRING")], rows: values.map(|value| vec![Some(value)]).collect() }
    }

    fn numbers(count: usize) -> Table {
        table((0..count).map(|at| at.to_string()))
    }

    #[test]
    fn results_come_in_chunks() {
        let mut statements = Statements::default();
        statements.begin("s".into(), "ada", 0);
        assert_eq!(statements.payload("ada", "s", 4, SqlStates::Given, 1).unwrap()["status"]["state"], "PENDING");
        assert_eq!(statements.chunk("ada", "s", 0, 4, 1).unwrap_err().status, 400, "there is no result yet");
        statements.end("s", Phase::of(Ok(numbers(9)), None), 1);
        let first = statements.payload("ada", "s", 4, SqlStates::Given, 1).unwrap();
        assert_eq!(
            (&first["manifest"]["total_row_count"], &first["manifest"]["total_chunk_count"]),
            (&json!(9), &json!(3))
        );
        let mut seen = first["result"]["data_array"].as_array().unwrap().clone();
        let mut next = first["result"]["next_chunk_index"].as_u64();
        while let Some(at) = next {
            let chunk = statements.chunk("ada", "s", at as usize, 4, 1).unwrap();
            seen.extend(chunk["data_array"].as_array().unwrap().clone());
            next = chunk["next_chunk_index"].as_u64();
        }
        assert_eq!(seen, (0..9).map(|at| json!([at.to_string()])).collect::<Vec<_>>());
        assert_eq!(statements.chunk("ada", "s", 3, 4, 1).unwrap_err().status, 400);
    }

    #[test]
    fn a_result_has_limits() {
        assert!(matches!(Phase::of(Ok(numbers(5)), Some(2)), Phase::Succeeded(cut) if cut.rows.len() == 2));
        let large = table(["x".repeat(MAX_INLINE_BYTES + 1)].into_iter());
        assert!(matches!(Phase::of(Ok(large), None), Phase::Failed(error) if error.state == "54000"));
    }

    #[test]
    fn a_statement_is_its_owners_and_is_forgotten() {
        let mut statements = Statements::default();
        for id in ["idle", "done", "cancelled"] {
            statements.begin(id.into(), "ada", 0);
        }
        assert_eq!(statements.poll("eve", "idle", 0).unwrap_err().status, 404);
        assert_eq!(statements.poll("ada", "idle", IDLE_MS + 1).unwrap(), &Phase::Canceled);
        statements.end("done", Phase::Succeeded(numbers(1)), 5);
        assert_eq!(statements.poll("ada", "done", 5 + RESULT_MS + 1).unwrap(), &Phase::Closed);
        statements.end("cancelled", Phase::Canceled, 5);
        statements.end("cancelled", Phase::Succeeded(numbers(1)), 6);
        assert_eq!(statements.poll("ada", "cancelled", 6).unwrap(), &Phase::Canceled, "the first end counts");
    }
}
