//! A cancel in every state ends the run and is over only when the run is.

use crate::fixture::{Fixture, ends, order, order_of, table};
use async_trait::async_trait;
use futures::TryStreamExt;
use icebridge_core::cluster::{Observer, Order, StepRecord, Unobserved};
use icebridge_databricks::jobs::{RunFilter, Stage};
use icebridge_model::photon::{ClusterEvent, ClusterStage, CopyEnd};
use icebridge_model::{Code, Result};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_util::sync::CancellationToken;

/// Cancels when a run comes to a stage.
struct At(Moment, CancellationToken);

#[derive(Clone, Copy, Debug)]
enum Moment {
    Stage(ClusterStage),
    Progress,
}

impl Observer for At {
    fn event(&self, event: ClusterEvent) {
        let reached = match &event {
            ClusterEvent::Run { stage: now, .. } => matches!(self.0, Moment::Stage(stage) if stage == *now),
            ClusterEvent::Table { .. } => matches!(self.0, Moment::Progress),
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

async fn over(fixture: &Fixture, when: &str) {
    let runs: Vec<_> = fixture.client.runs(&RunFilter::default()).try_collect().await.unwrap();
    assert!(!runs.is_empty(), "{when}");
    for run in runs {
        assert!(matches!(run.stage(), Stage::Over(_)), "{when}: {run:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_cancelled_wherever_it_stands() {
    for (moment, setting) in [
        (Moment::Stage(ClusterStage::Queued), json!({"max_runs": 0})),
        (Moment::Stage(ClusterStage::Starting), json!({"cluster_start_ms": 60_000})),
        (Moment::Stage(ClusterStage::Running), json!({})),
        (Moment::Progress, json!({})),
    ] {
        let fixture = Fixture::new().await;
        fixture.post("settings", setting).await;
        let cancel = CancellationToken::new();
        let results = fixture.engine().run(&slow(), &At(moment, cancel.clone()), &cancel).await.unwrap();
        assert_eq!(ends(&results), [CopyEnd::Cancelled; 2], "{moment:?}: {results:?}");
        assert!(results.iter().all(|one| one.error.as_ref().unwrap().code == Code::Cancelled), "{moment:?}");
        over(&fixture, &format!("{moment:?}")).await;
        // A resume of the same attempt says the same and starts nothing.
        let again = fixture.engine().run(&slow(), &Unobserved, &CancellationToken::new()).await.unwrap();
        assert_eq!(again, results, "{moment:?}");
        assert_eq!(fixture.count("runs_started").await, 1, "{moment:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_cancelled_before_it_began_begins_at_the_next_resume() {
    let fixture = Fixture::new().await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let order = order_of(vec![table("a", 1, "")]);
    let results = fixture.engine().run(&order, &Unobserved, &cancel).await.unwrap();
    assert_eq!(ends(&results), [CopyEnd::Cancelled]);
    assert_eq!(fixture.count("runs_started").await, 0);
    let results = fixture.engine().run(&order, &Unobserved, &CancellationToken::new()).await.unwrap();
    assert_eq!(ends(&results), [CopyEnd::Done]);
    assert_eq!(fixture.count("runs_started").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_finds_the_run_that_a_killed_process_had_asked_for() {
    let fixture = Fixture::new().await;
    // It was taken, and its answer never comes: the process ends while it waits.
    fixture.fault("/api/*/jobs/run-now", "lost", 1000, json!({})).await;
    let (order, cancel) = (slow(), CancellationToken::new());
    let engine = fixture.engine();
    let asked = async {
        while fixture.count("runs_started").await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        _ = engine.run(&order, &Unobserved, &cancel) => panic!("it cannot have ended"),
        () = asked => {}
    }
    drop(engine);
    cancel.cancel();
    let results = fixture.engine().run(&order, &Unobserved, &cancel).await.unwrap();
    assert_eq!(ends(&results), [CopyEnd::Cancelled; 2]);
    over(&fixture, "after the cancel").await;
    assert_eq!(fixture.count("runs_started").await, 1);
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
        let fixture = Fixture::new().await;
        let (mut order, cancel) = (order(), CancellationToken::new());
        let observer = AtStep(AtomicUsize::new(at), cancel.clone());
        let results = fixture.engine().run(&order, &observer, &cancel).await.unwrap();
        assert!(cancel.is_cancelled(), "at step {at}");
        let good = |end: &CopyEnd| matches!(end, CopyEnd::Cancelled | CopyEnd::Done);
        assert!(ends(&results).iter().all(good), "at step {at}: {results:?}");
        let runs: Vec<_> = fixture.client.runs(&RunFilter::default()).try_collect().await.unwrap();
        assert!(runs.iter().all(|run| matches!(run.stage(), Stage::Over(_))), "at step {at}: {runs:?}");
        order.attempt = 2;
        let resumed = CancellationToken::new();
        let results = fixture.engine().run(&order, &Unobserved, &resumed).await.unwrap();
        assert_eq!(ends(&results), [CopyEnd::Done; 3], "at step {at}: {results:?}");
        assert!(fixture.count("runs_started").await <= 4, "at step {at}");
    }
}
