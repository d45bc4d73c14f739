//! The tables of a rehearsal, and what came of each so far.

use icebridge_model::cutover::{CutoverState, CutoverView};
use icebridge_model::plan::{Plan, PlannedTable};
use icebridge_model::rehearsal::RehearsedTable;
use icebridge_model::run::{RunView, TableMigration, TableState};
use icebridge_model::validation::ProofLevel;
use icebridge_model::{Code, Error, TableIdent};
use std::collections::HashMap;

pub(super) struct Tables {
    /// In the plan's order.
    pub all: Vec<RehearsedTable>,
    places: HashMap<TableIdent, usize>,
}

impl Tables {
    /// After the run.
    pub fn of(own: &Plan, run: RunView) -> Self {
        let copied: HashMap<TableIdent, TableMigration> =
            run.tables.into_iter().map(|table| (table.source.clone(), table)).collect();
        let all = own.tables.iter().map(|planned| begun(planned, copied.get(&planned.source)));
        let places = own.tables.iter().enumerate().map(|(at, planned)| (planned.source.clone(), at));
        Self { places: places.collect(), all: all.collect() }
    }

    /// Those that nothing has gone wrong with.
    pub fn left(&self) -> Vec<TableIdent> {
        self.all.iter().filter(|table| table.error.is_none()).map(|table| table.source.clone()).collect()
    }

    fn of_source(&mut self, source: &TableIdent) -> Option<&mut RehearsedTable> {
        self.all.get_mut(*self.places.get(source)?)
    }

    /// The first error of a table stays.
    pub fn note(&mut self, found: impl IntoIterator<Item = (TableIdent, Option<Error>)>) {
        for (source, error) in found {
            if let Some(table) = self.of_source(&source).filter(|table| table.error.is_none()) {
                table.error = error;
            }
        }
    }

    /// Which of them have to go back: also those that were moved halfway.
    pub fn moved(&mut self, view: &CutoverView) -> Vec<TableIdent> {
        let mut to_go_back = Vec::new();
        for table in view.tables.iter().filter(|table| table.state.is_moved()) {
            to_go_back.push(table.source.clone());
            let Some(mine) = self.of_source(&table.source) else { continue };
            if let (CutoverState::OnProbation, Some(moved)) = (table.state, &table.moved) {
                (mine.rows, mine.proof) = (moved.rows, moved.proof);
                mine.downtime_ms = Some(moved.downtime_ms);
            }
        }
        to_go_back
    }

    pub fn went_back(&mut self, view: &CutoverView) {
        for table in view.tables.iter().filter(|table| table.state == CutoverState::NotBegun) {
            if let Some(mine) = self.of_source(&table.source) {
                (mine.went_back, mine.recovery_ms) = (true, table.recovery_ms);
            }
        }
    }
}

fn begun(planned: &PlannedTable, copied: Option<&TableMigration>) -> RehearsedTable {
    let validation = copied.and_then(|table| table.validation.as_ref());
    let is_migrated = copied.is_some_and(|table| table.state == TableState::Migrated);
    let why = || copied.and_then(|table| table.error.clone()).unwrap_or_else(|| not_done("it was not copied"));
    RehearsedTable {
        source: planned.source.clone(),
        target: planned.target.clone(),
        rows: validation.map_or(0, |one| one.rows),
        bytes: copied.map_or(0, |table| table.bytes_done),
        proof: validation.map_or(ProofLevel::None, |one| one.proof),
        downtime_ms: None,
        recovery_ms: None,
        went_back: false,
        is_newer: false,
        error: (!is_migrated).then(why),
    }
}

const NOT_QUIET: &str = "Nobody is stopped for a rehearsal. Rehearse when less is written to this table; on the day its writers are stopped.";

fn not_done(what: &str) -> Error {
    Error::new(Code::RunFailed, what)
}

/// Also of a table that is there, and something went wrong on its way.
pub(super) fn not_in(view: CutoverView, wanted: CutoverState) -> impl Iterator<Item = (TableIdent, Option<Error>)> {
    view.tables.into_iter().map(move |table| {
        let error = match table.error {
            None if table.state != wanted => Some(not_done("it did not come where this step takes it")),
            None if table.writers_stopped && wanted == CutoverState::NotBegun => {
                Some(Error::new(Code::HookFailed, "nobody has told its writers that they may write again"))
            }
            Some(error) if error.code == Code::SourceNotQuiet => Some(Error { hint: Some(NOT_QUIET.into()), ..error }),
            error => error,
        };
        (table.source, error)
    })
}
