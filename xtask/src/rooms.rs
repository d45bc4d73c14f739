//! The drawing of the crates and their folders in docs/ARCHITECTURE.md.

use crate::command::{cargo, run};
use crate::repo::Repo;
use crate::report::Result;

/// By a program of its own: what it needs to parse Rust should not delay the first command of a new clone.
pub fn draw(repo: &Repo) -> Result {
    run(cargo(&repo.root).args(["run", "--quiet", "-p", "icebridge-rooms", "--"]).arg(&repo.root))
}
