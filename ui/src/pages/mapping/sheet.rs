//! The mapping as a CSV sheet: taken out, worked on elsewhere, brought back as overrides.

use super::{Draft, edit};
use crate::components::{Button, Field, Icon};
use crate::hooks::use_session;
use crate::state::{Action, Work};
use icebridge_model::Error;
use icebridge_model::mapping::{from_csv, to_csv};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::HtmlInputElement;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct SheetProps {
    pub draft: Draft,
    pub on_close: Callback<()>,
}

#[component]
pub fn Sheet(props: &SheetProps) -> Html {
    let session = use_session();
    let draft = props.draft.0.clone();
    let text = use_state_eq(|| to_csv(&draft.preview).unwrap_or_default());
    let said = use_state_eq(String::new);
    let set_text = {
        let (text, said) = (text.clone(), said.clone());
        Callback::from(move |value: String| {
            text.set(value);
            said.set(String::new());
        })
    };
    let export = {
        let (session, text, said, preview) = (session.clone(), text.clone(), said.clone(), draft.preview.clone());
        Callback::from(move |()| match to_csv(&preview) {
            Ok(csv) => {
                text.set(csv);
                said.set("The sheet shows the preview as it is now.".into());
            }
            Err(error) => session.dispatch(Action::Fail(Work::TransferMapping, error)),
        })
    };
    let copy = {
        let (text, said) = (text.clone(), said.clone());
        Callback::from(move |()| {
            let (text, said) = ((*text).clone(), said.clone());
            spawn_local(async move {
                let Some(window) = web_sys::window() else { return };
                let done = JsFuture::from(window.navigator().clipboard().write_text(&text)).await.is_ok();
                said.set(if done {
                    "Copied.".into()
                } else {
                    "The clipboard refused; select the text and copy it.".to_string()
                });
            });
        })
    };
    let import = {
        let (session, text, said, mapping) = (session.clone(), text.clone(), said.clone(), draft.draft.clone());
        Callback::from(move |()| {
            session.dispatch(Action::Begin(Work::TransferMapping));
            match from_csv(&mapping, &session.idents(), &text) {
                Ok(next) => {
                    let overrides = crate::view::format::counted(next.overrides.len() as u64, "override", "overrides");
                    edit(&session, next);
                    said.set(format!("Taken over: {overrides}. Look at the preview, then save the mapping."));
                    session.dispatch(Action::End(Work::TransferMapping));
                }
                Err(error) => session.dispatch(Action::Fail(Work::TransferMapping, error)),
            }
        })
    };
    let choose = {
        let (session, text) = (session.clone(), text.clone());
        Callback::from(move |event: Event| {
            let input = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
            let Some(file) = input.and_then(|input| input.files()).and_then(|files| files.get(0)) else { return };
            let (session, text) = (session.clone(), text.clone());
            spawn_local(async move {
                match JsFuture::from(file.text()).await.ok().and_then(|value| value.as_string()) {
                    Some(content) => text.set(content),
                    None => {
                        let error = Error::invalid("the file could not be read as text").about(file.name());
                        session.dispatch(Action::Fail(Work::TransferMapping, error));
                    }
                }
            });
        })
    };
    html! {
        <section class="panel" aria-label="CSV" data-testid="mapping-sheet">
            <header class="panel-head">
                <h2>{ "CSV sheet" }</h2>
                <span class="quiet-text grow">{ "One line a table: source, target, state. A changed target becomes an override; state “excluded” leaves the table out." }</span>
                <Button testid="csv-close" kind="quiet small" icon={Icon::Cross} icon_only=true label="Close" onclick={&props.on_close} />
            </header>
            <div class="panel-body stack">
                <Field testid="csv-text" label="Sheet" bare=true lines=8 value={(*text).clone()} oninput={set_text} />
                <div class="actions">
                    <Button testid="mapping-export" icon={Icon::Down} label="Export the preview" onclick={export} />
                    <Button testid="csv-copy" icon={Icon::Copy} label="Copy" onclick={copy} />
                    <label class="btn file-choice">
                        { Icon::Folder.draw() }<span>{ "Choose a file…" }</span>
                        <input type="file" accept=".csv,text/csv" data-testid="csv-file" onchange={choose} />
                    </label>
                    <Button testid="mapping-import" kind="primary" icon={Icon::Up} label="Take over as overrides" onclick={import} />
                    <span class="quiet-text" role="status" data-testid="csv-said">{ &*said }</span>
                </div>
            </div>
        </section>
    }
}
