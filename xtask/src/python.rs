//! Python and what the tests need of it, in an environment of their own.

use crate::command::{command, output, run, succeeds};
use crate::packages::install;
use crate::repo::Repo;
use crate::{Failure, Result, say, stamp};
use std::path::PathBuf;
use std::process::Command;

const OLDEST: (u32, u32) = (3, 11);

pub fn venv(repo: &Repo) -> PathBuf {
    repo.state().join("venv")
}

fn venv_program(repo: &Repo, name: &str) -> PathBuf {
    let (folder, ending) = if cfg!(windows) { ("Scripts", ".exe") } else { ("bin", "") };
    venv(repo).join(folder).join(format!("{name}{ending}"))
}

/// The environment's Python at the repository's root, with the variables that the tests know.
pub fn python(repo: &Repo) -> Command {
    let mut python = command(venv_program(repo, "python"));
    python.current_dir(&repo.root);
    for (name, value) in variables(repo) {
        python.env(name, value);
    }
    python
}

pub fn module(repo: &Repo, name: &str) -> Command {
    let mut python = python(repo);
    python.args(["-m", name]);
    python
}

/// What tests in any language are told: where the products are, and the Python that can start their servers.
pub fn variables(repo: &Repo) -> [(&'static str, PathBuf); 4] {
    [
        ("ICEBRIDGE_BIN", repo.built("debug", "icebridge")),
        ("ICEBRIDGE_DESKTOP", repo.built("debug", "icebridge-desktop")),
        ("ICEBRIDGE_CACHE", repo.cache()),
        ("ICEBRIDGE_PYTHON", venv_program(repo, "python")),
    ]
}

/// Makes the environment, or brings it to what tests/requirements.txt says.
pub fn ensure(repo: &Repo) -> Result {
    let requirements = repo.path("tests/requirements.txt");
    let key = stamp::Content::default().path(&requirements)?.word(&venv(repo).to_string_lossy()).key();
    let ready = succeeds(command(venv_program(repo, "python")).arg("--version"));
    if ready && stamp::is_fresh(repo, "venv", &key) {
        return Ok(());
    }
    if !ready {
        let base = interpreter()?;
        if !succeeds(command(&base).args(["-c", "import venv, ensurepip"])) {
            no_venv(&base)?;
        }
        say(format!("Making a Python environment in {}", venv(repo).display()));
        run(command(&base).args(["-m", "venv", "--clear"]).arg(venv(repo)))?;
    }
    say("Installing tests/requirements.txt from PyPI (the first time about 500 MB: Spark, PyIceberg, DuckDB, moto)");
    run(module(repo, "pip").args(["install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&requirements))?;
    stamp::write(repo, "venv", &key)
}

/// The first Python on PATH that is new enough.
fn interpreter() -> Result<String> {
    let names = ["python3", "python3.13", "python3.12", "python3.11", "python"];
    let seen: Vec<_> = names.iter().filter_map(|name| Some((*name, version(name)?))).collect();
    if let Some((name, _)) = seen.iter().find(|(_, version)| *version >= OLDEST) {
        return Ok((*name).to_owned());
    }
    let found = seen.first().map_or("none".to_owned(), |(_, (major, minor))| format!("{major}.{minor}"));
    Err(Failure::new(format!(
        "The tests need Python {}.{} or later on PATH; found {found}.\n\
         Install it (Debian 12, Ubuntu 24.04: `sudo apt-get install python3 python3-venv`), then run this again.",
        OLDEST.0, OLDEST.1
    )))
}

fn version(name: &str) -> Option<(u32, u32)> {
    let told = output(command(name).args(["-c", "import sys; print(*sys.version_info[:2])"]))?;
    let (major, minor) = told.split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Debian splits venv off Python; elsewhere it is a broken installation.
fn no_venv(base: &str) -> Result {
    let own = version(base).map_or(String::new(), |(major, minor)| format!("python{major}.{minor}-venv"));
    if crate::command::find("apt-get").is_none() {
        return Err(Failure::new(format!("`{base} -m venv` does not work: this Python lacks venv or ensurepip.")));
    }
    say(format!("`{base} -m venv` lacks ensurepip, which Debian packs apart"));
    install(&[vec![own, "python3-venv".into()]], "")
}
