//! Statements on a SQL warehouse. For what is short: a statement that is not polled is ended by the workspace, and laptops
//! sleep. Data is moved by jobs.

use crate::client::{Call, Client, Family, segment};
use crate::open_enum::open_enum;
use futures::stream::{self, BoxStream, StreamExt};
use icebridge_model::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

open_enum! {
    StatementState {
        Pending = "PENDING",
        Running = "RUNNING",
        Succeeded = "SUCCEEDED",
        Failed = "FAILED",
        Canceled = "CANCELED",
        Closed = "CLOSED",
    }
    WarehouseState {
        Starting = "STARTING",
        Running = "RUNNING",
        Stopping = "STOPPING",
        Stopped = "STOPPED",
        Deleting = "DELETING",
        Deleted = "DELETED",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warehouse {
    #[serde(default)]
    pub id: String,
    #[serde(default)]
    pub name: String,
    /// A statement starts a stopped one, which costs money.
    #[serde(default)]
    pub state: Option<WarehouseState>,
    #[serde(default)]
    pub warehouse_type: Option<String>,
    #[serde(default)]
    pub enable_serverless_compute: bool,
    #[serde(default)]
    pub enable_photon: bool,
    #[serde(default)]
    pub cluster_size: Option<String>,
    #[serde(default)]
    pub auto_stop_mins: Option<i64>,
}

/// Named `:name` in the statement. Identifiers cannot be bound: quote them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parameter {
    pub name: String,
    pub value: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub sql_type: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub sql: String,
    pub warehouse: String,
    pub catalog: Option<String>,
    pub schema: Option<String>,
    pub parameters: Vec<Parameter>,
    /// It changes nothing, or does the same when done twice: it may be sent again if its answer was lost.
    pub repeatable: bool,
}

impl Statement {
    pub fn new(warehouse: impl Into<String>, sql: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            warehouse: warehouse.into(),
            catalog: None,
            schema: None,
            parameters: Vec::new(),
            repeatable: false,
        }
    }
    pub fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
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
    #[serde(default)]
    total_row_count: Option<u64>,
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
    #[serde(default)]
    data_array: Option<Vec<SqlRow>>,
    #[serde(default)]
    next_chunk_index: Option<u64>,
}

impl StatementStatus {
    pub fn state(&self) -> &StatementState {
        &self.status.state
    }

    pub fn is_over(&self) -> bool {
        !matches!(self.status.state, StatementState::Pending | StatementState::Running | StatementState::Other(_))
    }

    pub fn columns(&self) -> &[SqlColumn] {
        let schema = self.manifest.as_ref().and_then(|manifest| manifest.schema.as_ref());
        schema.map_or(&[], |schema| &schema.columns)
    }

    pub fn row_count(&self) -> Option<u64> {
        self.manifest.as_ref()?.total_row_count
    }

    /// HTTP says 200 for failed statements too.
    fn succeeded(self) -> Result<Self> {
        let failed = match self.status.state {
            StatementState::Failed => "the statement failed",
            StatementState::Canceled => "the statement was cancelled",
            StatementState::Closed => "the statement's result is no longer kept",
            _ => return Ok(self),
        };
        let code = match (&self.status.state, self.status.sql_state.as_deref()) {
            (StatementState::Canceled, _) => Code::Cancelled,
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
}

fn path(id: &StatementId) -> Result<String> {
    Ok(format!("/api/2.0/sql/statements/{}", segment(&id.0)?))
}

const FIRST_POLL: Duration = Duration::from_millis(250);
/// Far below the quarter of an hour after which the workspace ends a statement that is not polled.
const LONGEST_POLL: Duration = Duration::from_secs(5);

impl Client {
    pub async fn warehouses(&self) -> Result<Vec<Warehouse>> {
        Ok(self.all(&Call::get(Family::Sql, "/api/2.0/sql/warehouses"), "warehouses").await?)
    }

    /// Hands it in, and waits a few seconds for what is quick.
    pub async fn submit_statement(&self, statement: &Statement) -> Result<StatementStatus> {
        let body = json!({
            "statement": statement.sql,
            "warehouse_id": statement.warehouse,
            "catalog": statement.catalog,
            "schema": statement.schema,
            "parameters": statement.parameters,
            "wait_timeout": "10s",
            "on_wait_timeout": "CONTINUE",
            "disposition": "INLINE",
            "format": "JSON_ARRAY",
        });
        let call = Call::post(Family::Sql, "/api/2.0/sql/statements").json(&body)?;
        self.fetch(if statement.repeatable { call.idempotent() } else { call }).await
    }

    pub async fn statement(&self, id: &StatementId) -> Result<StatementStatus> {
        self.fetch(Call::get(Family::Sql, path(id)?)).await
    }

    /// Asked for, not promised: look at the state afterwards.
    pub async fn cancel_statement(&self, id: &StatementId) -> Result<()> {
        // What is cancelled twice is cancelled.
        self.execute(Call::post(Family::Sql, format!("{}/cancel", path(id)?)).idempotent()).await?;
        Ok(())
    }

    /// Until it is over. An error if it failed.
    pub async fn run_statement(&self, statement: &Statement, cancel: &CancellationToken) -> Result<StatementStatus> {
        let mut status = self.submit_statement(statement).await?;
        let mut pause = FIRST_POLL;
        while !status.is_over() {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = cancel.cancelled() => {
                    self.cancel_statement(&status.statement_id).await?;
                    return Err(Error::new(Code::Cancelled, "the statement was cancelled").about(&status.statement_id));
                }
            }
            pause = (pause * 2).min(LONGEST_POLL);
            status = self.statement(&status.statement_id).await?;
        }
        status.succeeded()
    }

    /// The rows of a statement that is over, chunk by chunk.
    pub fn rows(&self, status: StatementStatus) -> BoxStream<'static, Result<Vec<SqlRow>>> {
        let truncated = status.manifest.as_ref().is_some_and(|manifest| manifest.truncated);
        let id = status.statement_id;
        if truncated {
            let error = Error::new(Code::Unsupported, "the result is longer than what the workspace gives inline")
                .about(format!("statement {id}"))
                .with_hint("Ask for fewer rows.");
            return stream::once(std::future::ready(Err(error))).boxed();
        }
        let begin = status.result.map(Ok::<Chunk, u64>);
        stream::try_unfold((self.clone(), id, begin, 0_u64), |(client, id, at, last)| async move {
            let chunk = match at {
                None => return Ok(None),
                Some(Ok(chunk)) => chunk,
                Some(Err(index)) => {
                    let call = Call::get(Family::Sql, format!("{}/result/chunks/{index}", path(&id)?));
                    client.fetch(call).await?
                }
            };
            let next = match chunk.next_chunk_index {
                Some(next) if next <= last => {
                    return Err(Error::new(
                        Code::WorkspaceRefused,
                        "the result does not end: its chunks come round again",
                    )
                    .about(format!("statement {id}")));
                }
                next => next,
            };
            let rows = chunk.data_array.unwrap_or_default();
            Ok(Some((rows, (client, id, next.map(Err), next.unwrap_or(last)))))
        })
        .boxed()
    }
}
