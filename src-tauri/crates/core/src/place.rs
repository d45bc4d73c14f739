//! Whether the files of a catalog can be reached: found out when it is checked and before a plan, not in a run.

use crate::LocalState;
use crate::workspaces::managed_place;
use icebridge_lakehouse::storage::Location;
use icebridge_lakehouse::{Catalog, TargetCatalog};
use icebridge_model::catalog::{CatalogKind, CatalogSpec};
use icebridge_model::{Code, Error, Result, TableIdent};

/// Of a source's tables so many are looked at.
const SAMPLES: usize = 3;

/// An error if the files of no table that is looked at can be reached. Tables that are broken in other ways are left to the
/// inventory.
pub async fn check_source(source: &dyn Catalog, tables: &[TableIdent]) -> Result<()> {
    let mut out_of_reach = None;
    let mut at = vec![0, tables.len() / 2, tables.len().saturating_sub(1)];
    at.dedup();
    for table in at.into_iter().take(SAMPLES).filter_map(|at| tables.get(at)) {
        match reach(source, table).await {
            Err(error) if is_of_place(&error) => out_of_reach = Some(error.about(table)),
            _ => return Ok(()),
        }
    }
    out_of_reach.map_or(Ok(()), Err)
}

async fn reach(source: &dyn Catalog, table: &TableIdent) -> Result<()> {
    let table = source.load(table).await?;
    let metadata = &table.metadata;
    let listed = metadata.snapshots.iter().rev().find_map(|snapshot| snapshot.manifest_list.as_deref());
    match listed.or(Some(table.metadata_location.as_str()).filter(|path| !path.is_empty())) {
        Some(path) => table.storage.size(path).await.map(drop),
        None => Location::parse(&metadata.location).map(drop),
    }
}

/// An error if new tables of a namespace would go where nothing can be written from here, as far as target and workspace say
/// where that is. `spec`: as it was saved.
pub async fn check_target(
    local: &LocalState,
    spec: &CatalogSpec,
    target: &dyn TargetCatalog,
    namespace: &[String],
) -> Result<()> {
    if spec.kind == CatalogKind::Unity
        && let Some(place) = managed_place(local, spec, namespace).await
    {
        Location::parse(&place)?;
    }
    target.check_place(namespace).await
}

fn is_of_place(error: &Error) -> bool {
    matches!(error.code, Code::Unsupported | Code::StorageDenied | Code::StorageUnreachable | Code::CredentialsMissing)
}
