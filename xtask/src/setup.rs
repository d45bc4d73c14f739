//! Getting the machine ready.

use crate::repo::Repo;
use crate::{Result, java, packages, python, say, wasm};

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
    packages::ensure(packages::WINDOW, "`cargo xtask test --only rust` and `--only python` do without.")?;
    servers(repo)?;
    wasm::Compiler::find(repo)?;
    say("Ready to run the tests");
    Ok(())
}

/// Python, Java and the servers that the tests start.
pub fn servers(repo: &Repo) -> Result {
    packages::ensure(packages::TESTS, "`cargo xtask test --only rust` does without.")?;
    python::ensure(repo)?;
    python::SPARK_3_5.ensure(repo)?;
    java::jars(repo)
}
