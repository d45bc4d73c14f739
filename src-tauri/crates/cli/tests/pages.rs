//! What people read: the help of every command, the pages over a state folder, and the form of errors.
//!
//! A page that is meant to change is accepted with `INSTA_UPDATE=always cargo test -p icebridge-cli --test pages`, and the
//! change of its file in `snapshots/` read before it is committed.

#![allow(clippy::unwrap_used, reason = "in a test it is the assertion")]

use flate2::read::GzDecoder;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Two runs of one plan over the fifteen sample tables.
const STATE: &[u8] = include_bytes!("../../../../tests/fixtures/state-794de2a.tar.gz");

struct Program {
    state: TempDir,
}

impl Program {
    fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        tar::Archive::new(GzDecoder::new(STATE)).unpack(state.path()).unwrap();
        Self { state }
    }

    /// The command line, its exit code, and what it printed.
    fn page(&self, words: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_icebridge"));
        command.current_dir(self.state.path());
        command.args(words).env("ICEBRIDGE_STATE", self.state.path()).env_remove("ICEBRIDGE_LOG").stdin(Stdio::null());
        let output = command.output().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        let folder = self.state.path().display().to_string();
        let printed = String::from_utf8(printed).unwrap().replace(&folder, "STATE");
        format!("$ icebridge {}\n[exit code {}]\n{printed}\n", words.join(" "), output.status.code().unwrap())
    }

    fn pages(&self, lines: &[&[&str]]) -> String {
        lines.iter().map(|words| self.page(words)).collect()
    }
}

/// The commands below one, from its help.
fn commands(help: &str) -> Vec<String> {
    let section = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let lines = section.lines().take_while(|line| !line.is_empty());
    lines
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty())
        .map(Into::into)
        .collect()
}

#[test]
fn the_help_of_every_command() {
    let program = Program::new();
    let mut pages = String::new();
    let mut next: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(words) = next.pop() {
        let line: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let page = program.page(&line);
        assert!(page.contains("[exit code 0]"), "{page}");
        next.extend(commands(&page).into_iter().rev().map(|name| words.iter().cloned().chain([name]).collect()));
        pages.push_str(&page);
    }
    assert!(pages.matches("$ icebridge").count() > 30, "{pages}");
    insta::assert_snapshot!(pages);
}

#[test]
fn the_pages_over_a_state_folder() {
    let program = Program::new();
    insta::assert_snapshot!(program.pages(&[
        &["catalog", "list"],
        &["tables", "sample"],
        &["runs"],
        &["status"],
        &["preflight", "--rules"],
        &["workspace", "list"],
    ]));
}

#[test]
fn the_form_of_errors() {
    let program = Program::new();
    insta::assert_snapshot!(program.pages(&[
        &["runs", "--sideways"],
        &["status", "no-such-run"],
        &["status", "no-such-run", "--json"],
        &["run", "no-such-plan.json"],
        &["run", "--resume", "no-such-run"],
        &["catalog", "check", "nowhere"],
        &["catalog", "remove", "nowhere"],
        &["inventory", "managed"],
        &["table", "facts", "sample", "shop."],
        &["table", "facts", "nowhere", "a.b"],
        &["map", "set", "a.b", "--to", ""],
        &["preflight", "--accept", "IB-F001"],
        &["preflight", "--accept", "IB-X"],
        &["audit", "verify", "no-such-folder"],
        &["workspace", "check", "nowhere"],
        &["cost", "no-such-plan.json"],
    ]));
}
