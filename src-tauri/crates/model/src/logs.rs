//! Log lines, how they are asked for, and the archive that goes with a bug report.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The most severe first, so that `level <= LogLevel::Warn` means "at least a warning".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LogLevel {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| {
            Error::invalid("unknown log level")
                .about(text)
                .with_hint("The levels are: error, warn, info, debug, trace.")
        })
    }
}

/// One line of a log file, which holds one such JSON object a line. Written without secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// RFC 3339, UTC, with microseconds.
    pub at: String,
    pub level: LogLevel,
    /// The process that wrote it: several may share a state folder.
    pub process: u32,
    /// The module that wrote it.
    pub target: String,
    pub message: String,
    /// The run, the source table and the step that it is about, from the spans around it or its own fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The names of the spans around it, outermost first, joined by `:`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub span: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Value>,
}

/// How many lines are shown where no number is given.
pub const USUAL_LINES: usize = 100;

fn usual_lines() -> usize {
    USUAL_LINES
}

/// Which lines: the newest that match everything that is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogsRequest {
    /// The run's id, or how it begins.
    #[serde(default)]
    pub run: Option<String>,
    /// The source or the target table.
    #[serde(default)]
    pub table: Option<String>,
    /// Lines of this level and more severe ones.
    #[serde(default)]
    pub level: Option<LogLevel>,
    #[serde(default = "usual_lines")]
    pub lines: usize,
}

impl Default for LogsRequest {
    fn default() -> Self {
        Self { run: None, table: None, level: None, lines: USUAL_LINES }
    }
}

impl LogsRequest {
    /// Whether a line is one of those that are asked for; `lines` is not looked at.
    pub fn matches(&self, line: &LogLine) -> bool {
        let is_run = |wanted: &String| line.run.as_ref().is_some_and(|run| run.starts_with(wanted.as_str()));
        let is_table = |wanted: &String| {
            let target = line.fields.get("target_table").and_then(Value::as_str);
            line.table.as_ref() == Some(wanted) || target == Some(wanted.as_str())
        };
        self.run.as_ref().is_none_or(is_run)
            && self.table.as_ref().is_none_or(is_table)
            && self.level.is_none_or(|level| line.level <= level)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Logs {
    /// The folder of the log files. It may not be there yet.
    pub folder: String,
    /// Oldest first.
    pub lines: Vec<LogLine>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiagnoseRequest {
    /// The archive to write, which must not be there yet; none: in the state folder.
    #[serde(default)]
    pub path: Option<String>,
    /// Names of tables, catalogs, hosts, paths and principals become pseudonyms.
    #[serde(default)]
    pub without_names: bool,
    /// No catalog is asked what it can do.
    #[serde(default)]
    pub offline: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiagnosisFile {
    /// Inside the archive.
    pub path: String,
    pub bytes: u64,
    pub about: String,
}

/// The archive that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
    pub without_names: bool,
    pub files: Vec<DiagnosisFile>,
    /// What is not in it, one sentence each.
    pub left_out: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> LogLine {
        LogLine {
            at: "2026-01-02T03:04:05.678901Z".into(),
            level: LogLevel::Warn,
            process: 7,
            target: "icebridge_core::run".into(),
            message: "table failed".into(),
            run: Some("0199-abc".into()),
            table: Some("sales.orders".into()),
            step: None,
            span: String::new(),
            fields: [("target_table".to_string(), Value::from("mart.orders"))].into(),
        }
    }

    #[test]
    fn everything_asked_for_has_to_match() {
        let request = |run: Option<&str>, table: Option<&str>, level| LogsRequest {
            run: run.map(Into::into),
            table: table.map(Into::into),
            level,
            ..LogsRequest::default()
        };
        assert!(request(None, None, None).matches(&line()));
        assert!(request(Some("0199"), Some("sales.orders"), Some(LogLevel::Info)).matches(&line()));
        assert!(request(None, Some("mart.orders"), None).matches(&line()), "the target's name finds it, too");
        assert!(!request(Some("abc"), None, None).matches(&line()), "the beginning of an id, not any part");
        assert!(!request(None, Some("sales"), None).matches(&line()));
        assert!(!request(None, None, Some(LogLevel::Error)).matches(&line()));
    }

    #[test]
    fn a_line_is_one_json_object_and_comes_back() {
        let text = serde_json::to_string(&line()).unwrap();
        assert!(!text.contains("\"step\"") && !text.contains("\"span\""), "what is not known is left out: {text}");
        assert_eq!(serde_json::from_str::<LogLine>(&text).unwrap(), line());
        assert_eq!("WARN".parse(), Ok(LogLevel::Warn));
        assert!("loud".parse::<LogLevel>().is_err());
        assert_eq!(serde_json::from_str::<LogsRequest>("{}").unwrap(), LogsRequest::default());
    }
}
