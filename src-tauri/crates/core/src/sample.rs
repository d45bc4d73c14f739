//! The sample lakehouse: foreign tables as they occur in life, written by Spark, Java and PyIceberg, shipped inside the
//! program and laid out where a person wants them. Iceberg keeps absolute paths, so the tables are moved to their new
//! place for good: any engine reads them there.

use crate::{LocalState, connect};
use flate2::read::GzDecoder;
use icebridge_lakehouse::relocation::relocate_lakehouse;
use icebridge_model::catalog::{CatalogKind, CatalogSpec, Role};
use icebridge_model::ops::{SampleCreated, SaveCatalog};
use icebridge_model::{Code, Error, Result};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Made by tests/lakehouse/sample.py, under this root.
const ARCHIVE: &[u8] = include_bytes!("../sample/lakehouse.tar.gz");
const WRITTEN_UNDER: &str = "/tmp/icebridge-sample-src";

pub const SOURCE: &str = "sample";
pub const TARGET: &str = "managed";

/// Lays out `lakehouse` and `managed` in a folder (none: `sample` in the state folder), and saves them as the source
/// `sample` and the target `managed`. A sample that is there already is kept as it is.
pub async fn create(local: &LocalState, folder: Option<&Path>) -> Result<SampleCreated> {
    let folder = match folder {
        Some(folder) => folder.to_path_buf(),
        None => local.state_dir.join("sample"),
    };
    let folder = std::path::absolute(&folder).map_err(|e| failed(&folder, e))?;
    let lakehouse = folder.join("lakehouse");
    if !lakehouse.join("catalog.db").is_file() {
        lay_out(&folder, &lakehouse).await?;
    }
    let source =
        spec(SOURCE, Role::Source, CatalogKind::Sql, format!("sqlite:{}", text(&lakehouse.join("catalog.db"))?));
    let target = spec(TARGET, Role::Target, CatalogKind::Embedded, text(&folder.join("managed"))?.to_string());
    let save = |spec| connect::save(local, SaveCatalog { spec, secrets: BTreeMap::new() });
    let (source, target) = (save(source).await?, save(target).await?);
    let tables = local.open_source(SOURCE).await?.tables().await?.len();
    Ok(SampleCreated { source, target, tables })
}

/// In a draft beside it, so that the folder appears whole or not at all.
async fn lay_out(folder: &Path, lakehouse: &Path) -> Result<()> {
    if lakehouse.exists() {
        return Err(Error::invalid("the folder is used by something else")
            .about(lakehouse.display())
            .with_hint("Choose another folder for the sample."));
    }
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    let draft = tempfile::Builder::new().prefix(".lakehouse-").tempdir_in(folder).map_err(|e| failed(folder, e))?;
    let unpacked: PathBuf = draft.path().join("lakehouse");
    let into = unpacked.clone();
    tokio::task::spawn_blocking(move || tar::Archive::new(GzDecoder::new(ARCHIVE)).unpack(into))
        .await
        .map_err(|e| Error::internal("unpacking the sample was cut short").with_cause(e))?
        .map_err(|e| failed(folder, e))?;
    relocate_lakehouse(&unpacked, &unpacked.join("catalog.db"), WRITTEN_UNDER, text(lakehouse)?).await?;
    std::fs::rename(&unpacked, lakehouse).map_err(|e| failed(lakehouse, e))
}

fn spec(name: &str, role: Role, kind: CatalogKind, uri: String) -> CatalogSpec {
    CatalogSpec {
        name: name.into(),
        role,
        kind,
        uri,
        warehouse: String::new(),
        properties: BTreeMap::new(),
        secrets: Vec::new(),
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::invalid("the path is not UTF-8").about(path.display()))
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    let code = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Code::StorageFull,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Code::StorageDenied,
        _ => Code::StorageFailed,
    };
    Error::new(code, "the sample lakehouse cannot be laid out")
        .about(path.display())
        .with_hint("Choose a folder that this user may write to, on a disk with 10 MB of room.")
        .with_cause(error)
}

#[cfg(test)]
mod tests;
