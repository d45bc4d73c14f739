//! What the real program leaves in its log, and what it packs for a bug report.

#![allow(clippy::unwrap_used, reason = "in a test it is the assertion")]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const CANARY: &str = "C4n4ry-s3cr3t-value-0123456789";

struct Program {
    folder: tempfile::TempDir,
}

impl Program {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_icebridge"));
        command.arg("--state").arg(self.state()).args(words);
        command.env_remove("ICEBRIDGE_STATE").env_remove("ICEBRIDGE_LOG").stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    fn done(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{words:?}: {text} {}", String::from_utf8_lossy(&output.stderr));
        text
    }

    fn lines(&self, words: &[&str]) -> Vec<Value> {
        let logs: Value = serde_json::from_str(&self.done(&[&["logs", "--json"], words].concat())).unwrap();
        logs["lines"].as_array().unwrap().clone()
    }

    fn files(&self) -> String {
        let files = std::fs::read_dir(self.state().join("logs")).unwrap();
        files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
    }
}

#[test]
fn every_command_leaves_lines_and_they_are_found_again() {
    let program = Program::new();
    assert!(program.lines(&[]).is_empty(), "no folder yet, and that is no failure");
    assert!(!program.state().exists(), "to look at the log makes no state");
    program.done(&["catalog", "list"]);
    let failed = program.run(&["inventory", "nowhere"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(!String::from_utf8_lossy(&failed.stderr).contains("started"), "nothing is asked for on standard error");

    let lines = program.lines(&[]);
    let started: Vec<&Value> =
        lines.iter().filter(|line| line["message"] == "started").map(|line| &line["fields"]["command"]).collect();
    assert_eq!(started, ["catalog", "inventory"]);
    let warned = program.lines(&["--level", "warn"]);
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert_eq!(warned[0]["fields"]["code"], "catalog-not-found");
    assert_eq!(program.lines(&["--lines", "1"]), warned, "the newest");
    assert!(program.lines(&["--run", "no-such-run"]).is_empty());
    let text = program.done(&["logs", "--level", "warn"]);
    assert!(text.contains(" WARN ") && text.contains("code=catalog-not-found"), "{text}");
    assert!(program.done(&["logs", "--table", "a.b"]).starts_with("no such lines in "));
}

#[test]
fn the_option_and_the_variable_write_to_standard_error() {
    let program = Program::new();
    let heard = |command: &mut Command| String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert_eq!(heard(&mut program.command(&["catalog", "list", "--json"])), "");
    let informed = heard(&mut program.command(&["catalog", "list", "--log", "info"]));
    assert!(informed.contains(" INFO ") && informed.contains("command=catalog"), "{informed}");
    let by_variable = heard(program.command(&["catalog", "list"]).env("ICEBRIDGE_LOG", "icebridge=info"));
    assert!(by_variable.contains("command=catalog"), "{by_variable}");
    let both = heard(program.command(&["catalog", "list", "--log", "error"]).env("ICEBRIDGE_LOG", "trace"));
    assert!(!both.contains("started"), "the option goes before the variable: {both}");
    let unreadable = heard(program.command(&["catalog", "list"]).env("ICEBRIDGE_LOG", "icebridge=loud"));
    assert_eq!(unreadable.matches("warning: ").count(), 1, "{unreadable}");
    assert_eq!(program.run(&["catalog", "list", "--log", "loud"]).status.code(), Some(1));
}

#[test]
fn a_log_that_cannot_be_written_is_said_once_and_fails_nothing() {
    let program = Program::new();
    program.done(&["catalog", "list"]);
    std::fs::remove_dir_all(program.state().join("logs")).unwrap();
    std::fs::write(program.state().join("logs"), "a file in the way").unwrap();
    let output = program.command(&["catalog", "list", "--json"]).env("ICEBRIDGE_LOG", "off").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let heard = String::from_utf8(output.stderr).unwrap();
    assert_eq!(heard.matches("warning: the log cannot be written").count(), 1, "{heard}");
}

/// At the most talkative level, with a catalog that is asked with the secret and does not answer.
#[test]
fn no_secret_is_in_the_log_or_in_the_archive() {
    let program = Program::new();
    let uri = "http://127.0.0.1:9";
    let add = ["catalog", "add", "lake", "--kind", "rest", "--uri", uri, "--secret", "token", "--log", "trace"];
    for words in [&add[..], &["catalog", "check", "lake", "--log", "trace"], &["inventory", "lake", "--log", "trace"]] {
        let output = program.command(words).env("ICEBRIDGE_SECRET_LAKE_TOKEN", CANARY).output().unwrap();
        let heard = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8_lossy(&heard).contains(CANARY), "{words:?}");
    }
    let written = program.files();
    assert!(written.contains("\"level\":\"debug\"") && !written.contains(CANARY), "{written}");

    let archive = program.folder.path().join("out.tar.gz");
    let words = ["diagnose", "--out", archive.to_str().unwrap(), "--json"];
    let output = program.command(&words).env("ICEBRIDGE_SECRET_LAKE_TOKEN", CANARY).output().unwrap();
    let diagnosis: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{diagnosis}");
    let mut packed = Vec::new();
    let file = std::fs::File::open(&archive).unwrap();
    flate2::read::GzDecoder::new(file).read_to_end(&mut packed).unwrap();
    assert!(!String::from_utf8_lossy(&packed).contains(CANARY));
    let entries = tar::Archive::new(packed.as_slice()).entries().unwrap().count();
    assert_eq!(entries, diagnosis["files"].as_array().unwrap().len());
    assert_eq!(program.run(&words[..3]).status.code(), Some(1), "nothing is written over");
}

#[test]
fn a_state_that_cannot_be_opened_can_be_looked_at() {
    let program = Program::new();
    program.done(&["catalog", "list"]);
    for leftover in ["state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(program.state().join(leftover));
    }
    std::fs::write(program.state().join("state.db"), "this is no database at all, whatever its name says").unwrap();
    assert_ne!(program.run(&["catalog", "list"]).status.code(), Some(0));
    let failed = program.lines(&["--level", "warn"]);
    assert_eq!(failed.last().unwrap()["fields"]["command"], "catalog", "{failed:?}");
    let text = program.done(&["diagnose"]);
    assert!(text.contains("state.json") && text.contains("why the state cannot be opened"), "{text}");
}

#[test]
fn new_lines_are_followed() {
    let program = Program::new();
    program.done(&["catalog", "list"]);
    let mut child =
        program.command(&["logs", "--follow", "--lines", "0", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut heard = BufReader::new(child.stdout.take().unwrap()).lines();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        while let Some(Ok(line)) = heard.next() {
            let _ = sender.send(line);
        }
    });
    // It may not have looked at the folder yet: another command is another chance.
    let mut line = None;
    for _ in 0..40 {
        program.done(&["about"]);
        line = receiver.recv_timeout(std::time::Duration::from_secs(1)).ok();
        if line.is_some() {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let line: Value = serde_json::from_str(&line.expect("a line within 40 seconds")).unwrap();
    assert_eq!((&line["message"], &line["fields"]["command"]), (&Value::from("started"), &Value::from("about")));
}

#[test]
fn the_lines_of_a_run_name_the_run_and_its_tables() {
    let program = Program::new();
    program.done(&["journey", "--sample", "--json"]);
    let started = program.lines(&["--lines", "10000"]).into_iter().find(|line| line["message"] == "the run starts");
    let run = started.unwrap()["run"].as_str().unwrap().to_string();
    let lines = program.lines(&["--run", &run, "--lines", "10000"]);
    let message = |line: &Value| line["message"].as_str().unwrap().to_string();
    assert_eq!((message(&lines[0]), message(lines.last().unwrap())), ("the run starts".into(), "the run ends".into()));
    assert_eq!(lines.last().unwrap()["fields"]["state"], "succeeded");
    let states = |table: &str| -> Vec<Value> {
        let lines = program.lines(&["--run", &run, "--table", table, "--lines", "10000"]);
        let states = lines.iter().filter(|line| line["message"] == "table state");
        states.map(|line| line["fields"]["state"].clone()).collect()
    };
    assert_eq!(states("sales.orders"), ["copying", "committing", "committed", "validating", "migrated"]);
    let begun = program.done(&["logs", "--run", &run, "--table", "sales.orders", "--lines", "1"]);
    assert!(begun.contains(&format!("run={run} table=sales.orders table state")), "{begun}");
}
