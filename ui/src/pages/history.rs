//! Every run of this state folder.

use crate::actions::{self, Handle};
use crate::components::{Button, Column, Empty, Grid, Icon, Loading, PageHead, SearchField, chip};
use crate::hooks::{use_session, use_sort};
use crate::pages::{act, go};
use crate::state::{Page, Work};
use crate::view::format;
use icebridge_model::run::RunSummary;
use icebridge_model::view::Sort;
use std::rc::Rc;
use yew::prelude::*;

fn columns() -> Vec<Column> {
    vec![
        Column::new("started", "Started", 176).sortable(),
        Column::new("state", "State", 130).sortable(),
        Column::new("route", "From and to", 150).growing(2).sortable(),
        Column::new("tables", "Tables", 80).numeric().sortable(),
        Column::new("migrated", "Migrated", 94).numeric().sortable(),
        Column::new("failed", "Failed", 80).numeric().sortable(),
        Column::new("plan", "Plan", 116).yielding(1),
        Column::new("run_id", "Run", 110).growing(1).yielding(2),
        Column::new("open", "", 84),
    ]
}

#[component]
pub fn History() -> Html {
    let session = use_session();
    let body = match &session.runs {
        None if session.is_busy(&Work::History) => html! { <Loading text="Reading the runs…" /> },
        None => html! {
            <Empty icon={Icon::History} title="The runs could not be read"
                text="The error above says why; what they did is safe in the journal.">
                <Button testid="history-reload" kind="primary" icon={Icon::Refresh} label="Read them again"
                    onclick={act(&session, actions::read_runs)} />
            </Empty>
        },
        Some(runs) if runs.is_empty() => html! {
            <Empty icon={Icon::History} title="No run yet"
                text="Each run is kept here with its plan, its result and its evidence.">
                <Button testid="history-plan" kind="primary" label="Go to Plan" onclick={go(&session, Page::Plan)} />
            </Empty>
        },
        Some(runs) => html! { <Listed runs={runs.clone()} /> },
    };
    html! {
        <>
            <PageHead page={Page::History}>
                <Button testid="history-refresh" icon={Icon::Refresh} label="Refresh"
                    busy={session.is_busy(&Work::History)} onclick={act(&session, actions::read_runs)} />
            </PageHead>
            { body }
        </>
    }
}

#[derive(Properties, PartialEq)]
struct ListedProps {
    runs: Rc<Vec<RunSummary>>,
}

/// The newest first, until another order is chosen.
#[component]
fn Listed(props: &ListedProps) -> Html {
    let session = use_session();
    let filter = use_state_eq(String::new);
    let (sort, on_sort) = use_sort();
    let sort = sort.unwrap_or(Sort { column: "started".into(), descending: true });
    let runs = Rc::new(shown(&props.runs, &filter, &sort));
    let current = session.run.as_ref().map(|run| run.view.run_id.clone());
    let selected = current.and_then(|id| runs.iter().position(|run| run.run_id == id));
    let name = {
        let runs = runs.clone();
        Callback::from(move |row: usize| runs[row].run_id.to_string())
    };
    let count = runs.len();
    let cell = {
        let session = session.clone();
        Callback::from(move |(row, column): (usize, &'static str)| cell(&session, &runs[row], column))
    };
    let oninput = {
        let filter = filter.clone();
        Callback::from(move |text| filter.set(text))
    };
    html! {
        <>
            <div class="toolbar">
                <SearchField testid="history-filter" label="Filter runs" value={(*filter).clone()}
                    placeholder="Source, target, state or id" {oninput} />
            </div>
            <Grid label="Runs" testid="history-grid" columns={columns()} {count} {name} {cell} {selected}
                sort={Some(sort)} {on_sort}>
                <p class="quiet-text">{ "No run matches the filter." }</p>
            </Grid>
        </>
    }
}

/// The runs that hold every word of the filter, in this order.
fn shown(runs: &[RunSummary], filter: &str, sort: &Sort) -> Vec<RunSummary> {
    let words: Vec<String> = filter.split_whitespace().map(str::to_lowercase).collect();
    let fits = |run: &&RunSummary| {
        let text = format!("{} {} {} {} {}", run.source, run.target, run.state.as_str(), run.run_id, run.plan_hash);
        words.iter().all(|word| text.to_lowercase().contains(word))
    };
    let mut shown: Vec<RunSummary> = runs.iter().filter(fits).cloned().collect();
    shown.sort_by(|a, b| {
        let order = match &*sort.column {
            "state" => a.state.as_str().cmp(b.state.as_str()),
            "route" => (&a.source, &a.target).cmp(&(&b.source, &b.target)),
            "tables" => a.tables.cmp(&b.tables),
            "migrated" => a.migrated.cmp(&b.migrated),
            "failed" => a.failed.cmp(&b.failed),
            _ => a.started_at.cmp(&b.started_at),
        };
        if sort.descending { order.reverse() } else { order }
    });
    shown
}

fn cell(session: &Handle, run: &RunSummary, column: &str) -> Html {
    match column {
        "started" => html! { { format::moment(&run.started_at) } },
        "state" => chip::of::run(run.state),
        "route" => html! { { format!("{} → {}", run.source, run.target) } },
        "tables" => html! { { format::count(run.tables as u64) } },
        "migrated" => html! { { format::count(run.migrated as u64) } },
        "failed" => html! { { format::count(run.failed as u64) } },
        "plan" => html! { <code title={run.plan_hash.to_string()}>{ format::short_hash(&run.plan_hash) }</code> },
        "run_id" => html! { <code>{ run.run_id.as_str() }</code> },
        _ => {
            let (session, run_id) = (session.clone(), run.run_id.clone());
            let onclick = Callback::from(move |()| actions::show_run(&session, run_id.clone()));
            html! { <Button testid={format!("open-run-{}", run.run_id)} kind="small" label="Open" {onclick} /> }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::run::RunState;

    fn run(id: &str, source: &str, tables: usize, started_at: &str) -> RunSummary {
        RunSummary {
            run_id: id.into(),
            plan_hash: "abc".into(),
            source: source.into(),
            target: "managed".into(),
            state: RunState::Succeeded,
            started_at: started_at.into(),
            ended_at: None,
            tables,
            migrated: tables,
            failed: 0,
        }
    }

    #[test]
    fn runs_are_filtered_by_words_and_sorted_by_a_column() {
        let runs = [
            run("r1", "glue", 9, "2026-01-01"),
            run("r2", "hive", 20, "2026-01-02"),
            run("r3", "glue", 3, "2026-01-03"),
        ];
        let ids = |filter: &str, column: &str, descending: bool| {
            let sort = Sort { column: column.into(), descending };
            shown(&runs, filter, &sort).iter().map(|run| run.run_id.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(ids("", "started", true), "r3 r2 r1");
        assert_eq!(ids("GLUE succeeded", "tables", false), "r3 r1");
        assert_eq!(ids("", "tables", true), "r2 r1 r3");
        assert_eq!(ids("nothing", "tables", true), "");
    }
}
