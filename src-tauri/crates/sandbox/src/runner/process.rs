//! A task as a Python process on this machine.

use super::environment::{Prepared, prepare};
use super::parts::Runner;
use crate::jobs::Outcome;
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use tokio::process::{Child, Command};

/// How a task ended, and what get-output has of it.
pub struct TaskEnd {
    pub outcome: Outcome,
    pub error: Option<String>,
    pub trace: Option<String>,
}

impl TaskEnd {
    pub fn of(outcome: Outcome) -> Self {
        let error = (!outcome.is_good()).then(|| outcome.message.clone());
        Self { outcome, error, trace: None }
    }

    fn driver_error(message: impl Into<String>) -> Self {
        Self::of(Outcome::new("FAILED", "DRIVER_ERROR", "INTERNAL_ERROR", message))
    }
}

/// The end of a log is enough to find the error in.
const TRACE_BYTES: usize = 256 << 10;

pub async fn run(runner: &Runner, id: u64, at: usize, task_run: u64, spec: &Value) -> TaskEnd {
    let Some(python) = &runner.spark.python else {
        let message =
            "The sandbox was started without Python. Start it with --python and an interpreter that has PySpark.";
        return TaskEnd::of(Outcome::new("FAILED", "CLUSTER_ERROR", "CLIENT_ERROR", message));
    };
    let Prepared { script, arguments, environment, folder } = match prepare(runner, python, id, at, task_run, spec) {
        Ok(prepared) => prepared,
        Err(outcome) => return TaskEnd::of(outcome),
    };
    let mut command = Command::new(python);
    command.arg("-u").arg(script).args(arguments).env_clear().envs(environment).current_dir(&folder);
    let log = folder.join("output.log");
    let opened = std::fs::File::create(&log).and_then(|out| Ok((out.try_clone()?, out)));
    let (out, err) = match opened {
        Ok(both) => both,
        Err(error) => return TaskEnd::driver_error(error.to_string()),
    };
    command.stdin(Stdio::null()).stdout(out).stderr(err).kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return TaskEnd::driver_error(format!("{} cannot be started: {error}", python.display())),
    };
    runner.common.counts.processes_started.add_one();
    let mut group = Group(child);
    let exit = group.0.wait().await;
    drop(group);
    // It may hold what was secret.
    let _ = std::fs::remove_dir_all(folder.join("conf"));
    match exit {
        Ok(status) if status.success() => TaskEnd::of(Outcome::success()),
        Ok(status) => failed(&log, &status.to_string()),
        Err(error) => TaskEnd::driver_error(error.to_string()),
    }
}

/// A process and all that it started. Spark is a tree of them: ending the first alone leaves Java behind.
pub(super) struct Group(pub(super) Child);

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(id) = self.0.id().and_then(|id| i32::try_from(id).ok())
            && let Some(group) = rustix::process::Pid::from_raw(id)
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.0.start_kill();
    }
}

pub(super) fn failed(log: &Path, status: &str) -> TaskEnd {
    let bytes = std::fs::read(log).unwrap_or_default();
    let tail = bytes.get(bytes.len().saturating_sub(TRACE_BYTES)..).unwrap_or_default();
    let text = String::from_utf8_lossy(tail);
    let trace = text.rfind("Traceback (most recent call last):").and_then(|from| text.get(from..)).map(str::to_owned);
    // The first line after the trace's frames says what it was; what a program prints while it ends comes later.
    let last = trace.as_ref().and_then(|trace| {
        trace.lines().skip(1).find(|line| !line.starts_with(' ') && !line.is_empty()).map(str::to_owned)
    });
    let error = last.unwrap_or_else(|| format!("The Python process ended with {status}"));
    TaskEnd { outcome: Outcome::failed(error.clone()), error: Some(error), trace }
}
