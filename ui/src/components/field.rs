//! Labelled form fields.

use wasm_bindgen::JsCast;
use web_sys::{HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct FieldProps {
    pub testid: AttrValue,
    pub label: AttrValue,
    pub value: AttrValue,
    pub oninput: Callback<String>,
    #[prop_or_default]
    pub hint: AttrValue,
    #[prop_or_default]
    pub placeholder: AttrValue,
    /// `text`, `password`, `number` or `search`.
    #[prop_or("text".into())]
    pub kind: AttrValue,
    /// More than one: a text area.
    #[prop_or(1)]
    pub lines: u32,
    #[prop_or_default]
    pub disabled: bool,
    /// The label is spoken but not shown: for fields in a row whose column has a head.
    #[prop_or_default]
    pub bare: bool,
    #[prop_or_default]
    pub invalid: AttrValue,
    #[prop_or_default]
    pub unit: AttrValue,
    #[prop_or_default]
    pub min: Option<AttrValue>,
    #[prop_or_default]
    pub max: Option<AttrValue>,
    #[prop_or_default]
    pub list: Option<AttrValue>,
}

#[component]
pub fn Field(props: &FieldProps) -> Html {
    let oninput = {
        let oninput = props.oninput.clone();
        Callback::from(move |event: InputEvent| {
            let Some(target) = event.target() else { return };
            if let Some(input) = target.dyn_ref::<HtmlInputElement>() {
                oninput.emit(input.value());
            } else if let Some(area) = target.dyn_ref::<HtmlTextAreaElement>() {
                oninput.emit(area.value());
            }
        })
    };
    let note = format!("{}-note", props.testid);
    let has_note = !props.hint.is_empty() || !props.invalid.is_empty();
    let described = has_note.then(|| note.clone());
    let invalid = (!props.invalid.is_empty()).then_some("true");
    let input = if props.lines > 1 {
        html! {
            <textarea data-testid={props.testid.clone()} rows={props.lines.to_string()} value={props.value.clone()}
                {oninput} placeholder={props.placeholder.clone()} disabled={props.disabled} spellcheck="false"
                aria-label={props.bare.then(|| props.label.clone())} aria-describedby={described}
                aria-invalid={invalid} />
        }
    } else {
        html! {
            <input type={props.kind.clone()} data-testid={props.testid.clone()} value={props.value.clone()} {oninput}
                placeholder={props.placeholder.clone()} disabled={props.disabled} autocomplete="off"
                spellcheck="false" min={props.min.clone()} max={props.max.clone()} list={props.list.clone()}
                aria-label={props.bare.then(|| props.label.clone())} aria-describedby={described}
                aria-invalid={invalid} />
        }
    };
    if props.bare {
        return input;
    }
    html! {
        <label class="field">
            <span class="field-label">{ &props.label }</span>
            if props.unit.is_empty() { { input } } else {
                <span class="with-unit">{ input }<span class="unit">{ &props.unit }</span></span>
            }
            if !props.invalid.is_empty() {
                <span class="field-invalid" id={note}>{ &props.invalid }</span>
            } else if !props.hint.is_empty() {
                <span class="field-hint" id={note}>{ &props.hint }</span>
            }
        </label>
    }
}

#[derive(Properties, PartialEq)]
pub struct SelectProps {
    pub testid: AttrValue,
    pub label: AttrValue,
    pub value: AttrValue,
    /// Value and label.
    pub options: Vec<(AttrValue, AttrValue)>,
    pub onchange: Callback<String>,
    #[prop_or_default]
    pub hint: AttrValue,
    #[prop_or_default]
    pub disabled: bool,
    #[prop_or_default]
    pub bare: bool,
}

#[component]
pub fn Select(props: &SelectProps) -> Html {
    let onchange = {
        let onchange = props.onchange.clone();
        Callback::from(move |event: Event| {
            if let Some(select) = event.target().and_then(|target| target.dyn_into::<HtmlSelectElement>().ok()) {
                onchange.emit(select.value());
            }
        })
    };
    let options = props.options.iter().map(|(value, label)| {
        html! { <option value={value.clone()} selected={*value == props.value}>{ label }</option> }
    });
    let select = html! {
        <select data-testid={props.testid.clone()} {onchange} disabled={props.disabled}
            aria-label={props.bare.then(|| props.label.clone())}>{ for options }</select>
    };
    if props.bare {
        return select;
    }
    html! {
        <label class="field">
            <span class="field-label">{ &props.label }</span>
            { select }
            if !props.hint.is_empty() { <span class="field-hint">{ &props.hint }</span> }
        </label>
    }
}

#[derive(Properties, PartialEq)]
pub struct CheckProps {
    pub testid: AttrValue,
    pub label: AttrValue,
    pub checked: bool,
    pub onchange: Callback<bool>,
    #[prop_or_default]
    pub hint: AttrValue,
    #[prop_or_default]
    pub disabled: bool,
    #[prop_or_default]
    pub bare: bool,
}

#[component]
pub fn Check(props: &CheckProps) -> Html {
    let onchange = {
        let onchange = props.onchange.clone();
        Callback::from(move |event: Event| {
            if let Some(input) = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok()) {
                onchange.emit(input.checked());
            }
        })
    };
    let input = html! {
        <input type="checkbox" data-testid={props.testid.clone()} checked={props.checked} {onchange}
            disabled={props.disabled} aria-label={props.bare.then(|| props.label.clone())} />
    };
    if props.bare {
        return input;
    }
    html! {
        <label class="check">
            { input }
            <span>
                <span>{ &props.label }</span>
                if !props.hint.is_empty() { <span class="field-hint">{ &props.hint }</span> }
            </span>
        </label>
    }
}
