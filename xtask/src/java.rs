//! Java, and the jars that the tests start.

use crate::command::{command, output, run};
use crate::repo::Repo;
use crate::{Result, python, say, stamp};
use std::path::PathBuf;

/// The version of the JDK on PATH: of its compiler, which a bare runtime lacks.
pub fn major_version() -> Option<u32> {
    // `javac 17.0.15`, `javac 21`
    let told = output(command("javac").arg("-version"))?;
    told.split_whitespace().nth(1)?.split(['.', '-', '+']).next()?.parse().ok()
}

/// Of the classes that Spark loads, for this machine's Java and this Python environment.
fn archive(repo: &Repo) -> PathBuf {
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

/// Fetches the jars of Spark's Iceberg runtime and of Iceberg's REST catalog, by the tests' own resolvers.
pub fn jars(repo: &Repo) -> Result {
    let key = stamp::Content::default()
        .word(&repo.cache().to_string_lossy())
        .path(&repo.path("tests/lakehouse/spark.py"))?
        .path(&repo.path("spark/tests/local_spark.py"))?
        .path(&repo.path("tests/services/pom.xml"))?
        .path(&repo.path("tests/requirements.txt"))?
        .word(&format!("{:?}", major_version()))
        .key();
    if repo.cache().join("ivy/jars").is_dir() && stamp::is_fresh(repo, "jars", &key) {
        return Ok(());
    }
    say(format!(
        "Fetching the jars of Spark and Iceberg from Maven Central into {} (about 250 MB)",
        repo.cache().display()
    ));
    run(&mut python::module(repo, "tests.lakehouse.spark"))?;
    run(python::SPARK_3_5.python(repo).arg("spark/tests/local_spark.py"))?;
    // The newer Spark is the one that many processes start.
    run(python::python(repo).arg("spark/tests/local_spark.py").arg(archive(repo)))?;
    run(python::python(repo).args(["-c", "from tests.services.rest_catalog import jars; print(jars())"]))?;
    stamp::write(repo, "jars", &key)
}
