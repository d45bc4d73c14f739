//! The one SQL warehouse. It is stopped until a statement needs it.

use crate::base::{Page, Refusal};
use crate::state::ADMIN;
use crate::web::{Answer, Sql, done, page};
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

const ID: &str = "5a4db0c5a4db0c51";

fn payload(state: &Sql) -> Value {
    let now = state.common.now();
    let status = state.statements.lock().warehouse_state(now);
    json!({
        "id": ID, "name": "Sandbox Warehouse", "state": status, "size": "SMALL", "cluster_size": "Small",
        "min_num_clusters": 1, "max_num_clusters": 1, "num_clusters": i32::from(status == "RUNNING"), "auto_stop_mins": 10,
        "enable_photon": true, "enable_serverless_compute": true, "warehouse_type": "PRO", "creator_name": ADMIN,
        "spot_instance_policy": "COST_OPTIMIZED", "num_active_sessions": 0, "health": {"status": "HEALTHY"},
        "odbc_params": {"hostname": "127.0.0.1", "path": format!("/sql/1.0/warehouses/{ID}"), "port": 443, "protocol": "https"},
    })
}

pub fn begin(state: &Sql) {
    let takes = state.common.settings.lock().warehouse_start;
    if state.statements.lock().start_warehouse(takes, state.common.now()) {
        state.common.counts.warehouses_started.add_one();
    }
}

pub fn must_exist(id: &str) -> Result<(), Refusal> {
    if id == ID { Ok(()) } else { Err(Refusal::absent(format!("SQL warehouse {id} does not exist."))) }
}

pub async fn list(State(state): State<Sql>, asked: Page) -> Answer {
    page(asked.of("warehouses", &[payload(&state)], asked.plain(100, 100)))
}

pub async fn get(State(state): State<Sql>, Path(id): Path<String>) -> Answer {
    must_exist(&id)?;
    Ok(Json(payload(&state)))
}

pub async fn start(State(state): State<Sql>, Path(id): Path<String>) -> Answer {
    must_exist(&id)?;
    begin(&state);
    done()
}

pub async fn stop(State(state): State<Sql>, Path(id): Path<String>) -> Answer {
    must_exist(&id)?;
    state.statements.lock().stop_warehouse();
    done()
}
