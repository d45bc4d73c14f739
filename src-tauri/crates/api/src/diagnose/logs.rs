//! The log files for the archive: scrubbed once more, since an older version may have written them.

use icebridge_model::logs::LogLine;
use icebridge_model::{Code, Error, Result};
use icebridge_telemetry::names::{Names, Pseudonyms};
use icebridge_telemetry::{Archive, LogFile, log_files, logs_folder, scrub};
use serde_json::Value;
use std::path::Path;

pub fn add(state_dir: &Path, archive: &mut Archive, pseudonyms: Option<&Pseudonyms>) -> Result<()> {
    for file in files(state_dir)? {
        let mut text = String::new();
        for line in read(state_dir, file)?.lines() {
            text.push_str(&clean(line, pseudonyms));
            text.push('\n');
        }
        archive.add(&format!("logs/{}", file.name()), "log lines, one JSON object a line", text.as_bytes())?;
    }
    Ok(())
}

/// The names that the log's own fields name: also of tables and catalogs that are gone.
pub fn harvest(state_dir: &Path, names: &mut Names) -> Result<()> {
    for file in files(state_dir)? {
        for line in read(state_dir, file)?.lines() {
            let Ok(line) = serde_json::from_str::<LogLine>(line) else { continue };
            names.harvest(&Value::Object(line.fields.into_iter().collect()));
            if let Some(table) = line.table {
                names.harvest(&serde_json::json!({ "table": table }));
            }
        }
    }
    Ok(())
}

fn clean(text: &str, pseudonyms: Option<&Pseudonyms>) -> String {
    if let Ok(mut line) = serde_json::from_str::<LogLine>(text) {
        scrub::line(&mut line);
        if let Some(pseudonyms) = pseudonyms {
            pseudonyms.line(&mut line);
        }
        if let Ok(text) = serde_json::to_string(&line) {
            return text;
        }
    }
    // Cut off by a full disk, or edited by hand.
    let text = scrub::text(text);
    pseudonyms.map_or(text.clone(), |pseudonyms| pseudonyms.text(&text))
}

fn files(state_dir: &Path) -> Result<Vec<LogFile>> {
    let folder = logs_folder(state_dir);
    let files = log_files(&folder).map_err(|e| unreadable(&folder, e))?;
    Ok(files.into_iter().map(|(file, _)| file).collect())
}

fn read(state_dir: &Path, file: LogFile) -> Result<String> {
    let path = file.path(&logs_folder(state_dir));
    let bytes = std::fs::read(&path).map_err(|e| unreadable(&path, e))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(Code::StorageFailed, "the log cannot be read").about(path.display()).with_cause(error)
}
