//! One archive for a bug report: what the program is, what its state holds, how the last run ended, and the log. Never a secret;
//! by choice no name either.

mod about;
mod gather;
mod logs;
mod readme;
#[cfg(test)]
mod tests;

use crate::Api;
use gather::Report;
use icebridge_model::logs::{DiagnoseRequest, Diagnosis};
use icebridge_model::{Code, Error, Result};
use icebridge_telemetry::names::Pseudonyms;
use icebridge_telemetry::{Archive, scrub};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Also of a state that cannot be opened: then `state` says why, and the archive has the log all the same.
pub async fn diagnose(state_dir: &Path, state: Result<&Api, &Error>, request: &DiagnoseRequest) -> Result<Diagnosis> {
    let report = gather::gather(state_dir, state, request).await;
    let (state_dir, request) = (state_dir.to_path_buf(), request.clone());
    // Some megabytes of log are read, scrubbed and packed.
    tokio::task::spawn_blocking(move || write(&state_dir, report, &request))
        .await
        .map_err(|e| Error::internal("writing the archive failed").with_cause(e))?
}

fn write(state_dir: &Path, mut report: Report, request: &DiagnoseRequest) -> Result<Diagnosis> {
    let pseudonyms = match request.without_names {
        true => {
            logs::harvest(state_dir, &mut report.names)?;
            Some(Pseudonyms::new(std::mem::take(&mut report.names))?)
        }
        false => None,
    };
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let folder = format!("icebridge-diagnosis-{since_1970}");
    let path = match &request.path {
        Some(path) => PathBuf::from(path),
        None => usual_folder(state_dir)?.join(format!("{folder}.tar.gz")),
    };
    let mut archive = Archive::create(&path, &folder, since_1970)?;
    for part in &mut report.parts {
        scrub::json(&mut part.content);
        if let Some(pseudonyms) = &pseudonyms {
            pseudonyms.json(&mut part.content);
        }
        archive.add(part.path, part.about, pretty(&part.content)?.as_bytes())?;
    }
    logs::add(state_dir, &mut archive, pseudonyms.as_ref())?;
    let left_out = readme::left_out(request);
    let text = readme::text(archive.files(), &left_out);
    archive.add("README.txt", "this list", text.as_bytes())?;
    let written = archive.finish()?;
    Ok(Diagnosis {
        path: path.display().to_string(),
        bytes: written.bytes,
        sha256: written.sha256,
        without_names: request.without_names,
        files: written.files,
        left_out,
    })
}

fn usual_folder(state_dir: &Path) -> Result<PathBuf> {
    let folder = state_dir.join("diagnoses");
    std::fs::create_dir_all(&folder).map_err(|e| {
        Error::new(Code::StorageDenied, "the folder for the archive cannot be made")
            .about(folder.display())
            .with_cause(e)
            .with_hint("Name a file with `--out`, in a folder that you may write to.")
    })?;
    Ok(folder)
}

fn pretty(value: &Value) -> Result<String> {
    let text = serde_json::to_string_pretty(value);
    text.map_err(|e| Error::internal("a part of the diagnosis cannot be written as JSON").with_cause(e))
}
