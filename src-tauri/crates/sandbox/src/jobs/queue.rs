//! A run's way through its phases, as far as it is decided by the state alone.

use super::outcome::{Outcome, Phase};
use super::state::{JobsState, Run};
use crate::base::Refusal;

/// Runs are forgotten after 60 days.
const KEPT_MS: i64 = 60 * 24 * 3_600_000;

/// Whether a run may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queued {
    Waits,
    Begins,
    /// It was cancelled while it waited.
    Over,
}

impl JobsState {
    pub fn find(&self, id: u64, now: i64) -> Result<&Run, Refusal> {
        let kept = |run: &&Run| run.ended == 0 || run.ended + KEPT_MS > now;
        self.run_of(id).filter(kept).ok_or_else(|| Refusal::invalid(format!("Run {id} does not exist.")))
    }

    /// Lets a run begin where there is room for it and none waits before it.
    pub fn leave_queue(&mut self, id: u64, max_runs: usize, max_of_job: Option<usize>, now: i64) -> Queued {
        let Some(run) = self.runs.get(&id) else { return Queued::Over };
        match run.phase {
            Phase::Ended(_) => return Queued::Over,
            Phase::Queued(_) => {}
            _ => return Queued::Begins,
        }
        let room = self.active() < max_runs && max_of_job.is_none_or(|max| self.active_of(run.job_id) < max);
        if !room || !self.is_next(id) {
            return Queued::Waits;
        }
        if let Some(run) = self.runs.get_mut(&id) {
            run.phase = Phase::Pending;
            run.started = now;
            for task in run.tasks.iter_mut().filter(|task| task.depends_on.is_empty()) {
                task.phase = Phase::Pending;
            }
        }
        Queued::Begins
    }

    /// The places of the tasks that can begin; those that never will are ended on the way.
    pub fn ready_tasks(&mut self, id: u64, begun: &[usize], now: i64) -> Vec<usize> {
        let Some(run) = self.runs.get_mut(&id) else { return Vec::new() };
        let cancelled = run.cancel.is_cancelled();
        let mut ready = Vec::new();
        for at in 0..run.tasks.len() {
            let open = |at: &usize| !begun.contains(at);
            let Some(task) = run.tasks.get(at).filter(|task| open(&at) && task.phase.ended().is_none()) else {
                continue;
            };
            let before = run.tasks.iter().filter(|one| task.depends_on.contains(&one.key));
            let ends: Vec<Option<&Outcome>> = before.map(|one| one.phase.ended()).collect();
            let failed = !task.runs_after_failures() && ends.iter().flatten().any(|end| !end.is_good());
            if cancelled || failed {
                let outcome = if cancelled { Outcome::canceled() } else { Outcome::upstream() };
                if let Some(task) = run.tasks.get_mut(at) {
                    task.phase = Phase::Ended(outcome);
                    (task.started, task.ended) = (now, now);
                }
            } else if ends.iter().all(Option::is_some) {
                ready.push(at);
            }
        }
        ready
    }

    pub fn end_open_tasks(&mut self, id: u64, outcome: &Outcome, now: i64) {
        for task in self.runs.get_mut(&id).map(|run| run.tasks.iter_mut()).into_iter().flatten() {
            if task.phase.ended().is_none() {
                task.started = if task.started == 0 { now } else { task.started };
                task.phase = Phase::Ended(outcome.clone());
                task.ended = now;
            }
        }
    }

    /// Asynchronous: a run under way is ended by its driver. One that waits has no driver at work yet.
    pub fn cancel(&mut self, id: u64, now: i64) {
        let Some(run) = self.runs.get_mut(&id).filter(|run| !run.is_over()) else { return };
        run.cancel.cancel();
        if !matches!(run.phase, Phase::Queued(_)) {
            run.phase = Phase::Terminating;
            return;
        }
        run.phase = Phase::Ended(Outcome::canceled());
        run.ended = now;
        for task in &mut run.tasks {
            task.phase = Phase::Ended(Outcome::canceled());
            task.ended = now;
        }
    }

    pub fn delete(&mut self, id: u64, now: i64) -> Result<(), Refusal> {
        let run = self.find(id, now)?;
        if !run.is_over() {
            return Err(Refusal::new(400, "INVALID_STATE", format!("Run {id} is active; it cannot be deleted.")));
        }
        let id = run.id;
        if let Some(run) = self.runs.get_mut(&id) {
            run.deleted = true;
        }
        Ok(())
    }

    /// The driver's last step.
    pub fn end_run(&mut self, id: u64, outcome: Outcome, now: i64) {
        if let Some(run) = self.runs.get_mut(&id) {
            run.phase = Phase::Ended(outcome);
            run.ended = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Ids;
    use crate::jobs::state::Task;
    use crate::jobs::submission::RunRequest;
    use serde_json::json;

    fn task(key: &str, before: &[&str], run_if: &str) -> Task {
        Task::new(key.to_owned(), json!({"run_if": run_if}), before.iter().map(|key| (*key).to_owned()).collect())
    }

    fn begin(jobs: &mut JobsState, tasks: Vec<Task>, ids: &Ids) -> u64 {
        let request = RunRequest { tasks, queue: true, ..RunRequest::default() };
        jobs.begin(request, "p", 1, ids, 1).unwrap().run()
    }

    fn end(jobs: &mut JobsState, run: u64, at: usize, outcome: Outcome) {
        jobs.task_mut(run, at).unwrap().phase = Phase::Ended(outcome);
    }

    #[test]
    fn runs_leave_the_queue_in_their_order() {
        let (mut jobs, ids) = (JobsState::default(), Ids::default());
        let all: Vec<u64> = (0..3).map(|_| begin(&mut jobs, vec![task("a", &[], "")], &ids)).collect();
        assert_eq!(jobs.leave_queue(all[0], 1, None, 2), Queued::Begins);
        assert_eq!(jobs.leave_queue(all[1], 1, None, 2), Queued::Waits, "no room");
        assert_eq!(jobs.leave_queue(all[2], 9, None, 2), Queued::Waits, "not its turn");
        jobs.cancel(all[1], 3);
        assert_eq!(jobs.leave_queue(all[1], 9, None, 4), Queued::Over);
        assert_eq!(jobs.leave_queue(all[2], 9, Some(1), 4), Queued::Waits, "its job is full");
        jobs.end_run(all[0], Outcome::success(), 5);
        assert_eq!(jobs.leave_queue(all[2], 1, Some(1), 6), Queued::Begins);
    }

    #[test]
    fn a_task_waits_for_those_before_it_and_falls_with_them() {
        let (mut jobs, ids) = (JobsState::default(), Ids::default());
        let tasks = vec![
            task("a", &[], ""),
            task("b", &["a"], "ALL_SUCCESS"),
            task("c", &["a", "b"], "ALL_DONE"),
            task("d", &["b"], ""),
        ];
        let run = begin(&mut jobs, tasks, &ids);
        assert_eq!(jobs.ready_tasks(run, &[], 2), [0]);
        assert!(jobs.ready_tasks(run, &[0], 2).is_empty());
        end(&mut jobs, run, 0, Outcome::failed("x"));
        jobs.ready_tasks(run, &[0], 3);
        assert_eq!(jobs.ready_tasks(run, &[0], 3), [2], "b has fallen with a, c runs whatever was before it");
        end(&mut jobs, run, 2, Outcome::success());
        let states: Vec<&str> = jobs.runs[&run].tasks.iter().map(|task| task.phase.ended().unwrap().result).collect();
        assert_eq!(states, ["FAILED", "UPSTREAM_FAILED", "SUCCESS", "UPSTREAM_FAILED"]);
        assert_eq!(jobs.runs[&run].outcome().code, "RUN_EXECUTION_ERROR", "d has no task after it and did not succeed");
    }

    #[test]
    fn runs_are_forgotten_after_sixty_days() {
        let (mut jobs, ids) = (JobsState::default(), Ids::default());
        let run = begin(&mut jobs, vec![task("a", &[], "")], &ids);
        assert_eq!(jobs.delete(run, 2).unwrap_err().status, 400, "it is active");
        jobs.end_run(run, Outcome::success(), 10);
        assert!(jobs.find(run, 10 + KEPT_MS - 1).is_ok());
        assert!(jobs.find(run, 10 + KEPT_MS).is_err());
        jobs.delete(run, 11).unwrap();
        assert!(jobs.find(run, 11).is_err());
    }
}
