//! A run from its start to its end. Nothing here has a deadline: the cluster works whether anybody looks or not.

use super::engine::Engine;
use super::judge::{Output, RunEnd, TaskEnds};
use super::patience::Patience;
use super::record::StepRecord;
use super::result_file::{self, ResultFile};
use icebridge_databricks::jobs::{Outcome, Run, RunTask, Stage};
use icebridge_model::Result;
use icebridge_model::photon::PhotonEvent;
use std::collections::HashMap;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// Of what a task printed: the end, where the reason is.
const LOG_TAIL: usize = 4_000;

/// A run as it was seen at its end.
pub(super) struct Ended {
    pub end: RunEnd,
    pub run: Option<Run>,
}

impl Engine {
    /// Looks often while something happens and seldom while nothing does. A cancel is passed on once, and the run is then
    /// waited for like any other: until the workspace says that it is over, it may still write.
    pub(super) async fn follow(
        &self,
        record: &mut StepRecord,
        job_run_id: i64,
        patience: &Patience<'_>,
        cancel: &CancellationToken,
    ) -> Result<Ended> {
        let (mut pause, mut last, mut told_to_stop) = (self.pace.first, None, false);
        let mut progress = Progress::default();
        loop {
            if cancel.is_cancelled() && !told_to_stop {
                let asked = patience.ask(None, || self.client.cancel_run(job_run_id)).await;
                if let Err(error) = asked {
                    // It may have ended by itself in this moment; the next look says so.
                    tracing::warn!(step = record.step, %error, "the run could not be cancelled");
                    if self.is_open(job_run_id, patience).await? {
                        return Err(error);
                    }
                }
                told_to_stop = true;
                pause = self.pace.first;
            }
            let Some(run) = patience.ask(None, || self.client.run(job_run_id)).await? else {
                return Ok(Ended { end: RunEnd::Vanished, run: None });
            };
            if run.run_page_url.is_some() {
                record.run_page_url.clone_from(&run.run_page_url);
            }
            let stages: Vec<Stage> = std::iter::once(run.stage()).chain(run.tasks.iter().map(|t| t.stage())).collect();
            let mut moved = last.as_ref() != Some(&stages);
            if moved {
                patience.observer.told(event(record, job_run_id, &run));
                last = Some(stages);
            }
            if let Stage::Over(outcome) = run.stage() {
                // The last word of its progress is in the results.
                return Ok(Ended { end: RunEnd::Over(outcome), run: Some(run) });
            }
            if matches!(run.stage(), Stage::Running | Stage::Stopping) {
                for lane in &record.lanes {
                    if let Some(file) = result_file::peek(&self.client, lane, &record.plan_hash).await {
                        moved |= progress.tell(record, &file, patience);
                    }
                }
            }
            pause = if moved { self.pace.first } else { self.pace.slower(pause) };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = cancel.cancelled(), if !told_to_stop => {}
            }
        }
    }

    async fn is_open(&self, job_run_id: i64, patience: &Patience<'_>) -> Result<bool> {
        let run = patience.ask(None, || self.client.run(job_run_id)).await?;
        Ok(run.is_some_and(|run| !matches!(run.stage(), Stage::Over(_))))
    }

    /// Why tasks failed, in their own words. What cannot be had is left out: the run's end has words of its own.
    pub(super) async fn output(&self, run: &Run) -> Output {
        let mut output = Output::new();
        for task in &run.tasks {
            let failed = matches!(task.stage(), Stage::Over(outcome) if outcome != Outcome::Succeeded);
            let Some(id) = task.run_id.filter(|_| failed) else { continue };
            match self.client.task_output(id).await {
                Ok(told) => {
                    let mut words = Vec::new();
                    words.extend(told.error.filter(|text| !text.is_empty()));
                    words.extend(told.error_trace.filter(|text| !text.is_empty()).map(|text| tail(&text)));
                    words.extend(
                        told.logs.filter(|text| !text.is_empty()).map(|text| format!("it printed: {}", tail(&text))),
                    );
                    output.insert(task.task_key.clone(), words);
                }
                Err(error) => tracing::warn!(task = task.task_key, %error, "the output of a failed task cannot be had"),
            }
        }
        output
    }
}

/// How each task of a run ended.
pub(super) fn task_ends(run: &Run) -> TaskEnds {
    let one = |task: &RunTask| match task.stage() {
        Stage::Over(outcome) => Some((task.task_key.clone(), outcome)),
        _ => None,
    };
    run.tasks.iter().filter_map(one).collect()
}

fn tail(text: &str) -> String {
    let text = text.trim_end();
    let from = text.len().saturating_sub(LOG_TAIL);
    let from = (from..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    text.get(from..).unwrap_or_default().to_owned()
}

fn event(record: &StepRecord, job_run_id: i64, run: &Run) -> PhotonEvent {
    let (stage, words) = match run.stage() {
        Stage::Queued(why) => ("queued", why),
        Stage::Waiting => ("waiting", String::new()),
        Stage::Starting => ("starting", "the cluster is being made".into()),
        Stage::Running => ("running", String::new()),
        Stage::Stopping => ("stopping", String::new()),
        Stage::Over(outcome) => ("over", RunEnd::Over(outcome).words()),
        Stage::Unknown(word) => ("unknown", word),
    };
    PhotonEvent::Run {
        step: record.step.clone(),
        stage: stage.into(),
        words,
        job_run_id,
        run_page_url: run.run_page_url.clone(),
    }
}

/// What was told of each table, so that only news is told.
#[derive(Default)]
struct Progress {
    seen: HashMap<String, (Instant, u64, String, u64)>,
}

impl Progress {
    /// Whether anything was new.
    fn tell(&mut self, record: &StepRecord, file: &ResultFile, patience: &Patience<'_>) -> bool {
        let mut news = false;
        for table in record.tables() {
            let Some(entry) = file.entry(&table.target) else { continue };
            let (rows, batches) = (entry.rows_done.unwrap_or(0), entry.batches_done.unwrap_or(0));
            let (now, key) = (Instant::now(), table.target.to_string());
            let rate = match self.seen.get(&key) {
                Some((_, old, state, done)) if *old == rows && *state == entry.state && *done == batches => continue,
                Some((at, old, ..)) => {
                    let milliseconds = now.duration_since(*at).as_millis().max(1);
                    u64::try_from(u128::from(rows.saturating_sub(*old)) * 1000 / milliseconds).unwrap_or(u64::MAX)
                }
                // The first look cannot know when those rows came.
                None => 0,
            };
            self.seen.insert(key, (now, rows, entry.state.clone(), batches));
            news = true;
            patience.observer.told(PhotonEvent::Table {
                step: record.step.clone(),
                target: table.target.clone(),
                state: entry.state.clone(),
                rows_done: rows,
                rows_total: entry.rows_total.unwrap_or(table.rows),
                batches_done: batches,
                batches_total: entry.batches_total.unwrap_or(0),
                rows_per_second: rate,
            });
        }
        news
    }
}
