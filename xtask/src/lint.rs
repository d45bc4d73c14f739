//! Formatting and lints. Every linter runs, so that one command shows all there is to mend.

use crate::command::{cargo, run};
use crate::repo::Repo;
use crate::report::{Failure, Result, say};
use crate::wasm::{Compiler, TARGET};
use crate::{packages, python, ui};
use std::path::Path;
use std::process::Command;

pub fn run_all(repo: &Repo) -> Result {
    python::ensure(repo)?;
    let mut failed = Vec::new();
    let mut check = |name: &'static str, command: &mut Command| {
        say(name);
        if let Err(failure) = run(command) {
            say(failure);
            failed.push(name);
        }
    };
    check("rustfmt", cargo(&repo.root).args(["fmt", "--all", "--check"]));
    for (folder, settings) in python_folders(repo) {
        let ruff = |verb: &[&str]| {
            let mut ruff = python::module(repo, "ruff");
            ruff.args(verb).arg("--config").arg(&settings).arg(&folder);
            ruff
        };
        check("ruff check", &mut ruff(&["check"]));
        check("ruff format", &mut ruff(&["format", "--check"]));
    }
    // Types of the jobs alone: a cluster is a slow place to find a wrong one.
    check(
        "mypy",
        python::module(repo, "mypy").args(["--config-file", "pyproject.toml"]).current_dir(repo.path("spark")),
    );
    let window = packages::missing(packages::WINDOW).is_empty();
    let mut native = cargo(&repo.root);
    native.args(["clippy", "--workspace", "--all-targets", "--exclude", "icebridge-ui"]);
    if window {
        // Its build embeds the window's content, and says so when that is not there.
        ui::build(repo)?;
        native.args(["--features", "icebridge-desktop/custom-protocol"]);
    } else {
        say("Leaving out the desktop app: WebKitGTK is not there (`cargo xtask setup`)");
        native.args(["--exclude", "icebridge-desktop"]);
    }
    check("clippy", native.args(["--", "-D", "warnings"]));
    let mut page = cargo(&repo.root);
    page.args(["clippy", "-p", "icebridge-ui"]);
    match Compiler::find(repo)? {
        Compiler::Rustup => {
            page.args(["--target", TARGET, "--profile", "wasm"]);
        }
        // clippy belongs to rustup's compiler and can't read what Debian's has compiled.
        Compiler::Debian { .. } => say("Linting the UI for this machine, since rustup has no WebAssembly here"),
    }
    check("clippy of the UI", page.args(["--", "-D", "warnings"]));
    if failed.is_empty() {
        say("Nothing to mend");
        return Ok(());
    }
    failed.dedup();
    Err(Failure::new(format!("These have something to say, see above: {}", failed.join(", "))))
}

/// Folders with Python, each with the settings that hold there.
fn python_folders(repo: &Repo) -> Vec<(String, String)> {
    let shared = "tests/pyproject.toml".to_owned();
    let settings = |folder: &str| {
        let own = format!("{folder}/pyproject.toml");
        if repo.path(&own).is_file() { own } else { shared.clone() }
    };
    let folders = ["tests", "benches", "spark"].into_iter().filter(|folder| has_python(&repo.path(folder)));
    folders.map(|folder| (folder.to_owned(), settings(folder))).collect()
}

fn has_python(folder: &Path) -> bool {
    std::fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| {
        let path = entry.path();
        path.extension().is_some_and(|ending| ending == "py") || (path.is_dir() && has_python(&path))
    })
}
