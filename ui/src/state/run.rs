//! The job in sight, kept current by events.

use icebridge_model::TableIdent;
use icebridge_model::plan::EngineKind;
use icebridge_model::run::{Event, JobState, JobView, Progress, TableRun, TableState};
use std::collections::HashMap;
use std::rc::Rc;

#[derive(Clone, Debug)]
pub struct RunView {
    pub job: Rc<JobView>,
    pub progress: Option<Progress>,
    index: Rc<HashMap<TableIdent, usize>>,
}

impl RunView {
    pub fn new(job: JobView) -> Self {
        let index = job.tables.iter().enumerate().map(|(i, table)| (table.source.clone(), i)).collect();
        Self { job: Rc::new(job), progress: None, index: Rc::new(index) }
    }

    /// The same job read again: its progress still holds.
    pub fn replaced_by(&self, job: JobView) -> Self {
        let progress = self.progress.clone().filter(|progress| progress.job == job.job);
        Self { progress, ..Self::new(job) }
    }

    pub fn is_running(&self) -> bool {
        self.job.state == JobState::Running
    }

    /// Can `run.resume` do something for it?
    pub fn is_resumable(&self) -> bool {
        matches!(self.job.state, JobState::Interrupted | JobState::Incomplete | JobState::Cancelled)
    }

    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Table { job, run } if job == self.job.job => self.set_table(*run),
            Event::Progress(progress) if progress.job == self.job.job => self.progress = Some(progress),
            Event::Job { job, state } if job == self.job.job => Rc::make_mut(&mut self.job).state = state,
            _ => {}
        }
    }

    fn set_table(&mut self, run: TableRun) {
        let job = Rc::make_mut(&mut self.job);
        match self.index.get(&run.source) {
            Some(at) => job.tables[*at] = run,
            None => {
                Rc::make_mut(&mut self.index).insert(run.source.clone(), job.tables.len());
                job.tables.push(run);
            }
        }
        job.migrated = job.tables.iter().filter(|table| table.state == TableState::Migrated).count();
        job.failed = job.tables.iter().filter(|table| table.state == TableState::Failed).count();
    }

    pub fn totals(&self) -> Totals {
        let mut totals = Totals { tables: self.job.tables.len(), ..Totals::default() };
        for table in &self.job.tables {
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

fn reached(table: &TableRun) -> u64 {
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

    pub fn table(name: &str, state: TableState) -> TableRun {
        TableRun {
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
            after: None,
        }
    }

    pub fn job(state: JobState, tables: Vec<TableRun>) -> JobView {
        JobView {
            job: "j1".into(),
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
            RunView::new(job(JobState::Running, vec![table("x", TableState::Queued), table("y", TableState::Queued)]));
        run.apply(Event::Table { job: "j1".into(), run: Box::new(table("y", TableState::Migrated)) });
        run.apply(Event::Table { job: "j2".into(), run: Box::new(table("x", TableState::Failed)) });
        assert_eq!((run.job.migrated, run.job.failed), (1, 0));
        run.apply(Event::Table { job: "j1".into(), run: Box::new(table("z", TableState::Failed)) });
        assert_eq!((run.job.tables.len(), run.job.failed), (3, 1));
        assert_eq!(run.totals().ended, 2);
        run.apply(Event::Job { job: "j1".into(), state: JobState::Incomplete });
        assert!(run.is_resumable() && !run.is_running());
    }

    #[test]
    fn what_clusters_have_done_is_told_by_rows() {
        let cluster = TableRun { engine: EngineKind::Photon, rows_done: 3, ..table("x", TableState::Copying) };
        let here = TableRun { bytes_done: 2, ..table("y", TableState::Copying) };
        let totals = RunView::new(job(JobState::Running, vec![cluster, here])).totals();
        assert_eq!((totals.bytes_reached, totals.bytes_done, totals.bytes_total), (6 + 2, 2, 20));
    }
}
