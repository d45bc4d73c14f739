//! Names of what a plan makes: the same at every resume, different for every plan and table.

use super::CopyTask;
use crate::catalog::Staged;
use crate::location::is_below;
use crate::provenance::{PROPERTY_PLAN, PROPERTY_SOURCE_METADATA, PROPERTY_SOURCE_SNAPSHOT, PROPERTY_SOURCE_UUID};
use icebridge_model::{Code, Error, Result, TableIdent};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

fn digest(plan_hash: &str, target: &TableIdent, purpose: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [plan_hash, &target.to_string(), purpose] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Every table we make is a table of its own: it and its source diverge with the first commit to either, and caches and
/// catalogs that know tables by uuid would take one for the other.
pub fn uuid(plan_hash: &str, target: &TableIdent, purpose: &str) -> Uuid {
    let digest = digest(plan_hash, target, purpose);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    // Version 8: "vendor specific", made from a hash that is not SHA-1.
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// Positive, as engines expect snapshot ids to be.
pub fn snapshot_id(plan_hash: &str, target: &TableIdent) -> i64 {
    let digest = digest(plan_hash, target, "snapshot");
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    (i64::from_be_bytes(bytes) & i64::MAX).max(1)
}

/// The part of the plan's hash that names folders.
fn token(plan_hash: &str) -> &str {
    plan_hash.get(..12).unwrap_or(plan_hash)
}

pub async fn stage(task: &CopyTask<'_>) -> Result<Staged> {
    let mut staged = task
        .target
        .stage(task.target_ident, token(task.plan_hash), &task.source.metadata.raw)
        .await
        .map_err(|e| e.about(task.target_ident))?;
    staged.location = staged.location.trim_end_matches('/').to_string();
    Ok(staged)
}

/// Takes back all that was staged. Nothing else writes below the staged folder, so no other file can be hit, unless the
/// source lies in it, which is refused.
pub async fn discard(task: &CopyTask<'_>) -> Result<()> {
    let staged = stage(task).await?;
    let source = format!("{}/metadata", task.source.metadata.location);
    if is_below(&source, &staged.location) || is_below(&task.source.metadata_location, &staged.location) {
        return Err(
            Error::internal("the source lies in the staged folder; nothing was deleted").about(&staged.location)
        );
    }
    staged.storage.delete_prefix(&staged.location).await.map_err(|e| e.about(task.target_ident))
}

/// `metadata/00000-<uuid>.metadata.json`: engines count on from the number.
pub fn metadata_location(staged: &Staged, task: &CopyTask<'_>) -> String {
    format!("{}/metadata/00000-{}.metadata.json", staged.location, uuid(task.plan_hash, task.target_ident, "metadata"))
}

pub fn properties(task: &CopyTask<'_>) -> Vec<(String, String)> {
    let mut out = vec![
        (PROPERTY_PLAN.into(), task.plan_hash.into()),
        (PROPERTY_SOURCE_METADATA.into(), task.source.metadata_location.clone()),
    ];
    if !task.source.metadata.uuid.is_empty() {
        out.push((PROPERTY_SOURCE_UUID.into(), task.source.metadata.uuid.clone()));
    }
    if let Some(id) = task.snapshot_id {
        out.push((PROPERTY_SOURCE_SNAPSHOT.into(), id.to_string()));
    }
    out
}

/// Register and clone take the source's whole metadata: it must be the one that was planned.
pub fn check_pin(task: &CopyTask<'_>) -> Result<()> {
    if task.snapshot_id == task.source.metadata.current_snapshot_id {
        return Ok(());
    }
    Err(Error::new(Code::PlanStale, "the source's current snapshot is not the one that was planned")
        .about(&task.source.ident)
        .with_hint("Refresh the inventory and plan again."))
}

pub fn check_register(task: &CopyTask<'_>) -> Result<()> {
    if task.target.abilities().register {
        return Ok(());
    }
    Err(Error::new(Code::Unsupported, "the target catalog cannot adopt a table that already has its metadata")
        .about(task.target_ident)
        .with_hint("Choose the mode rewrite for this table."))
}

pub fn check_cancelled(task: &CopyTask<'_>) -> Result<()> {
    if task.cancel.is_cancelled() { Err(cancelled()) } else { Ok(()) }
}

pub fn cancelled() -> Error {
    Error::new(Code::Cancelled, "the run was cancelled").with_hint("`icebridge run --resume` goes on where it stopped.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_repeat_for_one_plan_and_differ_between_plans_and_tables() {
        let (a, b) = (TableIdent::new(["n"], "a"), TableIdent::new(["n"], "b"));
        assert_eq!(uuid("p", &a, "table"), uuid("p", &a, "table"));
        assert_ne!(uuid("p", &a, "table"), uuid("q", &a, "table"));
        assert_ne!(uuid("p", &a, "table"), uuid("p", &b, "table"));
        assert_ne!(uuid("p", &a, "table"), uuid("p", &a, "metadata"));
        assert_eq!(uuid("p", &a, "table").get_version_num(), 8);
        assert!(snapshot_id("p", &a) > 0);
        assert_ne!(snapshot_id("p", &a), snapshot_id("q", &a));
    }
}
