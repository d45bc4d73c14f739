//! Step 9: readers and writers are moved to the targets, looked at for a while, and moved back if need be.

mod settings;
mod tables;

use crate::actions::{self, Handle};
use crate::components::{Button, CodeBox, Empty, ErrorCard, Icon, PageHead, Stat};
use crate::hooks::{use_answer, use_selected, use_session};
use crate::pages::go;
use crate::state::{Page, Work};
use crate::view::format;
use icebridge_model::TableIdent;
use icebridge_model::ids::RunId;
use icebridge_model::ops::op;
use icebridge_model::view::{Scope, ViewPage, ViewRequest};
use settings::Settings;
use tables::Tables;
use yew::prelude::*;

#[component]
pub fn Cutover() -> Html {
    let session = use_session();
    let run = session.run.clone().filter(|run| !run.is_running());
    match &run {
        None => html! {
            <>
                <PageHead page={Page::Cutover} />
                <Empty icon={Icon::Refresh} title="Nothing to move yet"
                    text="When a run has ended, readers and writers of its tables are moved to the targets here.">
                    <Button testid="cutover-run-page" kind="primary" label="Go to Run"
                        onclick={go(&session, Page::Run)} />
                </Empty>
            </>
        },
        Some(run) => {
            let run_id = run.view.run_id.clone();
            html! { <Standing key={run_id.to_string()} run_id={run_id.clone()} version={session.cutover.version} /> }
        }
    }
}

#[derive(Properties, PartialEq)]
struct StandingProps {
    run_id: RunId,
    version: u64,
}

/// What needs a second click.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Back,
    Finish,
}

#[component]
fn Standing(props: &StandingProps) -> Html {
    let session = use_session();
    let (selected, on_select, clear) = use_selected();
    let question = use_state(|| None::<Question>);
    {
        let session = session.clone();
        use_effect_with(props.run_id.clone(), move |run_id| actions::look_at_cutover(&session, run_id.clone()));
    }
    let request =
        ViewRequest { facets: vec!["cutover".into()], ..ViewRequest::of(Scope::Run { run_id: props.run_id.clone() }) };
    let all = use_answer::<op::tables_view>(Some(request), props.version);
    let tables: Vec<TableIdent> = selected.iter().filter_map(|name| TableIdent::parse(name).ok()).collect();
    html! {
        <>
            <PageHead page={Page::Cutover}>
                { buttons(&session, &props.run_id, &tables, &question) }
            </PageHead>
            if let Some(asked) = *question { { ask(&session, &props.run_id, &tables, asked, &question) } }
            if let Some(Ok(all)) = all.as_deref() { { totals(all, works(&session)) } }
            <Settings />
            { hooks_that_failed(&session, &props.run_id) }
            if let Some(name) = &selected {
                <p class="line quiet-text">
                    { format!("Only {name}.") }
                    <Button testid="cutover-all" kind="quiet small" label="All tables" onclick={clear} />
                </p>
            }
            <Tables run_id={props.run_id.clone()} version={props.version} {selected} {on_select} />
            <div class="panel">
                <div class="panel-body stack">
                    <p class="quiet-text">{ "The same from a terminal, and what else it can do:" }</p>
                    <CodeBox testid="cutover-command" label="Command"
                        text={format!("icebridge cutover move {}", props.run_id)} />
                </div>
            </div>
        </>
    }
}

fn works(session: &Handle) -> bool {
    [Work::Cutover, Work::CheckMoved, Work::MoveBack, Work::FinishMoved].iter().any(|work| session.is_busy(work))
}

fn buttons(
    session: &Handle,
    run_id: &RunId,
    tables: &[TableIdent],
    question: &UseStateHandle<Option<Question>>,
) -> Html {
    let busy = works(session);
    let moving = session.is_busy(&Work::Cutover);
    let can_move = session.cutover.quiet().is_some() && session.cutover.within().is_some();
    let of = |action: fn(&Handle, RunId, Vec<TableIdent>)| {
        let (session, run_id, tables) = (session.clone(), run_id.clone(), tables.to_vec());
        Callback::from(move |()| action(&session, run_id.clone(), tables.clone()))
    };
    let put = |asked: Question| {
        let question = question.clone();
        Callback::from(move |()| question.set(Some(asked)))
    };
    let stop = {
        let session = session.clone();
        Callback::from(move |()| actions::stop_sync(&session))
    };
    html! {
        <>
            <Button testid="cutover-check" icon={Icon::Refresh} label="Check probation" disabled={busy}
                busy={session.is_busy(&Work::CheckMoved)}
                onclick={of(|session, run_id, _| actions::check_moved(session, run_id))}
                title="Does somebody still write to the source, and what has the target become?" />
            <Button testid="cutover-finish" label="Finish…" disabled={busy} busy={session.is_busy(&Work::FinishMoved)}
                onclick={put(Question::Finish)} title="Closes the way back" />
            <Button testid="cutover-back" label="Move back…" disabled={busy} busy={session.is_busy(&Work::MoveBack)}
                onclick={put(Question::Back)} title="Readers and writers go back to the source" />
            if moving {
                <Button testid="cutover-stop" icon={Icon::Stop} label="Stop" onclick={stop}
                    title="Tables that are being moved finish it; the others stay where they are" />
            }
            <Button testid="cutover-move" kind="primary" icon={Icon::Play}
                label={if tables.is_empty() { "Cut over all" } else { "Cut over this table" }}
                busy={moving} disabled={busy || !can_move} onclick={of(actions::cut_over)}
                title="Proves each table, waits until its source is quiet, and moves readers and writers" />
        </>
    }
}

/// Said before it is done.
fn ask(
    session: &Handle,
    run_id: &RunId,
    tables: &[TableIdent],
    asked: Question,
    question: &UseStateHandle<Option<Question>>,
) -> Html {
    let whose = match tables.first() {
        Some(table) => table.to_string(),
        None => "all tables on probation".to_string(),
    };
    let (words, label, kind): (String, &str, &str) = match asked {
        Question::Back => (
            format!(
                "Readers and writers of {whose} go back to the source, and an attempt that was cut off is given up. \
                 A table whose target has new rows stays, unless they are left behind from a terminal, by --leave-rows."
            ),
            "Move back",
            "primary",
        ),
        Question::Finish => (
            format!(
                "The way back of {whose} is closed for good. The source stays as it is: drop it by the engine that \
                 owns it when nothing reads it any more. A copy by the mode register reads the source’s files: \
                 never purge those."
            ),
            "Close the way back",
            "danger",
        ),
    };
    let done = {
        let (session, run_id, tables, question) = (session.clone(), run_id.clone(), tables.to_vec(), question.clone());
        Callback::from(move |()| {
            question.set(None);
            match asked {
                Question::Back => actions::move_back(&session, run_id.clone(), tables.clone(), false),
                Question::Finish => actions::finish_moved(&session, run_id.clone(), tables.clone()),
            }
        })
    };
    let cancel = {
        let question = question.clone();
        Callback::from(move |()| question.set(None))
    };
    html! {
        <div class="panel" role="alertdialog" aria-label="Sure?" data-testid="cutover-question">
            <div class="panel-body stack">
                <p>{ words }</p>
                <p class="line">
                    <Button testid="cutover-yes" kind={kind} {label} onclick={done} />
                    <Button testid="cutover-no" kind="quiet" label="Cancel" onclick={cancel} />
                </p>
            </div>
        </div>
    }
}

fn totals(all: &ViewPage, at_work: bool) -> Html {
    let count = |state: &str| all.count("cutover", state) as u64;
    let moved = count("on_probation") + count("finished");
    let of_all = format!("{} of {}", format::count(moved), format::count(all.total as u64));
    let open = if at_work { 0 } else { count("begun") + count("moving") + count("returning") };
    let wrong = count("failed") + open;
    html! {
        <div class="stats" data-testid="cutover-totals">
            <Stat label="cut over" value={of_all} tone={if moved as usize == all.total { "good" } else { "" }}
                testid="cutover-moved" />
            <Stat label="on probation" value={format::count(count("on_probation"))} testid="cutover-probation" />
            <Stat label="finished" value={format::count(count("finished"))} testid="cutover-finished" />
            <Stat label="failed or not ended" value={format::count(wrong)} tone={if wrong > 0 { "bad" } else { "" }}
                testid="cutover-wrong" />
        </div>
    }
}

/// Of those that were called for all tables; a table's own are in its row.
fn hooks_that_failed(session: &Handle, run_id: &RunId) -> Html {
    let Some(outline) = session.cutover.of(run_id) else { return Html::default() };
    let errors = outline.hooks.iter().filter_map(|hook| hook.error.clone());
    html! { { for errors.map(|error| html! { <ErrorCard {error} testid="cutover-hook-error" /> }) } }
}
