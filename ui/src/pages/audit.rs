//! Step 8: the evidence, as one file or a folder.

use crate::actions;
use crate::components::{Button, Chip, Empty, Field, Icon, PageHead, Stat, Tone};
use crate::hooks::use_session;
use crate::pages::go;
use crate::state::{Page, ShownRun, Work};
use crate::view::format;
use icebridge_model::audit::{AuditBundle, AuditVerdict};
use icebridge_model::run::TableState;
use yew::prelude::*;

#[component]
pub fn Audit() -> Html {
    html! {
        <>
            <PageHead page={Page::Audit} />
            <div class="two-columns">
                <Export />
                <Verify />
            </div>
        </>
    }
}

#[component]
fn Export() -> Html {
    let session = use_session();
    let place = use_state_eq(String::new);
    let Some(run) = session.run.clone() else {
        return html! {
            <section class="panel" aria-label="Export">
                <header class="panel-head"><h2>{ "Export a bundle" }</h2></header>
                <Empty icon={Icon::Shield} title="No run to prove yet"
                    text="A bundle holds the plan, the journal, the results and the evidence of one run.">
                    <Button testid="audit-run" kind="primary" label="Go to Run" onclick={go(&session, Page::Run)} />
                </Empty>
            </section>
        };
    };
    let oninput = {
        let place = place.clone();
        Callback::from(move |text| place.set(text))
    };
    let export = {
        let (session, place, run) = (session.clone(), place.clone(), run.view.run_id.clone());
        Callback::from(move |()| actions::export_bundle(&session, run.clone(), place.trim().to_string()))
    };
    let bundle =
        session.bundle.as_ref().filter(|(run_id, _)| *run_id == run.view.run_id).map(|(_, bundle)| bundle.clone());
    html! {
        <section class="panel" aria-label="Export">
            <header class="panel-head">
                <h2 class="grow">{ "Export a bundle" }</h2>
                <code class="quiet-text">{ run.view.run_id.as_str() }</code>
            </header>
            <div class="panel-body stack">
                <p>
                    { "The bundle holds the plan, the whole journal, every table’s result and proof, and a manifest with the SHA-256 of each file. It holds no secret. It holds each column’s least and greatest value, which are values of rows, unless the plan hides them." }
                </p>
                { unfinished(&run) }
                <Field testid="audit-folder" label="File or folder to make" value={(*place).clone()} {oninput}
                    placeholder="a file inside the state folder"
                    hint="One file if the name ends with .zip, a folder otherwise. Empty: with the state." />
                <div class="actions">
                    <Button testid="audit-export" kind="primary" icon={Icon::Shield} label="Export the bundle"
                        disabled={run.is_running()} busy={session.is_busy(&Work::Export)} onclick={export} />
                </div>
                if let Some(bundle) = bundle { <Exported bundle={(*bundle).clone()} /> }
            </div>
        </section>
    }
}

fn unfinished(run: &ShownRun) -> Html {
    let counters = &run.view.counters;
    let text = match () {
        () if run.is_running() => "The run is still going on.".to_string(),
        () if counters.of(TableState::Failed) > 0 => {
            let missing = format::count((counters.tables() - counters.of(TableState::Migrated)) as u64);
            let all = format::tables(counters.tables());
            format!("{missing} of {all} are not migrated; the bundle says so.")
        }
        () => return html! {},
    };
    html! { <div class="banner warn">{ Icon::Warning.draw() }<span>{ text }</span></div> }
}

fn signed(bundle: &AuditBundle) -> Html {
    match (&bundle.manifest.public_key, &bundle.not_signed) {
        (Some(key), _) => html! { <>{ "by the key " }<code>{ key }</code></> },
        (None, Some(why)) => html! { format!("no: {why}") },
        (None, None) => html! { "no" },
    }
}

#[derive(Properties, PartialEq)]
struct ExportedProps {
    bundle: AuditBundle,
}

#[component]
fn Exported(props: &ExportedProps) -> Html {
    let session = use_session();
    let bundle = &props.bundle;
    let manifest = &bundle.manifest;
    let show = {
        let (session, path) = (session.clone(), bundle.path.clone());
        Callback::from(move |()| actions::open_folder(&session, path.clone()))
    };
    let verify = {
        let (session, path) = (session.clone(), bundle.path.clone());
        Callback::from(move |()| actions::verify_bundle(&session, path.clone()))
    };
    html! {
        <div class="result" data-testid="audit-exported">
            <div class="line">
                <Chip tone={Tone::Good} icon={Icon::CheckCircle} word="exported" />
                <span class="quiet-text">{ format::moment(&manifest.exported_at) }</span>
            </div>
            <div class="stats inline">
                <Stat label="migrated" value={format!("{} of {}", manifest.migrated, manifest.tables)} />
                <Stat label="lowest proof" value={manifest.lowest_proof.as_str()} />
                <Stat label="journal entries" value={format::count(manifest.journal_entries)} />
                <Stat label="files" value={format::count(manifest.files.len() as u64)} />
            </div>
            <dl class="facts wide">
                <dt>{ "Bundle" }</dt><dd class="wrap"><code data-testid="audit-path">{ &bundle.path }</code></dd>
                <dt>{ "SHA-256 of the manifest" }</dt>
                <dd class="wrap"><code data-testid="audit-sha256">{ &bundle.sha256 }</code></dd>
                <dt>{ "Signed" }</dt>
                <dd class="wrap" data-testid="audit-signed">{ signed(bundle) }</dd>
                <dt>{ "Journal head" }</dt>
                <dd class="wrap"><code data-testid="audit-head">{ &manifest.journal_head }</code></dd>
            </dl>
            <p class="quiet-text">
                { "Keep both hashes where others can read them. A changed bundle no longer has this SHA-256, and a journal whose earlier entries were changed no longer has this head." }
            </p>
            <div class="actions">
                <Button testid="audit-verify-exported" icon={Icon::Check} label="Verify it"
                    busy={session.is_busy(&Work::Verify)} onclick={verify} />
                <Button testid="audit-show" icon={Icon::Folder} label="Show the folder" onclick={show} />
            </div>
        </div>
    }
}

#[component]
fn Verify() -> Html {
    let session = use_session();
    let path = use_state_eq(String::new);
    let oninput = {
        let path = path.clone();
        Callback::from(move |text| path.set(text))
    };
    let verify = {
        let (session, path) = (session.clone(), path.clone());
        Callback::from(move |()| actions::verify_bundle(&session, path.trim().to_string()))
    };
    let onsubmit = {
        let (verify, ready) = (verify.clone(), !path.trim().is_empty());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            if ready {
                verify.emit(());
            }
        })
    };
    html! {
        <section class="panel" aria-label="Verify">
            <header class="panel-head"><h2>{ "Verify a bundle" }</h2></header>
            <form class="panel-body stack" {onsubmit}>
                <p>
                    { "Any bundle: its hashes, its journal’s chain and its results are checked offline, against nothing but itself." }
                </p>
                <Field testid="audit-verify-path" label="The bundle’s file or folder" value={(*path).clone()} {oninput}
                    placeholder="/path/to/bundle.zip" />
                <div class="actions">
                    <Button testid="audit-verify" icon={Icon::Check} label="Verify" disabled={path.trim().is_empty()}
                        busy={session.is_busy(&Work::Verify)} onclick={verify} />
                </div>
                if let Some(verdict) = &session.verdict { { said(verdict) } }
            </form>
        </section>
    }
}

fn said(verdict: &AuditVerdict) -> Html {
    let checks = verdict.checks.iter().map(|check| {
        let (tone, icon, word) =
            if check.passed { (Tone::Good, Icon::Check, "passed") } else { (Tone::Bad, Icon::Cross, "failed") };
        html! {
            <li class="line top">
                <Chip {tone} {icon} {word} />
                <span>
                    <strong>{ &check.name }</strong>
                    <br />
                    <span class="quiet-text wrap">{ &check.detail }</span>
                </span>
            </li>
        }
    });
    let (tone, icon, word) = if verdict.intact {
        (Tone::Good, Icon::CheckCircle, "verified")
    } else {
        (Tone::Bad, Icon::CrossCircle, "not verified")
    };
    html! {
        <div class="result" data-testid="audit-verdict" role="status">
            <div class="line"><Chip {tone} {icon} {word} /><code class="wrap">{ &verdict.path }</code></div>
            <div class="stats inline">
                <Stat label="migrated" value={format!("{} of {}", verdict.migrated, verdict.tables)} />
                <Stat label="lowest proof" value={verdict.lowest_proof.as_str()} />
            </div>
            <ul class="checks-list">{ for checks }</ul>
        </div>
    }
}
