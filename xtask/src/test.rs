//! Every test of the repository. pytest comes last, so that its closing lines end the output.

use crate::command::{cargo, run};
use crate::repo::Repo;
use crate::{Failure, Result, packages, python, say, setup, ui};
use std::fs;
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
    let wants = |part| only.is_none_or(|only| only == part);
    announce(only);
    let started = Instant::now();
    if wants(Part::Window) {
        setup::tests(repo)?;
        ui::build(repo)?;
    } else if wants(Part::Python) || wants(Part::Spark) {
        setup::servers(repo)?;
    }
    let window = wants(Part::Window) || ready_for_the_window(repo);
    clock("set-up", started);

    // A failing Rust test must not hide what the others would have said; it still fails the whole at the end.
    let mut rust = Ok(());
    if wants(Part::Rust) {
        let started = Instant::now();
        rust = cargo_test(repo, window, if only.is_some() { passed_on } else { &[] });
        clock("Rust's tests", started);
    }
    if only == Some(Part::Rust) {
        return rust;
    }
    // They need no product. With arguments that are meant for another part, they would only deselect everything.
    let mut jobs = Ok(());
    if only == Some(Part::Spark) || (only.is_none() && passed_on.is_empty()) {
        let started = Instant::now();
        jobs = spark_jobs(repo, passed_on);
        clock("the jobs' tests", started);
    }
    if only == Some(Part::Spark) {
        return jobs;
    }
    let started = Instant::now();
    build_products(repo, window)?;
    clock("building the command line and the app", started);
    for failure in [&rust, &jobs].into_iter().filter_map(|part| part.as_ref().err()) {
        say(format!("{failure}; going on with Python's tests"));
    }
    pytest(repo, only, passed_on)?;
    rust.and(jobs)
}

/// On the Spark of each runtime that the jobs support. The older one runs the tests that are marked for it.
fn spark_jobs(repo: &Repo, passed_on: &[String]) -> Result {
    let mut all = Ok(());
    for (spark, environment) in [("4.0", python::TESTS), ("3.5", python::SPARK_3_5)] {
        say(format!("The jobs' tests on Spark {spark}"));
        let mut pytest = environment.module(repo, "pytest");
        pytest.args(["-c", "spark/pyproject.toml", "spark/tests"]);
        if spark == "3.5" {
            pytest.args(["-m", "every_spark"]);
        }
        all = all.and(run(pytest.args(passed_on)));
    }
    all
}

fn announce(only: Option<Part>) {
    say("The tests:");
    if only.is_none_or(|part| part != Part::Rust) {
        eprintln!(
            "      need Python 3.11 with venv, a JDK 17 and servers (PostgreSQL, Xvfb, ...); apt-get fetches what lacks"
        );
        eprintln!("      fetch Python packages into .icebridge and jars into the cache folder: about 1.3 GB, once");
    }
    eprintln!("      take about 70 minutes from clean on two cores, and about 40 once everything is compiled");
}

fn ready_for_the_window(repo: &Repo) -> bool {
    packages::missing(packages::WINDOW).is_empty() && repo.path("ui/dist/index.html").is_file()
}

/// The desktop app links the system's web view, so without that it is left out, aloud.
fn members(window: bool) -> &'static [&'static str] {
    if window {
        return &["--workspace", "--features", "icebridge-desktop/custom-protocol"];
    }
    say("Leaving out the desktop app: WebKitGTK or ui/dist is not there (`cargo xtask setup`, `cargo xtask ui`)");
    &["--workspace", "--exclude", "icebridge-desktop"]
}

fn cargo_test(repo: &Repo, window: bool, passed_on: &[String]) -> Result {
    let mut test = cargo(&repo.root);
    test.arg("test").args(members(window)).args(["--no-fail-fast"]).args(passed_on);
    for (name, value) in python::variables(repo) {
        test.env(name, value);
    }
    run(&mut test)
}

/// Together with all members and their tests, so that dependencies keep the features they were compiled with for the tests.
fn build_products(repo: &Repo, window: bool) -> Result {
    run(cargo(&repo.root).args(["build", "--bins", "--tests"]).args(members(window)))
}

fn pytest(repo: &Repo, only: Option<Part>, passed_on: &[String]) -> Result {
    let windows = window_tests(repo)?;
    let mut pytest = python::module(repo, "pytest");
    match only {
        Some(Part::Window) if windows.is_empty() => {
            return Err(Failure::new("tests/ has no test of the window (test_window*.py)."));
        }
        Some(Part::Window) => pytest.args(windows),
        Some(Part::Python) => pytest.arg("tests").args(windows.iter().map(|path| format!("--ignore={path}"))),
        _ => pytest.arg("tests"),
    };
    say("Python's tests");
    run(pytest.args(passed_on))
}

/// Tests that open the window are told by their name.
fn window_tests(repo: &Repo) -> Result<Vec<String>> {
    let entries = fs::read_dir(repo.path("tests")).map_err(|e| Failure::new(format!("tests: {e}")))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut found: Vec<String> =
        names.filter(|name| name.starts_with("test_window")).map(|name| format!("tests/{name}")).collect();
    found.sort();
    Ok(found)
}

fn clock(what: &str, started: Instant) {
    say(format!("{what}: {} s", started.elapsed().as_secs()));
}
