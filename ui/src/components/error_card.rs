//! An error as the product says it: what failed, on which object, what to do, and underneath the cause in its own words.

use crate::components::{Button, Icon};
use crate::view::format;
use icebridge_model::Error;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct ErrorCardProps {
    pub error: Error,
    #[prop_or("error".into())]
    pub testid: AttrValue,
    /// The table it happened to, where several are in sight: the error's own object may be a file or an address.
    #[prop_or_default]
    pub subject: AttrValue,
    #[prop_or_default]
    pub on_dismiss: Option<Callback<()>>,
    #[prop_or_default]
    pub children: Html,
}

#[component]
pub fn ErrorCard(props: &ErrorCardProps) -> Html {
    let error = &props.error;
    html! {
        <section class="error-card" role="alert" data-testid={props.testid.clone()}>
            { Icon::CrossCircle.draw() }
            <div class="error-body">
                <div class="error-top">
                    <p class="error-message">
                        if !props.subject.is_empty() { <span class="error-subject">{ &props.subject }</span> }
                        <span data-testid="error-message">{ format::sentence(&error.message) }</span>
                    </p>
                    <code class="error-code" data-testid="error-code" title="The stable code of this error">
                        { error.code.as_str() }
                    </code>
                </div>
                if let Some(object) = error.object.as_ref().filter(|object| **object != *props.subject) {
                    <p class="error-object"><code data-testid="error-object">{ object }</code></p>
                }
                if let Some(hint) = &error.hint {
                    <p class="error-hint" data-testid="error-hint"><strong>{ "What to do: " }</strong>{ hint }</p>
                }
                if !error.causes.is_empty() {
                    <details>
                        <summary>{ "Cause" }</summary>
                        <ol class="causes">{ for error.causes.iter().map(|cause| html! { <li>{ cause }</li> }) }</ol>
                    </details>
                }
                { props.children.clone() }
            </div>
            if let Some(on_dismiss) = &props.on_dismiss {
                <Button testid="error-dismiss" kind="quiet" icon={Icon::Cross} icon_only=true label="Dismiss"
                    onclick={on_dismiss} />
            }
        </section>
    }
}
