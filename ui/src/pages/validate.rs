//! Step 7: what is proved.

use crate::actions;
use crate::components::{
    Button, Chip, Column, DataDocs, Empty, ErrorCard, Grid, Icon, Meter, PageHead, Stat, Tone, chip,
};
use crate::hooks::use_session;
use crate::pages::{go, ident};
use crate::state::{Page, Work};
use crate::view::{clusters, format};
use icebridge_model::TableIdent;
use icebridge_model::run::{RunView, TableMigration};
use icebridge_model::validation::Validation;
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
            <Empty icon={Icon::Shield} title="Nothing to validate yet" text="A run copies and then compares each table; the proof shows here.">
                <Button testid="validate-run-page" kind="primary" label="Go to Run" onclick={go(&session, Page::Run)} />
            </Empty>
        },
        Some(run) => {
            html! { <Proofs run={SharedRun(run.view.clone())} busy={busy || run.is_running()} again={busy} /> }
        }
    };
    let ended = run.as_ref().is_some_and(|run| !run.is_running());
    html! {
        <>
            <PageHead page={Page::Validate}>
                if run.is_some() {
                    <Button testid="validate-run" icon={Icon::Refresh} label="Validate again" {busy} disabled={!ended} onclick={again}
                        title="Reads both sides again, as they are now" />
                }
                if ended {
                    <Button testid="validate-next" kind="primary" icon={Icon::Right} label="Continue to audit" onclick={go(&session, Page::Audit)} />
                }
            </PageHead>
            { body }
        </>
    }
}

#[derive(Clone)]
struct SharedRun(Rc<RunView>);

impl PartialEq for SharedRun {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

#[derive(Properties, PartialEq)]
struct ProofsProps {
    run: SharedRun,
    busy: bool,
    /// Both sides are being compared once more.
    again: bool,
}

#[component]
fn Proofs(props: &ProofsProps) -> Html {
    let selected = use_state_eq(|| None::<TableIdent>);
    let run = props.run.0.clone();
    let mut sorted: Vec<usize> = (0..run.tables.len()).collect();
    // What differs first, then what has not been compared.
    sorted.sort_by_key(|at| {
        run.tables[*at].validation.as_ref().map_or(1, |validation| if validation.passed { 2 } else { 0 })
    });
    let sorted = Rc::new(sorted);
    let compared: Vec<&Validation> = run.tables.iter().filter_map(|table| table.validation.as_ref()).collect();
    let passed = compared.iter().filter(|validation| validation.passed).count();
    let lowest = compared.iter().map(|validation| validation.proof).min();
    let rows: u64 = compared.iter().map(|validation| validation.rows).sum();
    let complete = !props.busy && !compared.is_empty();
    let row_selected =
        selected.as_ref().and_then(|ident| sorted.iter().position(|at| run.tables[*at].source == *ident));
    let name = {
        let (run, sorted) = (run.clone(), sorted.clone());
        Callback::from(move |row: usize| run.tables[sorted[row]].source.to_string())
    };
    let cell = {
        let (run, sorted) = (run.clone(), sorted.clone());
        Callback::from(move |(row, column): (usize, &'static str)| cell(&run.tables[sorted[row]], column))
    };
    let on_select = {
        let (run, sorted, selected) = (run.clone(), sorted.clone(), selected.clone());
        Callback::from(move |row: usize| selected.set(Some(run.tables[sorted[row]].source.clone())))
    };
    let close = {
        let selected = selected.clone();
        Callback::from(move |()| selected.set(None))
    };
    let columns = vec![
        Column::new("result", "Result", 130),
        Column::new("source", "Source table", 150).growing(1),
        Column::new("target", "Target table", 150).growing(1),
        Column::new("proof", "Proof", 120),
        Column::new("rows", "Rows", 116).numeric().yielding(1),
        Column::new("checks", "Checks", 80).numeric().yielding(2),
        Column::new("digest", "Digest", 120).yielding(4),
        Column::new("time", "Took", 76).numeric().yielding(3),
    ];
    html! {
        <>
            <div class="stats" data-testid={if complete { "validate-done" } else { "validate-running" }}>
                <Stat label="tables proved" value={format!("{} of {}", format::count(passed as u64), format::count(run.tables.len() as u64))}
                    tone={if passed == run.tables.len() { "good" } else { "" }} testid="validate-passed" />
                <Stat label="differ" value={format::count((compared.len() - passed) as u64)} tone={if passed < compared.len() { "bad" } else { "" }} testid="validate-differ" />
                <Stat label="lowest proof" value={lowest.map_or("—", |proof| proof.as_str())} testid="validate-lowest" />
                <Stat label="rows compared" value={format::count(rows)} />
            </div>
            if props.again {
                <div class="panel progress-panel" role="status">
                    <Meter label="Validation" done=0 total=0 />
                    <span class="quiet-text">{ "Reading both sides again, as they are now, and comparing. Until it ends, the last results are shown." }</span>
                </div>
            }
            <div class="split">
                <Grid label="Tables and their proof" testid="validate-grid" {columns} count={run.tables.len()} {name} {cell} selected={row_selected} {on_select} />
                if let Some(row) = row_selected {
                    { detail(&run.tables[sorted[row]], close) }
                }
            </div>
        </>
    }
}

fn cell(table: &TableMigration, column: &str) -> Html {
    match (column, &table.validation) {
        ("source", _) => ident(&table.source),
        ("target", _) => ident(&table.target),
        ("result", None) => html! { <Chip tone={Tone::Plain} icon={Icon::Circle} word="not compared" /> },
        (_, None) => html! { <span class="quiet-text">{ "—" }</span> },
        ("result", Some(validation)) if validation.passed => {
            html! { <Chip tone={Tone::Good} icon={Icon::CheckCircle} word="equal" /> }
        }
        ("result", Some(_)) => html! { <Chip tone={Tone::Bad} icon={Icon::CrossCircle} word="differs" /> },
        ("proof", Some(validation)) => chip::of::proof(validation.proof, validation.passed),
        ("rows", Some(validation)) => html! { { format::count(validation.rows) } },
        ("checks", Some(validation)) => {
            let passed = validation.checks.iter().filter(|check| check.passed).count();
            html! { { format!("{passed} of {}", validation.checks.len()) } }
        }
        ("digest", Some(validation)) => {
            html! { <code title={validation.digest.clone()}>{ format::short_hash(&validation.digest) }</code> }
        }
        (_, Some(validation)) => html! { { format::milliseconds(validation.milliseconds) } },
    }
}

fn detail(table: &TableMigration, on_close: Callback<()>) -> Html {
    let content = match &table.validation {
        None => html! { <p class="quiet-text">{ "Not compared: only a committed table can be." }</p> },
        Some(validation) => proof(validation),
    };
    html! {
        <aside class="detail panel" aria-label="Proof of the table" data-testid="validate-detail">
            <header class="panel-head">
                <h2 class="grow ellipsis" title={table.source.to_string()}>{ table.source.to_string() }</h2>
                <Button testid="detail-close" kind="quiet small" icon={Icon::Cross} icon_only=true label="Close" onclick={on_close} />
            </header>
            <div class="panel-body stack">
                if let Some(error) = &table.error { <ErrorCard error={error.clone()} testid="detail-error" /> }
                if let Some(path) = &table.documents { <div class="actions"><DataDocs path={path.clone()} /></div> }
                { content }
            </div>
        </aside>
    }
}

fn proof(validation: &Validation) -> Html {
    let snapshot = |id: Option<i64>| id.map_or_else(|| "none".into(), |id| id.to_string());
    let checks = validation.checks.iter().map(|check| {
        html! {
            <>
            <tr class={(!check.passed).then_some("failed")}>
                <td>{ if check.passed { Icon::Check.draw() } else { Icon::Cross.draw() } }<span class="spoken">{ if check.passed { "passed" } else { "failed" } }</span></td>
                <td class="wrap">{ check.name.to_string() }</td>
                <td class="wrap"><code title={check.source.clone()}>{ &check.source }</code></td>
                <td class="wrap"><code title={check.target.clone()}>{ &check.target }</code></td>
            </tr>
            if !check.detail.is_empty() { <tr><td /><td colspan="3" class="quiet-text wrap">{ &check.detail }</td></tr> }
            </>
        }
    });
    html! {
        <>
            <p class="line">{ chip::of::proof(validation.proof, validation.passed) }<span class="quiet-text">{ format::moment(&validation.validated_at) }</span></p>
            if let Some(error) = &validation.error { <ErrorCard error={error.clone()} testid="validation-error" /> }
            <dl class="facts">
                <dt>{ "Read by" }</dt><dd data-testid="validate-reader">{ clusters::reader(validation.read_by) }</dd>
                <dt>{ "Source snapshot" }</dt><dd>{ snapshot(validation.source_snapshot_id) }</dd>
                <dt>{ "Target snapshot" }</dt><dd>{ snapshot(validation.target_snapshot_id) }</dd>
                <dt>{ "Rows" }</dt><dd>{ format::count(validation.rows) }</dd>
                <dt>{ "Row digest" }</dt><dd class="wrap"><code data-testid="validate-digest">{ &validation.digest }</code></dd>
            </dl>
            <table class="plain-table checks">
                <colgroup><col /><col /><col /><col /></colgroup>
                <thead><tr><th><span class="spoken">{ "Passed" }</span></th><th>{ "Check" }</th><th>{ "Source" }</th><th>{ "Target" }</th></tr></thead>
                <tbody>{ for checks }</tbody>
            </table>
        </>
    }
}
