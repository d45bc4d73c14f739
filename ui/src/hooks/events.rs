use crate::actions::{self, Handle};
use crate::backend;
use crate::state::{Action, Work};
use icebridge_model::event::Event;
use icebridge_model::run::RunState;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

/// Puts the backend's events into the session. The backend gathers them: ten a second at most.
#[hook]
pub fn use_events(session: &Handle) {
    let session = session.clone();
    use_effect_with((), move |()| {
        spawn_local(async move {
            let handle = session.clone();
            if let Err(error) = backend::listen(move |event| take(&handle, event)).await {
                session.dispatch(Action::Fail(Work::Open, error));
            }
        });
    });
}

fn take(session: &Handle, event: Event) {
    let shown = session.run.as_ref().map(|run| run.view.run_id.clone());
    let starting = session.is_busy(&Work::Run);
    // A run that answers only at its end makes itself known by its events; a run that ended has more to tell than its state.
    let unread = match &event {
        Event::Run { run_id, state } => (*state != RunState::Running || starting).then_some(run_id),
        Event::Changes(changes) => Some(&changes.run_id).filter(|run_id| starting && shown.as_ref() != Some(*run_id)),
        Event::Inventory { .. }
        | Event::SignIn { .. }
        | Event::Unity { .. }
        | Event::Sync { .. }
        | Event::SyncJob { .. }
        | Event::CutOver { .. } => None,
    };
    if let Some(run) = unread {
        actions::read_run(session, run.clone());
    }
    session.dispatch(Action::Event(event));
}
