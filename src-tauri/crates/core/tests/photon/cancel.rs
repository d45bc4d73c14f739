//! A cancel in every state ends the run and is over only when the run is.

use crate::ground::{Ground, ends, order, order_of, table};
use async_trait::async_trait;
use futures::TryStreamExt;
use icebridge_core::photon::{Observer, Order, StepRecord, Unobserved};
use icebridge_databricks::jobs::{RunFilter, Stage};
use icebridge_model::photon::{CopyEnd, PhotonEvent};
use icebridge_model::{Code, Result};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_util::sync::CancellationToken;

/// Cancels when a run comes to a stage.
struct At<'a>(&'a str, CancellationToken);

impl Observer for At<'_> {
    fn told(&self, event: PhotonEvent) {
        let reached = match &event {
            PhotonEvent::Run { stage, .. } => stage == self.0,
            PhotonEvent::Table { .. } => self.0 == "progress",
            _ => false,
        };
        if reached {
            self.1.cancel();
        }
    }
}

fn slow() -> Order {
    order_of(vec![table("a", 1, "slow"), table("b", 1, "slow")])
}

async fn over(ground: &Ground, when: &str) {
    let runs: Vec<_> = ground.client.runs(&RunFilter::default()).try_collect().await.unwrap();
    assert!(!runs.is_empty(), "{when}");
    for run in runs {
        assert!(matches!(run.stage(), Stage::Over(_)), "{when}: {run:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_cancelled_wherever_it_stands() {
    for (stage, setting) in [
        ("queued", json!({"max_runs": 0})),
        ("starting", json!({"cluster_start_ms": 60_000})),
        ("running", json!({})),
        ("progress", json!({})),
    ] {
        let ground = Ground::new().await;
        ground.post("settings", setting).await;
        let cancel = CancellationToken::new();
        let results = ground.engine().run(&slow(), &At(stage, cancel.clone()), &cancel).await.unwrap();
        assert_eq!(ends(&results), [CopyEnd::Cancelled; 2], "{stage}: {results:?}");
        assert!(results.iter().all(|one| one.error.as_ref().unwrap().code == Code::Cancelled), "{stage}");
        over(&ground, stage).await;
        // A resume of the same attempt says the same and starts nothing.
        let again = ground.engine().run(&slow(), &Unobserved, &CancellationToken::new()).await.unwrap();
        assert_eq!(again, results, "{stage}");
        assert_eq!(ground.count("runs_started").await, 1, "{stage}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_cancelled_before_it_began_begins_at_the_next_resume() {
    let ground = Ground::new().await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let order = order_of(vec![table("a", 1, "")]);
    let results = ground.engine().run(&order, &Unobserved, &cancel).await.unwrap();
    assert_eq!(ends(&results), [CopyEnd::Cancelled]);
    assert_eq!(ground.count("runs_started").await, 0);
    let results = ground.engine().run(&order, &Unobserved, &CancellationToken::new()).await.unwrap();
    assert_eq!(ends(&results), [CopyEnd::Done]);
    assert_eq!(ground.count("runs_started").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_finds_the_run_that_a_killed_process_had_asked_for() {
    let ground = Ground::new().await;
    // It was taken, and its answer never comes: the process ends while it waits.
    ground.fault("/api/*/jobs/run-now", "lost", 1000, json!({})).await;
    let (order, cancel) = (slow(), CancellationToken::new());
    let engine = ground.engine();
    let asked = async {
        while ground.count("runs_started").await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        _ = engine.run(&order, &Unobserved, &cancel) => panic!("it cannot have ended"),
        () = asked => {}
    }
    drop(engine);
    cancel.cancel();
    let results = ground.engine().run(&order, &Unobserved, &cancel).await.unwrap();
    assert_eq!(ends(&results), [CopyEnd::Cancelled; 2]);
    over(&ground, "after the cancel").await;
    assert_eq!(ground.count("runs_started").await, 1);
}

/// Cancels at the step of this number.
struct AtStep(AtomicUsize, CancellationToken);

#[async_trait]
impl Observer for AtStep {
    async fn step(&self, _: &StepRecord) -> Result<()> {
        if self.0.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.1.cancel();
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_between_any_two_steps_nothing_is_left_at_work_and_another_attempt_ends_it() {
    for at in 1..=11 {
        let ground = Ground::new().await;
        let (mut order, cancel) = (order(), CancellationToken::new());
        let observer = AtStep(AtomicUsize::new(at), cancel.clone());
        let results = ground.engine().run(&order, &observer, &cancel).await.unwrap();
        assert!(cancel.is_cancelled(), "at step {at}");
        let good = |end: &CopyEnd| matches!(end, CopyEnd::Cancelled | CopyEnd::Done);
        assert!(ends(&results).iter().all(good), "at step {at}: {results:?}");
        let runs: Vec<_> = ground.client.runs(&RunFilter::default()).try_collect().await.unwrap();
        assert!(runs.iter().all(|run| matches!(run.stage(), Stage::Over(_))), "at step {at}: {runs:?}");
        order.attempt = 2;
        let resumed = CancellationToken::new();
        let results = ground.engine().run(&order, &Unobserved, &resumed).await.unwrap();
        assert_eq!(ends(&results), [CopyEnd::Done; 3], "at step {at}: {results:?}");
        assert!(ground.count("runs_started").await <= 4, "at step {at}");
    }
}
