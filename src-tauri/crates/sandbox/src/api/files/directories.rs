//! Directories of volumes.

use super::place::volume_path;
use crate::base::{Page, Refusal};
use crate::web::{Answer, Caller, Files, page};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::json;
use std::time::UNIX_EPOCH;

const MAX_PAGE: usize = 1_000;

fn no_directory() -> Refusal {
    Refusal::not_found("The directory being accessed is not found.")
}

/// With its parents; one that is there already is well.
pub async fn put(State(state): State<Files>, caller: Caller, Path(path): Path<String>) -> Result<StatusCode, Refusal> {
    let at = volume_path(&state, &caller, &path, "WRITE_VOLUME")?;
    if at.local.is_file() {
        return Err(Refusal::new(409, "ALREADY_EXISTS", "A file exists at the path."));
    }
    tokio::fs::create_dir_all(&at.local).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn get(State(state): State<Files>, caller: Caller, Path(path): Path<String>, asked: Page) -> Answer {
    let at = volume_path(&state, &caller, &path, "READ_VOLUME")?;
    let mut entries = tokio::fs::read_dir(&at.local).await.map_err(|_| no_directory())?;
    let mut found = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        let metadata = entry.metadata().await?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut payload = json!({
            "path": format!("{}/{name}", at.shown), "name": name, "is_directory": metadata.is_dir(),
            "last_modified": u64::try_from(modified.as_millis()).unwrap_or(u64::MAX),
        });
        if metadata.is_file() {
            payload["file_size"] = metadata.len().into();
        }
        found.push(payload);
    }
    found.sort_by(|one, other| one["name"].as_str().cmp(&other["name"].as_str()));
    page(asked.of("contents", &found, asked.plain(MAX_PAGE, MAX_PAGE)))
}

pub async fn delete(
    State(state): State<Files>,
    caller: Caller,
    Path(path): Path<String>,
) -> Result<StatusCode, Refusal> {
    let at = volume_path(&state, &caller, &path, "WRITE_VOLUME")?;
    if at.is_root {
        return Err(Refusal::bad(format!("The root of {} cannot be deleted.", at.volume)));
    }
    let mut entries = tokio::fs::read_dir(&at.local).await.map_err(|_| no_directory())?;
    if entries.next_entry().await?.is_some() {
        return Err(Refusal::bad("The directory is not empty."));
    }
    tokio::fs::remove_dir(&at.local).await?;
    Ok(StatusCode::NO_CONTENT)
}
