//! A warehouse's query that computes over rows: Spark runs it in a process of its own.

use super::environment::{invalid, spark_settings, variables, write_private};
use super::parts::Runner;
use super::process::{Group, failed};
use crate::state::Principal;
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

const SCRIPT: &str = include_str!("query.py");
/// A warehouse's own clock is the workspace's choice: what is asked may not depend on it.
const TIME_ZONE: &str = "America/Los_Angeles";
/// The runtime that a warehouse's channel has.
const RUNTIME: &str = "17.3";

/// Rows of text or NULL.
#[derive(Deserialize)]
pub struct Answered {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Option<String>>>,
}

/// An error is what the engine says.
pub async fn query(runner: &Runner, principal: &Principal, id: &str, text: &str) -> Result<Answered, String> {
    let Some(python) = &runner.spark.python else {
        return Err("The sandbox was started without Python, and has no engine for data.".into());
    };
    let folder = runner.folder.query(id);
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let answered = ask(runner, python, principal, &folder, text).await;
    // The settings may hold what was secret.
    let _ = std::fs::remove_dir_all(&folder);
    answered
}

async fn ask(
    runner: &Runner,
    python: &Path,
    principal: &Principal,
    folder: &Path,
    text: &str,
) -> Result<Answered, String> {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        write_private(&path, text).map(|()| path).map_err(|error| error.to_string())
    };
    let mut settings = spark_settings(runner, principal, &Value::Null, folder)?;
    settings.push_str(&format!("spark.sql.session.timeZone {TIME_ZONE}\n"));
    let properties = write("spark.properties", &settings)?;
    let (script, statement) = (write("query.py", SCRIPT)?, write("statement.sql", text)?);
    let (answer, log) = (folder.join("answer.json"), folder.join("output.log"));
    let environment = variables(runner, python, principal, (&Value::Null, RUNTIME.to_owned()), &properties)?;
    let output = std::fs::File::create(&log).map_err(|error| error.to_string())?;
    let errors = output.try_clone().map_err(|error| error.to_string())?;
    let mut command = Command::new(python);
    command.arg("-u").args([&script, &statement, &answer]).env_clear().envs(environment).current_dir(folder);
    command.stdin(Stdio::null()).stdout(output).stderr(errors).kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let mut group = Group(command.spawn().map_err(|error| error.to_string())?);
    runner.common.counts.processes_started.add_one();
    let exit = group.0.wait().await.map_err(|error| error.to_string())?;
    drop(group);
    if !exit.success() {
        let end = failed(&log, &exit.to_string());
        return Err(end.error.unwrap_or_else(|| invalid(exit.to_string()).message));
    }
    let text = std::fs::read(&answer).map_err(|error| error.to_string())?;
    serde_json::from_slice(&text).map_err(|error| error.to_string())
}
