//! Moving readers and writers of the tables of a run, and back.

use super::work::{Handle, ask};
use crate::state::{Action, Work};
use icebridge_model::TableIdent;
use icebridge_model::cutover::{CutoverRequest, CutoverTables};
use icebridge_model::ops::op;
use icebridge_model::run::RunId;

fn of(session: &Handle, run_id: RunId, tables: Vec<TableIdent>) -> CutoverTables {
    CutoverTables { run_id, tables, hooks: session.cutover.hooks.trim().to_string(), ..CutoverTables::default() }
}

/// Once in a session: later answers come from what is done here.
pub fn look_at_cutover(session: &Handle, run_id: RunId) {
    if session.cutover.of(&run_id).is_none() {
        ask::<op::cutover_look>(session, Work::LookAtCutover, of(session, run_id, Vec::new()), Action::CutOver);
    }
}

/// Empty: all tables that can be moved.
pub fn cut_over(session: &Handle, run_id: RunId, tables: Vec<TableIdent>) {
    let draft = &session.cutover;
    let (Some(quiet_seconds), Some(within_seconds)) = (draft.quiet(), draft.within()) else { return };
    let hooks = draft.hooks.trim().to_string();
    let request = CutoverRequest { run_id, tables, quiet_seconds, within_seconds, hooks, judge: None };
    ask::<op::cutover_move>(session, Work::Cutover, request, Action::CutOver);
}

pub fn check_moved(session: &Handle, run_id: RunId) {
    ask::<op::cutover_check>(session, Work::CheckMoved, of(session, run_id, Vec::new()), Action::CutOver);
}

/// `leave_rows`: those that were written to the target since stay there.
pub fn move_back(session: &Handle, run_id: RunId, tables: Vec<TableIdent>, leave_rows: bool) {
    let request = CutoverTables { anyway: leave_rows, ..of(session, run_id, tables) };
    ask::<op::cutover_back>(session, Work::MoveBack, request, Action::CutOver);
}

pub fn finish_moved(session: &Handle, run_id: RunId, tables: Vec<TableIdent>) {
    ask::<op::cutover_finish>(session, Work::FinishMoved, of(session, run_id, tables), Action::CutOver);
}
