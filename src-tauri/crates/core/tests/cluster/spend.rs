//! A cap on what clusters may cost.

use crate::fixture::{Fixture, ends, order, order_of, table};
use futures::TryStreamExt;
use icebridge_core::cluster::{Order, Rates, SpendCap, StepRecord, Unobserved};
use icebridge_databricks::jobs::{RunFilter, Stage};
use icebridge_model::Code;
use icebridge_model::photon::{ClusterResult, CopyEnd};
use tokio_util::sync::CancellationToken;

/// A dollar a second.
const DEAR: Rates = Rates { clusters: 360_000.0, serverless: 360_000.0 };

async fn copied(fixture: &Fixture, order: &Order, cap: SpendCap) -> Vec<ClusterResult> {
    fixture.engine().with_cap(Some(cap)).run(order, &Unobserved, &CancellationToken::new()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_stopped_at_the_cap_and_no_other_begins() {
    let fixture = Fixture::new().await;
    let slow = order_of(vec![table("a", 1, "slow"), table("b", 1, "slow")]);
    let results = copied(&fixture, &slow, SpendCap::new(2, DEAR)).await;
    assert_eq!(ends(&results), [CopyEnd::Failed; 2]);
    for result in &results {
        let error = result.error.as_ref().unwrap();
        assert_eq!((error.code, error.object.clone()), (Code::SpendCap, Some(result.target.to_string())));
    }
    let runs: Vec<_> = fixture.client.runs(&RunFilter::default()).try_collect().await.unwrap();
    assert!(!runs.is_empty() && runs.iter().all(|run| matches!(run.stage(), Stage::Over(_))), "{runs:?}");
    let started = fixture.count("runs_started").await;
    // What was spent is remembered, whoever goes on.
    let results = copied(&fixture, &Order { attempt: 2, ..slow }, SpendCap::new(2, DEAR)).await;
    assert!(results.iter().all(|result| result.error.as_ref().unwrap().code == Code::SpendCap), "{results:?}");
    assert_eq!(fixture.count("runs_started").await, started);
    // No inputs are left of it either.
    let steps: Vec<StepRecord> = fixture.store.cluster_steps(&order().plan_hash).await.unwrap();
    let later: Vec<_> = steps.iter().filter(|step| step.attempt == 2).collect();
    assert!(!later.is_empty() && later.iter().all(|step| step.scripts.is_empty()), "{later:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cap_that_is_not_reached_changes_nothing() {
    let fixture = Fixture::new().await;
    let results = copied(&fixture, &order(), SpendCap::new(1000, DEAR)).await;
    assert_eq!(ends(&results), [CopyEnd::Done; 3]);
    let steps: Vec<StepRecord> = fixture.store.cluster_steps(&order().plan_hash).await.unwrap();
    assert!(steps.iter().all(|step| step.milliseconds > 0), "{steps:?}");
}
