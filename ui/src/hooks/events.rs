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
    let shown = session.run.as_ref().map(|run| run.job.job.clone());
    // A run that answers only at its end makes itself known by its events; a job that ended has more to tell than its state.
    let unread = events.iter().find_map(|event| match event {
        Event::Job { job, state } => {
            let ended = *state != icebridge_model::run::JobState::Running;
            (ended || session.is_busy(&Work::Run)).then_some(job)
        }
        Event::Table { job, .. } => {
            session.is_busy(&Work::Run).then_some(job).filter(|job| shown.as_ref() != Some(*job))
        }
        Event::Progress(progress) => {
            session.is_busy(&Work::Run).then_some(&progress.job).filter(|job| shown.as_ref() != Some(*job))
        }
        Event::Inventory { .. } | Event::SignIn { .. } | Event::Unity { .. } => None,
    });
    if let Some(job) = unread {
        actions::read_job(session, job.clone());
    }
    session.dispatch(Action::Events(events));
}
