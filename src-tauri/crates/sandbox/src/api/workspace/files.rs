//! Folders and files.

use crate::base::{Fields, Params, Refusal, param};
use crate::state::workspace::{Kind, place};
use crate::web::{Answer, WorkspaceFiles, done};
use axum::Json;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{Response, header};
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub async fn mkdirs(State(state): State<WorkspaceFiles>, fields: Fields) -> Answer {
    let path = place(fields.must_text("path")?)?;
    state.tree.lock().mkdirs(&path, state.common.now())?;
    std::fs::create_dir_all(state.folder.workspace(&path)?)?;
    done()
}

pub async fn status(State(state): State<WorkspaceFiles>, Query(params): Query<Params>) -> Answer {
    let path = place(param(&params, "path"))?;
    state.tree.lock().payload(&path).map(Json)
}

pub async fn list(State(state): State<WorkspaceFiles>, Query(params): Query<Params>) -> Answer {
    let path = place(param(&params, "path"))?;
    let tree = state.tree.lock();
    let names = match tree.must(&path)?.kind {
        Kind::Directory => tree.children(&path),
        _ => vec![path],
    };
    let objects = names.iter().map(|name| tree.payload(name)).collect::<Result<Vec<Value>, _>>()?;
    // No objects, no field.
    Ok(Json(if objects.is_empty() { json!({}) } else { json!({"objects": objects}) }))
}

pub async fn export(
    State(state): State<WorkspaceFiles>,
    Query(params): Query<Params>,
) -> Result<Response<Body>, Refusal> {
    let path = place(param(&params, "path"))?;
    let kind = state.tree.lock().must(&path)?.kind;
    if kind == Kind::Directory {
        let message = format!("Path ({path}) is a folder; only files and notebooks are exported here.");
        return Err(Refusal::invalid(message));
    }
    let bytes = tokio::fs::read(state.folder.workspace(&path)?).await?;
    if param(&params, "direct_download") == "true" {
        return Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response());
    }
    Ok(Json(json!({"content": STANDARD.encode(bytes)})).into_response())
}

pub async fn delete(State(state): State<WorkspaceFiles>, fields: Fields) -> Answer {
    let path = place(fields.must_text("path")?)?;
    let mut tree = state.tree.lock();
    let kind = tree.check_removal(&path, fields.flag("recursive"))?;
    tree.remove(&path);
    let local = state.folder.workspace(&path)?;
    let removed = if kind == Kind::Directory { std::fs::remove_dir_all(&local) } else { std::fs::remove_file(&local) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => done(),
    }
}
