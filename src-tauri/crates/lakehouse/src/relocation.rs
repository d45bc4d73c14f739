//! A local lakehouse whose folder was moved as a whole: its files are all there, but Iceberg's metadata keeps absolute
//! paths and still names the old folder. This changes the paths to the new one, in the catalog, the metadata, the
//! manifests and inside delete files. Made for the sample lakehouse; never used on a source.

use crate::copy::relocate::manifests::{self, Entry};
use crate::copy::relocate::{self, PathMap, Relocated, document};
use crate::location::canonical;
use crate::manifest::FileContent;
use crate::metadata::{self, TableMetadata};
use bytes::Bytes;
use flate2::write::GzEncoder;
use icebridge_model::{Code, Error, Result};
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, Row};
use std::collections::{BTreeMap, HashMap, hash_map};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `folder` holds, for now, what was written under `from` and will be used as `to`; `catalog` is the SQL catalog's file in
/// it. Returns how many tables it has. Not repeatable: work on a draft, and throw it away after an error.
pub async fn relocate_lakehouse(folder: &Path, catalog: &Path, from: &str, to: &str) -> Result<usize> {
    let failed =
        |e: sqlx::Error| Error::internal("the moved catalog cannot be changed").about(catalog.display()).with_cause(e);
    let moved_folder = MovedFolder {
        folder: folder.to_path_buf(),
        from: format!("{}/", canonical(from)),
        map: PathMap::new(from, to),
    };
    let options = SqliteConnectOptions::new().filename(catalog);
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(failed)?;
    let rows = sqlx::query("SELECT rowid, metadata_location, coalesce(iceberg_type, 'TABLE') FROM iceberg_tables")
        .fetch_all(&mut connection)
        .await
        .map_err(failed)?;
    let mut tables = 0;
    for row in rows {
        let (id, location, kind): (i64, String, String) = (row.get(0), row.get(1), row.get(2));
        let is_table = kind.eq_ignore_ascii_case("TABLE");
        tables += usize::from(is_table);
        let folder = Arc::new(moved_folder.clone());
        let moved =
            tokio::task::spawn_blocking(
                move || if is_table { folder.table(&location) } else { folder.view(&location) },
            )
            .await
            .map_err(|e| Error::internal("relocating a table was cut short").with_cause(e))??;
        sqlx::query(
            "UPDATE iceberg_tables SET metadata_location = ?, previous_metadata_location = NULL WHERE rowid = ?",
        )
        .bind(moved)
        .bind(id)
        .execute(&mut connection)
        .await
        .map_err(failed)?;
    }
    connection.close().await.map_err(failed)?;
    Ok(tables)
}

#[derive(Clone)]
struct MovedFolder {
    folder: PathBuf,
    /// The old root, a slash at its end.
    from: String,
    map: PathMap,
}

impl MovedFolder {
    /// Returns where the table's metadata will be.
    fn table(&self, location: &str) -> Result<String> {
        let metadata = TableMetadata::parse(&self.read(location)?, location)?;
        let mut lists: BTreeMap<String, Bytes> = BTreeMap::new();
        let mut found: BTreeMap<String, String> = BTreeMap::new();
        for snapshot in &metadata.snapshots {
            if let Some(list) = &snapshot.manifest_list {
                lists.insert(list.clone(), self.read(list)?);
            }
            found.extend(snapshot.manifests.iter().map(|path| (canonical(path), path.clone())));
        }
        for (list, bytes) in &lists {
            found.extend(manifests::listed(bytes.clone(), list)?.into_iter().map(|path| (canonical(&path), path)));
        }
        let mut lengths = HashMap::new();
        // A delete file may be in many manifests and is changed once.
        let mut changed: HashMap<String, Option<Arc<Relocated>>> = HashMap::new();
        for (name, path) in found {
            let bytes = self.read(&path)?;
            for entry in manifests::live_files(bytes.clone(), &path)? {
                let name = canonical(&entry.path);
                if let hash_map::Entry::Vacant(vacant) = changed.entry(name) {
                    vacant.insert(self.delete_file(&entry)?);
                }
            }
            let relocated = changed.iter().filter_map(|(name, done)| Some((name.clone(), done.clone()?))).collect();
            let moved = manifests::relocate_manifest(bytes, &path, &self.map, &relocated)?;
            lengths.insert(name, moved.len() as u64);
            self.write(&path, &moved)?;
        }
        for (list, bytes) in lists {
            let length = |path: &str| lengths.get(&canonical(path)).copied();
            self.write(&list, &manifests::relocate_list(bytes, &list, &self.map, length)?)?;
        }
        let mut document = document::relocate(&metadata, &self.map)?;
        document["location"] = self.map.absolute(&metadata.location).into();
        self.write_document(location, &document)?;
        self.remove_earlier_metadata(location)?;
        Ok(self.map.absolute(location))
    }

    /// A view's metadata names one path: its own.
    fn view(&self, location: &str) -> Result<String> {
        let mut document = metadata::document(&self.read(location)?, location)?;
        if let Some(own) = document.get("location").and_then(Value::as_str).map(|own| self.map.absolute(own)) {
            document["location"] = own.into();
        }
        self.write_document(location, &document)?;
        Ok(self.map.absolute(location))
    }

    fn delete_file(&self, entry: &Entry) -> Result<Option<Arc<Relocated>>> {
        if entry.kind != FileContent::PositionDeletes {
            return Ok(None);
        }
        let bytes = self.read(&entry.path)?;
        let Some((moved, relocated)) = relocate::delete_file(entry, &bytes, &self.map)? else { return Ok(None) };
        self.write(&entry.path, &moved)?;
        Ok(Some(Arc::new(relocated)))
    }

    /// Older metadata files still name the old place, and nothing names them any more.
    fn remove_earlier_metadata(&self, location: &str) -> Result<()> {
        let kept = self.file(location)?;
        let Some(folder) = kept.parent() else { return Ok(()) };
        let entries = std::fs::read_dir(folder).map_err(|e| failed(location, e))?;
        for entry in entries {
            let path = entry.map_err(|e| failed(location, e))?.path();
            let is_metadata = path.to_str().is_some_and(|name| name.ends_with(".metadata.json"));
            if is_metadata && path != kept {
                std::fs::remove_file(&path).map_err(|e| failed(location, e))?;
            }
        }
        Ok(())
    }

    /// Where a file that the metadata names is now.
    fn file(&self, path: &str) -> Result<PathBuf> {
        let inside = canonical(path).strip_prefix(&self.from).map(|inside| self.folder.join(inside));
        inside.ok_or_else(|| Error::internal("a file of the moved lakehouse lies outside of it").about(path))
    }

    fn read(&self, path: &str) -> Result<Bytes> {
        std::fs::read(self.file(path)?).map(Bytes::from).map_err(|e| failed(path, e))
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        std::fs::write(self.file(path)?, bytes).map_err(|e| failed(path, e))
    }

    fn write_document(&self, location: &str, document: &Value) -> Result<()> {
        let text = serde_json::to_vec(document).map_err(|e| Error::internal("metadata to JSON").with_cause(e))?;
        if !location.ends_with(".gz.metadata.json") {
            return self.write(location, &text);
        }
        let mut zipped = GzEncoder::new(Vec::new(), flate2::Compression::default());
        let zipped = zipped.write_all(&text).and_then(|()| zipped.finish()).map_err(|e| failed(location, e))?;
        self.write(location, &zipped)
    }
}

fn failed(path: &str, error: std::io::Error) -> Error {
    let code = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Code::StorageFull,
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => Code::StorageDenied,
        std::io::ErrorKind::NotFound => Code::FileMissing,
        _ => Code::StorageFailed,
    };
    Error::new(code, "a file of the moved lakehouse cannot be used")
        .about(path)
        .with_hint("Choose a folder that this user may write to, on a disk with room for it.")
        .with_cause(error)
}
