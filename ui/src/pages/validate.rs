//! Step 7: what is proved.

use crate::actions;
use crate::components::{
    Button, Chip, Column, DataDocs, Empty, ErrorCard, Icon, Loading, Meter, PageHead, PagedGrid, Stat, Tone, chip,
};
use crate::hooks::{use_answer, use_detail, use_selected, use_session, use_sort, use_view};
use crate::pages::{go, heading, name};
use crate::state::{Page, Work};
use crate::view::{clusters, format, view_words};
use icebridge_model::ids::RunId;
use icebridge_model::ops::{TableDetail, op};
use icebridge_model::run::TableMigration;
use icebridge_model::validation::Validation;
use icebridge_model::view::columns::{self, rank};
use icebridge_model::view::{Scope, Sort, ViewPage, ViewRequest, ViewRow};
use icebridge_model::{Result, TableIdent};
use std::rc::Rc;
use yew::prelude::*;

#[component]
pub fn Validate() -> Html {
    let session = use_session();
    let busy = session.is_busy(&Work::Validate);
    let run = session.run.clone();
    let again = {
        let session = session.clone();
        Callback::from(move |()| {
            if let Some(run) = &session.run {
                actions::validate(&session, run.view.run_id.clone());
            }
        })
    };
    let body = match &run {
        None => html! {
            <Empty icon={Icon::Shield} title="Nothing to validate yet"
                text="A run copies and then compares each table; the proof shows here.">
                <Button testid="validate-run-page" kind="primary" label="Go to Run" onclick={go(&session, Page::Run)} />
            </Empty>
        },
        Some(run) => {
            let run_id = run.view.run_id.clone();
            let asking = busy || run.is_running();
            html! {
                <Proofs key={run_id.to_string()} run_id={run_id.clone()} version={run.version} busy={asking}
                    again={busy} />
            }
        }
    };
    let ended = run.as_ref().is_some_and(|run| !run.is_running());
    html! {
        <>
            <PageHead page={Page::Validate}>
                if run.is_some() {
                    <Button testid="validate-run" icon={Icon::Refresh} label="Validate again" {busy}
                        disabled={!ended} onclick={again} title="Reads both sides again, as they are now" />
                }
                if ended {
                    <Button testid="validate-next" kind="primary" icon={Icon::Right} label="Continue to audit"
                        onclick={go(&session, Page::Audit)} />
                }
            </PageHead>
            { body }
        </>
    }
}

#[derive(Properties, PartialEq)]
struct ProofsProps {
    run_id: RunId,
    version: u64,
    busy: bool,
    /// Both sides are being compared once more.
    again: bool,
}

#[component]
fn Proofs(props: &ProofsProps) -> Html {
    let (selected, on_select, close) = use_selected();
    let (sort, on_sort) = use_sort();
    let scope = Scope::Run { run_id: props.run_id.clone() };
    // What differs first, then what has not been compared.
    let by = sort.clone().unwrap_or(Sort { column: "result".into(), descending: false });
    let request = ViewRequest { sort: vec![by], ..ViewRequest::of(scope.clone()) };
    let view = use_view(request, props.version, Rc::default());
    let chosen = selected.as_ref().and_then(|name| TableIdent::parse(name).ok());
    let table = use_detail(scope, chosen, props.version);
    let cell = use_callback((), |(row, column): (Rc<ViewRow>, &'static str), ()| cell(&row, column));
    html! {
        <>
            <Totals run_id={props.run_id.clone()} version={props.version} busy={props.busy} again={props.again} />
            if let Some(error) = &view.error { <ErrorCard error={(**error).clone()} testid="validate-error" /> }
            <div class="split">
                <PagedGrid label="Tables and their proof" testid="validate-grid" {view} {cell} columns={columns()}
                    selected={selected.clone()} {on_select} sort={sort.clone()} {on_sort} />
                if let Some(name) = &selected { { detail(name, table.as_deref(), close) } }
            </div>
        </>
    }
}

/// The run's proof in numbers.
#[component]
fn Totals(props: &ProofsProps) -> Html {
    let request = ViewRequest {
        filter: "result=equal,differs".into(),
        facets: vec!["result".into(), "proof".into()],
        sums: true,
        ..ViewRequest::of(Scope::Run { run_id: props.run_id.clone() })
    };
    let answer = use_answer::<op::tables_view>(Some(request), props.version);
    let Some(Ok(all)) = answer.as_deref() else { return html! {} };
    let (passed, differ) = (all.count("result", "equal"), all.count("result", "differs"));
    let complete = !props.busy && all.matching > 0;
    let proved = format!("{} of {}", format::count(passed as u64), format::count(all.total as u64));
    html! {
        <>
            <div class="stats" data-testid={if complete { "validate-done" } else { "validate-running" }}>
                <Stat label="tables proved" value={proved} tone={if passed == all.total { "good" } else { "" }}
                    testid="validate-passed" />
                <Stat label="differ" value={format::count(differ as u64)} tone={if differ > 0 { "bad" } else { "" }}
                    testid="validate-differ" />
                <Stat label="lowest proof" value={lowest(all).unwrap_or("—").to_string()} testid="validate-lowest" />
                <Stat label="rows compared" value={format::count(all.sum("rows"))} />
            </div>
            if props.again {
                <div class="panel progress-panel" role="status">
                    <Meter label="Validation" done=0 total=0 />
                    <span class="quiet-text">{ AGAIN }</span>
                </div>
            }
        </>
    }
}

const AGAIN: &str =
    "Reading both sides again, as they are now, and comparing. Until it ends, the last results are shown.";

/// The weakest proof of a table that was compared.
fn lowest(all: &ViewPage) -> Option<&str> {
    let proofs = all.facets.get("proof").into_iter().flatten();
    proofs.map(|(proof, _)| proof.as_str()).min_by_key(|proof| rank(&columns::PROOF, proof))
}

fn columns() -> Vec<Column> {
    vec![
        Column::new("result", "Result", 130).sortable(),
        Column::new("name", "Source table", 150).growing(1).sortable(),
        Column::new("target", "Target table", 150).growing(1).sortable(),
        Column::new("proof", "Proof", 120).sortable(),
        Column::new("rows", "Rows", 116).numeric().yielding(1).sortable(),
        Column::new("checks", "Checks", 80).numeric().yielding(2),
        Column::new("digest", "Digest", 120).yielding(4),
        Column::new("validation_ms", "Took", 76).numeric().yielding(3).sortable(),
    ]
}

fn cell(row: &ViewRow, column: &str) -> Html {
    match (column, row.text("result")) {
        ("name" | "target", _) => name(row.text(column)),
        ("result", "equal") => html! { <Chip tone={Tone::Good} icon={Icon::CheckCircle} word="equal" /> },
        ("result", "differs") => html! { <Chip tone={Tone::Bad} icon={Icon::CrossCircle} word="differs" /> },
        ("result", _) => html! { <Chip tone={Tone::Plain} icon={Icon::Circle} word="not compared" /> },
        (_, "not_compared") => html! { <span class="quiet-text">{ "—" }</span> },
        ("proof", _) => {
            view_words::proof(row).map(|proof| chip::of::proof(proof, view_words::is_equal(row))).unwrap_or_default()
        }
        ("rows", _) => html! { { format::count(row.amount("rows")) } },
        ("checks", _) => html! { { format!("{} of {}", row.amount("checks_passed"), row.amount("checks")) } },
        ("digest", _) => {
            let digest = row.text("digest").to_string();
            html! { <code title={digest.clone()}>{ format::short_hash(&digest) }</code> }
        }
        _ => html! { { format::milliseconds(row.amount("validation_ms")) } },
    }
}

fn detail(name: &str, table: Option<&Result<TableDetail>>, on_close: Callback<()>) -> Html {
    let content = match table {
        Some(Ok(TableDetail::Run(table))) => migration(table),
        Some(Ok(_)) => html! {},
        Some(Err(error)) => html! { <ErrorCard error={error.clone()} testid="detail-error" /> },
        None => html! { <Loading text="Loading the table…" /> },
    };
    html! {
        <aside class="detail panel" aria-label="Proof of the table" data-testid="validate-detail">
            <header class="panel-head">
                { heading(name) }
                <Button testid="detail-close" kind="quiet small" icon={Icon::Cross} icon_only=true label="Close"
                    onclick={on_close} />
            </header>
            <div class="panel-body stack">{ content }</div>
        </aside>
    }
}

fn migration(table: &TableMigration) -> Html {
    let content = match &table.validation {
        None => html! { <p class="quiet-text">{ "Not compared: only a committed table can be." }</p> },
        Some(validation) => proof(validation),
    };
    html! {
        <>
            if let Some(error) = &table.error { <ErrorCard error={error.clone()} testid="detail-error" /> }
            if let Some(path) = &table.documents { <div class="actions"><DataDocs path={path.clone()} /></div> }
            { content }
        </>
    }
}

fn proof(validation: &Validation) -> Html {
    let snapshot = |id: Option<i64>| id.map_or_else(|| "none".into(), |id| id.to_string());
    let checks = validation.checks.iter().map(|check| {
        html! {
            <>
            <tr class={(!check.passed).then_some("failed")}>
                <td>
                    { if check.passed { Icon::Check.draw() } else { Icon::Cross.draw() } }
                    <span class="spoken">{ if check.passed { "passed" } else { "failed" } }</span>
                </td>
                <td class="wrap">{ check.name.to_string() }</td>
                <td class="wrap"><code title={check.source.clone()}>{ &check.source }</code></td>
                <td class="wrap"><code title={check.target.clone()}>{ &check.target }</code></td>
            </tr>
            if !check.detail.is_empty() {
                <tr><td /><td colspan="3" class="quiet-text wrap">{ &check.detail }</td></tr>
            }
            </>
        }
    });
    html! {
        <>
            <p class="line">
                { chip::of::proof(validation.proof, validation.passed) }
                <span class="quiet-text">{ format::moment(&validation.validated_at) }</span>
            </p>
            if let Some(error) = &validation.error { <ErrorCard error={error.clone()} testid="validation-error" /> }
            <dl class="facts">
                <dt>{ "Read by" }</dt><dd data-testid="validate-reader">{ clusters::reader(validation.read_by) }</dd>
                <dt>{ "Source snapshot" }</dt><dd>{ snapshot(validation.source_snapshot_id) }</dd>
                <dt>{ "Target snapshot" }</dt><dd>{ snapshot(validation.target_snapshot_id) }</dd>
                <dt>{ "Rows" }</dt><dd>{ format::count(validation.rows) }</dd>
                <dt>{ "Row digest" }</dt>
                <dd class="wrap"><code data-testid="validate-digest">{ &validation.digest }</code></dd>
            </dl>
            <table class="plain-table checks">
                <colgroup><col /><col /><col /><col /></colgroup>
                <thead>
                    <tr>
                        <th><span class="spoken">{ "Passed" }</span></th>
                        <th>{ "Check" }</th>
                        <th>{ "Source" }</th>
                        <th>{ "Target" }</th>
                    </tr>
                </thead>
                <tbody>{ for checks }</tbody>
            </table>
        </>
    }
}
