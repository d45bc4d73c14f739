//! The benchmark of benches/, with the command line as users get it.

use crate::command::{cargo, run};
use crate::python;
use crate::repo::Repo;
use crate::report::{Result, say};

/// `inventory` first among the arguments: the listing of a large metastore, in place of the copies.
pub fn measure(repo: &Repo, passed_on: &[String]) -> Result {
    let inventory = passed_on.first().is_some_and(|first| first == "inventory");
    if inventory {
        say(
            "The benchmark builds the release command line and lists the tables of a sandbox with it and with the vendor's SDK",
        );
    } else {
        say(
            "The benchmark builds the release command line, writes a table of about 1 GB into the cache folder (once), and",
        );
        eprintln!(
            "      copies it many times: it needs 8 GB of disk, 8 GB of memory and a machine with nothing else to do"
        );
    }
    python::ensure(repo)?;
    run(cargo(&repo.root).args(["build", "--release", "-p", "icebridge-cli", "-p", "icebridge-sandbox"]))?;
    let mut bench = python::module(repo, if inventory { "benches.inventory" } else { "benches.run" });
    bench.env("ICEBRIDGE_BIN", repo.built("release", "icebridge"));
    run(bench.args(&passed_on[usize::from(inventory)..]))
}
