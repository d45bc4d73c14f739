//! Files going in, and out of existence.

use crate::answer::Refusal;
use crate::caller::Caller;
use crate::world::Shared;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use futures::StreamExt;
use std::collections::HashMap;
use tokio::io::AsyncWriteExt;

/// The most that one request may carry.
const LARGEST: u64 = 5 << 30;

pub async fn put(
    State(world): State<Shared>,
    caller: Caller,
    Path(path): Path<String>,
    Query(asked): Query<HashMap<String, String>>,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let to = world.volume_path(&caller, &path, "WRITE_VOLUME")?;
    let overwrite = asked.get("overwrite").is_none_or(|value| value != "false");
    let exists = || Refusal::new(409, "ALREADY_EXISTS", "The file being created already exists.");
    if to.is_root || to.local.is_dir() {
        return Err(Refusal::new(400, "BAD_REQUEST", "The path is a directory."));
    }
    if !overwrite && to.local.exists() {
        return Err(exists());
    }
    // Written aside: a file is there whole or not at all.
    let aside = world.folder.runtime().join(format!("upload-{}", world.ids.uuid()));
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
        if length > LARGEST {
            return Err(Refusal::new(413, "RESOURCE_EXHAUSTED", "The file is larger than 5 GiB."));
        }
        file.write_all(&piece).await?;
    }
    file.flush().await?;
    Ok(())
}

pub async fn delete(
    State(world): State<Shared>,
    caller: Caller,
    Path(path): Path<String>,
) -> Result<StatusCode, Refusal> {
    let at = world.volume_path(&caller, &path, "WRITE_VOLUME")?;
    if !at.local.is_file() {
        return Err(super::download::no_file());
    }
    tokio::fs::remove_file(&at.local).await?;
    Ok(StatusCode::NO_CONTENT)
}
