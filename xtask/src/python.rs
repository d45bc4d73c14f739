//! Python and what the tests need of it, in an environment of their own.

use crate::command::{command, output, run, succeeds};
use crate::packages::install;
use crate::repo::Repo;
use crate::report::{Failure, Result, say};
use crate::{jdk, stamp};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

const OLDEST: (u32, u32) = (3, 11);

/// A virtual environment: two versions of PySpark do not fit into one.
pub struct Environment {
    /// In the state folder; also the stamp's name.
    folder: &'static str,
    requirements: &'static str,
    size: &'static str,
}

/// What nearly all tests use.
pub const TESTS: Environment = Environment {
    folder: "venv",
    requirements: "tests/requirements.txt",
    size: "about 650 MB: Spark, PyIceberg, DuckDB, moto, Great Expectations",
};

/// The older Spark that the jobs in spark/ have to run on.
pub const SPARK_3_5: Environment = Environment {
    folder: "venv-spark-3.5",
    requirements: "spark/requirements-3.5.txt",
    size: "about 320 MB: Spark 3.5",
};

impl Environment {
    fn path(&self, repo: &Repo) -> PathBuf {
        repo.state().join(self.folder)
    }

    fn program(&self, repo: &Repo, name: &str) -> PathBuf {
        let (folder, ending) = if cfg!(windows) { ("Scripts", ".exe") } else { ("bin", "") };
        self.path(repo).join(folder).join(format!("{name}{ending}"))
    }

    /// Its Python at the repository's root, with the variables that the tests know.
    pub fn python(&self, repo: &Repo) -> Command {
        let mut python = command(self.program(repo, "python"));
        python.current_dir(&repo.root);
        for (name, value) in variables(repo) {
            python.env(name, value);
        }
        python
    }

    pub fn module(&self, repo: &Repo, name: &str) -> Command {
        let mut python = self.python(repo);
        python.args(["-m", name]);
        python
    }

    /// Makes the environment, or brings it to what its requirements say.
    pub fn ensure(&self, repo: &Repo) -> Result {
        let requirements = repo.path(self.requirements);
        let key = stamp::Content::default().path(&requirements)?.word(&self.path(repo).to_string_lossy()).key();
        let ready = succeeds(command(self.program(repo, "python")).arg("--version"));
        if ready && stamp::is_fresh(repo, self.folder, &key) {
            return Ok(());
        }
        if !ready {
            let base = interpreter()?;
            if !succeeds(command(&base).args(["-c", "import venv, ensurepip"])) {
                no_venv(&base)?;
            }
            say(format!("Making a Python environment in {}", self.path(repo).display()));
            run(command(&base).args(["-m", "venv", "--clear"]).arg(self.path(repo)))?;
        }
        say(format!("Installing {} from PyPI (the first time {})", self.requirements, self.size));
        let install = ["install", "--quiet", "--disable-pip-version-check", "-r"];
        run(self.module(repo, "pip").args(install).arg(&requirements))?;
        stamp::write(repo, self.folder, &key)
    }
}

/// The environment of the tests: see [`Environment::python`].
pub fn python(repo: &Repo) -> Command {
    TESTS.python(repo)
}

pub fn module(repo: &Repo, name: &str) -> Command {
    TESTS.module(repo, name)
}

/// What tests in any language are told: where the products are, the Python that can start their servers, and how Spark starts
/// fast.
pub fn variables(repo: &Repo) -> [(&'static str, OsString); 5] {
    [
        ("ICEBRIDGE_BIN", repo.built("debug", "icebridge").into()),
        ("ICEBRIDGE_DESKTOP", repo.built("debug", "icebridge-desktop").into()),
        ("ICEBRIDGE_CACHE", repo.cache().into()),
        ("ICEBRIDGE_PYTHON", TESTS.program(repo, "python").into()),
        ("SPARK_SUBMIT_OPTS", jdk::options(repo).into()),
    ]
}

/// Makes the environment of the tests, or brings it to what tests/requirements.txt says.
pub fn ensure(repo: &Repo) -> Result {
    TESTS.ensure(repo)
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
