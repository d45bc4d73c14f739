//! Fuzzing for as long as one likes: changed bytes into the parsers, and random tables through everything.

use crate::command::{cargo, run};
use crate::repo::Repo;
use crate::report::{Result, say};
use crate::{python, setup};

/// The targets are tests whose names begin so.
const TARGETS: &str = "fuzz_";

/// Each target for some minutes, two at a time.
pub fn parsers(repo: &Repo, minutes: &str, seed: &str) -> Result {
    say(
        "Each target says how many inputs it took; an input that breaks one is replayed by the variables that it names.",
    );
    let mut tests = cargo(&repo.root);
    tests.args(["test", "-p", "icebridge-lakehouse", "-p", "icebridge-core", "--lib", TARGETS, "--"]);
    tests.args(["--nocapture", "--test-threads", "2"]);
    run(tests.env("ICEBRIDGE_FUZZ_MINUTES", minutes).env("ICEBRIDGE_FUZZ_SEED", seed))
}

/// The arguments are those of `python -m tests.fuzz_tables`.
pub fn tables(repo: &Repo, passed_on: &[String]) -> Result {
    setup::tests(repo)?;
    run(cargo(&repo.root).args(["build", "-p", "icebridge-cli"]))?;
    let mut fuzz = python::module(repo, "tests.fuzz_tables");
    run(fuzz.env("ICEBRIDGE_BIN", repo.built("debug", "icebridge")).args(passed_on))
}
