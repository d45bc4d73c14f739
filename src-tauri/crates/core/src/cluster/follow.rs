//! A run from its start to its end. Nothing here has a deadline: the cluster works whether this process looks or not.

use super::judge::{Output, RunEnd, TaskEnds};
use super::patience::Patience;
use super::record::StepRecord;
use super::result_file::{self, EntryState, ResultFile};
use super::spend::{self, SpendCap};
use super::started;
use super::step::StepContext;
use icebridge_databricks::Client;
use icebridge_databricks::jobs::{Outcome, Run, RunTask, Stage};
use icebridge_model::photon::{ClusterEvent, ClusterStage};
use icebridge_model::{Code, Error, Result, TableIdent};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// Of what a task printed: the end, where the reason is.
const LOG_TAIL: usize = 4_000;

/// A run as it was seen at its end.
pub(super) struct Ended {
    pub end: RunEnd,
    pub run: Option<Run>,
    /// How long it took, as far as it was seen.
    pub milliseconds: u64,
}

/// Looks often while something happens and seldom while nothing does. A cancel, or the spend cap, is passed on once, and the
/// run is then waited for like any other: until the workspace says that it is over, it may still write.
pub(super) async fn follow(record: &mut StepRecord, job_run_id: i64, context: &StepContext<'_>) -> Result<Ended> {
    let StepContext { client, patience, cancel, .. } = context;
    let pace = patience.pace;
    let (mut pause, mut last, mut stopping) = (pace.first, None, false);
    let (mut progress, mut unknown) = (Progress::default(), None);
    let (mut milliseconds, mut hidden) = (record.milliseconds, Hidden::default());
    loop {
        let is_too_much = context.cap.is_some_and(SpendCap::is_reached);
        if (cancel.is_cancelled() || is_too_much) && !stopping {
            started::stop(record, job_run_id, context).await?;
            stopping = true;
            pause = pace.first;
        }
        let Some(run) = patience.ask(None, || client.run(job_run_id)).await? else {
            // Workspaces answer so for other reasons as well: only when it is in no list either, it is gone.
            if started::find(record, context).await? != Some(job_run_id) {
                return Ok(Ended { end: RunEnd::Vanished, run: None, milliseconds });
            }
            hidden.look(job_run_id, pace.unknown_longest)?;
            tokio::time::sleep(pause).await;
            pause = pace.slower(pause);
            continue;
        };
        hidden = Hidden::default();
        if run.run_page_url.is_some() {
            record.run_page_url.clone_from(&run.run_page_url);
        }
        milliseconds = milliseconds.max(spend::milliseconds(&run, jiff::Timestamp::now().as_millisecond()));
        if let Some(cap) = context.cap {
            cap.count(record, milliseconds);
        }
        let stages: Vec<Stage> = std::iter::once(run.stage()).chain(run.tasks.iter().map(RunTask::stage)).collect();
        let mut moved = last.as_ref() != Some(&stages);
        if moved {
            patience.observer.event(event(record, job_run_id, &run));
            last = Some(stages);
        }
        match run.stage() {
            // The last state of its progress is in the results.
            Stage::Over(outcome) => return Ok(Ended { end: RunEnd::Over(outcome), run: Some(run), milliseconds }),
            Stage::Running | Stage::Stopping => moved |= progress.look(record, client, patience).await,
            _ => {}
        }
        must_be_known(&run, &mut unknown, pace.unknown_longest)?;
        pause = if moved { pace.first } else { pace.slower(pause) };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = cancel.cancelled(), if !stopping => {}
        }
    }
}

/// A run that is in the list and is not shown.
#[derive(Default)]
struct Hidden {
    since: Option<Instant>,
}

impl Hidden {
    fn look(&mut self, job_run_id: i64, longest: Duration) -> Result<()> {
        if self.since.get_or_insert_with(Instant::now).elapsed() <= longest {
            return Ok(());
        }
        Err(Error::new(Code::AnswerNotUnderstood, "the workspace lists the run, and says that it does not know it")
            .about(format!("run {job_run_id}"))
            .with_hint(
                "Look at the run in the workspace, which may still write. Resume: the same run is looked at again.",
            ))
    }
}

/// A state newer than this program is followed as any other, and not for ever: its end may be newer too.
fn must_be_known(run: &Run, unknown: &mut Option<Instant>, longest: Duration) -> Result<()> {
    let Stage::Unknown(word) = run.stage() else {
        *unknown = None;
        return Ok(());
    };
    if unknown.get_or_insert_with(Instant::now).elapsed() <= longest {
        return Ok(());
    }
    Err(Error::new(Code::AnswerNotUnderstood, "the run is in a state that this version does not know")
        .about(format!("run {}", run.run_id))
        .with_cause_text(format!("its state is `{word}`"))
        .with_hint(
            "Look at the run in the workspace, which may still write. Once it is over, resume: the same run is looked at again.",
        ))
}

/// Why tasks failed, as they wrote it. What cannot be read is left out: the run's end has an explanation of its own.
pub(super) async fn output(client: &Client, run: &Run) -> Output {
    let mut output = Output::new();
    for task in &run.tasks {
        let failed = matches!(task.stage(), Stage::Over(outcome) if outcome != Outcome::Succeeded);
        let Some(id) = task.run_id.filter(|_| failed) else { continue };
        match client.task_output(id).await {
            Ok(found) => {
                let given = |text: Option<String>| text.filter(|text| !text.is_empty());
                let mut lines = Vec::new();
                lines.extend(given(found.error));
                lines.extend(given(found.error_trace).map(|text| tail(&text)));
                lines.extend(given(found.logs).map(|text| format!("it printed: {}", tail(&text))));
                output.insert(task.task_key.clone(), lines);
            }
            Err(error) => tracing::warn!(task = task.task_key, %error, "the output of a failed task cannot be read"),
        }
    }
    output
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

fn event(record: &StepRecord, job_run_id: i64, run: &Run) -> ClusterEvent {
    let (stage, message) = match run.stage() {
        Stage::Queued(why) => (ClusterStage::Queued, why),
        Stage::Waiting => (ClusterStage::Waiting, String::new()),
        Stage::Starting => (ClusterStage::Starting, "the cluster is starting".into()),
        Stage::Running => (ClusterStage::Running, String::new()),
        Stage::Stopping => (ClusterStage::Stopping, String::new()),
        Stage::Over(outcome) => (ClusterStage::Over, RunEnd::Over(outcome).explanation()),
        Stage::Unknown(word) => (ClusterStage::Unknown, word),
    };
    let (step, run_page_url) = (record.step.clone(), run.run_page_url.clone());
    ClusterEvent::Run { step, stage, message, job_run_id, run_page_url }
}

/// What was seen of each table, so that only news is an event.
#[derive(Default)]
struct Progress {
    seen: HashMap<TableIdent, Seen>,
}

#[derive(PartialEq)]
struct Seen {
    state: EntryState,
    rows: u64,
    batches: u64,
}

impl Progress {
    /// Whether anything was new.
    async fn look(&mut self, record: &StepRecord, client: &Client, patience: &Patience<'_>) -> bool {
        let mut news = false;
        for lane in &record.lanes {
            if let Some(file) = result_file::peek(client, lane, &record.plan_hash).await {
                news |= self.take(record, &file, patience);
            }
        }
        news
    }

    fn take(&mut self, record: &StepRecord, file: &ResultFile, patience: &Patience<'_>) -> bool {
        let mut news = false;
        for table in record.tables() {
            let Some(entry) = file.entry(&table.target) else { continue };
            let (rows, batches) = (entry.rows_done.unwrap_or(0), entry.batches_done.unwrap_or(0));
            let now = Seen { state: entry.state, rows, batches };
            if self.seen.get(&table.target) == Some(&now) {
                continue;
            }
            self.seen.insert(table.target.clone(), now);
            news = true;
            patience.observer.event(ClusterEvent::Table {
                step: record.step.clone(),
                target: table.target.clone(),
                rows_done: rows,
                rows_total: entry.rows_total.unwrap_or(table.rows),
                batches_done: batches,
                batches_total: entry.batches_total.unwrap_or(0),
            });
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_nobody_knows_is_not_followed_for_ever() {
        let run = |state: &str| -> Run {
            serde_json::from_value(serde_json::json!({"run_id": 7, "status": {"state": state}})).unwrap()
        };
        let long_ago = || Instant::now().checked_sub(Duration::from_secs(90));
        let (mut unknown, longest) = (None, Duration::from_secs(60));
        must_be_known(&run("NEW"), &mut unknown, longest).unwrap();
        assert!(unknown.is_some());
        unknown = long_ago();
        must_be_known(&run("RUNNING"), &mut unknown, longest).unwrap();
        assert_eq!(unknown, None, "it counts from anew");
        unknown = long_ago();
        let error = must_be_known(&run("NEW"), &mut unknown, longest).unwrap_err();
        assert_eq!((error.code, error.causes), (Code::AnswerNotUnderstood, vec!["its state is `NEW`".to_owned()]));
    }
}
