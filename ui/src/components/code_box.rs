//! Code to take elsewhere: shown whole, copied by a button.

use crate::components::{Button, Icon};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct CodeBoxProps {
    pub testid: AttrValue,
    /// What it is: `SQL`, `API call`, `Address`.
    pub label: AttrValue,
    pub text: AttrValue,
}

#[component]
pub fn CodeBox(props: &CodeBoxProps) -> Html {
    // What was copied, so that another text is not called copied.
    let said = use_state_eq(|| None::<(AttrValue, &'static str)>);
    let copy = {
        let (said, text) = (said.clone(), props.text.clone());
        Callback::from(move |()| {
            let (said, text) = (said.clone(), text.clone());
            spawn_local(async move {
                let Some(window) = web_sys::window() else { return };
                let done = JsFuture::from(window.navigator().clipboard().write_text(&text)).await.is_ok();
                said.set(Some((text, if done { "Copied" } else { "Select the text and copy it" })));
            });
        })
    };
    let said = said.as_ref().filter(|(text, _)| *text == props.text).map(|(_, words)| *words);
    html! {
        <div class="code-box">
            <div class="code-head">
                <span>{ &props.label }</span>
                <span class="grow" />
                <span role="status">{ said.unwrap_or_default() }</span>
                <Button testid={format!("copy-{}", props.testid)} kind="quiet small" icon={Icon::Copy} label="Copy"
                    title={format!("Copy: {}", props.label)} onclick={copy} />
            </div>
            <code class="code-text" data-testid={props.testid.clone()}>{ &props.text }</code>
        </div>
    }
}
