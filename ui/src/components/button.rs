use crate::components::Icon;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct ButtonProps {
    pub testid: AttrValue,
    #[prop_or_default]
    pub onclick: Callback<()>,
    /// Sends the form around it, as Enter in a field then does too: browsers want a button for that. The form's `onsubmit`
    /// does the work, and `onclick` is not called.
    #[prop_or_default]
    pub submit: bool,
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
        let (onclick, submit, idle) = (props.onclick.clone(), props.submit, !props.busy && !props.disabled);
        Callback::from(move |event: MouseEvent| {
            event.stop_propagation();
            if submit && !idle {
                event.prevent_default();
            } else if idle && !submit {
                onclick.emit(());
            }
        })
    };
    let title = props.title.clone().or_else(|| props.icon_only.then(|| props.label.clone()));
    html! {
        <button type={if props.submit { "submit" } else { "button" }}
            class={classes!("btn", props.kind.clone(), props.icon_only.then_some("icon-only"))}
            data-testid={props.testid.clone()} disabled={props.disabled} aria-busy={props.busy.then_some("true")}
            aria-label={props.icon_only.then(|| props.label.clone())} {title} {onclick}
            aria-pressed={props.pressed.map(|on| if on { "true" } else { "false" })}>
            if props.busy {
                <span class="spinner" aria-hidden="true" />
            } else if let Some(icon) = props.icon {
                { icon.draw() }
            }
            if !props.icon_only { <span>{ &props.label }</span> }
        </button>
    }
}
