//! A field that narrows a list.

use crate::components::{Field, Icon};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct SearchFieldProps {
    pub testid: AttrValue,
    pub label: AttrValue,
    pub value: AttrValue,
    pub placeholder: AttrValue,
    pub oninput: Callback<String>,
}

#[component]
pub fn SearchField(props: &SearchFieldProps) -> Html {
    html! {
        <div class="search">
            { Icon::Search.draw() }
            <Field testid={props.testid.clone()} kind="search" label={props.label.clone()} bare=true
                value={props.value.clone()} placeholder={props.placeholder.clone()} oninput={props.oninput.clone()} />
        </div>
    }
}
