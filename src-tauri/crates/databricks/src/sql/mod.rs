//! Statements on a SQL warehouse. For what is short: a statement that is not polled is ended by the workspace, and laptops
//! sleep. Data is moved by jobs.

mod answer;

pub use answer::{SqlColumn, SqlRow, StatementId, StatementState, StatementStatus};

use answer::path;

use crate::client::{Call, Client, Family};
use crate::open_enum::open_enum;
use icebridge_model::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

open_enum! {
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

const FIRST_POLL: Duration = Duration::from_millis(250);
/// Far below the quarter of an hour after which the workspace ends a statement that is not polled.
const LONGEST_POLL: Duration = Duration::from_secs(5);

/// A state that is not known is waited for like others, and not for ever.
const LONGEST_UNKNOWN: Duration = Duration::from_secs(120);

#[derive(Default)]
struct UnknownState {
    since: Option<Instant>,
}

impl UnknownState {
    /// After one more look. What looks over is looked at twice.
    fn is_enough(&mut self, status: &StatementStatus) -> bool {
        if !status.is_unknown() {
            self.since = None;
            return false;
        }
        match self.since {
            Some(since) => status.looks_over() || since.elapsed() > LONGEST_UNKNOWN,
            None => {
                self.since = Some(Instant::now());
                false
            }
        }
    }
}

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
        let (mut pause, mut unknown) = (FIRST_POLL, UnknownState::default());
        while !status.is_over() {
            if unknown.is_enough(&status) {
                // Whatever it does, nobody looks after it any more.
                if let Err(error) = self.cancel_statement(&status.statement_id).await {
                    tracing::warn!(statement = %status.statement_id, %error, "it could not be cancelled");
                }
                return Err(status.unknown_state());
            }
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
}
