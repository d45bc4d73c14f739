//! What Great Expectations says of the copies, and that a copy is what it is whatever becomes of its check.

use crate::fixture::{Fixture, PLAN, ends, order, order_of, scripts, table};
use futures::TryStreamExt;
use icebridge_core::cluster::{Engine, Order, StepRecord, StepState, Unobserved, secrets};
use icebridge_databricks::jobs::{RunFilter, Stage};
use icebridge_model::photon::{ClusterCopy, ClusterResult, ClusterValidation, ComputeChoice, CopyEnd, PhotonSettings};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

async fn copied(fixture: &Fixture, order: &Order) -> Vec<ClusterResult> {
    fixture.engine().run(order, &Unobserved, &CancellationToken::new()).await.unwrap()
}

/// `how` its copy, and then its check behaves.
fn checked(name: &str, how: &str, check: &str) -> ClusterCopy {
    let keys = if check.is_empty() { Vec::new() } else { vec![check.to_owned()] };
    ClusterCopy { keys, ..table(name, 10, how) }
}

fn found(result: &ClusterResult) -> &ClusterValidation {
    result.validation.as_ref().unwrap()
}

fn why(result: &ClusterResult) -> &Error {
    found(result).error.as_ref().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_copy_is_checked_on_the_cluster_that_made_it() {
    let fixture = Fixture::checked().await;
    let results = copied(&fixture, &order()).await;
    assert_eq!(ends(&results), [CopyEnd::Done; 3]);
    fixture.one_cluster_for_each_step("with checks").await;
    for result in &results {
        let found = found(result);
        assert!(found.passed && found.error.is_none(), "{found:?}");
        assert_eq!((found.rows, found.expected_rows, found.digest.as_deref()), (Some(10), Some(10), Some("d")));
        assert_eq!(found.checks[0].name, "range:id");
        assert!(found.docs.starts_with("/Volumes/main/default/icebridge/"), "{found:?}");
    }
    assert_ne!(found(&results[1]).docs, found(&results[2]).docs, "a lane has its own");
    let steps: Vec<StepRecord> = fixture.store.cluster_steps(PLAN).await.unwrap();
    assert!(steps.iter().all(|step| step.needs_job() && step.state == StepState::Cleared), "{steps:?}");
    fixture.store.verify_journal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_differs_stays_done_and_its_columns_are_named() {
    let fixture = Fixture::checked().await;
    let results = copied(&fixture, &order_of(vec![checked("a", "", "differs"), checked("b", "", "")])).await;
    assert_eq!(ends(&results), [CopyEnd::Done; 2], "{results:?}");
    assert!(results[0].error.is_none() && !found(&results[0]).passed);
    assert_eq!(found(&results[0]).failed_columns, ["id"]);
    assert_eq!(
        (why(&results[0]).code, why(&results[0]).object.as_deref()),
        (Code::ValidationFailed, Some("main.sales.a"))
    );
    assert!(found(&results[1]).passed);
    let steps: Vec<StepRecord> = fixture.store.cluster_steps(PLAN).await.unwrap();
    assert_eq!(steps[0].ended, "the script failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_did_not_run_is_an_error_and_the_copy_stays_done() {
    for (how, text) in [("silent", "is not there"), ("breaks", "the last line of the check")] {
        let fixture = Fixture::checked().await;
        let results = copied(&fixture, &order_of(vec![checked("a", "", how)])).await;
        assert_eq!(ends(&results), [CopyEnd::Done], "{how}: {results:?}");
        assert!(!found(&results[0]).passed && why(&results[0]).code == Code::RunFailed, "{how}: {results:?}");
        assert!(why(&results[0]).causes.join("\n").contains(text), "{how}: {results:?}");
        assert_eq!(copied(&fixture, &order_of(vec![checked("a", "", how)])).await, results, "{how}: asked again");
    }
    // What it came to before it ended counts.
    let mut fixture = Fixture::checked().await;
    fixture.settings.side_by_side = 1;
    let results = copied(&fixture, &order_of(vec![checked("a", "", "is killed"), checked("b", "", "")])).await;
    assert_eq!(ends(&results), [CopyEnd::Done; 2]);
    assert!(found(&results[0]).passed && !found(&results[1]).passed, "{results:?}");
    assert!(why(&results[1]).causes.join("\n").contains("does not have this table"), "{results:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_not_done_is_not_blamed_on_the_check() {
    let fixture = Fixture::checked().await;
    let results = copied(&fixture, &order_of(vec![checked("a", "silent", "breaks")])).await;
    let error = results[0].error.clone().unwrap();
    assert!(results[0].validation.is_none() && error.message.contains("nothing proves"), "{error}");
    assert!(!error.causes.join("\n").contains("check"), "{error:?}");
    // The check runs all the same: what else the lane copied is checked, and the run's good end is not the table's.
    let mut fixture = Fixture::checked().await;
    fixture.settings.side_by_side = 1;
    let results = copied(&fixture, &order_of(vec![checked("a", "one fails", ""), checked("b", "", "")])).await;
    assert_eq!(ends(&results), [CopyEnd::Failed, CopyEnd::Done]);
    assert_eq!(results[0].error.as_ref().unwrap().code, Code::TableExists);
    assert!(results[0].validation.is_none() && found(&results[1]).passed, "{results:?}");
    let fixture = Fixture::checked().await;
    let results = copied(&fixture, &order_of(vec![checked("a", "boom", "")])).await;
    let error = results[0].error.clone().unwrap();
    assert_eq!(error.message, "the cluster's run failed: the script failed");
    assert!(error.causes.join("\n").contains("the last line of the driver"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_during_the_check_leaves_the_copies_done() {
    let fixture = Fixture::checked().await;
    let (order, cancel) = (order_of(vec![checked("a", "", "slow")]), CancellationToken::new());
    let checks = async {
        while fixture.ran() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        cancel.cancel();
    };
    let engine = fixture.engine();
    let (results, ()) = tokio::join!(engine.run(&order, &Unobserved, &cancel), checks);
    let results = results.unwrap();
    assert_eq!(ends(&results), [CopyEnd::Done], "{results:?}");
    assert!(
        !found(&results[0]).passed && why(&results[0]).causes.join("\n").contains("it was cancelled"),
        "{results:?}"
    );
    let runs: Vec<_> = fixture.client.runs(&RunFilter::default()).try_collect().await.unwrap();
    assert!(runs.len() == 1 && runs.iter().all(|run| matches!(run.stage(), Stage::Over(_))), "{runs:?}");
    assert_eq!(copied(&fixture, &order).await, results);
    assert_eq!(fixture.count("runs_started").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serverless_compute_checks_in_an_environment_of_its_own_without_a_job() {
    let mut fixture = Fixture::checked().await;
    fixture.settings.compute = ComputeChoice::Serverless;
    let results = copied(&fixture, &order()).await;
    assert_eq!(ends(&results), [CopyEnd::Done; 3]);
    assert!(results.iter().all(|result| found(result).passed), "{results:?}");
    for (name, count) in [("clusters_started", 0), ("jobs_created", 0), ("runs_started", 2), ("processes_started", 6)] {
        assert_eq!(fixture.count(name).await, count, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_of_spark_reach_it_and_secrets_only_there() {
    let fixture = Fixture::new().await;
    let order = order_of(vec![table("a", 1, "conf")]);
    let own = [("s3.key".to_owned(), Secret::new("canary-in-a-scope"))];
    secrets::put(&fixture.client, &order.secret_scope, &own, None).await.unwrap();
    let settings = PhotonSettings {
        spark_conf: BTreeMap::from([("spark.sql.catalog.glue.type".into(), "rest".into())]),
        secret_conf: BTreeMap::from([("spark.sql.catalog.glue.token".into(), "s3.key".into())]),
        ..fixture.settings.clone()
    };
    let engine = || Engine::new(fixture.client.clone(), fixture.store.clone(), settings.clone()).unwrap();
    let results = engine().with_scripts(scripts()).run(&order, &Unobserved, &CancellationToken::new()).await.unwrap();
    assert_eq!(ends(&results), [CopyEnd::Done], "{results:?}");
    let conf = fixture.client.read_file("/Volumes/main/default/icebridge/conf.txt", 1 << 20).await.unwrap().unwrap();
    let conf = String::from_utf8(conf).unwrap();
    assert!(conf.contains("spark.sql.catalog.glue.type rest\n"), "{conf}");
    assert!(conf.contains("spark.sql.catalog.glue.token canary-in-a-scope\n"), "{conf}");
    let steps: Vec<StepRecord> = fixture.store.cluster_steps(PLAN).await.unwrap();
    let written = serde_json::to_string(&steps).unwrap();
    assert!(
        written.contains(&secrets::reference(&order.secret_scope, "s3.key")) && !written.contains("canary"),
        "{written}"
    );
    let serverless = PhotonSettings { compute: ComputeChoice::Serverless, ..settings.clone() };
    let refused = Engine::new(fixture.client.clone(), fixture.store.clone(), serverless);
    assert!(refused.is_err_and(|error| error.code == Code::InvalidInput));
}
