//! The benchmark of benches/, with the command line as users get it.

use crate::command::{cargo, run};
use crate::repo::Repo;
use crate::report::{Result, say};
use crate::{python, setup, ui};

/// What is measured: named first among the arguments, else copies.
#[derive(Clone, Copy, PartialEq)]
enum Subject {
    Conflicts,
    Copies,
    Inventory,
    Planning,
    Sync,
    Window,
}

impl Subject {
    fn of(arguments: &[String]) -> Self {
        match arguments.first().map(String::as_str) {
            Some("conflicts") => Self::Conflicts,
            Some("inventory") => Self::Inventory,
            Some("planning") => Self::Planning,
            Some("sync") => Self::Sync,
            Some("window") => Self::Window,
            _ => Self::Copies,
        }
    }

    fn module(self) -> &'static str {
        match self {
            Self::Conflicts => "benches.conflicts",
            Self::Copies => "benches.run",
            Self::Inventory => "benches.inventory",
            Self::Planning => "benches.planning",
            Self::Sync => "benches.sync",
            Self::Window => "benches.window",
        }
    }

    fn announce(self) {
        match self {
            Self::Copies => {
                say(
                    "The benchmark builds the release command line, writes a table of about 1 GB into the cache folder",
                );
                eprintln!(
                    "      (once), and copies it many times: it needs 8 GB of disk, 8 GB of memory and a machine with\n      nothing else to do"
                );
            }
            Self::Conflicts => say(
                "The benchmark builds the release command line and copies small tables into a REST and a SQL catalog, more and more at once",
            ),
            Self::Inventory => say(
                "The benchmark builds the release command line and lists the tables of a sandbox with it and with the vendor's SDK",
            ),
            Self::Planning => {
                say(
                    "The benchmark builds the release command line and plans the migration of 25,000 and 100,000 tables",
                );
            }
            Self::Sync => {
                say("The benchmark builds the release command line, clones tables of 250 MB and 1 GB, and syncs them")
            }
            Self::Window => say(
                "The benchmark builds the release app and measures its window with 100,000 tables, and in a run of 10,000",
            ),
        }
    }
}

pub fn measure(repo: &Repo, passed_on: &[String]) -> Result {
    let subject = Subject::of(passed_on);
    subject.announce();
    let mut programs = vec!["build", "--release", "-p", "icebridge-cli", "-p", "icebridge-sandbox"];
    if subject == Subject::Window {
        setup::tests(repo)?;
        ui::build(repo)?;
        programs.extend(["-p", "icebridge-desktop", "--features", "icebridge-desktop/custom-protocol"]);
    } else {
        python::ensure(repo)?;
    }
    run(cargo(&repo.root).args(programs))?;
    let mut bench = python::module(repo, subject.module());
    bench.env("ICEBRIDGE_BIN", repo.built("release", "icebridge"));
    bench.env("ICEBRIDGE_DESKTOP", repo.built("release", "icebridge-desktop"));
    run(bench.args(&passed_on[usize::from(subject != Subject::Copies)..]))
}
