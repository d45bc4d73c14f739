//! The window: one page a step of the journey, drawn from one session, over the operations of the model.
//!
//! `backend` is the only module that knows JavaScript; `state` holds everything and decides nothing about tables; `view`
//! is what can be computed before drawing; `pages` are the steps.

mod actions;
mod app;
mod backend;
mod components;
mod hooks;
mod pages;
mod state;
mod view;

fn main() {
    std::panic::set_hook(Box::new(stopped));
    yew::Renderer::<app::App>::new().render();
}

/// A panic ends the page. Say so, in place of a window that no longer answers; index.html holds the words and the way out.
fn stopped(panic: &std::panic::PanicHookInfo<'_>) {
    web_sys::console::error_1(&panic.to_string().into());
    let document = web_sys::window().and_then(|window| window.document());
    if let Some(element) = document.and_then(|document| document.get_element_by_id("stopped")) {
        // Without the element there is nothing left to say it with.
        let _ = element.remove_attribute("hidden");
    }
}
