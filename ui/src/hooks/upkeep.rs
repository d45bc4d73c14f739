//! Effects of the whole window.

use crate::actions::{self, Handle};
use crate::backend;
use crate::state::prefs::{Prefs, Theme};
use crate::state::{Action, Opening, Page, Work};
use gloo_timers::callback::{Interval, Timeout};
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

/// Events may be dropped when the window is slow; the state is asked for now and then.
const POLL_MS: u32 = 5_000;

/// Loads what the page in sight needs, once for each page, route and change of what it rests on.
#[hook]
pub fn use_arrival(session: &Handle) {
    let ready = matches!(session.opening, Opening::Ready(_));
    let needs = (
        ready,
        session.prefs.page,
        session.route().clone(),
        session.inventory.as_ref().map(|all| all.total),
        session.mapping.is_some(),
        session.preflight.as_ref().map(|report| report.stale),
    );
    let handle = session.clone();
    use_effect_with(needs, move |_| {
        if ready {
            actions::arrive(&handle, handle.prefs.page);
        }
    });
}

#[hook]
pub fn use_run_polling(session: &Handle) {
    let running = session.run.as_ref().filter(|run| run.is_running()).map(|run| run.view.run_id.clone());
    let handle = session.clone();
    use_effect_with(running, move |running| {
        let polling =
            running.clone().map(|run| Interval::new(POLL_MS, move || actions::read_run(&handle, run.clone())));
        move || drop(polling)
    });
}

/// The next round of a sync that is repeated, whichever page is in sight. It waits for whatever else is at work on the state.
#[hook]
pub fn use_repeated_sync(session: &Handle) {
    let is_free = ![Work::Sync, Work::Look, Work::Validate, Work::Cutover].iter().any(|work| session.is_busy(work))
        && !session.run.as_ref().is_some_and(|run| run.is_running());
    let wanted = session.sync.repeat.clone().filter(|_| is_free);
    let handle = session.clone();
    use_effect_with(wanted, move |wanted| {
        let waiting = wanted.clone().map(|repeat| {
            let now = js_sys::Date::now();
            let due = handle.sync.due.unwrap_or(now + repeat.pause_ms());
            handle.dispatch(Action::SyncDue(due));
            // An hour at sixteen times is far from what a timer holds.
            let pause = (due - now).clamp(0.0, f64::from(i32::MAX)) as u32;
            Timeout::new(pause, move || actions::sync_again(&handle, repeat.run_id))
        });
        move || drop(waiting)
    });
}

/// Writes the preferences whenever they change, one after the other: what changes during a write goes with the next.
#[hook]
pub fn use_saved_preferences(session: &Handle) {
    let ready = matches!(session.opening, Opening::Ready(_));
    let unsaved = use_mut_ref(|| None::<Rc<Prefs>>);
    let writing = use_mut_ref(|| false);
    use_effect_with((ready, session.prefs.clone()), move |(ready, prefs)| {
        if !*ready {
            return;
        }
        *unsaved.borrow_mut() = Some(prefs.clone());
        if writing.replace(true) {
            return;
        }
        spawn_local(async move {
            while let Some(prefs) = unsaved.take() {
                if let Err(error) = backend::write_preferences(&prefs).await {
                    web_sys::console::warn_1(&error.to_string().into());
                }
            }
            writing.replace(false);
        });
    });
}

/// Sets the colours and the document's title.
#[hook]
pub fn use_theme(session: &Handle) {
    let seen: (Theme, Page) = (session.prefs.theme, session.prefs.page);
    use_effect_with(seen, |(theme, page)| {
        let Some(document) = web_sys::window().and_then(|window| window.document()) else { return };
        document.set_title(&format!("{} · IceBridge", page.title()));
        let Some(root) = document.document_element() else { return };
        // Neither can fail on an attribute with a fixed, valid name.
        let _ = match theme.attribute() {
            Some(name) => root.set_attribute("data-theme", name),
            None => root.remove_attribute("data-theme"),
        };
    });
}
