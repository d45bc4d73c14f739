//! The jars that the tests start.

use crate::command::run;
use crate::jdk;
use crate::python;
use crate::repo::Repo;
use crate::report::{Result, say};
use crate::stamp;

/// Fetches the jars of Spark's Iceberg runtime and of Iceberg's REST catalog, by the tests' own resolvers.
pub fn fetch(repo: &Repo) -> Result {
    let key = stamp::Content::default()
        .word(&repo.cache().to_string_lossy())
        .path(&repo.path("tests/lakehouse/spark.py"))?
        .path(&repo.path("spark/tests/local_spark.py"))?
        .path(&repo.path("tests/services/pom.xml"))?
        .path(&repo.path("tests/requirements.txt"))?
        .word(&format!("{:?}", jdk::major_version()))
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
    run(python::python(repo).arg("spark/tests/local_spark.py").arg(jdk::archive(repo)))?;
    run(python::python(repo).args(["-c", "from tests.services.rest_catalog import jars; print(jars())"]))?;
    stamp::write(repo, "jars", &key)
}
