//! Getting the machine ready.

use crate::repo::Repo;
use crate::report::{Result, say};
use crate::{emulators, jars, packages, python, wasm};

pub const HEADLESS: &str = "Without a window, `cargo xtask demo --headless` needs nothing but Rust.";

/// What the window is built with.
pub fn window(repo: &Repo) -> Result {
    packages::ensure(packages::WINDOW, HEADLESS)?;
    wasm::Compiler::find(repo)?;
    say("Ready to build the window");
    Ok(())
}

/// What the tests need besides.
pub fn tests(repo: &Repo) -> Result {
    system(repo)?;
    servers(repo)?;
    say("Ready to run the tests");
    Ok(())
}

/// What all tests need of the operating system, and the compiler of the window's content.
pub fn system(repo: &Repo) -> Result {
    packages::ensure(packages::WINDOW, "`cargo xtask test --only rust` and `--only python` do without.")?;
    packages::ensure(packages::TESTS, "`cargo xtask test --only rust` does without.")?;
    wasm::Compiler::find(repo).map(drop)
}

/// Python, Java and the servers that the tests start.
pub fn servers(repo: &Repo) -> Result {
    packages::ensure(packages::TESTS, "`cargo xtask test --only rust` does without.")?;
    python::ensure(repo)?;
    python::SPARK_3_5.ensure(repo)?;
    jars::fetch(repo)?;
    emulators::fetch(repo)
}
