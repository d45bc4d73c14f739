//! Statements: begun, waited for, polled, cancelled.

use super::warehouses;
use crate::base::{Fields, Refusal, plain};
use crate::runner::{Runner, query};
use crate::sql::{Environment, Phase, Session, SqlError, Table, carried, check_carried, check_computed, run};
use crate::state::Principal;
use crate::web::{Answer, Caller, Sql, done};
use axum::Json;
use axum::extract::{Path, State};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

const MAX_STATEMENT_BYTES: usize = 16 << 20;
/// How often a statement looks whether the warehouse is up.
const POLL: Duration = Duration::from_millis(10);

struct Requested {
    warehouse: String,
    text: String,
    principal: Principal,
    environment: Environment,
    row_limit: Option<usize>,
}

impl Requested {
    fn read(fields: &Fields, principal: &Principal) -> Result<Self, Refusal> {
        let text = fields.must_text("statement")?.to_owned();
        if text.len() > MAX_STATEMENT_BYTES {
            return Err(Refusal::invalid("The statement is larger than 16 MiB."));
        }
        let disposition = fields.text("disposition")?.unwrap_or("INLINE");
        let format = fields.text("format")?.unwrap_or("JSON_ARRAY");
        if (disposition, format) != ("INLINE", "JSON_ARRAY") {
            let message = "The sandbox answers with the disposition INLINE in the format JSON_ARRAY only.";
            return Err(Refusal::invalid(message));
        }
        let environment = Environment {
            user: principal.name.clone(),
            groups: principal.groups.clone(),
            catalog: fields.text("catalog")?.unwrap_or("main").to_lowercase(),
            schema: fields.text("schema")?.unwrap_or("default").to_lowercase(),
            now: String::new(),
            parameters: parameters(fields)?,
        };
        let row_limit = fields.int("row_limit")?.and_then(|limit| usize::try_from(limit).ok());
        let warehouse = fields.must_text("warehouse_id")?.to_owned();
        Ok(Self { warehouse, text, principal: principal.clone(), environment, row_limit })
    }
}

pub async fn execute(State(state): State<Sql>, State(runner): State<Runner>, caller: Caller, fields: Fields) -> Answer {
    let requested = Requested::read(&fields, &caller)?;
    state.statements.lock().warehouses.get(&requested.warehouse, &caller)?;
    let wait = wait(&fields)?;
    let cancels = match fields.text("on_wait_timeout")? {
        None | Some("CONTINUE") => false,
        Some("CANCEL") if !wait.is_zero() => true,
        other => return Err(Refusal::invalid(format!("on_wait_timeout cannot be {other:?} here."))),
    };
    let id = format!("01f0{}", state.common.ids.uuid().get(4..).unwrap_or_default());
    state.statements.lock().begin(id.clone(), &caller.name, state.common.now());
    state.common.counts.statements.add_one();
    warehouses::begin(&state, &requested.warehouse, &caller)?;
    let task = tokio::spawn(carry_out(state.clone(), runner, id.clone(), requested));
    if !wait.is_zero() {
        let late = tokio::time::timeout(wait, task).await.is_err();
        if late && cancels {
            end(&state, &id, Phase::Canceled);
        }
    }
    payload(&state, &caller, &id)
}

fn wait(fields: &Fields) -> Result<Duration, Refusal> {
    let text = fields.text("wait_timeout")?.unwrap_or("10s");
    match text.strip_suffix('s').and_then(|number| number.parse::<u64>().ok()) {
        Some(seconds @ (0 | 5..=50)) => Ok(Duration::from_secs(seconds)),
        _ => Err(Refusal::invalid(format!("wait_timeout must be 0s or between 5s and 50s, not {text}."))),
    }
}

fn parameters(fields: &Fields) -> Result<BTreeMap<String, Value>, Refusal> {
    let mut all = BTreeMap::new();
    for one in fields.list("parameters") {
        let name = one.get("name").map(plain).unwrap_or_default();
        let text = one.get("value").filter(|value| !value.is_null()).map(plain);
        let kind = one.get("type").map_or_else(|| "STRING".to_owned(), plain).to_uppercase();
        let bad = || Refusal::invalid(format!("The parameter {name} is not of the type {kind}."));
        let value = match (text, kind.as_str()) {
            (None, _) => Value::Null,
            (Some(text), "INT" | "BIGINT" | "LONG" | "SMALLINT" | "TINYINT") => {
                text.parse::<i64>().map_err(|_| bad())?.into()
            }
            (Some(text), "DOUBLE" | "FLOAT") => text.parse::<f64>().map_err(|_| bad())?.into(),
            (Some(text), "BOOLEAN") => text.parse::<bool>().map_err(|_| bad())?.into(),
            (Some(text), "STRING" | "DATE" | "TIMESTAMP") => text.into(),
            (Some(text), kind) if kind.starts_with("DECIMAL") => text.into(),
            _ => return Err(bad()),
        };
        all.insert(name, value);
    }
    Ok(all)
}

async fn carry_out(state: Sql, runner: Runner, id: String, mut requested: Requested) {
    let serverless = loop {
        if state.statements.lock().is_over(&id) {
            return;
        }
        // Where it was stopped meanwhile, a statement that waits starts it again.
        match warehouses::begin(&state, &requested.warehouse, &requested.principal) {
            Ok(("RUNNING", serverless)) => break serverless,
            Ok(_) => tokio::time::sleep(POLL).await,
            // It was taken away.
            Err(_) => return end(&state, &id, Phase::Canceled),
        }
    };
    state.statements.lock().set_running(&id);
    let takes = state.common.settings.lock().statement_time;
    tokio::time::sleep(takes).await;
    if state.statements.lock().is_over(&id) {
        return;
    }
    let now = jiff::Timestamp::from_millisecond(state.common.now()).unwrap_or_default();
    requested.environment.now = now.to_string();
    let (engine, environment) = (state.engine(), requested.environment.clone());
    let session = Session { engine: &engine, principal: &requested.principal, environment, serverless };
    let result = if let Some(may) = check_computed(&session, &requested.text) {
        match may {
            Ok(()) => computed(&runner, &requested, &id).await,
            Err(error) => Err(error),
        }
    } else {
        // Without an engine they are only noted.
        let by_engine = check_carried(&session, &requested.text).filter(|_| runner.spark.has_iceberg());
        match by_engine {
            None => run(&session, &requested.text),
            Some(Err(error)) => Err(error),
            Some(Ok(())) => carry_by_engine(&runner, &session, &requested, &id).await,
        }
    };
    end(&state, &id, Phase::of(result, requested.row_limit));
}

async fn computed(runner: &Runner, requested: &Requested, id: &str) -> Result<Table, SqlError> {
    let answered = query(runner, &requested.principal, id, &requested.text).await;
    let answered = answered.map_err(|said| SqlError::new("INTERNAL_ERROR", "XX000", said))?;
    Ok(Table { columns: answered.columns.into_iter().map(|name| (name, "STRING")).collect(), rows: answered.rows })
}

/// By the engine, whose word is in the table's metadata; then as without one, for what Unity Catalog shows.
async fn carry_by_engine(
    runner: &Runner,
    session: &Session<'_>,
    requested: &Requested,
    id: &str,
) -> Result<Table, SqlError> {
    computed(runner, requested, id).await?;
    let noted = run(session, &requested.text)?;
    carried(session);
    Ok(noted)
}

fn end(state: &Sql, id: &str, phase: Phase) {
    state.statements.lock().end(id, phase, state.common.now());
}

fn rows_per_chunk(state: &Sql) -> usize {
    state.common.settings.lock().rows_per_chunk
}

fn payload(state: &Sql, caller: &Caller, id: &str) -> Answer {
    let rows = rows_per_chunk(state);
    let states = state.common.settings.lock().behaviour.sql_states;
    state.statements.lock().payload(&caller.name, id, rows, states, state.common.now()).map(Json)
}

pub async fn get(State(state): State<Sql>, caller: Caller, Path(id): Path<String>) -> Answer {
    payload(&state, &caller, &id)
}

pub async fn chunk(State(state): State<Sql>, caller: Caller, Path((id, at)): Path<(String, String)>) -> Answer {
    let at: usize = at.parse().map_err(|_| Refusal::invalid(format!("'{at}' is not a chunk's index.")))?;
    let rows = rows_per_chunk(&state);
    state.statements.lock().chunk(&caller.name, &id, at, rows, state.common.now()).map(Json)
}

/// Asynchronous: whether it came in time shows when the statement is polled.
pub async fn cancel(State(state): State<Sql>, caller: Caller, Path(id): Path<String>) -> Answer {
    let now = state.common.now();
    let mut statements = state.statements.lock();
    statements.poll(&caller.name, &id, now)?;
    statements.end(&id, Phase::Canceled, now);
    done()
}
