//! The rules between the crates, as docs/ARCHITECTURE.md states them, read from the manifests. Those between the folders
//! of a crate are in `rooms.rs`.
#![allow(clippy::unwrap_used, reason = "in a test it is the assertion, in its helpers too")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which of our crates each crate may name in its manifest, for code, build or tests.
const KNOWS: &[(&str, &[&str])] = &[
    ("icebridge-model", &[]),
    // Whatever counts knows it, and it knows nobody who does.
    ("icebridge-metrics", &["icebridge-model"]),
    ("icebridge-http", &["icebridge-model", "icebridge-metrics"]),
    ("icebridge-lakehouse", &["icebridge-model", "icebridge-http"]),
    ("icebridge-databricks", &["icebridge-model", "icebridge-http"]),
    ("icebridge-store", &["icebridge-model"]),
    (
        "icebridge-core",
        &[
            "icebridge-model",
            "icebridge-metrics",
            // For hooks, which are servers of the user's.
            "icebridge-http",
            "icebridge-lakehouse",
            "icebridge-databricks",
            "icebridge-store",
        ],
    ),
    // It starts before the state is opened, in both programs: it knows no state.
    // Traces go to a server, by the one transport.
    ("icebridge-telemetry", &["icebridge-model", "icebridge-http", "icebridge-metrics"]),
    ("icebridge-api", &["icebridge-model", "icebridge-core", "icebridge-telemetry"]),
    // It knows neither the client nor core: a client's bug must not cancel itself out.
    ("icebridge-sandbox", &["icebridge-model"]),
    // These two start the sandbox as a program of its own, and do not contain it.
    ("icebridge-cli", &["icebridge-model", "icebridge-api", "icebridge-telemetry"]),
    ("icebridge-desktop", &["icebridge-model", "icebridge-api", "icebridge-telemetry"]),
    ("icebridge-ui", &["icebridge-model"]),
    // A server for tests.
    ("icebridge-loopback", &[]),
    ("xtask", &[]),
    ("icebridge-bindgen", &[]),
    ("icebridge-rooms", &[]),
];

/// Besides, for tests alone: what is tested against it and may not be built on it.
const KNOWS_IN_TESTS: &[(&str, &[&str])] = &[
    ("icebridge-core", &["icebridge-sandbox", "icebridge-loopback"]),
    // Both check the names that the docs use.
    ("icebridge-cli", &["icebridge-rooms"]),
    ("xtask", &["icebridge-rooms"]),
    ("icebridge-http", &["icebridge-loopback"]),
    ("icebridge-lakehouse", &["icebridge-loopback"]),
    ("icebridge-databricks", &["icebridge-loopback"]),
];

/// Which crates may name these outside dependencies; an ending `*` stands for anything.
const KEPT_IN: &[(&str, &[&str])] = &[
    ("sqlx", &["icebridge-store", "icebridge-lakehouse"]),
    ("tauri*", &["icebridge-desktop"]),
    ("keyring*", &["icebridge-api"]),
    ("yew*", &["icebridge-ui"]),
    ("web-sys", &["icebridge-ui"]),
    ("wasm-bindgen*", &["icebridge-ui", "icebridge-bindgen"]),
    // One transport for all.
    ("reqwest", &["icebridge-http"]),
    ("rustls*", &["icebridge-http"]),
    ("object_store", &["icebridge-lakehouse"]),
    ("parquet", &["icebridge-lakehouse"]),
    ("arrow*", &["icebridge-lakehouse"]),
    ("apache-avro", &["icebridge-lakehouse"]),
    ("clap*", &["icebridge-cli", "icebridge-desktop", "icebridge-sandbox"]),
    // The product is nobody's server.
    ("axum*", &["icebridge-sandbox"]),
    ("prometheus-client", &["icebridge-metrics"]),
    ("opentelemetry*", &["icebridge-telemetry"]),
    ("tracing-opentelemetry", &["icebridge-telemetry"]),
    // Errors are the model's everywhere: what has no code can't be shown to anybody.
    ("anyhow", &[]),
    ("eyre", &[]),
    // Its readers and writers are wrong where it matters: docs/adr/0002.
    ("iceberg", &[]),
];

const LONGEST: usize = 600;
const SOURCES: &[&str] = &["rs", "py", "java", "css", "sql"];
const ROOMS: &[&str] = &["src-tauri", "ui", "xtask", "tests", "spark", "benches"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Crate name to the names in its manifest.
fn manifests(metadata: &Value) -> BTreeMap<String, Vec<String>> {
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap();
    let names = |package: &Value| {
        let owner = name(package);
        let for_tests = KNOWS_IN_TESTS.iter().find(|(one, _)| *one == owner).map_or(&[][..], |(_, names)| names);
        let counts = |one: &&Value| one["kind"] != "dev" || !for_tests.contains(&name(one).as_str());
        let names = package["dependencies"].as_array().unwrap().iter().filter(counts).map(name).collect();
        (owner, names)
    };
    packages.iter().map(names).collect()
}

fn is(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

fn violations(manifests: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut found = Vec::new();
    for (owner, names) in manifests {
        let Some((_, known)) = KNOWS.iter().find(|(one, _)| one == owner) else {
            found.push(format!("{owner} has no line in KNOWS: say which of our crates it may know"));
            continue;
        };
        for name in names {
            if manifests.contains_key(name) && !known.contains(&name.as_str()) {
                found.push(format!("{owner} must not know {name}; it may know: {}", known.join(", ")));
            }
            for (pattern, places) in KEPT_IN.iter().filter(|(pattern, _)| is(pattern, name)) {
                if !places.contains(&owner.as_str()) {
                    found.push(format!("{owner} must not use {name}; {pattern} is kept in: {}", places.join(", ")));
                }
            }
        }
    }
    found
}

fn real() -> Value {
    let mut metadata = Command::new(env!("CARGO"));
    metadata.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(root());
    serde_json::from_slice(&metadata.output().unwrap().stdout).unwrap()
}

#[test]
fn each_room_knows_only_those_it_may() {
    let found = violations(&manifests(&real()));
    assert!(found.is_empty(), "\n{}\nThe rules are in docs/ARCHITECTURE.md.\n", found.join("\n"));
}

#[test]
fn a_broken_rule_is_found_and_its_offender_named() {
    let mut bent = manifests(&real());
    assert!(bent.len() >= 9, "the workspace lost crates, or cargo metadata changed its shape: {bent:?}");
    let offences = [
        ("icebridge-model", "icebridge-store"),
        ("icebridge-ui", "icebridge-api"),
        ("icebridge-cli", "icebridge-core"),
        ("icebridge-core", "sqlx"),
        ("icebridge-cli", "tauri-plugin-store"),
        ("icebridge-desktop", "keyring"),
    ];
    for (owner, name) in offences {
        bent.get_mut(owner).unwrap().push(name.to_owned());
    }
    bent.insert("icebridge-new".to_owned(), Vec::new());
    let found = violations(&bent);
    for (owner, name) in offences {
        assert!(
            found.iter().any(|line| line.starts_with(owner) && line.contains(name)),
            "{owner} -> {name}: {found:?}"
        );
    }
    assert!(found.iter().any(|line| line.starts_with("icebridge-new")), "{found:?}");
    assert_eq!(found.len(), offences.len() + 1, "{found:?}");
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for package in real()["packages"].as_array().unwrap() {
        let manifest = package["manifest_path"].as_str().unwrap();
        let text = fs::read_to_string(manifest).unwrap();
        assert!(text.contains("[lints]\nworkspace = true"), "{manifest} lacks `[lints] workspace = true`");
    }
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(&*name, "target" | "dist" | "gen" | "__pycache__") && !name.starts_with('.') {
                sources(&path, into);
            }
        } else if path.extension().is_some_and(|ending| SOURCES.iter().any(|one| ending == *one)) {
            into.push(path);
        }
    }
}

#[test]
fn no_source_file_is_longer_than_one_purpose() {
    let mut files = Vec::new();
    for room in ROOMS {
        sources(&root().join(room), &mut files);
    }
    assert!(files.len() > 50, "only {} source files found: the search is broken", files.len());
    let lines = |file: &PathBuf| fs::read_to_string(file).unwrap_or_default().lines().count();
    let long: Vec<String> = files
        .iter()
        .map(|file| (lines(file), file))
        .filter(|(lines, _)| *lines > LONGEST)
        .map(|(lines, file)| format!("{}: {lines} lines", file.display()))
        .collect();
    assert!(long.is_empty(), "\nLonger than {LONGEST} lines; split by purpose:\n{}\n", long.join("\n"));
}

/// rustfmt does not look into `html!`. A line of nothing but a text, or a comment, may be as long as it is.
#[test]
fn no_line_of_the_window_is_longer_than_rustfmt_allows() {
    const WIDEST: usize = 120;
    let mut files = Vec::new();
    sources(&root().join("ui/src"), &mut files);
    files.retain(|file| file.extension().is_some_and(|ending| ending == "rs"));
    assert!(files.len() > 50, "the window's sources were not found");
    let is_text = |line: &str| {
        let line = line.trim().trim_start_matches("{ ").trim_start_matches("text=");
        let line = line.trim_end_matches(['>', ',', '\\']).trim_end_matches(" }");
        line.starts_with("//") || line.starts_with('"') && line.matches('"').count() <= 2
    };
    let mut wide = Vec::new();
    for file in files {
        for (at, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            if line.chars().count() > WIDEST && !is_text(line) {
                wide.push(format!("{}:{}", file.strip_prefix(root()).unwrap().display(), at + 1));
            }
        }
    }
    assert!(wide.is_empty(), "\nLines of more than {WIDEST} characters:\n{}\n", wide.join("\n"));
}
