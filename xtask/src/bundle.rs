//! The app as users install it.

use crate::command::{cargo, command, output, run, succeeds};
use crate::repo::Repo;
use crate::report::{Failure, Result, say};
use crate::{packages, setup, ui};
use std::path::PathBuf;

pub fn pack(repo: &Repo, passed_on: &[String]) -> Result {
    if !succeeds(cargo(&repo.root).args(["tauri", "--version"])) {
        return Err(Failure::new(
            "Bundles are made by Tauri's own command, which is not here.\n\
             Get it once (about 10 minutes): cargo install tauri-cli --version '^2' --locked",
        ));
    }
    packages::ensure(packages::WINDOW, setup::HEADLESS)?;
    ui::build(repo)?;
    let sandbox = sandbox(repo)?;
    // Tauri finds the program by this name with the target's triple after it, and installs it beside the app.
    let config = format!("{{\"bundle\":{{\"externalBin\":[{:?}]}}}}", sandbox.display().to_string());
    run(cargo(&repo.root).args(["tauri", "build", "--config", &config]).args(passed_on))?;
    say(format!("The bundles are in {}", repo.target().join("release/bundle").display()));
    Ok(())
}

/// The sandbox's program, for the trial in the window, under the name that Tauri wants.
fn sandbox(repo: &Repo) -> Result<PathBuf> {
    run(cargo(&repo.root).args(["build", "--release", "-p", "icebridge-sandbox"]))?;
    let version = output(command("rustc").arg("-vV")).unwrap_or_default();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or_else(|| Failure::new("`rustc -vV` does not say its host."))?;
    let built = repo.built("release", "icebridge-sandbox");
    let base = repo.target().join("bundled/icebridge-sandbox");
    let named = repo.target().join(format!("bundled/icebridge-sandbox-{host}{}", std::env::consts::EXE_SUFFIX));
    let copied = std::fs::create_dir_all(repo.target().join("bundled")).and_then(|()| std::fs::copy(&built, &named));
    copied.map_err(|error| Failure::new(format!("{} to {}: {error}", built.display(), named.display())))?;
    Ok(base)
}
