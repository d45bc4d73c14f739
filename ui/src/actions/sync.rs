//! Keeping the tables of a run up with their sources.

use super::work::{Handle, ask};
use crate::backend::call;
use crate::state::{Action, Work};
use icebridge_model::ops::{Nothing, op};
use icebridge_model::run::RunId;
use icebridge_model::sync::SyncRequest;
use wasm_bindgen_futures::spawn_local;

fn of(run_id: RunId) -> SyncRequest {
    SyncRequest { run_id, ..SyncRequest::default() }
}

pub fn look(session: &Handle, run: RunId) {
    ask::<op::sync_look>(session, Work::Look, of(run), Action::Synced);
}

/// Once in a session: what is known is not asked again by who comes back to the page.
pub fn look_once(session: &Handle, run: RunId) {
    if !session.sync.knows(&run) && !session.is_busy(&Work::Sync) {
        look(session, run);
    }
}

pub fn sync(session: &Handle, run: RunId) {
    ask::<op::sync_round>(session, Work::Sync, of(run), Action::Synced);
}

/// The answer comes to who waits for the round.
pub fn stop_sync(session: &Handle) {
    let session = session.clone();
    spawn_local(async move {
        if let Err(error) = call::<op::sync_cancel>(Nothing {}).await {
            session.dispatch(Action::Fail(Work::Sync, error));
        }
    });
}
