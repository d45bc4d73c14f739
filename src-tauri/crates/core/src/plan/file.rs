//! Plan files on disk.

use crate::input::read_text;
use icebridge_lakehouse::Limit;
use icebridge_model::plan::Plan;
use icebridge_model::{Code, Error, Result};
use std::io::{BufWriter, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whole or not at all: a killed process leaves no half plan under the name. Returns the absolute path.
pub async fn write(plan: Arc<Plan>, path: &Path) -> Result<String> {
    let path = std::path::absolute(path).map_err(|e| failed(path, e))?;
    let written = path.clone();
    tokio::task::spawn_blocking(move || write_now(&plan, &written).map_err(|e| failed(&written, e)))
        .await
        .map_err(|e| Error::internal("writing the plan failed").with_cause(e))??;
    Ok(path.display().to_string())
}

/// Refuses a plan that was edited, or made by another version.
pub async fn read(path: &Path) -> Result<Plan> {
    let file = path.to_path_buf();
    let text = tokio::task::spawn_blocking(move || read_text(&file, Limit::Plan, |e| unreadable(&file, e)))
        .await
        .map_err(|e| Error::internal("reading the plan failed").with_cause(e))??;
    Plan::from_text(&text).map_err(|e| e.about(path.display()))
}

fn write_now(plan: &Plan, path: &Path) -> std::io::Result<()> {
    let folder = path.parent().map_or_else(|| PathBuf::from("/"), Path::to_path_buf);
    std::fs::create_dir_all(&folder)?;
    let mut name = path.file_name().ok_or(ErrorKind::InvalidInput)?.to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let draft = folder.join(name);
    let written = (|| {
        let mut file = BufWriter::new(std::fs::File::create(&draft)?);
        plan.write_to(&mut file)?;
        file.into_inner()?.sync_all()?;
        std::fs::rename(&draft, path)
    })();
    if written.is_err() {
        // The first error is the one to report.
        let _ = std::fs::remove_file(&draft);
    }
    written
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Error::new(Code::PlanBroken, "there is no such plan file")
            .about(path.display())
            .with_hint("Make one with `icebridge plan`."),
        ErrorKind::InvalidData => Error::new(Code::PlanBroken, "this is not a plan file").about(path.display()),
        _ => failed(path, error),
    }
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    let code = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Code::StorageFull,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Code::StorageDenied,
        _ => Code::StorageFailed,
    };
    Error::new(code, "the plan file cannot be used").about(path.display()).with_cause(error)
}
