//! The scripts that the program holds, on Spark itself. Left out where there is no Python with PySpark or no Iceberg jar.

use crate::fixture::{Fixture, PLAN, ends, order_of, settings, table};
use async_trait::async_trait;
use icebridge_core::cluster::{Engine, Observer, Unobserved};
use icebridge_core::governance::documents;
use icebridge_databricks::jobs::{
    Environment, EnvironmentSpec, IdempotencyToken, Queue, SparkPythonTask, Submission, Task,
};
use icebridge_model::TableIdent;
use icebridge_model::photon::{ClusterEvent, ClusterMethod, ClusterStage, CopyEnd};
use icebridge_sandbox::Spark;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const SOURCES: &str = r#"
import os
os.environ["ICEBRIDGE_SANDBOX_ENGINE"] = "outside"  # an engine of the foreign catalog, and no runtime of Databricks
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.sql("CREATE NAMESPACE IF NOT EXISTS glue_lake.made")
spark.sql("CREATE NAMESPACE IF NOT EXISTS main.made")
for name, rows in (("orders", 1000), ("people", 10)):
    spark.sql(f"CREATE TABLE glue_lake.made.{name} (id BIGINT, name STRING) USING iceberg")
    spark.sql(f"INSERT INTO glue_lake.made.{name} SELECT id, concat('n', id) FROM range({rows})")
"#;

fn has_great_expectations(python: &PathBuf) -> bool {
    let found = std::process::Command::new(python)
        .args(["-c", "import importlib.util as u, sys; sys.exit(u.find_spec('great_expectations') is None)"])
        .status();
    found.is_ok_and(|status| status.success())
}

fn spark() -> Option<Spark> {
    let python = PathBuf::from(std::env::var_os("ICEBRIDGE_PYTHON")?);
    let cache = PathBuf::from(std::env::var_os("ICEBRIDGE_CACHE")?);
    let version =
        std::process::Command::new(&python).args(["-c", "import pyspark; print(pyspark.__version__)"]).output().ok()?;
    let version = String::from_utf8(version.stdout).ok().filter(|text| !text.trim().is_empty())?;
    let minor: Vec<&str> = version.trim().split('.').take(2).collect();
    let wanted = format!("iceberg-spark-runtime-{}_2.13", minor.join("."));
    let jars = std::fs::read_dir(cache.join("ivy/jars")).ok()?.flatten().map(|entry| entry.path());
    let jar = jars.into_iter().find(|path| path.to_string_lossy().contains(&wanted))?;
    Some(Spark { python: Some(python), jars: vec![jar], ..Spark::default() })
}

/// On a desk one may do without. In CI, where there is a Python for the tests, it has everything.
fn left_out(why: &str) {
    let set_up = std::env::var_os("ICEBRIDGE_PYTHON").is_some_and(|python| PathBuf::from(python).is_file());
    assert!(!(set_up && std::env::var_os("CI").is_some()), "{why}");
    eprintln!("{why}");
}

/// Tells when the run works.
struct Working(Notify);

#[async_trait]
impl Observer for Working {
    fn event(&self, event: ClusterEvent) {
        if matches!(&event, ClusterEvent::Run { stage: ClusterStage::Running, .. }) {
            self.0.notify_one();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spark_copies_two_tables_and_a_process_that_was_ended_meanwhile_finds_them() {
    let Some(spark) = spark() else {
        return left_out("left out: no PySpark or no Iceberg jar (ICEBRIDGE_PYTHON, ICEBRIDGE_CACHE)");
    };
    let checked = spark.python.as_ref().is_some_and(has_great_expectations);
    if !checked {
        left_out("without checks: no Great Expectations");
    }
    let fixture = Fixture::on(spark).await;
    let folder = "/Workspace/Users/pilot@sandbox.example/made.py";
    fixture.client.import_file(folder, SOURCES.as_bytes()).await.unwrap();
    let task = Task {
        task_key: "make".into(),
        spark_python_task: Some(SparkPythonTask { python_file: folder.into(), parameters: Vec::new() }),
        environment_key: Some("e".into()),
        ..Task::default()
    };
    let submission = Submission {
        run_name: "make".into(),
        tasks: vec![task],
        environments: vec![Environment {
            environment_key: "e".into(),
            spec: EnvironmentSpec { environment_version: "4".into(), dependencies: Vec::new() },
        }],
        timeout_seconds: None,
        queue: Queue { enabled: true },
        ..Submission::default()
    };
    let made = fixture.client.submit_run(&submission, &IdempotencyToken::of(&["make"])).await.unwrap().value;
    while fixture.client.run(made).await.unwrap().unwrap().end_time.unwrap_or(0) == 0 {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // A cluster reads at a pin alone.
    let pin = async |name: &str| -> i64 {
        let found = fixture.client.table(&format!("glue_lake.made.{name}")).await.unwrap().unwrap();
        found.properties["current-snapshot-id"].parse().unwrap()
    };
    let (orders, people) = (pin("orders").await, pin("people").await);
    let of = |name: &str, method, pin: i64| {
        let mut one = table(name, 1, "");
        one.source = TableIdent::new(["glue_lake", "made"], name);
        one.target = TableIdent::new(["main", "made"], name);
        (one.snapshot_id, one.method) = (Some(pin), method);
        one.keys = vec!["id".into()];
        one
    };
    let order =
        order_of(vec![of("orders", ClusterMethod::InsertSelect, orders), of("people", ClusterMethod::Ctas, people)]);
    let cancel = CancellationToken::new();
    let settings = || icebridge_model::photon::PhotonSettings {
        batch_rows: 400,
        side_by_side: 1,
        great_expectations: checked,
        ..settings()
    };
    let engine = || Engine::new(fixture.client.clone(), fixture.store.clone(), settings()).unwrap();
    let working = Working(Notify::new());
    let first = engine();
    tokio::select! {
        done = first.run(&order, &working, &cancel) => panic!("it ended before it could be ended: {done:?}"),
        () = working.0.notified() => {}
    }
    drop(first);
    let results = engine().run(&order, &Unobserved, &cancel).await.unwrap();
    assert_eq!(ends(&results), [CopyEnd::Done; 2], "{results:#?}");
    assert_eq!(results.iter().map(|one| one.rows_done).collect::<Vec<_>>(), [Some(1000), Some(10)]);
    assert!(results[0].batches_total > Some(1), "{:?}", results[0]);
    assert_eq!(fixture.count("runs_started").await, 2, "one that makes the sources, one that copies");
    let table = fixture.client.table("main.made.orders").await.unwrap().unwrap();
    assert_eq!(table.properties.get("icebridge.plan").map(String::as_str), Some(PLAN));
    if !checked {
        return;
    }
    for (result, rows) in results.iter().zip([1000, 10]) {
        let found = result.validation.as_ref().unwrap();
        assert!(found.passed && found.error.is_none(), "{found:#?}");
        assert_eq!((found.rows, found.expected_rows), (Some(rows), Some(rows)));
        assert!(found.digest.is_some() && found.digest == found.expected_digest);
        let names: Vec<_> = found.checks.iter().map(|check| check.name.to_string()).collect();
        assert!(
            ["count", "digest", "unique:id", "aggregates:id"].iter().all(|name| names.iter().any(|n| n == name)),
            "{names:?}"
        );
    }
    let docs = &results[0].validation.as_ref().unwrap().docs;
    let home = tempfile::tempdir().unwrap();
    let index = documents::fetch(&fixture.client, docs, &home.path().join("docs"), &cancel).await.unwrap();
    let index = std::fs::read_to_string(index).unwrap();
    assert!(index.contains("main.made.orders"), "{index}");
}
