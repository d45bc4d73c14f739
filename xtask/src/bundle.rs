//! The app as users install it.

use crate::command::{cargo, run, succeeds};
use crate::repo::Repo;
use crate::report::{Failure, Result, say};
use crate::{packages, setup, ui};

pub fn pack(repo: &Repo, passed_on: &[String]) -> Result {
    if !succeeds(cargo(&repo.root).args(["tauri", "--version"])) {
        return Err(Failure::new(
            "Bundles are made by Tauri's own command, which is not here.\n\
             Get it once (about 10 minutes): cargo install tauri-cli --version '^2' --locked",
        ));
    }
    packages::ensure(packages::WINDOW, setup::HEADLESS)?;
    ui::build(repo)?;
    run(cargo(&repo.root).args(["tauri", "build"]).args(passed_on))?;
    say(format!("The bundles are in {}", repo.target().join("release/bundle").display()));
    Ok(())
}
