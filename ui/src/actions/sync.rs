//! Keeping the tables of a run up with their sources.

use super::work::{Handle, ask};
use crate::backend::call;
use crate::state::sync::Repeat;
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
    ask::<op::sync_round>(session, Work::Sync, of(run), Action::Round);
}

/// One of many rounds.
pub fn sync_again(session: &Handle, run: RunId) {
    ask::<op::sync_round>(session, Work::Sync, SyncRequest { repeated: true, ..of(run) }, Action::Round);
}

/// A round now, and one after each pause; none: no more by itself.
pub fn repeat_sync(session: &Handle, run: RunId, minutes: Option<u32>) {
    let repeat = minutes.map(|minutes| Repeat { run_id: run.clone(), minutes, failed: 0 });
    session.dispatch(Action::RepeatSync(repeat));
    if minutes.is_some() {
        sync(session, run);
    }
}

/// The answer comes to who waits for the round. No other begins by itself.
pub fn stop_sync(session: &Handle) {
    session.dispatch(Action::RepeatSync(None));
    let session = session.clone();
    spawn_local(async move {
        if let Err(error) = call::<op::sync_cancel>(Nothing {}).await {
            session.dispatch(Action::Fail(Work::Sync, error));
        }
    });
}
