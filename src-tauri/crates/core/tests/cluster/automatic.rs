//! Serverless compute where the workspace offers it, else clusters: found out by asking, and never two runs for one step.

use crate::crash::stopped_at;
use crate::fixture::{Fixture, PLAN, ends, order, order_of, table};
use icebridge_core::cluster::{CLUSTER_STEP, Compute, StepRecord, StepState, Unobserved};
use icebridge_model::Code;
use icebridge_model::photon::{ClusterResult, ComputeChoice, CopyEnd};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

async fn fixture(offered: bool) -> Fixture {
    let mut fixture = Fixture::new().await;
    fixture.settings.compute = ComputeChoice::Automatic;
    fixture.post("settings", json!({ "classic_only": !offered })).await;
    fixture
}

async fn copied(fixture: &Fixture) -> Vec<ClusterResult> {
    fixture.engine().run(&order(), &Unobserved, &CancellationToken::new()).await.unwrap()
}

async fn counted(fixture: &Fixture, counts: &[(&str, u64)]) {
    for (name, count) in counts {
        assert_eq!(fixture.count(name).await, *count, "{name}");
    }
}

/// What the journal says of each step's compute, each thing once.
async fn journalled(fixture: &Fixture) -> Vec<(String, String)> {
    let entries = fixture.store.entries("run-1").await.unwrap();
    let text = |body: &Value, name: &str| body[name].as_str().unwrap().to_owned();
    let mut told: Vec<_> = entries
        .iter()
        .filter(|entry| entry.kind == CLUSTER_STEP)
        .map(|entry| (text(&entry.body, "compute"), text(&entry.body, "not_offered")))
        .collect();
    told.sort();
    told.dedup();
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serverless_compute_is_used_where_it_is_offered() {
    let fixture = fixture(true).await;
    assert_eq!(ends(&copied(&fixture).await), [CopyEnd::Done; 3]);
    counted(&fixture, &[("clusters_started", 0), ("jobs_created", 0), ("runs_started", 2)]).await;
    assert_eq!(journalled(&fixture).await, [("serverless".into(), String::new())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_by_its_code_leads_to_clusters_and_is_written_down() {
    let fixture = fixture(false).await;
    let results = copied(&fixture).await;
    assert_eq!(ends(&results), [CopyEnd::Done; 3], "{results:?}");
    fixture.one_cluster_for_each_step("where serverless compute is not offered").await;
    let told = journalled(&fixture).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].0 == "clusters" && told[0].1.contains("not enabled"), "{told:?}");
    assert_eq!(told[1], ("serverless".into(), String::new()));
    let steps: Vec<StepRecord> = fixture.store.cluster_steps(PLAN).await.unwrap();
    assert!(steps.iter().all(|step| matches!(step.compute, Compute::Cluster(_)) && step.refused_run_id.is_none()));
    assert_eq!(copied(&fixture).await, results, "asked again, it knows");
    fixture.one_cluster_for_each_step("asked again").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_ends_around_the_refusal_leaves_one_cluster_for_each_step() {
    // As on clusters, and the refusal of each step besides.
    let mut stops = 0;
    for at in 1.. {
        let fixture = fixture(false).await;
        let through = stopped_at(&fixture, at).await;
        let results = match &through {
            Some(results) => results.clone(),
            None => copied(&fixture).await,
        };
        let when = format!("after stop {at}");
        assert_eq!(ends(&results), [CopyEnd::Done; 3], "{when}: {results:?}");
        fixture.one_cluster_for_each_step(&when).await;
        assert_eq!(fixture.count("jobs_created").await, 1, "{when}");
        if through.is_some() {
            break;
        }
        stops += 1;
    }
    assert_eq!(stops, 13);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_no_refusal() {
    let fixture = fixture(true).await;
    fixture.fault("/api/*/jobs/runs/submit", "lost", 2, json!({})).await;
    assert_eq!(ends(&copied(&fixture).await), [CopyEnd::Done; 3]);
    counted(&fixture, &[("clusters_started", 0), ("runs_started", 2), ("processes_started", 3)]).await;
}

/// The request was taken, and its answer lost; what the workspace then says of the next one starts no second run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_after_a_lost_answer_finds_the_run_that_was_taken() {
    let fixture = fixture(true).await;
    let refusal = json!({"status": 400, "code": "FEATURE_DISABLED", "message": "Serverless compute is not enabled."});
    fixture.fault("/api/*/jobs/runs/submit", "lost", 1, json!({})).await;
    fixture.fault("/api/*/jobs/runs/submit", "error", 1000, refusal).await;
    let order = order_of(vec![table("large", 5000, "")]);
    let results = fixture.engine().run(&order, &Unobserved, &CancellationToken::new()).await.unwrap();
    assert_eq!(ends(&results), [CopyEnd::Done], "{results:?}");
    counted(&fixture, &[("clusters_started", 0), ("runs_started", 1), ("processes_started", 1)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_taken_and_ended_as_not_offered_is_followed_by_one_on_clusters() {
    let fixture = fixture(true).await;
    let end = json!({"code": "FEATURE_DISABLED", "type": "CLIENT_ERROR", "message": "No serverless here.", "count": 1});
    fixture.post("runs/next", end).await;
    let order = order_of(vec![table("large", 5000, "")]);
    let run = async || fixture.engine().run(&order, &Unobserved, &CancellationToken::new()).await.unwrap();
    let results = run().await;
    assert_eq!(ends(&results), [CopyEnd::Done], "{results:?}");
    counted(&fixture, &[("clusters_started", 1), ("runs_started", 2), ("submissions_repeated", 0)]).await;
    assert_eq!(fixture.ran(), 1, "the first one did nothing");
    let steps: Vec<StepRecord> = fixture.store.cluster_steps(PLAN).await.unwrap();
    let step = &steps[0];
    assert!(step.state == StepState::Cleared && step.not_offered.contains("No serverless here"), "{step:?}");
    assert!(step.refused_run_id.is_some() && step.refused_run_id != step.job_run_id, "{step:?}");
    assert_eq!(run().await, results);
    counted(&fixture, &[("runs_started", 2)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_explicit_choice_is_followed() {
    let mut serverless = fixture(false).await;
    serverless.settings.compute = ComputeChoice::Serverless;
    let results = copied(&serverless).await;
    assert_eq!(ends(&results), [CopyEnd::Failed; 3]);
    assert_eq!(results[0].error.as_ref().unwrap().code, Code::Unsupported);
    counted(&serverless, &[("clusters_started", 0), ("runs_started", 0)]).await;
    let mut classic = fixture(true).await;
    classic.settings.compute = ComputeChoice::Classic;
    assert_eq!(ends(&copied(&classic).await), [CopyEnd::Done; 3]);
    classic.one_cluster_for_each_step("as was asked for").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_of_clusters_asks_for_clusters_at_once() {
    let mut fixture = fixture(true).await;
    fixture.settings.max_workers = 2;
    assert_eq!(ends(&copied(&fixture).await), [CopyEnd::Done; 3]);
    fixture.one_cluster_for_each_step("with a number of workers").await;
    assert_eq!(journalled(&fixture).await, [("clusters".into(), String::new())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_by_another_code_is_the_failure_of_its_tables() {
    let fixture = fixture(true).await;
    let refusal = json!({"status": 400, "code": "INVALID_PARAMETER_VALUE", "message": "No such budget policy."});
    fixture.fault("/api/*/jobs/runs/submit", "error", 1000, refusal).await;
    let results = copied(&fixture).await;
    assert_eq!(ends(&results), [CopyEnd::Failed; 3]);
    assert!(results[0].error.as_ref().unwrap().hint.as_ref().unwrap().contains("--compute classic"), "{results:?}");
    counted(&fixture, &[("clusters_started", 0), ("runs_started", 0)]).await;
}
