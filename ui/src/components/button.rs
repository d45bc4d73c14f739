use crate::components::Icon;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct ButtonProps {
    pub testid: AttrValue,
    pub onclick: Callback<()>,
    /// `primary`, `danger`, `quiet`, or none for the plain one.
    #[prop_or_default]
    pub kind: Classes,
    #[prop_or_default]
    pub icon: Option<Icon>,
    /// With only an icon, the label is spoken and shown as a tooltip.
    pub label: AttrValue,
    #[prop_or_default]
    pub icon_only: bool,
    #[prop_or_default]
    pub disabled: bool,
    /// At work: it spins and takes no second click, but keeps its place in the tab order.
    #[prop_or_default]
    pub busy: bool,
    #[prop_or_default]
    pub title: Option<AttrValue>,
    #[prop_or_default]
    pub pressed: Option<bool>,
}

#[component]
pub fn Button(props: &ButtonProps) -> Html {
    let onclick = {
        let (onclick, idle) = (props.onclick.clone(), !props.busy && !props.disabled);
        Callback::from(move |event: MouseEvent| {
            event.stop_propagation();
            if idle {
                onclick.emit(());
            }
        })
    };
    let title = props.title.clone().or_else(|| props.icon_only.then(|| props.label.clone()));
    html! {
        <button type="button" class={classes!("btn", props.kind.clone(), props.icon_only.then_some("icon-only"))}
            data-testid={props.testid.clone()} disabled={props.disabled} aria-busy={props.busy.then_some("true")}
            aria-label={props.icon_only.then(|| props.label.clone())} {title} {onclick}
            aria-pressed={props.pressed.map(|on| if on { "true" } else { "false" })}>
            if props.busy { <span class="spinner" aria-hidden="true" /> } else if let Some(icon) = props.icon { { icon.draw() } }
            if !props.icon_only { <span>{ &props.label }</span> }
        </button>
    }
}
