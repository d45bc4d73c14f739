//! The result of each table when its run is over.

use crate::faults::Heard;
use crate::fixture::{Fixture, PLAN, ends, order, order_of, scripts, settings, table};
use icebridge_core::cluster::{Compute, Engine, Order, StepRecord, Unobserved};
use icebridge_model::photon::{ClusterEvent, ClusterResult, ClusterStage, ComputeChoice, CopyEnd, PhotonSettings};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error};
use serde_json::json;
use tokio_util::sync::CancellationToken;

async fn copied(fixture: &Fixture, order: &Order) -> Vec<ClusterResult> {
    fixture.engine().run(order, &Unobserved, &CancellationToken::new()).await.unwrap()
}

async fn failure(how: &str) -> Error {
    let fixture = Fixture::new().await;
    let results = copied(&fixture, &order_of(vec![table("a", 1, how)])).await;
    assert_eq!(ends(&results), [CopyEnd::Failed], "{how}");
    assert!(results[0].run_page_url.is_some() && results[0].job_run_id.is_some(), "{how}");
    results[0].error.clone().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_end_without_a_whole_result_is_a_failure_that_says_so() {
    for (how, text) in [("silent", "is not there"), ("half", "was never completed")] {
        let error = failure(how).await;
        assert_eq!(error.code, Code::RunFailed);
        assert!(error.message.contains("nothing proves"), "{error}");
        assert!(error.causes.iter().any(|cause| cause.contains(text)), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_error_of_a_failed_script_has_its_trace_and_the_end_of_its_output() {
    let error = failure("boom").await;
    assert_eq!((error.code, error.message.as_str()), (Code::RunFailed, "the cluster's run failed: the script failed"));
    let causes = error.causes.join("\n");
    assert!(
        causes.contains("RuntimeError: no such luck") && causes.contains("the last line of the driver"),
        "{causes}"
    );
    assert_eq!(error.object.as_deref(), Some("main.sales.a"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_table_stops_itself_and_a_new_attempt_takes_it_alone() {
    let fixture = Fixture::new().await;
    // On one cluster in one task, by a batch of two lanes for three tables.
    let mut order = order_of(vec![table("a", 9, "one fails"), table("b", 5, ""), table("c", 6, "")]);
    let results = copied(&fixture, &order).await;
    assert_eq!(ends(&results), [CopyEnd::Failed, CopyEnd::Done, CopyEnd::Done]);
    let error = results[0].error.clone().unwrap();
    assert_eq!((error.code, error.hint.as_deref()), (Code::TableExists, Some("drop it")));
    assert_eq!(results[1].rows_done, Some(10));
    assert_eq!(ends(&copied(&fixture, &order).await), ends(&results), "a resume does not try again");
    assert_eq!(fixture.count("runs_started").await, 1);
    order.attempt = fixture.engine().next_attempt(&order.plan_hash).await.unwrap();
    order.tables[0].comment = None;
    assert_eq!(ends(&copied(&fixture, &order).await), [CopyEnd::Done; 3]);
    assert_eq!(fixture.count("runs_started").await, 2);
    assert_eq!(fixture.ran(), 3, "the tables that were done were left alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cloud_without_machines_is_named_plainly_and_tried_again_by_another_attempt() {
    let fixture = Fixture::new().await;
    let body = json!({"code": "CLOUD_FAILURE", "type": "CLOUD_FAILURE", "message": "No spot instances.", "count": 1});
    fixture.post("runs/next", body).await;
    let mut order = order_of(vec![table("a", 1, "")]);
    let error = copied(&fixture, &order).await[0].error.clone().unwrap();
    assert_eq!(error.message, "the cluster's run failed: the cloud did not give the machines");
    assert!(error.retryable && error.causes.contains(&"No spot instances.".to_owned()), "{error}");
    order.attempt = 2;
    assert_eq!(ends(&copied(&fixture, &order).await), [CopyEnd::Done]);
    assert_eq!(fixture.count("submissions_repeated").await, 0, "another attempt has another token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_the_failure_of_its_tables_and_starts_nothing() {
    let fixture = Fixture::new().await;
    let refusal = json!({"status": 403, "code": "PERMISSION_DENIED", "message": "User may not create clusters."});
    fixture.fault("/api/*/jobs/runs/submit", "error", 1000, refusal).await;
    let results =
        copied(&fixture, &order_of(vec![table("large", 5000, ""), table("a", 1, ""), table("b", 1, "")])).await;
    assert_eq!(ends(&results), [CopyEnd::Failed, CopyEnd::Done, CopyEnd::Done], "the others go on");
    assert_eq!(results[0].error.as_ref().unwrap().code, Code::AccessDenied);
    assert_eq!(fixture.count("clusters_started").await, 1);
}

/// Behind a wall that lets requests in and no answers out, a run may be there: a second one would copy the same tables.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_proves_nothing_leaves_the_step_open() {
    let fixture = Fixture::new().await;
    let order = order_of(vec![table("large", 5000, "")]);
    let wall = json!({"status": 403, "code": "PERMISSION_DENIED", "message": "Source IP address is blocked."});
    fixture.fault("/api/*/jobs/runs/submit", "lost", 1, json!({})).await;
    fixture.fault("/api/*/jobs/runs/submit", "error", 1000, wall.clone()).await;
    fixture.fault("/api/*/jobs/runs/list", "error", 1000, wall).await;
    let results = copied(&fixture, &order).await;
    assert_eq!(ends(&results), [CopyEnd::Unfinished], "{:?}", results[0].error);
    fixture.delete("faults").await;
    let again = Order { attempt: 2, ..order };
    assert_eq!(ends(&copied(&fixture, &again).await), [CopyEnd::Done]);
    for name in ["clusters_started", "runs_started", "processes_started"] {
        assert_eq!(fixture.count(name).await, 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stages_are_events_while_it_works() {
    let fixture = Fixture::new().await;
    let heard = Heard::default();
    let order = order_of(vec![table("a", 1, "")]);
    fixture.engine().run(&order, &heard, &CancellationToken::new()).await.unwrap();
    let heard = heard.0.lock().unwrap();
    let stages: Vec<_> = heard
        .iter()
        .filter_map(|event| match event {
            ClusterEvent::Run { stage, .. } => Some(*stage),
            _ => None,
        })
        .collect();
    assert_eq!(
        (stages.first(), stages.last()),
        (Some(&ClusterStage::Starting), Some(&ClusterStage::Over)),
        "{heard:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serverless_compute_starts_no_cluster_and_needs_no_job() {
    let fixture = Fixture::new().await;
    let settings = PhotonSettings { compute: ComputeChoice::Serverless, ..settings() };
    let engine = Engine::new(fixture.client.clone(), fixture.store.clone(), settings).unwrap().with_scripts(scripts());
    let results = engine.run(&order(), &Unobserved, &CancellationToken::new()).await.unwrap();
    assert_eq!(ends(&results), [CopyEnd::Done; 3]);
    for (name, count) in [("clusters_started", 0), ("jobs_created", 0), ("runs_started", 2), ("processes_started", 3)] {
        assert_eq!(fixture.count(name).await, count, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cluster_is_made_of_what_is_offered_and_tagged_with_the_plan() {
    let fixture = Fixture::new().await;
    let mut newer = table("large", 5000, "");
    newer.deletion_vectors = Some(3);
    copied(&fixture, &order_of(vec![newer, table("a", 1, "")])).await;
    let steps: Vec<StepRecord> = fixture.store.cluster_steps(PLAN).await.unwrap();
    let mut versions = Vec::new();
    for step in &steps {
        let Compute::Cluster(spec) = &step.compute else { panic!("{step:?}") };
        assert_eq!(spec.custom_tags["icebridge-plan"], PLAN[..12]);
        assert_eq!(spec.custom_tags["icebridge-run"], "run-1");
        assert_eq!(spec.single_user_name.as_deref(), Some("pilot@sandbox.example"));
        assert_eq!(spec.data_security_mode.as_ref().unwrap().as_str(), "SINGLE_USER");
        assert_eq!(spec.runtime_engine.as_ref().unwrap().as_str(), "PHOTON");
        assert!(spec.autoscale.is_some());
        versions.push((step.step.starts_with("alone"), spec.spark_version.as_str()));
    }
    versions.sort();
    assert_eq!(versions, [(false, "17.3.x-scala2.13"), (true, "19.x-scala2.13")], "deletion vectors need a newer one");
    let unknown = PhotonSettings { node_type: Some("quantum.large".into()), ..settings() };
    let engine = Engine::new(fixture.client.clone(), fixture.store.clone(), unknown).unwrap().with_scripts(scripts());
    let other = order_of(vec![table("b", 1, "")]);
    let results = engine.run(&other, &Unobserved, &CancellationToken::new()).await.unwrap();
    assert_eq!(results[0].error.as_ref().unwrap().code, Code::InvalidInput);
}

/// A gateway's answer, or one of a workspace that does not take a header, says nothing of the run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_listed_is_not_gone_whatever_is_said_of_it() {
    let fixture = Fixture::new().await;
    for (status, code) in [(400, "INVALID_PARAMETER_VALUE"), (404, "RESOURCE_DOES_NOT_EXIST"), (404, "")] {
        let answer = json!({"status": status, "code": code, "message": "no"});
        fixture.fault("/api/*/jobs/runs/get", "error", 2, answer).await;
    }
    let results = copied(&fixture, &order_of(vec![table("a", 1, "")])).await;
    assert_eq!(ends(&results), [CopyEnd::Done], "{results:?}");
    assert_eq!(fixture.count("runs_started").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_job_prints_is_kept_without_the_secrets_that_were_lent_to_it() {
    let fixture = Fixture::new().await;
    for secret in ["no such luck", "last line of the driver"] {
        fixture.client.hide(Secret::new(secret));
    }
    let results = copied(&fixture, &order_of(vec![table("a", 1, "boom")])).await;
    let told = serde_json::to_string(&results).unwrap();
    assert!(told.contains("RuntimeError: ***") && told.contains("the ***"), "{told}");
    assert!(!told.contains("luck") && !told.contains("last line"), "{told}");
}
