//! The run in sight, kept current by events: as a whole, and what has changed since. Its tables are asked for as they are
//! looked at.

use icebridge_model::event::{Event, RunChanges};
use icebridge_model::run::{ParallelTables, RunOverview, RunState};
use icebridge_model::view::ViewRow;
use std::rc::Rc;

/// Events between two looks at the order of the tables: about one a second.
const EVENTS_PER_LOOK: u64 = 10;

#[derive(Clone, Debug)]
pub struct ShownRun {
    pub view: Rc<RunOverview>,
    pub rate: Option<Rate>,
    /// Rows that are newer than those that were asked for.
    pub changed: Rc<Vec<ViewRow>>,
    /// Grows when the tables should be asked for anew.
    pub version: u64,
    heard: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub bytes_per_second: u64,
    pub seconds_left: Option<u64>,
    /// Where the run finds out how many tables in parallel pay off.
    pub parallel: Option<ParallelTables>,
}

impl ShownRun {
    pub fn new(view: RunOverview) -> Self {
        Self { view: Rc::new(view), rate: None, changed: Rc::default(), version: 0, heard: 0 }
    }

    /// The same run read again: its rate still holds.
    pub fn replaced_by(&self, view: RunOverview) -> Self {
        Self { view: Rc::new(view), version: self.version + 1, ..self.clone() }
    }

    pub fn is_running(&self) -> bool {
        self.view.state == RunState::Running
    }

    /// Can `run.resume` do something for it?
    pub fn is_resumable(&self) -> bool {
        matches!(self.view.state, RunState::Interrupted | RunState::Incomplete | RunState::Cancelled)
    }

    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Changes(changes) if changes.run_id == self.view.run_id => self.take(changes),
            Event::Run { run_id, state } if run_id == self.view.run_id => {
                Rc::make_mut(&mut self.view).state = state;
                self.version += 1;
            }
            _ => {}
        }
    }

    fn take(&mut self, changes: RunChanges) {
        Rc::make_mut(&mut self.view).counters = changes.counters;
        let RunChanges { bytes_per_second, seconds_left, parallel, .. } = changes;
        self.rate = Some(Rate { bytes_per_second, seconds_left, parallel });
        if !changes.rows.is_empty() {
            self.changed = Rc::new(changes.rows);
        }
        self.heard += 1;
        if self.heard.is_multiple_of(EVENTS_PER_LOOK) {
            self.version += 1;
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use icebridge_model::run::RunCounters;

    pub fn counters(states: &[(&str, usize)]) -> RunCounters {
        let by_state = states.iter().map(|(state, tables)| ((*state).to_string(), *tables)).collect();
        RunCounters { by_state, ..RunCounters::default() }
    }

    pub fn run(state: RunState, states: &[(&str, usize)]) -> RunOverview {
        RunOverview {
            run_id: "j1".into(),
            plan_hash: "h".into(),
            source: "a".into(),
            target: "b".into(),
            state,
            started_at: String::new(),
            ended_at: None,
            exported_at: None,
            counters: counters(states),
        }
    }

    fn changes(run_id: &str, states: &[(&str, usize)]) -> Event {
        let rows = vec![ViewRow::default()];
        Event::Changes(RunChanges { run_id: run_id.into(), counters: counters(states), rows, ..RunChanges::default() })
    }

    #[test]
    fn events_move_the_counters_and_only_of_their_own_run() {
        let mut shown = ShownRun::new(run(RunState::Running, &[("queued", 2)]));
        shown.apply(changes("j1", &[("queued", 1), ("migrated", 1)]));
        shown.apply(changes("j2", &[("failed", 2)]));
        assert_eq!((shown.view.counters.ended(), shown.changed.len()), (1, 1));
        shown.apply(Event::Run { run_id: "j1".into(), state: RunState::Incomplete });
        assert!(shown.is_resumable() && !shown.is_running());
    }

    #[test]
    fn tables_are_asked_for_anew_now_and_then_and_not_for_every_event() {
        let mut shown = ShownRun::new(run(RunState::Running, &[]));
        (0..35).for_each(|_| shown.apply(changes("j1", &[])));
        assert_eq!(shown.version, 3);
        assert_eq!(shown.replaced_by(run(RunState::Running, &[])).version, 4);
    }
}
