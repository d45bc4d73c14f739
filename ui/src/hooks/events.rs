use crate::actions::{self, Handle};
use crate::backend;
use crate::state::{Action, Work};
use gloo_timers::callback::Timeout;
use icebridge_model::run::Event;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

/// How long events gather before the pages draw them: many tables at work send hundreds a second.
const GATHER_MS: u32 = 100;

/// Puts the backend's events into the session.
#[hook]
pub fn use_events(session: &Handle) {
    let session = session.clone();
    use_effect_with((), move |()| {
        let gathered: Rc<RefCell<Vec<Event>>> = Rc::default();
        spawn_local(async move {
            let handle = session.clone();
            let listening = backend::listen(move |event| {
                let mut waiting = gathered.borrow_mut();
                waiting.push(event);
                if waiting.len() == 1 {
                    let (handle, gathered) = (handle.clone(), gathered.clone());
                    Timeout::new(GATHER_MS, move || flush(&handle, gathered.take())).forget();
                }
            });
            if let Err(error) = listening.await {
                session.dispatch(Action::Fail(Work::Open, error));
            }
        });
    });
}

fn flush(session: &Handle, events: Vec<Event>) {
    let shown = session.run.as_ref().map(|run| run.view.run_id.clone());
    // A run that answers only at its end makes itself known by its events; a run that ended has more to tell than its state.
    let unread = events.iter().find_map(|event| match event {
        Event::Run { run_id, state } => {
            let ended = *state != icebridge_model::run::RunState::Running;
            (ended || session.is_busy(&Work::Run)).then_some(run_id)
        }
        Event::Table { run_id, .. } => {
            session.is_busy(&Work::Run).then_some(run_id).filter(|id| shown.as_ref() != Some(*id))
        }
        Event::Progress(progress) => {
            session.is_busy(&Work::Run).then_some(&progress.run_id).filter(|id| shown.as_ref() != Some(*id))
        }
        Event::Inventory { .. } | Event::SignIn { .. } | Event::Unity { .. } => None,
    });
    if let Some(run) = unread {
        actions::read_run(session, run.clone());
    }
    session.dispatch(Action::Events(events));
}
