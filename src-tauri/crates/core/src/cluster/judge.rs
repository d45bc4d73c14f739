//! What came of each table, by the run's end and by what its tasks left. A pure function.

use super::record::StepRecord;
use super::result_file::{EntryState, Left, TableEntry, error_of};
use icebridge_databricks::jobs::Outcome;
use icebridge_model::photon::{ClusterCopy, ClusterResult, CopyEnd};
use icebridge_model::{Code, Error};
use std::collections::BTreeMap;

/// How the run ended. `Vanished`: the workspace does not know it any more; runs are removed after 60 days.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RunEnd {
    Over(Outcome),
    Vanished,
}

/// What the workspace kept of a task that failed: its error and the end of what it printed.
pub(super) type Output = BTreeMap<String, Vec<String>>;

/// How each task ended, as far as the workspace says.
pub(super) type TaskEnds = BTreeMap<String, Outcome>;

/// What the workspace says of a run that is over.
pub(super) struct Evidence {
    pub end: RunEnd,
    pub tasks: TaskEnds,
    pub output: Output,
}

impl Evidence {
    /// Of one task. A run fails with any of its tasks: a copy is not to be blamed for a check, nor one lane for another.
    pub fn end_of(&self, task: &str) -> RunEnd {
        match (&self.end, self.tasks.get(task)) {
            (RunEnd::Over(Outcome::Failed(_)), Some(own)) => RunEnd::Over(own.clone()),
            (RunEnd::Over(Outcome::TimedOut), Some(own @ (Outcome::Succeeded | Outcome::Failed(_)))) => {
                RunEnd::Over(own.clone())
            }
            (end, _) => end.clone(),
        }
    }

    pub fn printed(&self, task: &str) -> &[String] {
        self.output.get(task).map_or(&[], Vec::as_slice)
    }
}

impl RunEnd {
    pub fn explanation(&self) -> String {
        match self {
            Self::Over(Outcome::Succeeded) => "it succeeded".into(),
            Self::Over(Outcome::Failed(termination)) => termination.explanation.clone(),
            Self::Over(Outcome::Cancelled) => "it was cancelled".into(),
            Self::Over(Outcome::TimedOut) => "it went over its time limit and was ended".into(),
            Self::Over(Outcome::Skipped(why)) => format!("it was never begun: {why}"),
            Self::Vanished => "the workspace does not know the run any more".into(),
        }
    }
}

pub(super) fn results(record: &StepRecord, evidence: &Evidence, left: &[Left]) -> Vec<ClusterResult> {
    let mut results = Vec::new();
    for (at, lane) in record.lanes.iter().enumerate() {
        let (file, problem) = match left.get(at).unwrap_or(&Left::Missing).file() {
            Ok(file) => (Some(file), None),
            Err(why) => (None, Some(why)),
        };
        let (end, printed) = (&evidence.end_of(&lane.key), evidence.printed(&lane.key));
        for table in &lane.tables {
            let entry = file.and_then(|file| file.entry(&table.target));
            let mut result = bare(record, table, entry);
            (result.end, result.error) = match (entry.map(|entry| entry.state), end) {
                // The job says itself that it came to its end: only then is a good end of the run one of its tables.
                (_, RunEnd::Over(Outcome::Succeeded)) if !file.is_some_and(|file| file.complete) => {
                    let why = problem.unwrap_or("was never completed");
                    (CopyEnd::Failed, Some(unproven(&lane.result_path, why)))
                }
                (Some(EntryState::Done), _) => (CopyEnd::Done, None),
                (Some(EntryState::Failed), _) => {
                    let written = entry.and_then(|entry| entry.error.as_ref()).map(error_of);
                    (CopyEnd::Failed, Some(written.unwrap_or_else(|| run_failed(end, printed))))
                }
                (_, RunEnd::Over(Outcome::Cancelled)) => (CopyEnd::Cancelled, Some(super::patience::cancelled())),
                (_, RunEnd::Over(Outcome::Succeeded)) => {
                    (CopyEnd::Failed, Some(unproven(&lane.result_path, "does not have this table as done")))
                }
                // What stopped the whole job is in its result if it could be written, and says more than the run's end.
                _ => match file.and_then(|file| file.error.as_ref()) {
                    Some(error) => (CopyEnd::Failed, Some(error_of(error))),
                    None => (CopyEnd::Failed, Some(run_failed(end, printed))),
                },
            };
            result.error = result.error.map(|error| error.about(&table.target));
            results.push(result);
        }
    }
    results
}

/// Where nothing was started: all tables for one reason.
pub(super) fn all_of(record: &StepRecord, end: CopyEnd, error: &Error) -> Vec<ClusterResult> {
    let one = |table: &ClusterCopy| ClusterResult {
        end,
        error: Some(error.clone().about(&table.target)),
        ..bare(record, table, None)
    };
    record.tables().map(one).collect()
}

/// A table that no step has.
pub(super) fn never(table: &ClusterCopy, end: CopyEnd, error: &Error) -> ClusterResult {
    ClusterResult { error: Some(error.clone().about(&table.target)), ..ClusterResult::of(table, end) }
}

fn bare(record: &StepRecord, table: &ClusterCopy, entry: Option<&TableEntry>) -> ClusterResult {
    let entry = entry.cloned().unwrap_or_default();
    ClusterResult {
        source_snapshot_id: entry.source_snapshot_id.or(table.snapshot_id),
        target_snapshot_id: entry.target_snapshot_id,
        rows_total: entry.rows_total,
        rows_done: entry.rows_done,
        batches_total: entry.batches_total,
        batches_done: entry.batches_done,
        batches_found: entry.batches_found,
        lost: entry.lost,
        method: entry.method.unwrap_or(table.method),
        source_read: entry.source_read,
        note: entry.note,
        action: entry.action,
        milliseconds: entry.milliseconds,
        job_run_id: record.job_run_id,
        run_page_url: record.run_page_url.clone(),
        ..ClusterResult::of(table, CopyEnd::Failed)
    }
}

fn unproven(path: &str, why: &str) -> Error {
    Error::new(Code::RunFailed, "the run ended well, but nothing proves that the table was copied")
        .with_hint(
            "Run the table again: what is already in the target is found and kept. See the run's page for its output.",
        )
        .with_cause_text(format!("its result file {path} {why}"))
}

fn run_failed(end: &RunEnd, printed: &[String]) -> Error {
    let mut error = match end {
        RunEnd::Over(Outcome::Failed(termination)) => {
            let message = format!("the cluster's run failed: {}", termination.explanation);
            let mut error = Error::new(Code::RunFailed, message).with_hint(&termination.hint);
            error.retryable = termination.retryable;
            for cause in [&termination.code, &termination.message] {
                if !cause.is_empty() {
                    error = error.with_cause_text(cause);
                }
            }
            error
        }
        RunEnd::Over(Outcome::TimedOut) => {
            Error::new(Code::RunFailed, "the run went over its time limit and was ended")
                .with_hint("Raise the time limit in the settings, or give the cluster more workers, and run it again.")
        }
        RunEnd::Over(Outcome::Skipped(why)) => {
            Error::new(Code::RunFailed, "the run was never begun").with_cause_text(why).retryable()
        }
        RunEnd::Vanished => Error::new(Code::ObjectNotFound, "the workspace does not know the run any more").with_hint(
            "Runs are removed after 60 days, or by hand. Run the table again: what is in the target is kept.",
        ),
        RunEnd::Over(Outcome::Succeeded | Outcome::Cancelled) => {
            Error::new(Code::RunFailed, "the job gave this table up without saying why")
        }
    };
    error.causes.extend(printed.iter().cloned());
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::record::{Lane, sample, started};
    use crate::cluster::result_file::read;
    use icebridge_databricks::jobs::{TerminationCode, explain_termination};
    use serde_json::json;

    fn record() -> StepRecord {
        let lane = Lane {
            key: "lane-1".into(),
            tables: vec![sample("a", 1), sample("b", 1)],
            input_path: "in".into(),
            result_path: "out".into(),
            check: None,
        };
        started(vec![lane])
    }

    fn left(complete: bool, error: serde_json::Value) -> Left {
        let file = json!({"result_version": 1, "plan_hash": "p", "complete": complete, "error": error, "tables": [
            {"target": "main.s.a", "state": "done", "rows_done": 1}, {"target": "main.s.b", "state": "running"}]});
        read(file.to_string().as_bytes(), "p")
    }

    fn over(end: RunEnd) -> Evidence {
        let output = Output::from([("lane-1".to_owned(), vec!["last line".to_owned()])]);
        Evidence { end, tasks: TaskEnds::new(), output }
    }

    fn judged(end: RunEnd, left: Left) -> Vec<(CopyEnd, Option<Code>)> {
        let all = results(&record(), &over(end), &[left]);
        all.into_iter().map(|one| (one.end, one.error.map(|error| error.code))).collect()
    }

    #[test]
    fn what_is_done_stays_done_unless_the_run_ended_well_without_proof() {
        let done = (CopyEnd::Done, None);
        let none = serde_json::Value::Null;
        let failed = || RunEnd::Over(Outcome::Failed(explain_termination(Some(&TerminationCode::DriverError), "gone")));
        let run_failed = (CopyEnd::Failed, Some(Code::RunFailed));
        assert_eq!(
            judged(RunEnd::Over(Outcome::Cancelled), left(false, none.clone())),
            [done, (CopyEnd::Cancelled, Some(Code::Cancelled))]
        );
        assert_eq!(judged(failed(), left(false, none.clone())), [done, run_failed]);
        assert_eq!(judged(RunEnd::Over(Outcome::TimedOut), left(false, none.clone())), [done, run_failed]);
        let vanished = (CopyEnd::Failed, Some(Code::ObjectNotFound));
        assert_eq!(judged(RunEnd::Vanished, left(false, none.clone())), [done, vanished]);
        assert_eq!(judged(RunEnd::Vanished, Left::Missing), [vanished; 2]);
        assert_eq!(judged(RunEnd::Over(Outcome::Succeeded), left(false, none.clone())), [run_failed; 2]);
        assert_eq!(judged(RunEnd::Over(Outcome::Succeeded), left(true, none)), [done, run_failed]);
        let job = json!({"code": "plan-stale", "message": "moved", "object": null, "hint": null, "causes": [], "retryable": false});
        assert_eq!(judged(failed(), left(true, job)), [done, (CopyEnd::Failed, Some(Code::PlanStale))]);
    }

    #[test]
    fn the_error_of_a_failed_run_has_the_workspaces_message_and_the_tasks_output() {
        let end = RunEnd::Over(Outcome::Failed(explain_termination(Some(&TerminationCode::DriverError), "gone")));
        let error = results(&record(), &over(end), &[Left::Missing])[1].error.clone().unwrap();
        assert_eq!(error.causes, ["DRIVER_ERROR", "gone", "last line"]);
        assert!(error.retryable && error.hint.is_some());
        assert_eq!(error.object.as_deref(), Some("main.s.b"));
    }

    #[test]
    fn a_lane_ended_as_its_own_task_did_and_not_as_the_check_that_failed_the_run() {
        let failed = |code| Outcome::Failed(explain_termination(Some(&code), ""));
        let error_of = |end: Outcome, lane: Outcome| {
            let tasks = TaskEnds::from([
                ("lane-1".to_owned(), lane),
                ("check-1".to_owned(), failed(TerminationCode::RunExecutionError)),
            ]);
            let evidence = Evidence { tasks, ..over(RunEnd::Over(end)) };
            let file = left(true, serde_json::Value::Null);
            let all = results(&record(), &evidence, &[file]);
            assert_eq!(all[0].end, CopyEnd::Done);
            all[1].error.clone().unwrap()
        };
        let check = || failed(TerminationCode::RunExecutionError);
        assert!(error_of(check(), Outcome::Succeeded).message.contains("nothing proves"));
        assert!(error_of(Outcome::TimedOut, Outcome::Succeeded).message.contains("nothing proves"));
        let driver = error_of(check(), failed(TerminationCode::DriverError));
        assert!(driver.message.contains("driver stopped answering"), "{driver}");
        let some = failed(TerminationCode::SuccessWithFailures);
        assert!(error_of(some, failed(TerminationCode::DriverError)).message.contains("driver"));
        assert!(error_of(Outcome::TimedOut, Outcome::Cancelled).message.contains("time limit"));
        assert_eq!(error_of(Outcome::Cancelled, Outcome::Succeeded).code, Code::Cancelled);
    }
}
