//! Java: its version, and how the tests start it.

use crate::command::{command, output};
use crate::repo::Repo;
use std::path::PathBuf;

/// The version of the JDK on PATH: of its compiler, which a bare runtime lacks.
pub fn major_version() -> Option<u32> {
    // `javac 17.0.15`, `javac 21`
    let printed = output(command("javac").arg("-version"))?;
    printed.split_whitespace().nth(1)?.split(['.', '-', '+']).next()?.parse().ok()
}

/// The archive of the classes that Spark loads, for this machine's Java and this Python environment.
pub fn archive(repo: &Repo) -> PathBuf {
    repo.state().join("spark-classes.jsa")
}

/// For processes that live for seconds: no class is parsed twice, and none is compiled for a future that it does not have.
pub fn options(repo: &Repo) -> String {
    let quick = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1";
    let archive = archive(repo);
    if archive.is_file() {
        format!("{quick} -Xlog:cds*=off -Xlog:cds=off \"-XX:SharedArchiveFile={}\"", archive.display())
    } else {
        quick.into()
    }
}
