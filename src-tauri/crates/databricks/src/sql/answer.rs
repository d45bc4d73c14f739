//! What the workspace answers of a statement, and the rows in it.

use crate::client::{Call, Client, Family, NOT_UNDERSTOOD, lenient, segment};
use crate::open_enum::open_enum;
use futures::stream::{self, BoxStream, StreamExt};
use icebridge_model::{Code, Error, Result};
use serde::Deserialize;
use serde_json::Value;
use std::fmt;

open_enum! {
    StatementState {
        Pending = "PENDING",
        Running = "RUNNING",
        Succeeded = "SUCCEEDED",
        Failed = "FAILED",
        Canceled = "CANCELED",
        Closed = "CLOSED",
    }
}

/// A row as the workspace writes it: everything is text, or null.
pub type SqlRow = Vec<Option<String>>;

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct SqlColumn {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub type_text: Option<String>,
}

/// The workspace's name for a statement that it accepted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
pub struct StatementId(String);

impl StatementId {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StatementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A statement that the workspace accepted.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct StatementStatus {
    pub statement_id: StatementId,
    status: Status,
    #[serde(default)]
    manifest: Option<ResultManifest>,
    #[serde(default)]
    result: Option<Chunk>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Status {
    state: StatementState,
    #[serde(default)]
    error: Option<ServiceError>,
    #[serde(default)]
    sql_state: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
struct ServiceError {
    #[serde(default)]
    error_code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
struct ResultManifest {
    #[serde(default)]
    schema: Option<ResultSchema>,
    /// A number, which some write as text. Kept as it came: that it cannot be read must not look as if it was not said.
    #[serde(default)]
    total_row_count: Option<Value>,
    #[serde(default)]
    truncated: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
struct ResultSchema {
    #[serde(default)]
    columns: Vec<SqlColumn>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
struct Chunk {
    /// Kept as it came: a cell or a row that was left out would move or lose the others.
    #[serde(default)]
    data_array: Option<Value>,
    #[serde(default)]
    row_count: Option<Value>,
    #[serde(default)]
    next_chunk_index: Option<Value>,
}

impl Chunk {
    /// An error: why the rows are not whole.
    fn rows(&mut self) -> Result<Vec<SqlRow>, &'static str> {
        let rows = match self.data_array.take() {
            None => Vec::new(),
            Some(Value::Array(rows)) => {
                let rows = rows.into_iter().map(|row| match row {
                    Value::Array(cells) => Some(cells.into_iter().map(cell).collect::<SqlRow>()),
                    _ => None,
                });
                rows.collect::<Option<Vec<_>>>().ok_or("a row is not a list")?
            }
            Some(_) => return Err("its rows are not a list"),
        };
        match &self.row_count {
            Some(count) if lenient::count(count) != Some(rows.len() as u64) => {
                Err("a part has other rows than it says")
            }
            _ => Ok(rows),
        }
    }

    fn next(&self) -> Result<Option<u64>, &'static str> {
        let index = self.next_chunk_index.as_ref();
        index.map(|index| lenient::count(index).ok_or("the number of the next part is none")).transpose()
    }
}

/// What is no text is written as JSON writes it.
fn cell(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

impl StatementStatus {
    pub fn state(&self) -> &StatementState {
        &self.status.state
    }

    pub fn is_over(&self) -> bool {
        !matches!(self.status.state, StatementState::Pending | StatementState::Running | StatementState::Other(_))
    }

    /// In a state newer than this program.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self.status.state, StatementState::Other(_))
    }

    /// Only what has ended has a result or an error.
    pub(super) fn looks_over(&self) -> bool {
        self.manifest.is_some() || self.result.is_some() || self.status.error.is_some()
    }

    pub fn columns(&self) -> &[SqlColumn] {
        let schema = self.manifest.as_ref().and_then(|manifest| manifest.schema.as_ref());
        schema.map_or(&[], |schema| &schema.columns)
    }

    pub fn row_count(&self) -> Option<u64> {
        lenient::count(self.manifest.as_ref()?.total_row_count.as_ref()?)
    }

    pub(super) fn unknown_state(&self) -> Error {
        Error::new(Code::AnswerNotUnderstood, "the statement is in a state that this version does not know")
            .about(format!("statement {}", self.statement_id))
            .with_cause_text(format!("its state is `{}`", self.status.state))
            .with_hint(
                "It may have been done: the query history of the workspace shows it. Update IceBridge if there is a newer \
                 version, and report the state if not.",
            )
    }

    /// HTTP says 200 for failed statements too.
    pub(super) fn succeeded(self) -> Result<Self> {
        let failed = match self.status.state {
            StatementState::Failed => "the statement failed",
            StatementState::Canceled => "the workspace cancelled the statement",
            _ => return Ok(self),
        };
        let code = match (&self.status.state, self.status.sql_state.as_deref()) {
            // Not `cancelled`: nobody here has asked for it, and what else there is to do goes on.
            (StatementState::Canceled, _) => Code::WorkspaceRefused,
            // insufficient privilege; table or view not found
            (_, Some("42501")) => Code::AccessDenied,
            (_, Some("42P01")) => Code::TableNotFound,
            (_, Some("42P07")) => Code::TableExists,
            _ => Code::WorkspaceRefused,
        };
        let error = self.status.error.unwrap_or_default();
        let mut cause = error.message.unwrap_or_default();
        if let Some(kind) = error.error_code {
            cause = format!("{kind}: {cause}");
        }
        if let Some(state) = self.status.sql_state {
            cause = format!("{cause} (SQLSTATE {state})");
        }
        Err(Error::new(code, failed)
            .about(format!("statement {}", self.statement_id))
            .with_hint("See the cause; the query history of the workspace shows the statement.")
            .with_cause_text(cause))
    }

    /// It was done, and its rows are not kept any more.
    pub(super) fn refuse_closed(&self) -> Result<()> {
        if self.status.state != StatementState::Closed {
            return Ok(());
        }
        Err(Error::new(Code::WorkspaceRefused, "the statement succeeded, and its rows are no longer kept")
            .about(format!("statement {}", self.statement_id))
            .with_hint("Try again: the rows are read as soon as they are there."))
    }
}

pub(super) fn path(id: &StatementId) -> Result<String> {
    Ok(format!("/api/2.0/sql/statements/{}", segment(id.as_str())?))
}

/// Too few rows are no answer: whoever counts or compares them would take what is missing for what is not there.
fn not_whole(id: &StatementId, why: impl Into<String>) -> Error {
    Error::new(
        Code::AnswerNotUnderstood,
        "the answer is not whole: the statement succeeded, and its rows did not all come",
    )
    .about(format!("statement {id}"))
    .with_cause_text(why)
    .with_hint(NOT_UNDERSTOOD)
}

/// The rows of a statement on their way.
struct Reading {
    client: Client,
    id: StatementId,
    /// As many as the workspace says there are.
    total: Option<Value>,
    read: u64,
    last: u64,
    next: Next,
}

enum Next {
    Given(Chunk),
    Asked(u64),
    End,
}

impl Reading {
    async fn step(mut self) -> Result<Option<(Vec<SqlRow>, Self)>> {
        let mut chunk = match std::mem::replace(&mut self.next, Next::End) {
            Next::Given(chunk) => chunk,
            Next::Asked(index) => {
                let call = Call::get(Family::Sql, format!("{}/result/chunks/{index}", path(&self.id)?));
                self.client.fetch(call).await?
            }
            Next::End => {
                self.must_be_whole()?;
                return Ok(None);
            }
        };
        let rows = chunk.rows().map_err(|why| not_whole(&self.id, why))?;
        self.read += rows.len() as u64;
        if let Some(next) = chunk.next().map_err(|why| not_whole(&self.id, why))? {
            if next <= self.last {
                return Err(Error::new(Code::WorkspaceRefused, "the result does not end: its chunks come round again")
                    .about(format!("statement {}", self.id)));
            }
            (self.last, self.next) = (next, Next::Asked(next));
        }
        Ok(Some((rows, self)))
    }

    fn must_be_whole(&self) -> Result<()> {
        let Some(total) = &self.total else { return Ok(()) };
        match lenient::count(total) {
            Some(total) if total == self.read => Ok(()),
            Some(total) => Err(not_whole(&self.id, format!("{} of {total} rows came", self.read))),
            None => Err(not_whole(&self.id, "`manifest.total_row_count` is not a whole number")),
        }
    }
}

impl Client {
    /// The rows of a statement that is over, chunk by chunk. An error at the end if they are not as many as there are.
    pub fn rows(&self, status: StatementStatus) -> BoxStream<'static, Result<Vec<SqlRow>>> {
        if let Err(error) = status.refuse_closed() {
            return stream::once(std::future::ready(Err(error))).boxed();
        }
        let manifest = status.manifest.unwrap_or_default();
        let id = status.statement_id;
        if manifest.truncated {
            let error = Error::new(Code::Unsupported, "the result is longer than what the workspace gives inline")
                .about(format!("statement {id}"))
                .with_hint("Ask for fewer rows.");
            return stream::once(std::future::ready(Err(error))).boxed();
        }
        let next = status.result.map_or(Next::End, Next::Given);
        let begin = Reading { client: self.clone(), id, total: manifest.total_row_count, read: 0, last: 0, next };
        stream::try_unfold(begin, Reading::step).boxed()
    }
}
