//! Fields of the settings: what is typed becomes a setting as soon as it can be one.

use crate::actions::Handle;
use crate::components::Field;
use crate::state::{Action, UnityDraft};
use yew::prelude::*;

pub const GIB: u64 = 1 << 30;

pub fn given(value: &Option<String>) -> String {
    value.clone().unwrap_or_default()
}

pub fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A callback that changes what only a target in Unity Catalog has.
pub fn change<T: 'static>(session: &Handle, apply: fn(&mut UnityDraft, T)) -> Callback<T> {
    let session = session.clone();
    Callback::from(move |value: T| {
        let mut draft = session.prefs.unity.clone();
        apply(&mut draft, value);
        session.dispatch(Action::Unity(draft));
    })
}

#[derive(Properties, PartialEq)]
pub struct NumberProps {
    pub testid: AttrValue,
    pub label: AttrValue,
    pub value: u64,
    pub min: u64,
    pub max: u64,
    pub onchange: Callback<u64>,
    #[prop_or_default]
    pub hint: AttrValue,
    #[prop_or_default]
    pub unit: AttrValue,
    /// What is wrong with it beside others.
    #[prop_or_default]
    pub invalid: AttrValue,
}

/// Keeps what is typed, and passes on only a number within the bounds.
#[component]
pub fn Number(props: &NumberProps) -> Html {
    let text = use_state_eq(|| props.value.to_string());
    {
        let text = text.clone();
        use_effect_with(props.value, move |value| {
            if text.trim().parse() != Ok(*value) {
                text.set(value.to_string());
            }
        });
    }
    let (min, max) = (props.min, props.max);
    let valid = |text: &str| text.trim().parse::<u64>().ok().filter(|number| (min..=max).contains(number));
    let invalid = if valid(&text).is_none() {
        AttrValue::from(format!("a number from {min} to {max}; {} stays in force", props.value))
    } else {
        props.invalid.clone()
    };
    let oninput = {
        let (text, onchange) = (text.clone(), props.onchange.clone());
        Callback::from(move |value: String| {
            if let Some(number) = value.trim().parse::<u64>().ok().filter(|number| (min..=max).contains(number)) {
                onchange.emit(number);
            }
            text.set(value);
        })
    };
    html! {
        <Field testid={props.testid.clone()} kind="number" label={props.label.clone()} value={(*text).clone()}
            {oninput} {invalid} hint={props.hint.clone()} unit={props.unit.clone()}
            min={Some(AttrValue::from(min.to_string()))} max={Some(AttrValue::from(max.to_string()))} />
    }
}

#[derive(Properties, PartialEq)]
pub struct PartProps {
    pub testid: AttrValue,
    pub title: AttrValue,
    /// How it stands, for those who leave it closed.
    pub state: AttrValue,
    #[prop_or_default]
    pub wrong: bool,
    pub open: bool,
    pub children: Html,
}

/// A part of the settings that can be closed.
#[component]
pub fn Part(props: &PartProps) -> Html {
    // As it was when the page was opened: it must not close under somebody's hands.
    let open = *use_state_eq(|| props.open);
    html! {
        <details class="part" {open}>
            <summary data-testid={props.testid.clone()}>
                <span class="part-title">{ &props.title }</span>
                <span class={classes!("part-state", props.wrong.then_some("bad-text"))}
                    data-testid={format!("{}-state", props.testid)}>
                    { &props.state }
                </span>
            </summary>
            <div class="stack part-body">{ props.children.clone() }</div>
        </details>
    }
}
