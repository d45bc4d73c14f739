//! Statements: begun, waited for, polled, cancelled, and forgotten if nobody asks for them.

use super::engine::{Session, Table, Wrong, run};
use super::warehouses;
use crate::answer::{Answer, Refusal};
use crate::body::{Fields, plain};
use crate::caller::Caller;
use crate::counts::one;
use crate::people::Person;
use crate::world::{Shared, World, locked};
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const LONGEST: usize = 16 << 20;
/// An inline answer may have so many bytes.
const INLINE: usize = 25 << 20;
/// Who does not poll for so long loses the statement.
const IDLE_MS: i64 = 15 * 60_000;
const RESULT_MS: i64 = 3_600_000;
const LOOK: Duration = Duration::from_millis(10);

#[derive(Default)]
pub struct Statements {
    all: BTreeMap<String, Statement>,
    /// When the warehouse is up; None while it stands.
    pub warehouse_ready: Option<i64>,
}

struct Statement {
    owner: String,
    phase: Phase,
    polled: i64,
    ended: i64,
}

#[derive(Clone)]
enum Phase {
    Pending,
    Running,
    Succeeded(Table),
    Failed(Wrong),
    Canceled,
    Closed,
}

pub async fn execute(State(world): State<Shared>, caller: Caller, fields: Fields) -> Answer {
    warehouses::known(fields.must_text("warehouse_id")?)?;
    let text = fields.must_text("statement")?.to_owned();
    if text.len() > LONGEST {
        return Err(Refusal::invalid("The statement is larger than 16 MiB."));
    }
    let wait = wait(&fields)?;
    let cancels = match fields.text("on_wait_timeout")? {
        None | Some("CONTINUE") => false,
        Some("CANCEL") if !wait.is_zero() => true,
        other => return Err(Refusal::invalid(format!("on_wait_timeout cannot be {other:?} here."))),
    };
    let disposition = fields.text("disposition")?.unwrap_or("INLINE");
    let format = fields.text("format")?.unwrap_or("JSON_ARRAY");
    if (disposition, format) != ("INLINE", "JSON_ARRAY") {
        let words = "The sandbox answers with the disposition INLINE in the format JSON_ARRAY only.";
        return Err(Refusal::invalid(words));
    }
    let asked = Asked {
        text,
        person: caller.0.clone(),
        catalog: fields.text("catalog")?.unwrap_or("main").to_lowercase(),
        schema: fields.text("schema")?.unwrap_or("default").to_lowercase(),
        parameters: parameters(&fields)?,
        row_limit: fields.int("row_limit")?.and_then(|limit| usize::try_from(limit).ok()),
    };
    let id = format!("01f0{}", &world.ids.uuid().get(4..).unwrap_or_default());
    let now = world.clock.now();
    let fresh = Statement { owner: caller.name.clone(), phase: Phase::Pending, polled: now, ended: 0 };
    locked(&world.statements).all.insert(id.clone(), fresh);
    one(&world.counts.statements);
    warehouses::begin(&world);
    let task = tokio::spawn(carry_out(world.clone(), id.clone(), asked));
    if !wait.is_zero() {
        let late = tokio::time::timeout(wait, task).await.is_err();
        if late && cancels {
            end(&world, &id, Phase::Canceled);
        }
    }
    told(&world, &caller, &id)
}

struct Asked {
    text: String,
    person: Person,
    catalog: String,
    schema: String,
    parameters: BTreeMap<String, Value>,
    row_limit: Option<usize>,
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
            (Some(text), kind)
                if kind == "STRING" || kind == "DATE" || kind == "TIMESTAMP" || kind.starts_with("DECIMAL") =>
            {
                text.into()
            }
            _ => return Err(bad()),
        };
        all.insert(name, value);
    }
    Ok(all)
}

async fn carry_out(world: Shared, id: String, asked: Asked) {
    loop {
        let ready = {
            let now = world.clock.now();
            let statements = locked(&world.statements);
            statements.warehouse_ready.is_some_and(|at| at <= now)
        };
        if is_over(&world, &id) {
            return;
        }
        if ready {
            break;
        }
        // Somebody stopped it: what waits starts it again.
        warehouses::begin(&world);
        tokio::time::sleep(LOOK).await;
    }
    if let Some(statement) = locked(&world.statements).all.get_mut(&id) {
        statement.phase = Phase::Running;
    }
    let takes = locked(&world.settings).statement_time;
    tokio::time::sleep(takes).await;
    if is_over(&world, &id) {
        return;
    }
    let session = Session {
        world: &world,
        person: &asked.person,
        catalog: asked.catalog,
        schema: asked.schema,
        parameters: asked.parameters,
    };
    let phase = match run(&session, &asked.text) {
        Ok(mut table) => {
            table.rows.truncate(asked.row_limit.unwrap_or(usize::MAX));
            let bytes: usize = table.rows.iter().flatten().flatten().map(String::len).sum();
            if bytes > INLINE {
                let words = "Inline byte limit exceeded. Statements executed with disposition=INLINE can have a result size \
                             of at most 26214400 bytes.";
                Phase::Failed(Wrong { code: "BAD_REQUEST".to_owned(), state: "54000", message: words.to_owned() })
            } else {
                Phase::Succeeded(table)
            }
        }
        Err(wrong) => Phase::Failed(wrong),
    };
    end(&world, &id, phase);
}

fn is_over(world: &World, id: &str) -> bool {
    let statements = locked(&world.statements);
    statements.all.get(id).is_none_or(|one| !matches!(one.phase, Phase::Pending | Phase::Running))
}

/// The first end counts.
fn end(world: &World, id: &str, phase: Phase) {
    let now = world.clock.now();
    if let Some(statement) = locked(&world.statements).all.get_mut(id)
        && matches!(statement.phase, Phase::Pending | Phase::Running)
    {
        statement.phase = phase;
        statement.ended = now;
    }
}

fn no_statement(id: &str) -> Refusal {
    Refusal::new(404, "NOT_FOUND", format!("The statement {id} was not found."))
}

/// Its phase, for its owner; time takes its toll before.
fn look(world: &World, caller: &Person, id: &str) -> Result<Phase, Refusal> {
    let now = world.clock.now();
    let mut statements = locked(&world.statements);
    let statement =
        statements.all.get_mut(id).filter(|one| one.owner == caller.name).ok_or_else(|| no_statement(id))?;
    match statement.phase {
        Phase::Pending | Phase::Running if now - statement.polled > IDLE_MS => {
            statement.phase = Phase::Canceled;
            statement.ended = now;
        }
        Phase::Succeeded(_) if now - statement.ended > RESULT_MS => statement.phase = Phase::Closed,
        _ => {}
    }
    statement.polled = now;
    Ok(statement.phase.clone())
}

fn told(world: &World, caller: &Person, id: &str) -> Answer {
    let phase = look(world, caller, id)?;
    let state = |word: &str| json!({"state": word});
    let mut told = json!({"statement_id": id});
    told["status"] = match &phase {
        Phase::Pending => state("PENDING"),
        Phase::Running => state("RUNNING"),
        Phase::Canceled => state("CANCELED"),
        Phase::Closed => state("CLOSED"),
        Phase::Succeeded(_) => state("SUCCEEDED"),
        // With 200: the call went well, the statement did not.
        Phase::Failed(wrong) => json!({
            "state": "FAILED", "error": {"error_code": wrong.code, "message": wrong.message}, "sql_state": wrong.state,
        }),
    };
    if let Phase::Succeeded(table) = &phase {
        let size = locked(&world.settings).rows_per_chunk;
        told["manifest"] = manifest(table, size);
        told["result"] = result(id, table, size, 0).unwrap_or_else(|| json!({}));
    }
    Ok(Json(told))
}

fn chunks(table: &Table, size: usize) -> usize {
    table.rows.len().div_ceil(size).max(1)
}

fn manifest(table: &Table, size: usize) -> Value {
    let columns: Vec<Value> = table
        .columns
        .iter()
        .enumerate()
        .map(|(at, (name, kind))| {
            let text = if *kind == "LONG" { "BIGINT" } else { kind };
            json!({"name": name, "position": at, "type_name": kind, "type_text": text})
        })
        .collect();
    let each: Vec<Value> = (0..chunks(table, size))
        .map(|at| {
            let rows = table.rows.len().saturating_sub(at * size).min(size);
            json!({"chunk_index": at, "row_offset": at * size, "row_count": rows})
        })
        .collect();
    json!({
        "format": "JSON_ARRAY", "schema": {"column_count": columns.len(), "columns": columns},
        "total_row_count": table.rows.len(), "total_chunk_count": each.len(), "truncated": false, "chunks": each,
    })
}

fn result(id: &str, table: &Table, size: usize, at: usize) -> Option<Value> {
    let count = chunks(table, size);
    if at >= count {
        return None;
    }
    let rows = table.rows.get(at * size..(at * size + size).min(table.rows.len())).unwrap_or_default();
    let mut told = json!({"chunk_index": at, "row_offset": at * size, "row_count": rows.len(), "data_array": rows});
    if at + 1 < count {
        told["next_chunk_index"] = (at + 1).into();
        told["next_chunk_internal_link"] = format!("/api/2.0/sql/statements/{id}/result/chunks/{}", at + 1).into();
    }
    Some(told)
}

pub async fn get(State(world): State<Shared>, caller: Caller, Path(id): Path<String>) -> Answer {
    told(&world, &caller, &id)
}

pub async fn chunk(State(world): State<Shared>, caller: Caller, Path((id, at)): Path<(String, String)>) -> Answer {
    let at: usize = at.parse().map_err(|_| Refusal::invalid(format!("'{at}' is not a chunk's index.")))?;
    let size = locked(&world.settings).rows_per_chunk;
    match look(&world, &caller, &id)? {
        Phase::Succeeded(table) => {
            let found = result(&id, &table, size, at);
            found.map(Json).ok_or_else(|| Refusal::invalid(format!("The result has no chunk {at}.")))
        }
        Phase::Closed => {
            Err(Refusal::new(404, "NOT_FOUND", format!("The result of statement {id} is no longer there.")))
        }
        _ => Err(Refusal::new(400, "BAD_REQUEST", format!("The statement {id} has no result."))),
    }
}

/// Asked for; whether it comes in time shows when one looks.
pub async fn cancel(State(world): State<Shared>, caller: Caller, Path(id): Path<String>) -> Answer {
    look(&world, &caller, &id)?;
    end(&world, &id, Phase::Canceled);
    Ok(Json(json!({})))
}
