//! Files going in, and out of existence.

use super::download::no_file;
use super::place::volume_path;
use crate::base::{Params, Refusal};
use crate::web::{Caller, Files};
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use futures::StreamExt;
use tokio::io::AsyncWriteExt;

/// The most that one request may carry.
const MAX_FILE_BYTES: u64 = 5 << 30;

pub async fn put(
    State(state): State<Files>,
    caller: Caller,
    Path(path): Path<String>,
    Query(params): Query<Params>,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let to = volume_path(&state, &caller, &path, "WRITE_VOLUME")?;
    let overwrite = params.get("overwrite").is_none_or(|value| value != "false");
    let exists = || Refusal::new(409, "ALREADY_EXISTS", "The file being created already exists.");
    if to.is_root || to.local.is_dir() {
        return Err(Refusal::bad("The path is a directory."));
    }
    if !overwrite && to.local.exists() {
        return Err(exists());
    }
    // Written aside: a file is there whole or not at all.
    let aside = state.folder.runtime().join(format!("upload-{}", state.common.ids.uuid()));
    let written = write(&aside, body).await;
    let moved = match written {
        Err(refusal) => Err(refusal),
        Ok(()) => {
            if let Some(parent) = to.local.parent() {
                tokio::fs::create_dir_all(parent).await?;
            }
            if overwrite {
                tokio::fs::rename(&aside, &to.local).await.map_err(Refusal::from)
            } else {
                // Of two that make the same file, one must lose.
                tokio::fs::hard_link(&aside, &to.local).await.map_err(|_| exists())
            }
        }
    };
    if moved.is_err() || !overwrite {
        let _ = tokio::fs::remove_file(&aside).await;
    }
    moved.map(|()| StatusCode::NO_CONTENT)
}

async fn write(aside: &std::path::Path, body: Body) -> Result<(), Refusal> {
    let mut file = tokio::fs::File::create(aside).await?;
    let mut stream = body.into_data_stream();
    let mut length = 0_u64;
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| Refusal::bad(format!("The upload broke off: {error}")))?;
        length += piece.len() as u64;
        if length > MAX_FILE_BYTES {
            return Err(Refusal::new(413, "RESOURCE_EXHAUSTED", "The file is larger than 5 GiB."));
        }
        file.write_all(&piece).await?;
    }
    file.flush().await?;
    Ok(())
}

pub async fn delete(
    State(state): State<Files>,
    caller: Caller,
    Path(path): Path<String>,
) -> Result<StatusCode, Refusal> {
    let at = volume_path(&state, &caller, &path, "WRITE_VOLUME")?;
    if !at.local.is_file() {
        return Err(no_file());
    }
    tokio::fs::remove_file(&at.local).await?;
    Ok(StatusCode::NO_CONTENT)
}
