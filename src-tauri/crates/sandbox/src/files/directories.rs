//! Directories of volumes.

use crate::answer::{Answer, Refusal};
use crate::caller::Caller;
use crate::page::Page;
use crate::world::Shared;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::time::UNIX_EPOCH;

const MOST: usize = 1_000;

fn no_directory() -> Refusal {
    Refusal::new(404, "NOT_FOUND", "The directory being accessed is not found.")
}

/// With its parents; one that is there already is well.
pub async fn put(State(world): State<Shared>, caller: Caller, Path(path): Path<String>) -> Result<StatusCode, Refusal> {
    let at = world.volume_path(&caller, &path, "WRITE_VOLUME")?;
    if at.local.is_file() {
        return Err(Refusal::new(409, "ALREADY_EXISTS", "A file exists at the path."));
    }
    tokio::fs::create_dir_all(&at.local).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn get(State(world): State<Shared>, caller: Caller, Path(path): Path<String>, page: Page) -> Answer {
    let at = world.volume_path(&caller, &path, "READ_VOLUME")?;
    let mut entries = tokio::fs::read_dir(&at.local).await.map_err(|_| no_directory())?;
    let mut found = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        let metadata = entry.metadata().await?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut told = json!({
            "path": format!("{}/{name}", at.shown), "name": name, "is_directory": metadata.is_dir(),
            "last_modified": u64::try_from(modified.as_millis()).unwrap_or(u64::MAX),
        });
        if metadata.is_file() {
            told["file_size"] = metadata.len().into();
        }
        found.push(told);
    }
    found.sort_by(|one, other| one["name"].as_str().cmp(&other["name"].as_str()));
    Ok(Json(Value::Object(page.of("contents", &found, page.plain(MOST, MOST)))))
}

pub async fn delete(
    State(world): State<Shared>,
    caller: Caller,
    Path(path): Path<String>,
) -> Result<StatusCode, Refusal> {
    let at = world.volume_path(&caller, &path, "WRITE_VOLUME")?;
    if at.is_root {
        return Err(Refusal::new(400, "BAD_REQUEST", format!("The root of {} cannot be deleted.", at.volume)));
    }
    let mut entries = tokio::fs::read_dir(&at.local).await.map_err(|_| no_directory())?;
    if entries.next_entry().await?.is_some() {
        return Err(Refusal::new(400, "BAD_REQUEST", "The directory is not empty."));
    }
    tokio::fs::remove_dir(&at.local).await?;
    Ok(StatusCode::NO_CONTENT)
}
