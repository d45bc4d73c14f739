//! Settings that lack something: what it is, before anything is asked with them.

use crate::components::Icon;
use crate::hooks::use_session;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct UnsetProps {
    /// The way to the field, from elsewhere.
    #[prop_or_default]
    pub children: Html,
}

#[component]
pub fn Unset(props: &UnsetProps) -> Html {
    let session = use_session();
    let Some((place, error)) = session.settings_problem() else { return html! {} };
    let part = if place.is_of_clusters() { "Clusters" } else { "After the copy" };
    html! {
        <div class="banner warn" role="status" data-testid="settings-incomplete">
            { Icon::Warning.draw() }
            <span class="grow">{ format!("The settings are not complete. {part}: {}.", error.message) }</span>
            { props.children.clone() }
        </div>
    }
}
