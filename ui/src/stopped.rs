//! When the window cannot go on: words and a way out, in place of a page that no longer answers. index.html holds them.

use gloo_timers::callback::Interval;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::prelude::*;

/// How often it is looked whether the page is still drawn.
const BEAT_MS: u32 = 4_000;
/// Beats that may be asked for and not drawn yet. A page that was merely busy draws all of them before the next.
const MISSED: u32 = 3;

/// For `std::panic::set_hook`: a panic ends the page.
pub fn by_panic(panic: &std::panic::PanicHookInfo<'_>) {
    web_sys::console::error_1(&panic.to_string().into());
    // The place and not the message, which may hold what somebody typed.
    show(&panic.location().map(|place| format!("{}:{}", place.file(), place.line())).unwrap_or_default());
}

/// The first place said is the cause; what follows from it is not shown.
fn show(at: &str) {
    if let Some(place) = element("stopped-at").filter(|place| place.text_content().unwrap_or_default().is_empty()) {
        place.set_text_content(Some(at));
    }
    // Without the elements there is nothing left to say it with.
    if let Some(words) = element("stopped") {
        let _ = words.remove_attribute("hidden");
    }
    if let Some(button) = element("reload").and_then(|button| button.dyn_into::<HtmlElement>().ok()) {
        let _ = button.focus();
    }
}

pub fn element(id: &str) -> Option<web_sys::Element> {
    web_sys::window()?.document()?.get_element_by_id(id)
}

/// Draws nothing, again and again, and notices when it is not drawn any more.
#[component]
pub fn Pulse() -> Html {
    let asked = use_state_eq(|| 0_u32);
    let drawn = use_memo((), |()| Cell::new(0_u32));
    {
        let (asked, drawn) = (asked.clone(), Rc::clone(&drawn));
        use_effect_with((), move |()| {
            let mut count = 0_u32;
            let beating = Interval::new(BEAT_MS, move || {
                if count.saturating_sub(drawn.get()) >= MISSED {
                    show("the pages are not drawn any more");
                }
                count = count.saturating_add(1);
                asked.set(count);
            });
            move || drop(beating)
        });
    }
    use_effect_with(*asked, move |asked| drawn.set(*asked));
    html! {}
}
