//! Temporary credentials of a table: the other side of the governance gate.

use super::securable::{Kind, Securable};
use crate::answer::{Answer, Refusal};
use crate::body::Fields;
use crate::caller::Caller;
use crate::world::{Shared, locked};
use axum::Json;
use axum::extract::State;
use serde_json::json;

const HOUR_MS: i64 = 3_600_000;

/// The keys open nothing: the sandbox has no object store behind its `s3://` addresses.
pub async fn table(State(world): State<Shared>, caller: Caller, fields: Fields) -> Answer {
    let id = fields.must_text("table_id")?;
    let writes = match fields.text("operation")? {
        Some("READ") => false,
        Some("READ_WRITE") => true,
        other => return Err(Refusal::invalid(format!("operation must be READ or READ_WRITE, not {other:?}"))),
    };
    let metastore = locked(&world.unity);
    let made = (0..metastore.seeded.all()).filter_map(|at| u32::try_from(at).ok());
    let found = metastore.tables.values().find(|table| table.id == id).cloned();
    let found = found.or_else(|| made.map(|at| metastore.seeded.table(at)).find(|table| table.id == id));
    let table = found.ok_or_else(|| Kind::Table.does_not_exist(id))?;
    if !metastore.external_access {
        let words = "External data access is not enabled on this metastore.";
        return Err(Refusal::unity(403, "PERMISSION_DENIED", words));
    }
    let securable = Securable::new(Kind::Table, &table.full_name);
    for privilege in ["EXTERNAL_USE_SCHEMA", "SELECT"].into_iter().chain(writes.then_some("MODIFY")) {
        if !metastore.allows(&caller, &securable, privilege) {
            let words = format!("User does not have {} on {securable}.", privilege.replace('_', " "));
            return Err(Refusal::unity(403, "PERMISSION_DENIED", words));
        }
    }
    if writes && table.kind == "FOREIGN" {
        return Err(Refusal::unity(400, "BAD_REQUEST", "Credentials to write are not vended for foreign tables."));
    }
    let part = world.ids.hex16().to_uppercase();
    Ok(Json(json!({
        "aws_temp_credentials": {
            "access_key_id": format!("ASIA{part}"), "secret_access_key": format!("sandbox-{}", world.ids.hex16()),
            "session_token": format!("sandbox-{}", world.ids.uuid()),
        },
        "expiration_time": world.clock.now() + HOUR_MS,
        "url": table.location.unwrap_or_default(),
    })))
}
