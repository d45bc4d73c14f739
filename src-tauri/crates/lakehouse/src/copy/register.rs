//! Zero-copy: the target adopts the source's metadata, and both share the files.
//!
//! A new metadata.json is written into the target's own folder. It has a uuid of its own (see `identity::uuid`), the
//! target's location, so that new files do not land in the source's folder, and `gc.enabled=false`, so that dropping or
//! expiring the target deletes nothing of the source. The source itself is never written to: its own clean-up can still
//! delete shared files, which a finding says before.

use super::common::checks::{self, check_pin, check_register};
use super::common::marks;
use super::common::round::write_metadata;
use super::common::{identity, place};
use super::relocate::document;
use super::{Copier, CopyTask, Discarded, Onto, Prepared};
use crate::catalog::{Publication, Staged};
use async_trait::async_trait;
use icebridge_model::Result;
use icebridge_model::run::CopyOutcome;

pub struct Register;

#[async_trait]
impl Copier for Register {
    #[tracing::instrument(name = "copy", skip_all, fields(mode = "register"))]
    async fn copy(&self, task: &CopyTask<'_>) -> Result<Prepared> {
        prepare(task).await.map_err(|e| e.about(&task.source.ident))
    }

    async fn discard(&self, task: &CopyTask<'_>) -> Result<Discarded> {
        place::discard(task).await
    }

    async fn advance(&self, task: &CopyTask<'_>, onto: &Onto<'_>) -> Result<Prepared> {
        let write = async {
            document::refuse_encryption(&task.source.metadata)?;
            write(task, &Staged::of(onto.target), Some(onto)).await
        };
        write.await.map_err(|e| e.about(&task.source.ident))
    }
}

async fn prepare(task: &CopyTask<'_>) -> Result<Prepared> {
    check_pin(task)?;
    check_register(task)?;
    document::refuse_encryption(&task.source.metadata)?;
    checks::check_cancelled(task)?;
    let staged = place::stage(task, None).await?;
    write(task, &staged, None).await
}

async fn write(task: &CopyTask<'_>, staged: &Staged, onto: Option<&Onto<'_>>) -> Result<Prepared> {
    let mut metadata = document::adopt(&task.source.metadata, &staged.location)?;
    let uuid = identity::uuid(task.plan_hash, task.target_ident, "table");
    document::set_uuid(&mut metadata, &uuid.to_string())?;
    let shared = [("gc.enabled".to_string(), "false".to_string())];
    marks::set(&mut metadata, task)?;
    document::set_properties(&mut metadata, shared)?;
    if let Some(onto) = onto {
        onto.check_uuid(task)?;
        onto.mark(&mut metadata, task)?;
    }
    let first = || place::metadata_location(staged, task);
    let metadata_location = onto.map_or_else(first, |onto| onto.metadata_location(task));
    let bytes_written = write_metadata(staged, &metadata_location, &metadata).await?;
    Ok(Prepared {
        outcome: CopyOutcome {
            target_metadata_location: metadata_location.clone(),
            target_location: staged.location.clone(),
            bytes_written,
            ..CopyOutcome::default()
        },
        publication: Publication::Register { metadata_location },
    })
}
