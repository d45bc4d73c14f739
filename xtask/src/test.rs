//! The parts of the tests, each by itself; `lanes` runs all of them. pytest comes last, so that its closing lines end the
//! output.

use crate::command::{cargo, run};
use crate::repo::Repo;
use crate::report::{Failure, Result, all, say};
use crate::{packages, python, setup, ui};
use std::fs;
use std::iter;
use std::process::Command;
use std::time::Instant;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Rust,
    Python,
    /// The jobs in spark/, on both versions of Spark.
    Spark,
    Window,
}

impl Part {
    pub fn parse(word: &str) -> Result<Self> {
        match word {
            "rust" => Ok(Self::Rust),
            "python" => Ok(Self::Python),
            "spark" => Ok(Self::Spark),
            "window" => Ok(Self::Window),
            _ => Err(Failure::new(format!("`--only {word}`: there are the parts rust, python, spark and window."))),
        }
    }
}

pub fn run_part(repo: &Repo, only: Option<Part>, passed_on: &[String]) -> Result {
    announce(only);
    match only {
        None => {
            // The arguments are pytest's: the jobs' own tests, of another pytest, would all be deselected by most of them.
            setup::tests(repo)?;
            ui::build(repo)?;
            build_products(repo, true)?;
            pytest(repo, &["tests".into()], passed_on)
        }
        Some(Part::Rust) => cargo_test(repo, ready_for_the_window(repo), passed_on),
        Some(Part::Spark) => {
            setup::servers(repo)?;
            all(spark_jobs(repo, passed_on).iter_mut().map(run))
        }
        Some(Part::Python) => {
            setup::servers(repo)?;
            build_products(repo, ready_for_the_window(repo))?;
            let ignored = files_of_the_window(repo)?.into_iter().map(|path| format!("--ignore={path}"));
            pytest(repo, &iter::once("tests".into()).chain(ignored).collect::<Vec<_>>(), passed_on)
        }
        Some(Part::Window) => {
            setup::tests(repo)?;
            ui::build(repo)?;
            build_products(repo, true)?;
            pytest(repo, &files_of_the_window(repo)?, passed_on)
        }
    }
}

/// On the Spark of each runtime that the jobs support. The older one runs the tests that are marked for it.
pub fn spark_jobs(repo: &Repo, passed_on: &[String]) -> Vec<Command> {
    let tests = |environment: python::Environment| {
        let mut pytest = environment.module(repo, "pytest");
        pytest.args(["-c", "spark/pyproject.toml", "spark/tests"]);
        pytest
    };
    let (mut newer, mut older) = (tests(python::TESTS), tests(python::SPARK_3_5));
    newer.args(passed_on);
    older.args(["-m", "every_spark"]).args(passed_on);
    vec![newer, older]
}

pub fn announce(only: Option<Part>) {
    say("The tests:");
    if only.is_none_or(|part| part != Part::Rust) {
        eprintln!(
            "      need Python 3.11 with venv, a JDK 17 and servers (PostgreSQL, Xvfb, ...); apt-get fetches what lacks"
        );
        eprintln!("      fetch Python packages into .icebridge and jars into the cache folder: about 1.3 GB, once");
    }
    eprintln!("      take about 50 minutes from clean on two cores, and about 30 minutes once everything is compiled");
}

fn ready_for_the_window(repo: &Repo) -> bool {
    packages::missing(packages::WINDOW).is_empty() && repo.path("ui/dist/index.html").is_file()
}

/// The desktop app links the system's web view, so without that it is left out, aloud. The tool of the UI's build has no tests.
fn members(window: bool) -> &'static [&'static str] {
    if window {
        return &["--workspace", "--exclude", "icebridge-bindgen", "--features", "icebridge-desktop/custom-protocol"];
    }
    say("Leaving out the desktop app: WebKitGTK or ui/dist is not there (`cargo xtask setup`, `cargo xtask ui`)");
    &["--workspace", "--exclude", "icebridge-bindgen", "--exclude", "icebridge-desktop"]
}

pub fn cargo_test(repo: &Repo, window: bool, passed_on: &[String]) -> Result {
    let mut test = cargo(&repo.root);
    test.arg("test").args(members(window)).args(["--no-fail-fast"]).args(passed_on);
    for (name, value) in python::variables(repo) {
        test.env(name, value);
    }
    run(&mut test)
}

/// Together with all members and their tests, so that dependencies keep the features they were compiled with for the tests.
pub fn build_products(repo: &Repo, window: bool) -> Result {
    run(cargo(&repo.root).args(["build", "--bins", "--tests"]).args(members(window)))
}

pub fn pytest(repo: &Repo, files: &[String], passed_on: &[String]) -> Result {
    say("Python's tests");
    run(python::module(repo, "pytest").args(files).args(passed_on))
}

/// Tests that open the window are told by their names.
pub fn files_of_the_window(repo: &Repo) -> Result<Vec<String>> {
    let entries = fs::read_dir(repo.path("tests")).map_err(|e| Failure::new(format!("tests: {e}")))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut found: Vec<String> =
        names.filter(|name| name.starts_with("test_window")).map(|name| format!("tests/{name}")).collect();
    if found.is_empty() {
        return Err(Failure::new("tests/ has no test of the window (test_window*.py)."));
    }
    found.sort();
    Ok(found)
}

pub fn clock(what: &str, started: Instant) {
    say(format!("{what}: {} s", started.elapsed().as_secs()));
}
