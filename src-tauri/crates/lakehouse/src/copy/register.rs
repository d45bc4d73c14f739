//! Zero-copy: the target adopts the source's metadata, and both share the files.
//!
//! A new metadata.json is written into the target's own folder. It has a uuid of its own (see `identity::uuid`), the
//! target's location, so that new files do not land in the source's folder, and `gc.enabled=false`, so that dropping or
//! expiring the target deletes nothing of the source. The source itself is never written to: its own clean-up can still
//! delete shared files, which a finding says before.

use super::common::identity::{self, check_pin, check_register};
use super::relocate::document;
use super::{Copier, CopyTask, Discarded, Prepared};
use crate::catalog::Publication;
use async_trait::async_trait;
use bytes::Bytes;
use icebridge_model::run::CopyOutcome;
use icebridge_model::{Error, Result};

pub struct Register;

#[async_trait]
impl Copier for Register {
    #[tracing::instrument(name = "copy", skip_all, fields(mode = "register"))]
    async fn copy(&self, task: &CopyTask<'_>) -> Result<Prepared> {
        prepare(task).await.map_err(|e| e.about(&task.source.ident))
    }

    async fn discard(&self, task: &CopyTask<'_>) -> Result<Discarded> {
        identity::discard(task).await
    }
}

async fn prepare(task: &CopyTask<'_>) -> Result<Prepared> {
    check_pin(task)?;
    check_register(task)?;
    document::refuse_encryption(&task.source.metadata)?;
    identity::check_cancelled(task)?;
    let staged = identity::stage(task, None).await?;
    let mut metadata = document::adopt(&task.source.metadata, &staged.location)?;
    let uuid = identity::uuid(task.plan_hash, task.target_ident, "table");
    document::set_uuid(&mut metadata, &uuid.to_string())?;
    let shared = [("gc.enabled".to_string(), "false".to_string())];
    document::set_properties(&mut metadata, identity::properties(task).into_iter().chain(shared))?;
    let text =
        serde_json::to_vec_pretty(&metadata).map_err(|e| Error::internal("table metadata to JSON").with_cause(e))?;
    let metadata_location = identity::metadata_location(&staged, task);
    let bytes_written = text.len() as u64;
    staged.storage.write(&metadata_location, Bytes::from(text)).await?;
    staged.storage.make_durable(&staged.location).await?;
    Ok(Prepared {
        outcome: CopyOutcome {
            target_metadata_location: metadata_location.clone(),
            target_location: staged.location,
            bytes_written,
            ..CopyOutcome::default()
        },
        publication: Publication::Register { metadata_location },
    })
}
