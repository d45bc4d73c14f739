//! Reads log files: the newest lines, and lines as they come.

use crate::folder::{LogFile, log_files, logs_folder};
use icebridge_model::logs::{LogLine, Logs, LogsRequest};
use icebridge_model::{Code, Error, Result};
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Of one file, its end: ours are smaller.
const MOST_READ: u64 = 8 << 20;

/// The newest lines that are asked for. No file is no error.
pub fn read(state_dir: &Path, request: &LogsRequest) -> Result<Logs> {
    Follower::new(state_dir)?.before(request)
}

/// Where the files ended when it was made, and after each look.
#[derive(Debug)]
pub struct Follower {
    folder: PathBuf,
    ends: BTreeMap<LogFile, u64>,
}

impl Follower {
    pub fn new(state_dir: &Path) -> Result<Self> {
        let folder = logs_folder(state_dir);
        let ends = log_files(&folder).map_err(|e| unreadable(&folder, e))?.into_iter().collect();
        Ok(Self { folder, ends })
    }

    /// The newest lines that were there.
    pub fn before(&self, request: &LogsRequest) -> Result<Logs> {
        let mut lines = VecDeque::new();
        for (file, end) in self.ends.iter().rev() {
            if lines.len() >= request.lines {
                break;
            }
            let (text, _) = self.text(*file, end.saturating_sub(MOST_READ), *end)?;
            for line in text.lines().rev().filter_map(parse).filter(|line| request.matches(line)) {
                if lines.len() >= request.lines {
                    break;
                }
                lines.push_front(line);
            }
        }
        Ok(Logs { folder: self.folder.display().to_string(), lines: lines.into() })
    }

    /// Whole lines that came since, in their order in each file.
    pub fn new_lines(&mut self, request: &LogsRequest) -> Result<Vec<LogLine>> {
        let mut lines = Vec::new();
        for (file, bytes) in log_files(&self.folder).map_err(|e| unreadable(&self.folder, e))? {
            let seen = self.ends.get(&file).copied().unwrap_or(0);
            // Smaller than before: it was emptied.
            let from = if bytes < seen { 0 } else { seen.max(bytes.saturating_sub(MOST_READ)) };
            let (text, whole) = self.text(file, from, bytes)?;
            lines.extend(text.lines().filter_map(parse).filter(|line| request.matches(line)));
            self.ends.insert(file, from + whole);
        }
        Ok(lines)
    }

    /// The whole lines between two places of a file, and their bytes.
    fn text(&self, file: LogFile, from: u64, to: u64) -> Result<(String, u64)> {
        let path = file.path(&self.folder);
        let bytes = match part(&path, from, to) {
            // Removed meanwhile, because it was old.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read.map_err(|e| unreadable(&path, e))?,
        };
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let text = String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default()).into_owned();
        Ok((text, whole as u64))
    }
}

fn part(path: &Path, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(to.saturating_sub(from)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A line that was cut off by a full disk is left out.
fn parse(line: &str) -> Option<LogLine> {
    serde_json::from_str(line).ok()
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    let code = if error.kind() == io::ErrorKind::PermissionDenied { Code::StorageDenied } else { Code::StorageFailed };
    Error::new(code, "the log cannot be read").about(path.display()).with_cause(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::logs::LogLevel;
    use std::io::Write;

    fn write(state: &Path, name: &str, lines: &[(&str, LogLevel, &str)]) {
        let folder = logs_folder(state);
        std::fs::create_dir_all(&folder).unwrap();
        let mut file = File::options().create(true).append(true).open(folder.join(name)).unwrap();
        for (run, level, message) in lines {
            let line = serde_json::json!({"at": "2026-01-31T10:00:00.000000Z", "level": level, "process": 1, "target": "t",
                "message": message, "run": run});
            writeln!(file, "{line}").unwrap();
        }
    }

    fn messages(lines: &[LogLine]) -> Vec<&str> {
        lines.iter().map(|line| line.message.as_str()).collect()
    }

    #[test]
    fn the_newest_lines_over_all_files() {
        let state = tempfile::tempdir().unwrap();
        assert!(read(state.path(), &LogsRequest::default()).unwrap().lines.is_empty(), "no folder, no lines");
        use LogLevel::{Error, Info, Warn};
        write(state.path(), "icebridge-2026-01-30.1.jsonl", &[("a", Error, "1"), ("a", Info, "2")]);
        write(state.path(), "icebridge-2026-01-31.9.jsonl", &[("b", Info, "3")]);
        write(state.path(), "icebridge-2026-01-31.10.jsonl", &[("a", Warn, "4"), ("a", Info, "5")]);
        let asked = |request: LogsRequest| read(state.path(), &request).unwrap().lines;
        let usual = LogsRequest::default;
        assert_eq!(messages(&asked(usual())), ["1", "2", "3", "4", "5"]);
        assert_eq!(messages(&asked(LogsRequest { lines: 3, ..usual() })), ["3", "4", "5"]);
        assert_eq!(messages(&asked(LogsRequest { run: Some("a".into()), lines: 3, ..usual() })), ["2", "4", "5"]);
        assert_eq!(messages(&asked(LogsRequest { level: Some(Warn), ..usual() })), ["1", "4"]);
        assert!(asked(LogsRequest { lines: 0, ..usual() }).is_empty());
    }

    #[test]
    fn followed_lines_come_once_and_whole() {
        let state = tempfile::tempdir().unwrap();
        let name = "icebridge-2026-01-31.1.jsonl";
        write(state.path(), name, &[("a", LogLevel::Info, "1")]);
        let mut follower = Follower::new(state.path()).unwrap();
        write(state.path(), name, &[("a", LogLevel::Info, "2")]);
        let all = LogsRequest::default();
        assert_eq!(messages(&follower.before(&all).unwrap().lines), ["1"], "what came later is not shown twice");
        let path = logs_folder(state.path()).join(name);
        File::options().append(true).open(&path).unwrap().write_all(b"{\"half\":").unwrap();
        assert_eq!(messages(&follower.new_lines(&all).unwrap()), ["2"]);
        File::options().append(true).open(&path).unwrap().write_all(b" 1}\n").unwrap();
        write(state.path(), name, &[("a", LogLevel::Info, "3")]);
        write(state.path(), "icebridge-2026-01-31.2.jsonl", &[("a", LogLevel::Info, "4")]);
        assert_eq!(messages(&follower.new_lines(&all).unwrap()), ["3", "4"], "a line that is no log line is left out");
        assert!(follower.new_lines(&all).unwrap().is_empty());
        std::fs::write(&path, "").unwrap();
        write(state.path(), name, &[("a", LogLevel::Info, "5")]);
        assert_eq!(messages(&follower.new_lines(&all).unwrap()), ["5"]);
    }
}
