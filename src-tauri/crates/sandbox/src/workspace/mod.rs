//! Workspace files and notebooks.

mod import;
mod tree;

pub use tree::{Kind, Tree, place};

use crate::answer::{Answer, Refusal};
use crate::body::Fields;
use crate::world::{Shared, locked};
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{Response, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::HashMap;

type Asked = HashMap<String, String>;

pub fn routes() -> Router<Shared> {
    let workspace = Router::new()
        .route("/import", post(import::import).layer(DefaultBodyLimit::max(32 << 20)))
        .route("/mkdirs", post(mkdirs))
        .route("/get-status", get(status))
        .route("/list", get(list))
        .route("/export", get(export))
        .route("/delete", post(delete));
    Router::new().nest("/api/2.0/workspace", workspace)
}

fn path_of(asked: &Asked) -> Result<String, Refusal> {
    place(asked.get("path").map_or("", String::as_str))
}

async fn mkdirs(State(world): State<Shared>, fields: Fields) -> Answer {
    let path = place(fields.must_text("path")?)?;
    let now = world.clock.now();
    locked(&world.workspace).mkdirs(&path, now)?;
    std::fs::create_dir_all(world.folder.workspace(&path)?)?;
    Ok(Json(json!({})))
}

async fn status(State(world): State<Shared>, Query(asked): Query<Asked>) -> Answer {
    Ok(Json(locked(&world.workspace).told(&path_of(&asked)?)?))
}

async fn list(State(world): State<Shared>, Query(asked): Query<Asked>) -> Answer {
    let path = path_of(&asked)?;
    let tree = locked(&world.workspace);
    let names = match tree.must(&path)?.kind {
        Kind::Directory => tree.children(&path),
        _ => vec![path],
    };
    let objects = names.iter().map(|name| tree.told(name)).collect::<Result<Vec<Value>, _>>()?;
    // No objects, no field.
    Ok(Json(if objects.is_empty() { json!({}) } else { json!({"objects": objects}) }))
}

async fn export(State(world): State<Shared>, Query(asked): Query<Asked>) -> Result<Response<Body>, Refusal> {
    let path = path_of(&asked)?;
    let node = locked(&world.workspace).must(&path)?.clone();
    if node.kind == Kind::Directory {
        return Err(Refusal::invalid(format!(
            "Path ({path}) is a folder; only files and notebooks are exported here."
        )));
    }
    let bytes = tokio::fs::read(world.folder.workspace(&path)?).await?;
    if asked.get("direct_download").is_some_and(|value| value == "true") {
        return Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response());
    }
    Ok(Json(json!({"content": STANDARD.encode(bytes)})).into_response())
}

async fn delete(State(world): State<Shared>, fields: Fields) -> Answer {
    let path = place(fields.must_text("path")?)?;
    let mut tree = locked(&world.workspace);
    let kind = tree.must(&path)?.kind;
    if path.matches('/').count() < 2 {
        return Err(Refusal::new(400, "BAD_REQUEST", format!("Path ({path}) is a protected folder.")));
    }
    if kind == Kind::Directory && !fields.flag("recursive") && !tree.children(&path).is_empty() {
        return Err(Refusal::new(400, "DIRECTORY_NOT_EMPTY", format!("Folder ({path}) is not empty")));
    }
    tree.remove(&path);
    let local = world.folder.workspace(&path)?;
    let removed = if kind == Kind::Directory { std::fs::remove_dir_all(&local) } else { std::fs::remove_file(&local) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(Json(json!({}))),
    }
}
