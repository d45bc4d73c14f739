//! The run in sight, kept current by events.

use icebridge_model::TableIdent;
use icebridge_model::plan::EngineKind;
use icebridge_model::run::{Event, Progress, RunState, RunView, TableMigration, TableState};
use std::collections::HashMap;
use std::rc::Rc;

#[derive(Clone, Debug)]
pub struct ShownRun {
    pub view: Rc<RunView>,
    pub progress: Option<Progress>,
    index: Rc<HashMap<TableIdent, usize>>,
}

impl ShownRun {
    pub fn new(view: RunView) -> Self {
        let index = view.tables.iter().enumerate().map(|(i, table)| (table.source.clone(), i)).collect();
        Self { view: Rc::new(view), progress: None, index: Rc::new(index) }
    }

    /// The same run read again: its progress still holds.
    pub fn replaced_by(&self, view: RunView) -> Self {
        let progress = self.progress.clone().filter(|progress| progress.run_id == view.run_id);
        Self { progress, ..Self::new(view) }
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
            Event::Table { run_id, table } if run_id == self.view.run_id => self.set_table(*table),
            Event::Progress(progress) if progress.run_id == self.view.run_id => self.progress = Some(progress),
            Event::Run { run_id, state } if run_id == self.view.run_id => Rc::make_mut(&mut self.view).state = state,
            _ => {}
        }
    }

    fn set_table(&mut self, table: TableMigration) {
        let view = Rc::make_mut(&mut self.view);
        match self.index.get(&table.source) {
            Some(at) => view.tables[*at] = table,
            None => {
                Rc::make_mut(&mut self.index).insert(table.source.clone(), view.tables.len());
                view.tables.push(table);
            }
        }
        view.migrated = view.tables.iter().filter(|table| table.state == TableState::Migrated).count();
        view.failed = view.tables.iter().filter(|table| table.state == TableState::Failed).count();
    }

    pub fn totals(&self) -> Totals {
        let mut totals = Totals { tables: self.view.tables.len(), ..Totals::default() };
        for table in &self.view.tables {
            totals.ended += usize::from(table.state.is_terminal());
            totals.cancelled += usize::from(table.state == TableState::Cancelled);
            totals.bytes_done += table.bytes_done;
            totals.bytes_reached += reached(table);
            totals.bytes_total += table.bytes_total;
            totals.rows_done += table.rows_done;
            totals.rows_total += table.rows_total;
        }
        totals
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub tables: usize,
    /// In a state nothing follows.
    pub ended: usize,
    pub cancelled: usize,
    pub bytes_done: u64,
    /// With the share of what clusters have done, which tell rows alone until they end.
    pub bytes_reached: u64,
    pub bytes_total: u64,
    pub rows_done: u64,
    pub rows_total: u64,
}

fn reached(table: &TableMigration) -> u64 {
    match table.engine {
        EngineKind::Photon if table.rows_total > 0 => {
            let share = u128::from(table.bytes_total) * u128::from(table.rows_done) / u128::from(table.rows_total);
            // No more than the whole, which fits.
            table.bytes_done.max(u64::try_from(share).unwrap_or(u64::MAX).min(table.bytes_total))
        }
        _ => table.bytes_done,
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use icebridge_model::plan::CopyMode;

    pub fn table(name: &str, state: TableState) -> TableMigration {
        TableMigration {
            source: TableIdent::new(["s"], name),
            target: TableIdent::new(["t"], name),
            mode: CopyMode::Clone,
            state,
            bytes_done: 0,
            bytes_total: 10,
            rows_done: 0,
            rows_total: 5,
            error: None,
            validation: None,
            outcome: None,
            engine: EngineKind::Embedded,
            cluster: None,
            documents: None,
            governance: None,
            not_validated: None,
        }
    }

    pub fn run(state: RunState, tables: Vec<TableMigration>) -> RunView {
        RunView {
            run_id: "j1".into(),
            plan_hash: "h".into(),
            source: "a".into(),
            target: "b".into(),
            state,
            started_at: String::new(),
            ended_at: None,
            tables,
            migrated: 0,
            failed: 0,
        }
    }

    #[test]
    fn events_move_tables_and_only_of_their_own_job() {
        let mut run =
            ShownRun::new(run(RunState::Running, vec![table("x", TableState::Queued), table("y", TableState::Queued)]));
        run.apply(Event::Table { run_id: "j1".into(), table: Box::new(table("y", TableState::Migrated)) });
        run.apply(Event::Table { run_id: "j2".into(), table: Box::new(table("x", TableState::Failed)) });
        assert_eq!((run.view.migrated, run.view.failed), (1, 0));
        run.apply(Event::Table { run_id: "j1".into(), table: Box::new(table("z", TableState::Failed)) });
        assert_eq!((run.view.tables.len(), run.view.failed), (3, 1));
        assert_eq!(run.totals().ended, 2);
        run.apply(Event::Run { run_id: "j1".into(), state: RunState::Incomplete });
        assert!(run.is_resumable() && !run.is_running());
    }

    #[test]
    fn what_clusters_have_done_is_told_by_rows() {
        let cluster = TableMigration { engine: EngineKind::Photon, rows_done: 3, ..table("x", TableState::Copying) };
        let here = TableMigration { bytes_done: 2, ..table("y", TableState::Copying) };
        let totals = ShownRun::new(run(RunState::Running, vec![cluster, here])).totals();
        assert_eq!((totals.bytes_reached, totals.bytes_done, totals.bytes_total), (6 + 2, 2, 20));
    }
}
