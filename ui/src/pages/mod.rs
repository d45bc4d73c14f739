//! The steps, one module each. A page reads the session and calls actions; it keeps only what is of no use elsewhere.

pub mod audit;
pub mod connect;
pub mod cutover;
pub mod history;
pub mod inventory;
pub mod mapping;
pub mod plan;
pub mod preflight;
pub mod run;
pub mod sync;
pub mod validate;
pub mod workspaces;

use crate::actions::Handle;
use crate::components::Icon;
use crate::state::{Action, Page};
use icebridge_model::format::visible;
use icebridge_model::ops::TableDetail;
use icebridge_model::{Result, TableIdent};
use std::rc::Rc;
use yew::prelude::*;

/// A callback that opens a page.
fn go(session: &Handle, page: Page) -> Callback<()> {
    let session = session.clone();
    Callback::from(move |()| session.dispatch(Action::Go(page)))
}

/// A callback that starts an action without arguments.
fn act(session: &Handle, action: fn(&Handle)) -> Callback<()> {
    let session = session.clone();
    Callback::from(move |()| action(&session))
}

/// Where there is no keychain: why, and what that means on this page.
fn no_keychain(session: &Handle, consequence: &str) -> Html {
    let Some(reason) = session.keychain_missing() else { return html! {} };
    html! {
        <div class="banner warn" data-testid="keychain-unavailable">
            { Icon::Warning.draw() }
            <span>{ format!("The system keychain cannot be used ({reason}). {consequence}") }</span>
        </div>
    }
}

/// Compared by address: an answer is replaced as a whole.
#[derive(Clone)]
struct Shared(Option<Rc<Result<TableDetail>>>);

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Rc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

/// A table's name in a cell, whole in its tooltip.
fn ident(table: &TableIdent) -> Html {
    name(&table.to_string())
}

/// The same of a row of a view.
fn name(name: &str) -> Html {
    let name = visible(name);
    html! { <span class="ident" title={name.clone()}>{ name }</span> }
}

/// The same at the head of a panel.
fn heading(name: &str) -> Html {
    let name = visible(name);
    html! { <h2 class="grow ellipsis" title={name.clone()}>{ name }</h2> }
}
