//! The place that a plan's table is made in: whose it is, what is published there, and how it is cleared.

use super::contract::{CopyTask, Discarded};
use super::{converted, identity};
use crate::catalog::{Draft, Staged, every_table_loaded};
use crate::limits::Limit;
use crate::location::is_below;
use crate::provenance::is_to_be_filled_from;
use crate::table::Table;
use bytes::Bytes;
use futures::StreamExt;
use icebridge_model::{Code, Error, Result};
use serde_json::Value;

/// Says in a place that the catalog named which state stages there.
const OWNER_MARK: &str = "metadata/icebridge-owner.txt";

/// Where to copy to. `draft`: the table as it will be, where its rows are committed to it; it may then be made empty first.
pub async fn stage(task: &CopyTask<'_>, draft: Option<&Value>) -> Result<Staged> {
    let staged = named(task, draft).await?;
    if !is_named_by_catalog(task, &staged) {
        reach(&staged).await?;
        return Ok(staged);
    }
    let was_ours = claim(task, &staged).await?;
    if staged.empty.is_some() {
        return Ok(staged);
    }
    // Asked after the place was claimed: whoever had it before may have published.
    if let Some(table) = published_in(task, &staged).await? {
        remove_mark(&table, task.owner).await?;
        return Err(Error::new(Code::TableExists, "another run has published the table").about(task.target_ident));
    }
    // So may an attempt of ours that was ended in the middle of its commit, and somebody may have renamed the table since.
    if was_ours && has_table(task, &staged).await? {
        return Err(somebodys(&staged));
    }
    Ok(staged)
}

/// The place, as it is.
async fn named(task: &CopyTask<'_>, filled: Option<&Value>) -> Result<Staged> {
    let converted = converted::draft(task)?;
    let metadata = filled.or(converted.as_ref()).unwrap_or(&task.source.metadata.raw);
    let draft = Draft { metadata, filled_by: filled.map(|_| task.plan_hash), at_once: task.make_empty };
    let mut staged =
        task.target.stage(task.target_ident, task.place, draft).await.map_err(|e| e.about(task.target_ident))?;
    staged.location = staged.location.trim_end_matches('/').to_string();
    Ok(staged)
}

/// A place that cannot be reached is found before anything is copied. To claim one is to reach it.
async fn reach(staged: &Staged) -> Result<()> {
    match staged.storage.probe(&staged.location).await {
        // Whoever may write there need not be allowed to list.
        Err(e) if e.code == Code::StorageDenied => Ok(()),
        other => other,
    }
}

/// Such a catalog may give one place to two states.
fn is_named_by_catalog(task: &CopyTask<'_>, staged: &Staged) -> bool {
    !staged.location.ends_with(task.place)
}

fn mark(location: &str) -> String {
    format!("{}/{OWNER_MARK}", location.trim_end_matches('/'))
}

/// A table that is published needs no mark. Returns whether it had the owner's.
pub async fn remove_mark(table: &Table, owner: &str) -> Result<bool> {
    let mark = mark(&table.metadata.location);
    match table.storage.read(&mark, Limit::OwnerMark).await {
        Ok(found) if found == owner => table.storage.delete(&mark).await.map(|()| true),
        Ok(_) => Ok(false),
        Err(e) if e.code == Code::FileMissing => Ok(false),
        Err(e) => Err(e),
    }
}

/// The first state to mark the place has it. One that has files and no mark is somebody's: a table that was published there
/// lies there still, under whichever name. Returns whether this state had it before.
async fn claim(task: &CopyTask<'_>, staged: &Staged) -> Result<bool> {
    let own = Bytes::from(task.owner.to_string());
    match owner_of(staged).await? {
        Some(owner) if owner == own => return Ok(true),
        Some(_) => return Err(taken(staged)),
        // One that was made empty for us has the catalog's own.
        None if staged.empty.is_none() && has_files(staged).await? => {
            return Err(match published_in(task, staged).await? {
                Some(_) => {
                    Error::new(Code::TableExists, "another run has published the table").about(task.target_ident)
                }
                None => somebodys(staged),
            });
        }
        None => {}
    }
    match staged.storage.write_new(&mark(&staged.location), own.clone()).await? {
        true => Ok(false),
        false if owner_of(staged).await? == Some(own) => Ok(true),
        false => Err(taken(staged)),
    }
}

fn somebodys(staged: &Staged) -> Error {
    Error::new(Code::CommitConflict, "the folder that the catalog names for the table has files")
        .about(&staged.location)
        .with_hint(
            "A table that had this name may lie there, under another name by now: then map this one to another name, or give \
             that one its name again, and resume. If the files are nobody's, remove the folder, and resume.",
        )
}

fn taken(staged: &Staged) -> Error {
    Error::new(Code::CommitConflict, "another IceBridge stages this table in the same place")
        .about(&staged.location)
        .with_hint(format!(
            "Wait for its run to end, then resume this one: it adopts the table if the other run made it. If no other run \
             is at work, delete {}.",
            mark(&staged.location)
        ))
}

async fn owner_of(staged: &Staged) -> Result<Option<Bytes>> {
    match staged.storage.read(&mark(&staged.location), Limit::OwnerMark).await {
        Ok(owner) => Ok(Some(owner)),
        Err(e) if e.code == Code::FileMissing => Ok(None),
        Err(e) => Err(e),
    }
}

async fn has_files(staged: &Staged) -> Result<bool> {
    let mut entries = staged.storage.list(&staged.location);
    while let Some(entry) = entries.next().await {
        match entry {
            // What some tools keep in place of a folder.
            Ok(entry) if entry.path.ends_with('/') => {}
            Ok(_) => return Ok(true),
            // Whoever may not list removes nothing, either.
            Err(e) if matches!(e.code, Code::StorageDenied | Code::FileMissing) => return Ok(false),
            Err(e) => return Err(e),
        }
    }
    Ok(false)
}

/// Removes all that was staged, unless a table of the target lies there.
pub async fn discard(task: &CopyTask<'_>) -> Result<Discarded> {
    if let Some(empty) = empty_table(task).await? {
        return take_back_empty(task, &empty).await;
    }
    let staged = match named(task, None).await {
        Ok(staged) => staged,
        // No path there can be written to, or there is none to be named: nothing was.
        Err(e) if e.code == Code::Unsupported => return Ok(Discarded::Removed),
        Err(e) => return Err(e),
    };
    refuse_source(task, &staged)?;
    if let Some(table) = published_in(task, &staged).await? {
        remove_mark(&table, task.owner).await?;
        return Ok(Discarded::Published);
    }
    if is_named_by_catalog(task, &staged) {
        match owner_of(&staged).await? {
            Some(owner) if owner == task.owner => {}
            Some(_) => return Err(taken(&staged)),
            None => return Ok(Discarded::Elsewhere),
        }
        if has_table(task, &staged).await? {
            return Ok(Discarded::Published);
        }
    }
    staged.storage.delete_prefix(&staged.location).await.map_err(|e| e.about(task.target_ident))?;
    Ok(Discarded::Removed)
}

/// Whether any table of the target lies in a place that the catalog named by the table's name: it gives that to the next table
/// of the name, also where the first one was renamed. One that cannot be read may lie there.
async fn has_table(task: &CopyTask<'_>, staged: &Staged) -> Result<bool> {
    for (ident, table) in every_table_loaded(task.target).await? {
        if lies_in(&table.map_err(|e| e.about(&ident))?, &staged.location) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes back the table that was made empty for this place. False: it is not there, or somebody wrote into it.
pub async fn take_back(task: &CopyTask<'_>) -> Result<bool> {
    match empty_table(task).await? {
        Some(empty) => take_back_empty(task, &empty).await.map(|done| done == Discarded::Removed),
        None => Ok(false),
    }
}

/// The table goes first: as long as it is there, a commit that is still under way may bring our files into it. Others may write into a
/// table that they see, and what the catalog wrote is its own: only our folders are cleared.
async fn take_back_empty(task: &CopyTask<'_>, empty: &Staged) -> Result<Discarded> {
    refuse_source(task, empty)?;
    if task.target.drop_empty(task.target_ident, task.place).await? {
        if let Err(error) = clear_own(task, empty).await {
            // What opened the folder was lent for the table. The catalog clears the folders of tables that it manages.
            tracing::warn!(location = empty.location, %error, "files of the table that was taken back may be left");
        }
        return Ok(Discarded::Removed);
    }
    // Rows of others: then our commit, which wants an empty table, will never be taken.
    let ours = identity::snapshot_id(task.plan_hash, task.target_ident);
    if empty_table(task).await?.and_then(|now| now.empty).is_some_and(|now| now.snapshot(ours).is_none()) {
        clear_own(task, empty).await?;
    }
    Ok(Discarded::Published)
}

async fn clear_own(task: &CopyTask<'_>, empty: &Staged) -> Result<()> {
    for kind in ["data", "metadata"] {
        let folder = format!("{}/{}", empty.location, own_folder(kind, task, empty));
        empty.storage.delete_prefix(&folder).await.map_err(|e| e.about(task.target_ident))?;
    }
    let mark = mark(&empty.location);
    match empty.storage.read(&mark, Limit::OwnerMark).await {
        Ok(found) if found == task.owner => empty.storage.delete(&mark).await,
        Ok(_) => Ok(()),
        Err(e) if e.code == Code::FileMissing => Ok(()),
        Err(e) => Err(e),
    }
}

/// Where files of a kind go, below the table's location. In a table that others see we have folders of our own.
pub fn own_folder(kind: &str, task: &CopyTask<'_>, staged: &Staged) -> String {
    match staged.empty {
        Some(_) => format!("{kind}/{}", task.place),
        None => kind.to_string(),
    }
}

/// The table that was made empty for this copy. It may have rows of others.
async fn empty_table(task: &CopyTask<'_>) -> Result<Option<Staged>> {
    match task.target.load(task.target_ident).await {
        Ok(table) if is_to_be_filled_from(&table.metadata, task.place) => Ok(Some(Staged {
            location: table.metadata.location.trim_end_matches('/').to_string(),
            storage: table.storage,
            empty: Some(table.metadata),
        })),
        Ok(_) => Ok(None),
        Err(e) if e.code == Code::TableNotFound => Ok(None),
        Err(e) => Err(e.about(task.target_ident)),
    }
}

fn refuse_source(task: &CopyTask<'_>, staged: &Staged) -> Result<()> {
    let source = format!("{}/metadata", task.source.metadata.location);
    if is_below(&source, &staged.location) || is_below(&task.source.metadata_location, &staged.location) {
        return Err(
            Error::internal("the source lies in the staged folder; nothing was deleted").about(&staged.location)
        );
    }
    Ok(())
}

/// The target's table, if it lies in the place. An error, too, keeps the place as it is: a table that cannot be read may lie
/// there.
async fn published_in(task: &CopyTask<'_>, staged: &Staged) -> Result<Option<Table>> {
    match task.target.load(task.target_ident).await {
        Ok(table) => Ok(lies_in(&table, &staged.location).then_some(table)),
        Err(e) if e.code == Code::TableNotFound => Ok(None),
        Err(e) => Err(e.about(task.target_ident)),
    }
}

/// Whether anything of a table is in a folder.
pub fn lies_in(table: &Table, folder: &str) -> bool {
    let metadata = &table.metadata;
    let lists = metadata.snapshots.iter().filter_map(|snapshot| snapshot.manifest_list.as_deref());
    let manifests = metadata.snapshots.iter().flat_map(|snapshot| snapshot.manifests.iter().map(String::as_str));
    std::iter::once(table.metadata_location.as_str()).chain(lists).chain(manifests).any(|path| is_below(path, folder))
        || is_below(&format!("{}/x", metadata.location.trim_end_matches('/')), folder)
}

/// `metadata/00000-<uuid>.metadata.json`: engines count on from the number.
pub fn metadata_location(staged: &Staged, task: &CopyTask<'_>) -> String {
    format!("{}/metadata/{}", staged.location, identity::first_metadata_file(task.plan_hash, task.target_ident))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Abilities, Catalog, Draft, Publication, TargetCatalog, Turns};
    use crate::copy::{Checkpoint, Observer};
    use crate::storage::Storage;
    use async_trait::async_trait;
    use icebridge_model::TableIdent;
    use icebridge_model::catalog::CatalogSpec;
    use icebridge_model::plan::Settings;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};
    use tokio::sync::Semaphore;
    use tokio_util::sync::CancellationToken;

    /// A target that gives every table the same place, whoever asks.
    #[derive(Debug)]
    struct OnePlace {
        spec: CatalogSpec,
        location: String,
        storage: Storage,
        table: Mutex<Option<String>>,
    }

    #[async_trait]
    impl Catalog for OnePlace {
        fn spec(&self) -> &CatalogSpec {
            &self.spec
        }
        async fn namespaces(&self) -> Result<Vec<Vec<String>>> {
            Ok(Vec::new())
        }
        async fn tables(&self) -> Result<Vec<TableIdent>> {
            Ok(Vec::new())
        }
        async fn load(&self, table: &TableIdent) -> Result<Table> {
            let location = self.table.lock().unwrap().clone();
            let location = location.ok_or_else(|| Error::new(Code::TableNotFound, "no such table"))?;
            Table::open(table.clone(), location, self.storage.clone()).await
        }
    }

    #[async_trait]
    impl TargetCatalog for OnePlace {
        fn abilities(&self) -> Abilities {
            Abilities { register: true }
        }
        async fn ensure_namespace(&self, _namespace: &[String]) -> Result<()> {
            Ok(())
        }
        async fn stage(&self, _table: &TableIdent, _token: &str, _draft: Draft<'_>) -> Result<Staged> {
            Ok(Staged { location: self.location.clone(), storage: self.storage.clone(), empty: None })
        }
        async fn publish(&self, table: &TableIdent, _what: &Publication, _turns: &mut dyn Turns) -> Result<Table> {
            self.load(table).await
        }
    }

    struct Nothing;

    #[async_trait]
    impl Checkpoint for Nothing {
        async fn done(&self, _unit: &str) -> Result<Option<Value>> {
            Ok(None)
        }
        async fn record(&self, _unit: &str, _output: Value) -> Result<()> {
            Ok(())
        }
    }

    impl Observer for Nothing {
        fn bytes(&self, _more: u64) {}
        fn rows(&self, _more: u64) {}
    }

    fn write_metadata(folder: &std::path::Path) -> String {
        std::fs::create_dir_all(folder.join("metadata")).unwrap();
        let metadata = json!({"format-version": 2, "table-uuid": "u", "location": folder, "last-updated-ms": 0,
            "schemas": [{"type": "struct", "schema-id": 0, "fields": []}], "current-schema-id": 0,
            "properties": {}, "snapshots": []});
        let path = folder.join("metadata/v1.metadata.json");
        std::fs::write(&path, metadata.to_string()).unwrap();
        path.to_string_lossy().into_owned()
    }

    #[tokio::test]
    async fn a_place_that_a_catalog_gives_twice_belongs_to_the_first_until_it_is_cleared_or_published() {
        let dir = tempfile::TempDir::new().unwrap();
        let (place, storage) = (dir.path().join("w/t"), Storage::local().unwrap());
        let ident = TableIdent::new(["n"], "t");
        let source =
            Table::open(ident.clone(), write_metadata(&dir.path().join("s/t")), storage.clone()).await.unwrap();
        let spec = json!({"name": "managed", "role": "target", "kind": "rest", "uri": "http://h"});
        let target = OnePlace {
            spec: serde_json::from_value(spec).unwrap(),
            location: place.to_string_lossy().into_owned(),
            storage,
            table: Mutex::default(),
        };
        let settings = Settings::default();
        let task = |owner: &'static str| CopyTask {
            source: &source,
            snapshot_id: None,
            target: &target,
            target_ident: &ident,
            plan_hash: "p",
            place: owner,
            owner,
            settings: &settings,
            conversions: &[],
            partitioning: None,
            make_empty: false,
            writers: Arc::new(Semaphore::new(1)),
            observer: Arc::new(Nothing),
            checkpoint: Arc::new(Nothing),
            cancel: CancellationToken::new(),
        };
        let (first, second) = (task("first"), task("second"));
        // Files of somebody's: of a table that had the name, and has another one now.
        std::fs::create_dir_all(place.join("data")).unwrap();
        std::fs::write(place.join("data/theirs.parquet"), "rows").unwrap();
        assert_eq!(stage(&first, None).await.unwrap_err().code, Code::CommitConflict);
        assert_eq!(discard(&first).await.unwrap(), Discarded::Elsewhere);
        assert!(place.join("data/theirs.parquet").exists() && !place.join(OWNER_MARK).exists());
        std::fs::remove_dir_all(&place).unwrap();

        stage(&first, None).await.unwrap();
        stage(&first, None).await.unwrap();
        std::fs::write(place.join("data.parquet"), "rows").unwrap();
        assert_eq!(stage(&second, None).await.unwrap_err().code, Code::CommitConflict);
        assert_eq!(discard(&second).await.unwrap_err().code, Code::CommitConflict);
        assert!(place.join("data.parquet").exists());

        assert_eq!(discard(&first).await.unwrap(), Discarded::Removed);
        assert!(!place.exists());
        stage(&second, None).await.unwrap();
        *target.table.lock().unwrap() = Some(write_metadata(&place));
        assert_eq!(discard(&second).await.unwrap(), Discarded::Published);
        assert!(place.join("metadata/v1.metadata.json").exists());
        assert!(!place.join(OWNER_MARK).exists());
        assert_eq!(stage(&first, None).await.unwrap_err().code, Code::TableExists);
        // A later run, of whichever state, finds a table there and not a mark.
        assert_eq!(discard(&first).await.unwrap(), Discarded::Published);
        assert!(place.join("metadata/v1.metadata.json").exists());
    }
}
