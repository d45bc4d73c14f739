//! The designed in-between states: nothing there, on its way, how far, out of date.

use crate::components::{Button, Icon};
use crate::view::format;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct EmptyProps {
    pub icon: Icon,
    pub title: AttrValue,
    pub text: AttrValue,
    #[prop_or("empty".into())]
    pub testid: AttrValue,
    /// The way out.
    #[prop_or_default]
    pub children: Html,
}

#[component]
pub fn Empty(props: &EmptyProps) -> Html {
    html! {
        <div class="empty" data-testid={props.testid.clone()}>
            <div class="empty-icon">{ props.icon.draw() }</div>
            <h3>{ &props.title }</h3>
            <p>{ &props.text }</p>
            <div class="actions">{ props.children.clone() }</div>
        </div>
    }
}

#[derive(Properties, PartialEq)]
pub struct LoadingProps {
    pub text: AttrValue,
}

#[component]
pub fn Loading(props: &LoadingProps) -> Html {
    html! {
        <div class="loading" role="status" data-testid="loading">
            <span class="spinner" aria-hidden="true" />
            { &props.text }
        </div>
    }
}

#[derive(Properties, PartialEq)]
pub struct MeterProps {
    pub label: AttrValue,
    pub done: u64,
    pub total: u64,
    #[prop_or_default]
    pub tone: Classes,
    #[prop_or_default]
    pub testid: Option<AttrValue>,
}

/// A bar with its share: without a total it only moves.
#[component]
pub fn Meter(props: &MeterProps) -> Html {
    let share = format::per_cent(props.done, props.total);
    let known = props.total > 0;
    html! {
        <div class={classes!("meter", props.tone.clone(), (!known).then_some("unknown"))} role="progressbar"
            aria-label={props.label.clone()} aria-valuemin="0" aria-valuemax="100" data-testid={props.testid.clone()}
            aria-valuenow={known.then(|| share.to_string())}>
            <div class="meter-fill" style={format!("width: {}%", if known { share } else { 100 })} />
        </div>
    }
}

#[derive(Properties, PartialEq)]
pub struct StatProps {
    pub label: AttrValue,
    pub value: AttrValue,
    #[prop_or_default]
    pub tone: Classes,
    #[prop_or_default]
    pub testid: Option<AttrValue>,
}

#[component]
pub fn Stat(props: &StatProps) -> Html {
    html! {
        <div class={classes!("stat", props.tone.clone())}>
            <span class="stat-value" data-testid={props.testid.clone()}>{ &props.value }</span>
            <span class="stat-label">{ &props.label }</span>
        </div>
    }
}

#[derive(Properties, PartialEq)]
pub struct StaleProps {
    pub text: AttrValue,
    pub testid: AttrValue,
    pub action: AttrValue,
    pub onclick: Callback<()>,
    #[prop_or_default]
    pub busy: bool,
}

/// What is on screen rests on something that has changed since.
#[component]
pub fn Stale(props: &StaleProps) -> Html {
    html! {
        <div class="banner warn" role="status">
            { Icon::Warning.draw() }<span class="grow">{ &props.text }</span>
            <Button testid={props.testid.clone()} label={props.action.clone()} icon={Icon::Refresh}
                onclick={&props.onclick} busy={props.busy} />
        </div>
    }
}
