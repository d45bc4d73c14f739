//! The process of a judge: a Python of this machine that runs the scripts which are part of this program.

use crate::process_group::ProcessGroup;
use icebridge_model::judge::JudgeKind;
use icebridge_model::{Code, Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ffi::OsStr;
use std::future::Future;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout, Command};

/// The Python that has the judge's packages.
const PYTHON: &str = "ICEBRIDGE_JUDGE_PYTHON";

/// An answer is two numbers, or an error cut to some hundred characters.
const LONGEST_LINE: u64 = 1 << 20;

/// Spark loads its classes and starts a Java; a machine that is busy with a migration needs minutes for it.
const TO_START: Duration = Duration::from_secs(10 * 60);
/// The slowest judge, which is Python, reads a gigabyte in some minutes; a hundred of them are much for one machine. What takes longer
/// is more likely to hang.
const TO_ANSWER: Duration = Duration::from_secs(12 * 3600);

/// How long is waited for a judge.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    start: Duration,
    answer: Duration,
}

pub(super) const LIMITS: Limits = Limits { start: TO_START, answer: TO_ANSWER };

/// The modules come by standard input: no file of ours lies about, and nobody can change one under us.
const START: &str = r#"
import json, sys, types
first = json.loads(sys.stdin.readline())
for name, source in first["modules"]:
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(source, name + ".py", "exec"), module.__dict__)
sys.modules["judge"].main(first["engine"])
"#;

const REFERENCE: &str = include_str!("../../../../../spark/judges/digest_reference.py");
const ROW_DIGEST: &str = include_str!("../../../../../spark/row_digest.py");
const JUDGE: &str = include_str!("../../../../../spark/judges/judge.py");

pub(super) struct Process {
    kind: JudgeKind,
    limits: Limits,
    group: ProcessGroup,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// The Python that has the judge's packages.
pub(super) fn python() -> std::ffi::OsString {
    std::env::var_os(PYTHON).unwrap_or_else(|| "python3".into())
}

#[derive(Serialize)]
struct First<'a> {
    engine: &'a str,
    modules: Vec<(&'a str, &'a str)>,
}

impl Process {
    /// Started, and what it says first.
    pub async fn start<T: DeserializeOwned>(python: &OsStr, kind: JudgeKind, limits: Limits) -> Result<(Self, T)> {
        let mut command = Command::new(python);
        command.arg("-c").arg(START);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let shown = python.to_string_lossy().into_owned();
        let mut group = ProcessGroup::start(command).map_err(|e| unavailable(kind, format!("{shown}: {e}")))?;
        let (Some(input), Some(output)) = (group.child.stdin.take(), group.child.stdout.take()) else {
            return Err(Error::internal("a process without its pipes"));
        };
        let mut process = Self { kind, limits, group, input, output: BufReader::new(output) };
        let mut modules = vec![("digest_reference", REFERENCE)];
        if kind == JudgeKind::Spark {
            modules.push(("row_digest", ROW_DIGEST));
        }
        modules.push(("judge", JUDGE));
        let first = First { engine: kind.as_str(), modules };
        let said = within(limits.start, process.exchange(&first)).await;
        let said = process.in_time(said, "start", limits.start)?;
        Ok((process, said))
    }

    /// An order and its answer.
    pub async fn ask<T: DeserializeOwned>(&mut self, order: &impl Serialize) -> Result<T> {
        let limit = self.limits.answer;
        let said = within(limit, self.exchange(order)).await;
        self.in_time(said, "answer", limit)
    }

    /// One that did not answer in time is ended: its answer would be taken for that of a later order.
    fn in_time<T>(&mut self, said: Option<Result<T>>, doing: &str, limit: Duration) -> Result<T> {
        said.unwrap_or_else(|| {
            self.group.kill();
            Err(unavailable(self.kind, format!("it did not {doing} within {} s, and was ended", limit.as_secs())))
        })
    }

    async fn exchange<T: DeserializeOwned>(&mut self, line: &impl Serialize) -> Result<T> {
        let mut text = serde_json::to_vec(line).map_err(|e| Error::internal("an order is no JSON").with_cause(e))?;
        text.push(b'\n');
        let sent = async {
            self.input.write_all(&text).await?;
            self.input.flush().await
        };
        sent.await.map_err(|e| unavailable(self.kind, format!("it ended before its time: {e}")))?;
        let mut line = String::new();
        let mut bounded = (&mut self.output).take(LONGEST_LINE);
        match bounded.read_line(&mut line).await {
            Ok(0) => Err(unavailable(self.kind, "it ended before its time")),
            Ok(_) => serde_json::from_str(&line)
                .map_err(|e| unavailable(self.kind, format!("its answer cannot be read: {e}"))),
            Err(e) => Err(unavailable(self.kind, format!("its answer cannot be read: {e}"))),
        }
    }
}

/// None: it took longer.
async fn within<T>(limit: Duration, what: impl Future<Output = Result<T>>) -> Option<Result<T>> {
    tokio::time::timeout(limit, what).await.ok()
}

pub(super) fn unavailable(kind: JudgeKind, why: impl Into<String>) -> Error {
    Error::new(Code::JudgeUnavailable, format!("{} cannot be used here", kind.title())).with_cause_text(why.into())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    const SOON: Limits = Limits { start: Duration::from_millis(500), answer: Duration::from_millis(500) };

    /// A judge that says `first`, with a child of its own that would outlive it. Both write down who they are.
    fn judge(folder: &Path, first: &str) -> PathBuf {
        let path = folder.join("judge");
        let script = format!("#!/bin/sh\nsleep 600 &\necho $! $$ > {}\n{first}\nwait\n", folder.join("ids").display());
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    async fn all_end(folder: &Path) {
        let ids = std::fs::read_to_string(folder.join("ids")).unwrap();
        let ids: Vec<i32> = ids.split_whitespace().map(|id| id.parse().unwrap()).collect();
        assert_eq!(ids.len(), 2);
        let is_there = |id: &i32| {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            let listed = Path::new("/proc/self/stat").exists();
            let lives = rustix::process::Pid::from_raw(*id).map(rustix::process::test_kill_process);
            // One that is over and not yet waited for is none.
            lives.is_some_and(|lives| lives.is_ok()) && !(listed && (stat.contains(") Z ") || stat.is_empty()))
        };
        for _ in 0..100 {
            if !ids.iter().any(is_there) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("a process is left of {ids:?}");
    }

    #[tokio::test]
    async fn one_that_does_not_start_in_time_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let python = judge(folder.path(), "");
        let started = Process::start::<Value>(python.as_os_str(), JudgeKind::Duckdb, SOON).await;
        let error = started.err().unwrap();
        assert_eq!(error.code, Code::JudgeUnavailable);
        assert!(format!("{error:?}").contains("did not start within"), "{error:?}");
        all_end(folder.path()).await;
    }

    #[tokio::test]
    async fn one_that_does_not_answer_in_time_is_ended_and_asked_nothing_more() {
        let folder = tempfile::tempdir().unwrap();
        let python = judge(folder.path(), "echo '{}'");
        let start = Limits { start: Duration::from_secs(30), ..SOON };
        let (mut process, said) = Process::start::<Value>(python.as_os_str(), JudgeKind::Duckdb, start).await.unwrap();
        assert_eq!(said, json!({}));
        let error = process.ask::<Value>(&json!({"order": 1})).await.unwrap_err();
        assert!(format!("{error:?}").contains("did not answer within"), "{error:?}");
        all_end(folder.path()).await;
        let error = process.ask::<Value>(&json!({"order": 2})).await.unwrap_err();
        assert!(format!("{error:?}").contains("ended before its time"), "{error:?}");
    }

    #[tokio::test]
    async fn one_that_is_dropped_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let python = judge(folder.path(), "echo '{}'");
        let limits = Limits { start: Duration::from_secs(30), answer: Duration::from_secs(600) };
        let (mut process, _) = Process::start::<Value>(python.as_os_str(), JudgeKind::Duckdb, limits).await.unwrap();
        let order = json!({});
        let asked = tokio::time::timeout(Duration::from_millis(100), process.ask::<Value>(&order));
        assert!(asked.await.is_err(), "it is still asked");
        drop(process);
        all_end(folder.path()).await;
    }
}
