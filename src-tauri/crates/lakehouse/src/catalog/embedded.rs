//! The embedded catalog: a folder with a SQLite SQL catalog and a warehouse, made by us and opened unchanged by PyIceberg,
//! Spark and DuckDB.

use super::Secrets;
use super::sql::{Database, SqlCatalog};
use crate::storage::Storage;
use icebridge_model::catalog::CatalogSpec;
use icebridge_model::{Code, Error, Result};
use std::path::{Path, PathBuf};

/// The catalog's name inside the database: what others pass as the catalog's name to open it.
pub(super) const CATALOG_NAME: &str = "icebridge";

pub(super) async fn source(spec: &CatalogSpec, secrets: &Secrets) -> Result<SqlCatalog> {
    let database = Database::sqlite_source(folder(spec)?.join("catalog.db"));
    let storage = Storage::new(&spec.properties, secrets)?.of_catalog(spec)?;
    SqlCatalog::connect(spec.clone(), database, storage, CATALOG_NAME.into(), None).await
}

pub(super) async fn target(spec: &CatalogSpec, secrets: &Secrets) -> Result<SqlCatalog> {
    let folder = folder(spec)?;
    let warehouse = folder.join("warehouse");
    tokio::fs::create_dir_all(&warehouse).await.map_err(|e| {
        let code = match e.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Code::StorageFull,
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => Code::StorageDenied,
            _ => Code::StorageFailed,
        };
        Error::new(code, "the target's folder cannot be made")
            .about(warehouse.display())
            .with_hint("Choose a folder that this user may write to.")
            .with_cause(e)
    })?;
    let database = Database::sqlite_target(folder.join("catalog.db"));
    let storage = Storage::new(&spec.properties, secrets)?.of_catalog(spec)?;
    let warehouse = location(&warehouse)?;
    SqlCatalog::connect(spec.clone(), database, storage, CATALOG_NAME.into(), Some(warehouse)).await
}

/// Whether it was made already: to open a target makes it, also where its disk is not mounted at the moment.
pub fn is_there(spec: &CatalogSpec) -> Result<bool> {
    Ok(folder(spec)?.join("catalog.db").is_file())
}

fn folder(spec: &CatalogSpec) -> Result<PathBuf> {
    let text = spec.uri.strip_prefix("file:").map_or(spec.uri.as_str(), |rest| rest.strip_prefix("//").unwrap_or(rest));
    if text.trim().is_empty() || text.contains("://") {
        return Err(Error::invalid("the embedded target needs a local folder").about(&spec.uri));
    }
    std::path::absolute(text).map_err(|e| Error::invalid("this is no folder").about(&spec.uri).with_cause(e))
}

/// As both Spark and PyIceberg take it. PyIceberg cuts a `file:` address at `#` and `?`, and takes a plain path whole.
fn location(folder: &Path) -> Result<String> {
    let text = folder.to_str().ok_or_else(|| {
        Error::invalid("the folder's name is not Unicode, which no engine can open").about(folder.display())
    })?;
    if cfg!(windows) {
        return Ok(format!("file:///{}", text.replace('\\', "/")));
    }
    Ok(if text.contains(['#', '?']) { text.to_string() } else { format!("file://{text}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn locations_are_what_both_engines_take() {
        assert_eq!(location(Path::new("/home/u/My Lake/%20")).unwrap(), "file:///home/u/My Lake/%20");
        assert_eq!(location(Path::new("/home/u/a#b")).unwrap(), "/home/u/a#b");
    }
}
