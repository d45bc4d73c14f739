//! The SQL warehouses.

use crate::base::{Page, Refusal};
use crate::state::Principal;
use crate::web::{Answer, Caller, Sql, done, page};
use axum::Json;
use axum::extract::{Path, State};
use serde_json::Value;

/// Starts it where it is stopped; gives its state, and whether it is serverless.
pub fn begin(state: &Sql, id: &str, caller: &Principal) -> Result<(&'static str, bool), Refusal> {
    let takes = state.common.settings.lock().warehouse_start;
    let now = state.common.now();
    let mut statements = state.statements.lock();
    let warehouse = statements.warehouses.get(id, caller)?;
    if warehouse.start(takes, now) {
        state.common.counts.warehouses_started.add_one();
    }
    Ok((warehouse.state(now), warehouse.enable_serverless_compute))
}

pub async fn list(State(state): State<Sql>, caller: Caller, asked: Page) -> Answer {
    let now = state.common.now();
    let statements = state.statements.lock();
    let all: Vec<Value> = statements.warehouses.of(&caller).map(|one| one.payload(now)).collect();
    page(asked.of("warehouses", &all, asked.plain(100, 100)))
}

pub async fn get(State(state): State<Sql>, caller: Caller, Path(id): Path<String>) -> Answer {
    let now = state.common.now();
    Ok(Json(state.statements.lock().warehouses.get(&id, &caller)?.payload(now)))
}

pub async fn start(State(state): State<Sql>, caller: Caller, Path(id): Path<String>) -> Answer {
    begin(&state, &id, &caller)?;
    done()
}

pub async fn stop(State(state): State<Sql>, caller: Caller, Path(id): Path<String>) -> Answer {
    state.statements.lock().warehouses.get(&id, &caller)?.stop();
    done()
}
