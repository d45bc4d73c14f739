//! The real program: what it prints, and what it exits with.

#![allow(clippy::unwrap_used, reason = "in a test it is the assertion")]

use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

struct Bridge {
    folder: tempfile::TempDir,
}

impl Bridge {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_icebridge"));
        command.arg("--state").arg(self.folder.path().join("state")).args(words);
        command.env_remove("ICEBRIDGE_STATE").stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// What must succeed, as JSON.
    fn json(&self, words: &[&str]) -> Value {
        let output = self.run(&[words, &["--json"]].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{words:?}: {text} {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{words:?}: {e}: {text}"))
    }

    /// What must fail: the exit code and the error.
    fn refused(&self, words: &[&str]) -> (i32, Value) {
        let output = self.run(&[words, &["--json"]].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let error = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{words:?}: {e}: {text}"));
        (output.status.code().unwrap(), error)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

#[test]
fn the_whole_way_in_one_go_and_once_more() {
    let bridge = Bridge::new();
    let bundle = bridge.path("bundle");
    let told = bridge.json(&["journey", "--sample", "--out", &bundle]);
    assert_eq!(told["run"]["state"], "succeeded");
    assert!(told["run"]["migrated"].as_u64().unwrap() >= 12);
    assert_eq!(told["run"]["failed"], 0);
    assert_eq!(told["verdict"]["intact"], true);
    assert!(Path::new(&bundle).join("manifest.json").is_file());
    assert_eq!(bridge.json(&["audit", "verify", &bundle])["intact"], true);

    let again = bridge.json(&["journey", "--sample"]);
    assert_eq!(again["plan"], Value::Null, "nothing is left to plan");
    assert_eq!(again["run"]["state"], "succeeded");
    let adopted = again["run"]["tables"].as_array().unwrap().iter().all(|t| t["outcome"]["adopted"] == true);
    assert!(adopted, "a second run of the same plan writes nothing");

    let manifest = Path::new(&bundle).join("plan.json");
    std::fs::write(&manifest, std::fs::read_to_string(&manifest).unwrap().replace("crm", "crn")).unwrap();
    let spoiled = bridge.run(&["audit", "verify", &bundle]);
    assert_eq!(spoiled.status.code(), Some(1), "a bundle that was changed is not intact");
}

#[test]
fn step_by_step_with_losses_decided_by_code() {
    let bridge = Bridge::new();
    bridge.json(&["sample", &bridge.path("lake")]);
    assert!(bridge.json(&["inventory", "sample"])["tables"].as_u64().unwrap() >= 12);
    assert!(bridge.json(&["tables", "sample"])["rows"].as_array().unwrap().len() >= 12);

    bridge.json(&["map", "set", "sales.orders", "mart.orders"]);
    let csv = bridge.path("map.csv");
    bridge.json(&["map", "export", &csv]);
    let text = std::fs::read_to_string(&csv).unwrap();
    assert!(text.contains("sales.orders,mart.orders,create"), "{text}");
    std::fs::write(&csv, text.replace("crm.contacts,crm.contacts,create", "crm.contacts,,excluded")).unwrap();
    assert_eq!(bridge.json(&["map", "import", &csv])["excluded"], 1);

    // Rewriting loses history: not before it is accepted.
    let waiting = bridge.run(&["preflight", "--mode", "rewrite", "--json"]);
    assert_eq!(waiting.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&waiting.stdout).unwrap();
    assert!(report["needs_acceptance"].as_u64().unwrap() > 0);
    let plan = bridge.path("plan.json");
    let made = bridge.json(&["plan", "--mode", "rewrite", "--out", &plan]);
    let left = made["plan"]["left_out"].as_array().unwrap();
    assert!(left.iter().any(|l| l["codes"][0] == "loss-not-accepted"));
    bridge.run(&["preflight", "--mode", "rewrite", "--accept-all-losses"]);
    let made = bridge.json(&["plan", "--mode", "rewrite", "--out", &plan]);
    assert!(made["plan"]["left_out"].as_array().unwrap().iter().all(|l| l["codes"][0] != "loss-not-accepted"));
    let first = std::fs::read(&plan).unwrap();
    bridge.json(&["plan", "--mode", "rewrite", "--out", &plan]);
    assert_eq!(first, std::fs::read(&plan).unwrap(), "the same plan, byte for byte");

    let run = bridge.json(&["run", &plan]);
    assert_eq!(run["state"], "succeeded");
    let run_id = run["run_id"].as_str().unwrap();
    assert_eq!(bridge.json(&["status", run_id])["migrated"], run["migrated"]);
    assert_eq!(bridge.json(&["runs"]).as_array().unwrap().len(), 1);
    assert_eq!(bridge.json(&["validate"])["state"], "succeeded");

    let digest = |catalog: &str, table: &str| bridge.json(&["table", "digest", catalog, table])["digest"].clone();
    assert_eq!(digest("sample", "sales.orders"), digest("managed", "mart.orders"));
    assert_eq!(
        bridge.json(&["table", "rows", "managed", "mart.orders", "--limit", "3"])["rows"].as_array().unwrap().len(),
        3
    );
    assert_eq!(bridge.json(&["table", "facts", "managed", "mart.orders"])["snapshot_count"], 1);
}

#[test]
fn mistakes_end_in_coded_errors_and_exit_1() {
    let bridge = Bridge::new();
    for (words, code) in [
        (vec!["inventory", "nowhere"], "catalog-not-found"),
        (vec!["preflight"], "invalid-input"),
        (vec!["run", "/no/such/plan.json"], "plan-broken"),
        (vec!["status"], "run-not-found"),
        (vec!["run", "--resume"], "run-not-found"),
        (vec!["audit", "verify", "/no/such/bundle"], "bundle-broken"),
        (vec!["catalog", "add", "a b", "--kind", "files", "--uri", "/x"], "invalid-input"),
        (vec!["catalog", "add", "t", "--target", "--kind", "files", "--uri", "/x"], "invalid-input"),
        (vec!["catalog", "add", "r", "--kind", "rest", "--uri", "https://h", "--property", "token=x"], "invalid-input"),
    ] {
        let (exit, error) = bridge.refused(&words);
        assert_eq!((exit, error["code"].as_str().unwrap()), (1, code), "{words:?}");
        assert!(error["message"].as_str().unwrap().len() > 10);
    }
    let output = bridge.run(&["inventory", "nowhere"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.starts_with("error: ") && text.contains("\nhint: ") && text.contains("\ncode: catalog-not-found"),
        "{text}"
    );
    assert_eq!(bridge.run(&["no-such-command"]).status.code(), Some(1));
}

#[test]
fn an_unreachable_catalog_is_told_and_kept() {
    let bridge = Bridge::new();
    let gone = format!("sqlite:{}", bridge.path("gone.db"));
    bridge.json(&["catalog", "add", "gone", "--kind", "sql", "--uri", &gone]);
    let checked = bridge.run(&["catalog", "check", "gone", "--json"]);
    assert_eq!(checked.status.code(), Some(1));
    let check: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(check["reachable"], false);
    assert!(check["error"]["code"].is_string());
    assert_eq!(bridge.json(&["catalog", "list"]).as_array().unwrap().len(), 1);
    bridge.json(&["catalog", "remove", "gone"]);
    assert!(bridge.json(&["catalog", "list"]).as_array().unwrap().is_empty());
}

/// Where there is no keychain, a secret in the environment is used and kept nowhere.
#[test]
fn a_secret_from_the_environment_is_never_stored() {
    let bridge = Bridge::new();
    let words =
        ["catalog", "add", "lake", "--kind", "rest", "--uri", "http://127.0.0.1:9", "--secret", "token", "--json"];
    let mut command = bridge.command(&words);
    let added = command.env("ICEBRIDGE_SECRET_LAKE_TOKEN", "s3cr3t-0f-env").output().unwrap();
    assert_eq!(added.status.code(), Some(0), "{}", String::from_utf8_lossy(&added.stdout));
    let all = [added.stdout, added.stderr].concat();
    assert!(!String::from_utf8_lossy(&all).contains("s3cr3t"));
    for entry in std::fs::read_dir(bridge.folder.path().join("state")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(13).any(|w| w == b"s3cr3t-0f-env"));
    }
    let mut empty = bridge.command(&[
        "catalog",
        "add",
        "other",
        "--kind",
        "rest",
        "--uri",
        "http://127.0.0.1:9",
        "--secret",
        "token",
    ]);
    let mut child = empty.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1), "an empty secret is refused");
}

#[test]
fn help_rules_and_completions_need_no_state() {
    let run = |words: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_icebridge")).args(words).env("ICEBRIDGE_STATE", "/proc/none").output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(0), "{words:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run(&["--help"]).contains("Exit codes: 0 done"));
    assert!(run(&["preflight", "--rules"]).contains("IB-F004"));
    assert!(run(&["completions", "bash"]).contains("icebridge"));
}

/// A reader that has seen enough is no failure.
#[test]
fn a_closed_pipe_is_no_failure() {
    let bridge = Bridge::new();
    let mut command = bridge.command(&["preflight", "--rules"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
