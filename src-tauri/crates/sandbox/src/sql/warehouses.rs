//! The one SQL warehouse. It stands still until somebody needs it.

use crate::answer::{Answer, Refusal};
use crate::counts::one;
use crate::page::Page;
use crate::people::ADMIN;
use crate::world::{Shared, World, locked, millis};
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

pub const ID: &str = "5a4db0c5a4db0c51";

fn told(world: &World) -> Value {
    let now = world.clock.now();
    let state = match locked(&world.statements).warehouse_ready {
        None => "STOPPED",
        Some(at) if at > now => "STARTING",
        Some(_) => "RUNNING",
    };
    json!({
        "id": ID, "name": "Sandbox Warehouse", "state": state, "size": "SMALL", "cluster_size": "Small",
        "min_num_clusters": 1, "max_num_clusters": 1, "num_clusters": i32::from(state == "RUNNING"), "auto_stop_mins": 10,
        "enable_photon": true, "enable_serverless_compute": true, "warehouse_type": "PRO", "creator_name": ADMIN,
        "spot_instance_policy": "COST_OPTIMIZED", "num_active_sessions": 0, "health": {"status": "HEALTHY"},
        "odbc_params": {"hostname": "127.0.0.1", "path": format!("/sql/1.0/warehouses/{ID}"), "port": 443, "protocol": "https"},
    })
}

/// A start that takes its time; one that has begun is not begun again.
pub fn begin(world: &World) {
    let wait = locked(&world.settings).warehouse_start;
    let now = world.clock.now();
    let mut statements = locked(&world.statements);
    if statements.warehouse_ready.is_none() {
        statements.warehouse_ready = Some(now + millis(wait));
        one(&world.counts.warehouses_started);
    }
}

pub fn known(id: &str) -> Result<(), Refusal> {
    if id == ID { Ok(()) } else { Err(Refusal::absent(format!("SQL warehouse {id} does not exist."))) }
}

pub async fn list(State(world): State<Shared>, page: Page) -> Answer {
    Ok(Json(Value::Object(page.of("warehouses", &[told(&world)], page.plain(100, 100)))))
}

pub async fn get(State(world): State<Shared>, Path(id): Path<String>) -> Answer {
    known(&id)?;
    Ok(Json(told(&world)))
}

pub async fn start(State(world): State<Shared>, Path(id): Path<String>) -> Answer {
    known(&id)?;
    begin(&world);
    Ok(Json(json!({})))
}

pub async fn stop(State(world): State<Shared>, Path(id): Path<String>) -> Answer {
    known(&id)?;
    locked(&world.statements).warehouse_ready = None;
    Ok(Json(json!({})))
}
