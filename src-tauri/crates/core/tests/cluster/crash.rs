//! The process ends: after each thing it wrote down, and anywhere else.

use crate::fixture::{Fixture, PLAN, ends, order};
use async_trait::async_trait;
use icebridge_core::cluster::{Observer, StepRecord, StepState, Unobserved};
use icebridge_model::Result;
use icebridge_model::photon::{ClusterResult, CopyEnd};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Never returns from the step of this number: there the process is ended.
struct Fuse {
    left: AtomicUsize,
    burnt: Notify,
}

#[async_trait]
impl Observer for Fuse {
    async fn step(&self, _: &StepRecord) -> Result<()> {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.burnt.notify_one();
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_each_step_that_was_written_down_a_new_process_goes_on_and_nothing_is_done_twice() {
    // Intended, prepared, started, over and cleared, twice; and the job of the one that shares.
    assert_eq!(stopped_after_each_step(false).await, 11);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_where_each_copy_is_checked() {
    // A copy and its check share a cluster, so that each step has a job.
    assert_eq!(stopped_after_each_step(true).await, 12);
}

/// Ends the process at the step of this number that is written down; what came of it, if there are fewer.
pub async fn stopped_at(fixture: &Fixture, at: usize) -> Option<Vec<ClusterResult>> {
    let fuse = Fuse { left: AtomicUsize::new(at), burnt: Notify::new() };
    let (engine, order, cancel) = (fixture.engine(), order(), CancellationToken::new());
    tokio::select! {
        done = engine.run(&order, &fuse, &cancel) => Some(done.unwrap()),
        () = fuse.burnt.notified() => None,
    }
}

async fn stopped_after_each_step(checked: bool) -> usize {
    let (jobs, inputs) = if checked { (2, 6) } else { (1, 3) };
    let mut stops = 0;
    for at in 1.. {
        let fixture = if checked { Fixture::checked().await } else { Fixture::new().await };
        let (order, cancel) = (order(), CancellationToken::new());
        let through = stopped_at(&fixture, at).await;
        let (when, ended) = match through {
            Some(results) => ("without a stop".to_owned(), Some(results)),
            None => {
                stops += 1;
                (format!("after stop {at}"), None)
            }
        };
        let results = match &ended {
            Some(results) => results.clone(),
            None => fixture.engine().run(&order, &Unobserved, &cancel).await.unwrap(),
        };
        assert_eq!(ends(&results), [CopyEnd::Done; 3], "{when}: {results:?}");
        fixture.one_cluster_for_each_step(&when).await;
        assert!(results.iter().all(|one| one.validation.as_ref().is_none_or(|found| found.passed)), "{when}");
        assert!(results.iter().all(|one| one.validation.is_some() == checked), "{when}");
        assert_eq!(fixture.count("jobs_created").await, jobs, "{when}");
        assert_eq!(fixture.asked("POST /api/2.0/workspace/import").await, 4, "{when}: three scripts and the mark");
        assert_eq!(fixture.asked("PUT /api/2.0/fs/files/*").await, inputs, "{when}: an input for each task");
        let steps: Vec<StepRecord> = fixture.store.cluster_steps(PLAN).await.unwrap();
        assert!(steps.len() == 2 && steps.iter().all(|step| step.state == StepState::Cleared), "{when}");
        for step in &steps {
            assert_eq!(fixture.client.job_named(&step.run_name).await.unwrap(), None, "{when}");
        }
        fixture.store.verify_journal().await.unwrap();
        // Asked again, it knows.
        let asked = fixture.count("requests").await;
        assert_eq!(fixture.engine().run(&order, &Unobserved, &cancel).await.unwrap(), results, "{when}");
        assert_eq!(fixture.count("requests").await, asked, "{when}");
        if ended.is_some() {
            break;
        }
    }
    stops
}

/// Polls a future so many times, and then lets it go in the middle of whatever it does.
struct Polls<F> {
    inner: F,
    left: usize,
}

impl<F: Future + Unpin> Future for Polls<F> {
    type Output = Option<F::Output>;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        if self.left == 0 {
            // Whether or not anything happens: the end comes now.
            context.waker().wake_by_ref();
        }
        Pin::new(&mut self.inner).poll(context).map(Some)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ended_at_any_instruction_again_and_again_there_is_still_one_cluster_for_each_step() {
    for (stride, checked) in [(1, false), (2, false), (3, true), (5, false), (8, true)] {
        let fixture = if checked { Fixture::checked().await } else { Fixture::new().await };
        let (order, cancel) = (order(), CancellationToken::new());
        let (mut kills, mut most) = (0, 3);
        let results = loop {
            let engine = fixture.engine();
            let polled = Polls { inner: pin!(engine.run(&order, &Unobserved, &cancel)), left: most }.await;
            match polled {
                Some(done) => break done.unwrap(),
                None => kills += 1,
            }
            most += stride;
        };
        let when = format!("after {kills} kills, {stride} polls more each time");
        assert!(kills > 5, "{when}");
        assert_eq!(ends(&results), [CopyEnd::Done; 3], "{when}: {results:?}");
        fixture.one_cluster_for_each_step(&when).await;
    }
}
