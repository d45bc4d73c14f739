//! Approvals as files.

use icebridge_model::approval::Approval;
use icebridge_model::{Code, Error, Result};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// Far more than an approval needs.
const LARGEST: u64 = 16 << 10;

/// `<plan>.<first 8 of key>.approval.json`, beside the plan. Base64 has a `/`, which no file name has.
pub(super) fn beside(plan: &Path, public_key: &str) -> PathBuf {
    let stem = plan.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = stem.strip_suffix(".json").unwrap_or(&stem);
    let key: String = public_key.chars().take(8).map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    plan.with_file_name(format!("{stem}.{key}.approval.json"))
}

pub(super) fn read(path: &Path) -> Result<Approval> {
    let wrong = |message: &str| {
        Error::invalid(message)
            .about(path.display())
            .with_hint("Name the file that `icebridge approval give` wrote, as it was written.")
    };
    let is_file = std::fs::metadata(path).map_err(|e| wrong("the approval cannot be read").with_cause(e))?.is_file();
    if !is_file {
        // A pipe may never end.
        return Err(wrong("this is no file"));
    }
    let mut text = Vec::new();
    // One more than is allowed tells too long from just long enough.
    File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text))
        .map_err(|e| wrong("the approval cannot be read").with_cause(e))?;
    if text.len() as u64 > LARGEST {
        return Err(wrong("the file is larger than any approval"));
    }
    serde_json::from_slice(&text).map_err(|e| wrong("this is no approval").with_cause(e))
}

/// Whole or not at all.
pub(super) fn write(path: &Path, approval: &Approval) -> Result<()> {
    let mut text =
        serde_json::to_string_pretty(approval).map_err(|e| Error::internal("approval to JSON").with_cause(e))?;
    text.push('\n');
    let name = path.file_name().ok_or_else(|| Error::invalid("this is no name of a file").about(path.display()))?;
    let draft = path.with_file_name(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id()));
    let written = File::create(&draft)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&draft, path));
    written.map_err(|error| {
        // The first error is the one to report.
        let _ = std::fs::remove_file(&draft);
        let code = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Code::StorageFull,
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Code::StorageDenied,
            _ => Code::StorageFailed,
        };
        Error::new(code, "the approval cannot be written")
            .about(path.display())
            .with_hint("Name another file, by --out.")
            .with_cause(error)
    })
}
