//! Settings that lack something: what it is, before anything is asked with them.

use crate::components::{Empty, Icon};
use crate::hooks::use_session;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct UnsetProps {
    /// There is nothing else on the page.
    #[prop_or_default]
    pub whole: bool,
    /// The way to the field, from elsewhere.
    #[prop_or_default]
    pub children: Html,
}

#[component]
pub fn Unset(props: &UnsetProps) -> Html {
    let session = use_session();
    let Some((place, error)) = session.settings_problem() else { return html! {} };
    let part = if place.is_of_clusters() { "Clusters" } else { "Governance" };
    let words = format!("{part}: {}.", error.message);
    if props.whole {
        return html! {
            <Empty icon={Icon::Warning} testid="settings-incomplete" title="The settings are not complete" text={words}>
                { props.children.clone() }
            </Empty>
        };
    }
    html! {
        <div class="banner warn" role="status" data-testid="settings-incomplete">
            { Icon::Warning.draw() }
            <span class="grow">{ format!("The settings are not complete. {words}") }</span>
            { props.children.clone() }
        </div>
    }
}
