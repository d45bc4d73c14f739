//! Temporary credentials of a table: the other side of the governance gate.

use crate::base::{Fields, Refusal};
use crate::unity::{Kind, Securable};
use crate::web::{Answer, Caller, Unity};
use axum::Json;
use axum::extract::State;
use serde_json::json;

const HOUR_MS: i64 = 3_600_000;

/// The keys open nothing: the sandbox has no object store behind its `s3://` addresses.
pub async fn table(State(state): State<Unity>, caller: Caller, fields: Fields) -> Answer {
    let id = fields.must_text("table_id")?;
    let privileges: &[&str] = match fields.text("operation")? {
        Some("READ") => &["SELECT"],
        Some("READ_WRITE") => &["SELECT", "MODIFY"],
        other => return Err(Refusal::invalid(format!("operation must be READ or READ_WRITE, not {other:?}"))),
    };
    let metastore = state.metastore.lock();
    let table = metastore.all_tables().find(|table| table.id == id);
    let table = table.ok_or_else(|| Kind::Table.does_not_exist(id))?;
    metastore.must_allow_external(&caller, &Securable::new(Kind::Table, &table.full_name), privileges)?;
    if privileges.contains(&"MODIFY") && table.kind == "FOREIGN" {
        return Err(Refusal::unity(400, "BAD_REQUEST", "Credentials to write are not vended for foreign tables."));
    }
    let ids = &state.common.ids;
    Ok(Json(json!({
        "aws_temp_credentials": {
            "access_key_id": format!("ASIA{}", ids.hex16().to_uppercase()),
            "secret_access_key": format!("sandbox-{}", ids.hex16()), "session_token": format!("sandbox-{}", ids.uuid()),
        },
        "expiration_time": state.common.now() + HOUR_MS,
        "url": table.location.unwrap_or_default(),
    })))
}
