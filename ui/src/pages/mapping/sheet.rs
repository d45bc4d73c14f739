//! The mapping as a CSV sheet: taken out, worked on elsewhere, brought back as overrides.

use super::draft::{Draft, edit};
use crate::actions::{self, Handle};
use crate::components::{Button, Field, Icon};
use crate::hooks::use_session;
use crate::state::{Action, MappingDraft, Work};
use crate::view::format::counted;
use icebridge_model::Error;
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
    let text = use_state_eq(String::new);
    let said = use_state_eq(String::new);
    let export = export(&session, &draft, &text, &said);
    {
        let export = export.clone();
        use_effect_with((), move |()| export.emit(()));
    }
    let set_text = {
        let (text, said) = (text.clone(), said.clone());
        Callback::from(move |value: String| {
            text.set(value);
            said.set(String::new());
        })
    };
    let copy = copy(&text, &said);
    let import = import(&session, &draft, &text, &said);
    let choose = choose(&session, &text);
    html! {
        <section class="panel" aria-label="CSV" data-testid="mapping-sheet">
            <header class="panel-head">
                <h2>{ "CSV sheet" }</h2>
                <span class="quiet-text grow">
                    { "One line a table: source, target, state. A changed target becomes an override; state “excluded” leaves the table out." }
                </span>
                <Button testid="csv-close" kind="quiet small" icon={Icon::Cross} icon_only=true label="Close"
                    onclick={&props.on_close} />
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
                    <Button testid="mapping-import" kind="primary" icon={Icon::Up} label="Take over as overrides"
                        onclick={import} />
                    <span class="quiet-text" role="status" data-testid="csv-said">{ &*said }</span>
                </div>
            </div>
        </section>
    }
}

/// The sheet of the draft as it is now.
fn export(
    session: &Handle,
    draft: &MappingDraft,
    text: &UseStateHandle<String>,
    said: &UseStateHandle<String>,
) -> Callback<()> {
    let (session, text, said, mapping) = (session.clone(), text.clone(), said.clone(), draft.draft.clone());
    Callback::from(move |()| {
        let (text, said) = (text.clone(), said.clone());
        actions::write_sheet(&session, (*mapping).clone(), move |csv| {
            text.set(csv);
            said.set("The sheet shows the preview as it is now.".into());
        });
    })
}

/// What the sheet changes, into the draft.
fn import(
    session: &Handle,
    draft: &MappingDraft,
    text: &UseStateHandle<String>,
    said: &UseStateHandle<String>,
) -> Callback<()> {
    let (session, text, said, mapping) = (session.clone(), text.clone(), said.clone(), draft.draft.clone());
    Callback::from(move |()| {
        let (handle, said) = (session.clone(), said.clone());
        actions::read_sheet(&session, (*mapping).clone(), (*text).clone(), move |next| {
            let overrides = counted(next.overrides.len() as u64, "override", "overrides");
            edit(&handle, next);
            said.set(format!("Taken over: {overrides}. Look at the preview, then save the mapping."));
        });
    })
}

fn copy(text: &UseStateHandle<String>, said: &UseStateHandle<String>) -> Callback<()> {
    let (text, said) = (text.clone(), said.clone());
    Callback::from(move |()| {
        let (text, said) = ((*text).clone(), said.clone());
        spawn_local(async move {
            let Some(window) = web_sys::window() else { return };
            let done = JsFuture::from(window.navigator().clipboard().write_text(&text)).await.is_ok();
            let words = if done { "Copied." } else { "The clipboard refused; select the text and copy it." };
            said.set(words.to_string());
        });
    })
}

/// The text of a file.
fn choose(session: &Handle, text: &UseStateHandle<String>) -> Callback<Event> {
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
}
