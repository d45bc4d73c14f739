//! The result files of a step's tasks, as docs/spark-jobs.md describes them: read while the run works for its progress, and
//! at the end for what came of it.

use super::patience::Patience;
use super::record::{Lane, StepRecord};
use icebridge_databricks::Client;
use icebridge_model::photon::{ClusterMethod, SourceRead, SyncAction};
use icebridge_model::validation::Check;
use icebridge_model::{Code, Error, Result, TableIdent};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A result has some hundred bytes a table.
const LONGEST: usize = 64 << 20;
const VERSION: u32 = 1;

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct ResultFile<Entry = TableEntry> {
    #[serde(default)]
    pub result_version: u32,
    #[serde(default)]
    pub plan_hash: Option<String>,
    #[serde(default)]
    pub complete: bool,
    #[serde(default)]
    pub error: Option<Value>,
    #[serde(default)]
    pub tables: Vec<Entry>,
}

/// By which a table is found in a result.
pub(super) trait Named {
    fn target(&self) -> &str;
}

/// How far the job is with a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EntryState {
    Waiting,
    Running,
    Done,
    Failed,
    /// One that this version does not know: it proves nothing.
    #[default]
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct TableEntry {
    pub target: String,
    #[serde(default)]
    pub state: EntryState,
    #[serde(default)]
    pub source_snapshot_id: Option<i64>,
    #[serde(default)]
    pub target_snapshot_id: Option<i64>,
    #[serde(default)]
    pub rows_total: Option<u64>,
    #[serde(default)]
    pub rows_done: Option<u64>,
    #[serde(default)]
    pub batches_total: Option<u64>,
    #[serde(default)]
    pub batches_done: Option<u64>,
    #[serde(default)]
    pub batches_found: Option<u64>,
    #[serde(default)]
    pub lost: Vec<String>,
    /// What was done in the end, where it is not what was asked for.
    #[serde(default)]
    pub method: Option<ClusterMethod>,
    #[serde(default)]
    pub source_read: Option<SourceRead>,
    #[serde(default)]
    pub note: Option<String>,
    #[serde(default)]
    pub action: Option<SyncAction>,
    #[serde(default)]
    pub milliseconds: Option<u64>,
    #[serde(default)]
    pub error: Option<Value>,
}

impl Named for TableEntry {
    fn target(&self) -> &str {
        &self.target
    }
}

/// Of `gx_runner`, which writes one only when it is done with the table.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct CheckEntry {
    pub target: String,
    #[serde(default)]
    pub passed: bool,
    #[serde(default)]
    pub rows: Option<u64>,
    #[serde(default)]
    pub digest: Option<String>,
    #[serde(default)]
    pub expected_rows: Option<u64>,
    #[serde(default)]
    pub expected_digest: Option<String>,
    #[serde(default)]
    pub failed_columns: Vec<String>,
    #[serde(default)]
    pub checks: Vec<Check>,
    #[serde(default)]
    pub milliseconds: Option<u64>,
    #[serde(default)]
    pub error: Option<Value>,
}

impl Named for CheckEntry {
    fn target(&self) -> &str {
        &self.target
    }
}

/// What a task left. `Unreadable` says why, as the end of a sentence that begins with "its result file".
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Left<Entry = TableEntry> {
    Result(ResultFile<Entry>),
    Missing,
    Unreadable(String),
}

impl<Entry> Left<Entry> {
    /// The file, or why there is none.
    pub fn file(&self) -> std::result::Result<&ResultFile<Entry>, &str> {
        match self {
            Self::Result(file) => Ok(file),
            Self::Missing => Err("is not there"),
            Self::Unreadable(why) => Err(why),
        }
    }
}

impl<Entry: Named> ResultFile<Entry> {
    pub fn entry(&self, target: &TableIdent) -> Option<&Entry> {
        self.tables.iter().find(|entry| is(entry.target(), target))
    }
}

/// Unity Catalog does not look at capitals, and the job may quote differently.
fn is(name: &str, target: &TableIdent) -> bool {
    TableIdent::parse(name).is_ok_and(|name| name.to_string().eq_ignore_ascii_case(&target.to_string()))
}

/// As the job wrote it; or, in a form that this version does not know, with its message alone.
pub(super) fn error_of(value: &Value) -> Error {
    serde_json::from_value(value.clone()).unwrap_or_else(|_| {
        let message = value["message"].as_str().unwrap_or("the job does not say why");
        Error::new(Code::RunFailed, message).with_cause_text(value.to_string())
    })
}

pub(super) fn read<Entry: DeserializeOwned + Default>(content: &[u8], plan_hash: &str) -> Left<Entry> {
    let file: ResultFile<Entry> = match serde_json::from_slice(content) {
        Ok(file) => file,
        Err(e) => return Left::Unreadable(format!("breaks off or is not JSON: {e}")),
    };
    if file.result_version != VERSION {
        return Left::Unreadable(format!("has version {}, and this program knows {VERSION}", file.result_version));
    }
    // A whole job can fail before it knows its plan.
    if file.plan_hash.as_deref().is_some_and(|own| own != plan_hash) {
        return Left::Unreadable("is of another plan".into());
    }
    Left::Result(file)
}

/// While it works: a file that is not there or not whole yet says nothing.
pub(super) async fn peek(client: &Client, lane: &Lane, plan_hash: &str) -> Option<ResultFile> {
    let content = client.read_file(&lane.result_path, LONGEST).await.ok()??;
    match read(&client.without_secrets(content).await, plan_hash) {
        Left::Result(file) => Some(file),
        Left::Missing | Left::Unreadable(_) => None,
    }
}

/// Of every lane, in their order.
pub(super) async fn all(client: &Client, record: &StepRecord, patience: &Patience<'_>) -> Result<Vec<Left>> {
    let mut left = Vec::new();
    for lane in &record.lanes {
        left.push(one(client, &lane.result_path, &record.plan_hash, patience).await?);
    }
    Ok(left)
}

/// Of every lane's check, in the lanes' order; missing where there is no check.
pub(super) async fn checks(
    client: &Client,
    record: &StepRecord,
    patience: &Patience<'_>,
) -> Result<Vec<Left<CheckEntry>>> {
    let mut left = Vec::new();
    for lane in &record.lanes {
        left.push(match &lane.check {
            Some(check) => one(client, &check.result_path, &record.plan_hash, patience).await?,
            None => Left::Missing,
        });
    }
    Ok(left)
}

/// Out of reach is waited out.
async fn one<Entry: DeserializeOwned + Default>(
    client: &Client,
    path: &str,
    plan_hash: &str,
    patience: &Patience<'_>,
) -> Result<Left<Entry>> {
    match patience.ask(None, || client.read_file(path, LONGEST)).await {
        Ok(Some(content)) => Ok(read(&client.without_secrets(content).await, plan_hash)),
        Ok(None) => Ok(Left::Missing),
        // The sign-in has ended: the next process reads it. Anything else is the file's.
        Err(error) if matches!(error.code, Code::CredentialsRejected | Code::CredentialsMissing) => Err(error),
        Err(error) => Ok(Left::Unreadable(format!("cannot be read: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_of_another_plan_or_half_a_one_is_none() {
        let whole = br#"{"result_version": 1, "plan_hash": "p", "complete": true, "tables": [
            {"target": "Main.s.`a.b`", "state": "done", "rows_done": 3, "newer": 1}]}"#;
        let Left::Result(file) = read::<TableEntry>(whole, "p") else { panic!("it is whole") };
        assert_eq!(file.entry(&TableIdent::new(["main", "s"], "a.b")).unwrap().rows_done, Some(3));
        assert!(file.entry(&TableIdent::new(["main", "s"], "other")).is_none());
        assert_eq!(file.tables[0].state, EntryState::Done);
        let newer = String::from_utf8_lossy(whole).replace("\"done\"", "\"paused\"");
        let Left::Result(file) = read::<TableEntry>(newer.as_bytes(), "p") else { panic!("it is whole") };
        assert_eq!(file.tables[0].state, EntryState::Unknown);
        assert!(matches!(read::<TableEntry>(whole, "q"), Left::Unreadable(_)));
        assert!(matches!(read::<TableEntry>(&whole[..40], "p"), Left::Unreadable(_)));
        assert!(matches!(read::<TableEntry>(br#"{"result_version": 2}"#, "p"), Left::Unreadable(_)));
    }

    #[test]
    fn errors_of_the_job_are_the_products_own() {
        let written = serde_json::json!({"code": "table-exists", "message": "m", "object": "o", "hint": null, "causes": [], "retryable": false});
        assert_eq!(error_of(&written).code, Code::TableExists);
        let newer = serde_json::json!({"code": "never-heard-of", "message": "m"});
        assert_eq!((error_of(&newer).code, error_of(&newer).message.as_str()), (Code::RunFailed, "m"));
    }
}
