//! The result files of a step's tasks, as docs/spark-jobs.md describes them: read while the run works for its progress, and
//! at the end for what came of it.

use super::patience::Patience;
use super::record::{Lane, StepRecord};
use icebridge_databricks::Client;
use icebridge_model::{Code, Error, Result, TableIdent};
use serde::Deserialize;
use serde_json::Value;

/// A result has some hundred bytes a table.
const LONGEST: usize = 64 << 20;
const VERSION: u32 = 1;

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct ResultFile {
    #[serde(default)]
    pub result_version: u32,
    #[serde(default)]
    pub plan_hash: Option<String>,
    #[serde(default)]
    pub complete: bool,
    #[serde(default)]
    pub error: Option<Value>,
    #[serde(default)]
    pub tables: Vec<TableEntry>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct TableEntry {
    pub target: String,
    #[serde(default)]
    pub state: String,
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
    #[serde(default)]
    pub milliseconds: Option<u64>,
    #[serde(default)]
    pub error: Option<Value>,
}

/// What a task left. `Unreadable` says why, in words that complete "its result file ...".
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Left {
    Result(ResultFile),
    Missing,
    Unreadable(String),
}

impl ResultFile {
    pub fn entry(&self, target: &TableIdent) -> Option<&TableEntry> {
        self.tables.iter().find(|entry| is(&entry.target, target))
    }
}

/// Unity Catalog does not look at capitals, and the job may quote differently.
fn is(name: &str, target: &TableIdent) -> bool {
    TableIdent::parse(name).is_ok_and(|name| name.to_string().eq_ignore_ascii_case(&target.to_string()))
}

/// As the job told it; or, if it is told in a way that is not known here, that.
pub(super) fn error_of(value: &Value) -> Error {
    serde_json::from_value(value.clone()).unwrap_or_else(|_| {
        let words = value["message"].as_str().unwrap_or("the job does not say why");
        Error::new(Code::RunFailed, words).with_cause_text(value.to_string())
    })
}

pub(super) fn read(content: &[u8], plan_hash: &str) -> Left {
    let file: ResultFile = match serde_json::from_slice(content) {
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
    match read(&content, plan_hash) {
        Left::Result(file) => Some(file),
        Left::Missing | Left::Unreadable(_) => None,
    }
}

/// Of every task, in their order. Out of reach is waited out.
pub(super) async fn all(client: &Client, record: &StepRecord, patience: &Patience<'_>) -> Result<Vec<Left>> {
    let mut left = Vec::new();
    for lane in &record.lanes {
        let asked = patience.ask(None, || client.read_file(&lane.result_path, LONGEST)).await;
        left.push(match asked {
            Ok(Some(content)) => read(&content, &record.plan_hash),
            Ok(None) => Left::Missing,
            // The sign-in has ended: the next process reads it. Anything else is the file's.
            Err(error) if matches!(error.code, Code::CredentialsRejected | Code::CredentialsMissing) => {
                return Err(error);
            }
            Err(error) => Left::Unreadable(format!("cannot be read: {error}")),
        });
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_of_another_plan_or_half_a_one_is_none() {
        let whole = br#"{"result_version": 1, "plan_hash": "p", "complete": true, "tables": [
            {"target": "Main.s.`a.b`", "state": "done", "rows_done": 3, "newer": 1}]}"#;
        let Left::Result(file) = read(whole, "p") else { panic!("it is whole") };
        assert_eq!(file.entry(&TableIdent::new(["main", "s"], "a.b")).unwrap().rows_done, Some(3));
        assert!(file.entry(&TableIdent::new(["main", "s"], "other")).is_none());
        assert!(matches!(read(whole, "q"), Left::Unreadable(_)));
        assert!(matches!(read(&whole[..40], "p"), Left::Unreadable(_)));
        assert!(matches!(read(br#"{"result_version": 2}"#, "p"), Left::Unreadable(_)));
    }

    #[test]
    fn errors_of_the_job_are_the_products_own() {
        let told = serde_json::json!({"code": "table-exists", "message": "m", "object": "o", "hint": null, "causes": [], "retryable": false});
        assert_eq!(error_of(&told).code, Code::TableExists);
        let newer = serde_json::json!({"code": "never-heard-of", "message": "m"});
        assert_eq!((error_of(&newer).code, error_of(&newer).message.as_str()), (Code::RunFailed, "m"));
    }
}
