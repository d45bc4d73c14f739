//! One of a few, each with a line on what it means.

use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;
use yew::prelude::*;

#[derive(Clone, PartialEq)]
pub struct Choice {
    pub value: AttrValue,
    pub label: AttrValue,
    pub hint: AttrValue,
}

#[derive(Properties, PartialEq)]
pub struct RadiosProps {
    pub testid: AttrValue,
    pub label: AttrValue,
    pub value: AttrValue,
    pub choices: Vec<Choice>,
    pub onchange: Callback<String>,
}

#[component]
pub fn Radios(props: &RadiosProps) -> Html {
    let onchange = {
        let onchange = props.onchange.clone();
        Callback::from(move |event: Event| {
            if let Some(input) = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok()) {
                onchange.emit(input.value());
            }
        })
    };
    let choices = props.choices.iter().map(|choice| {
        let note = format!("{}-{}-note", props.testid, choice.value);
        html! {
            <label class="check" key={choice.value.to_string()}>
                <input type="radio" name={props.testid.clone()} value={choice.value.clone()}
                    checked={choice.value == props.value} data-testid={format!("{}-{}", props.testid, choice.value)}
                    onchange={onchange.clone()} aria-describedby={note.clone()} />
                <span>
                    <span>{ &choice.label }</span>
                    <span class="field-hint" id={note}>{ &choice.hint }</span>
                </span>
            </label>
        }
    });
    html! {
        <fieldset class="radios" data-testid={props.testid.clone()}>
            <legend class="field-label">{ &props.label }</legend>
            { for choices }
        </fieldset>
    }
}
