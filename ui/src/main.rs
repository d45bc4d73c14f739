//! The window: one page a step of the journey, drawn from one session, over the operations of the model.
//!
//! `backend` is the only module that knows JavaScript; `state` holds everything and decides nothing about tables; `view`
//! is what can be computed before drawing; `pages` are the steps.

mod actions;
mod app;
mod backend;
mod components;
mod hooks;
mod marks;
mod pages;
mod state;
mod stopped;
mod view;

fn main() {
    std::panic::set_hook(Box::new(stopped::by_panic));
    match stopped::element("app") {
        Some(place) => yew::Renderer::<app::App>::with_root(place).render(),
        // An index.html that is not ours: better there than nowhere.
        None => yew::Renderer::<app::App>::new().render(),
    };
}
