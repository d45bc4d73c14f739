//! Effects of the whole window.

use crate::actions::{self, Handle};
use crate::backend;
use crate::state::prefs::{Prefs, Theme};
use crate::state::{Opening, Page};
use gloo_timers::callback::Interval;
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
