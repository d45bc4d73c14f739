//! The findings by table.

use super::ReportProps;
use crate::actions::{self, Handle};
use crate::components::{Button, Check, Column, Empty, Field, Grid, Icon, chip};
use crate::hooks::use_session;
use crate::pages::ident;
use crate::view::order;
use icebridge_model::TableIdent;
use icebridge_model::finding::{Finding, TableFindings, Verdict};
use icebridge_model::plan::EngineKind;
use yew::prelude::*;

#[component]
pub fn ByTable(props: &ReportProps) -> Html {
    let session = use_session();
    let filter = use_state_eq(String::new);
    let selected = use_state_eq(|| None::<TableIdent>);
    let report = props.report.0.clone();
    if report.tables.is_empty() {
        return html! { <Empty icon={Icon::Shield} title="No mapped table" text="The mapping leaves every table out." /> };
    }
    let order = use_order(&props.report, &filter);
    let row_selected =
        selected.as_ref().and_then(|ident| order.iter().position(|at| report.tables[*at].source == *ident));
    let name = {
        let (report, order) = (report.clone(), order.clone());
        Callback::from(move |row: usize| report.tables[order[row]].source.to_string())
    };
    let cell = {
        let (report, order) = (report.clone(), order.clone());
        Callback::from(move |(row, column): (usize, &'static str)| cell(&report.tables[order[row]], column))
    };
    let on_select = {
        let (report, order, selected) = (report.clone(), order.clone(), selected.clone());
        Callback::from(move |row: usize| selected.set(Some(report.tables[order[row]].source.clone())))
    };
    let set_filter = {
        let filter = filter.clone();
        Callback::from(move |text| filter.set(text))
    };
    let close = {
        let selected = selected.clone();
        Callback::from(move |()| selected.set(None))
    };
    let mut columns = vec![
        Column::new("verdict", "Verdict", 118),
        Column::new("source", "Source table", 160).growing(1),
        Column::new("target", "Target table", 160).growing(1),
        Column::new("mode", "Mode", 104).yielding(2),
        Column::new("codes", "Findings", 140).growing(1),
    ];
    if report.tables.iter().any(has_engines) {
        columns.insert(3, Column::new("engine", "Engine", 96).yielding(1));
    }
    html! {
        <>
            <div class="toolbar">
                <div class="search">
                    { Icon::Search.draw() }
                    <Field testid="preflight-filter" kind="search" label="Filter tables" bare=true value={(*filter).clone()}
                        placeholder="Filter by name or code" oninput={set_filter} />
                </div>
            </div>
            <div class="split">
                <Grid label="Tables and their findings" testid="preflight-grid" {columns} count={order.len()} {name} {cell} selected={row_selected} {on_select}>
                    <p class="quiet-text">{ "No table matches the filter." }</p>
                </Grid>
                if let Some(at) = row_selected {
                    { detail(&session, &report.tables[order[at]], close) }
                }
            </div>
        </>
    }
}

/// Blocked tables first, then those with something to accept.
#[hook]
fn use_order(report: &super::Report, filter: &str) -> std::rc::Rc<Vec<usize>> {
    use_memo((report.clone(), filter.to_string()), |(report, filter)| {
        let tables = &report.0.tables;
        let text = |at: usize| {
            let codes: Vec<&str> = tables[at].findings.iter().map(|finding| finding.code.as_str()).collect();
            format!("{} {}", tables[at].source, codes.join(" "))
        };
        let mut kept: Vec<usize> = (0..tables.len()).filter(|at| order::matches(filter, &text(*at))).collect();
        kept.sort_by_key(|at| (!tables[*at].is_blocked(), tables[*at].unaccepted().is_empty()));
        kept
    })
}

/// Whether there was an engine to choose.
fn has_engines(table: &TableFindings) -> bool {
    table.engine == EngineKind::Photon || !table.engine_reason.is_empty()
}

fn cell(table: &TableFindings, column: &str) -> Html {
    match column {
        "verdict" => chip::of::table_findings(table),
        "source" => ident(&table.source),
        "target" => html! { <span class="ident">{ table.target.as_ref().map(ToString::to_string) }</span> },
        "mode" => table.mode.map_or_else(|| html! { <span class="quiet-text">{ "—" }</span> }, chip::of::mode),
        "engine" => chip::of::engine(table.engine, &table.engine_reason),
        _ => {
            let codes: Vec<&str> = table.findings.iter().map(|finding| finding.code.as_str()).collect();
            html! { <code>{ codes.join(" ") }</code> }
        }
    }
}

fn detail(session: &Handle, table: &TableFindings, close: Callback<()>) -> Html {
    html! {
        <aside class="detail panel" aria-label="Findings of the table" data-testid="preflight-detail">
            <header class="panel-head">
                <h2 class="grow ellipsis" title={table.source.to_string()}>{ table.source.to_string() }</h2>
                <Button testid="detail-close" kind="quiet small" icon={Icon::Cross} icon_only=true label="Close" onclick={close} />
            </header>
            <div class="panel-body stack">
                if let Some(mode) = table.mode {
                    <p class="line top">{ chip::of::mode(mode) }<span>{ &table.mode_reason }</span></p>
                }
                if has_engines(table) {
                    <p class="line top" data-testid="preflight-engine">{ chip::of::engine(table.engine, &table.engine_reason) }<span>{ &table.engine_reason }</span></p>
                }
                if table.findings.is_empty() { <p class="quiet-text">{ "No finding: it moves with nothing lost." }</p> }
                { for table.findings.iter().map(|finding| card(session, &table.source, finding)) }
            </div>
        </aside>
    }
}

fn card(session: &Handle, table: &TableIdent, finding: &Finding) -> Html {
    let accept = {
        let (session, code, table) = (session.clone(), finding.code.clone(), table.clone());
        Callback::from(move |on| actions::accept(&session, vec![code.clone()], vec![table.clone()], on))
    };
    let link = {
        let (session, link) = (session.clone(), finding.link.clone());
        Callback::from(move |()| actions::open_link(&session, link.clone()))
    };
    html! {
        <article class="finding-card" key={finding.code.clone()} data-testid={format!("finding-{}", finding.code)}>
            <div class="line">{ chip::of::verdict(finding.verdict) }<code>{ &finding.code }</code></div>
            <h3>{ &finding.title }</h3>
            <p>{ &finding.reason }</p>
            <p><strong>{ "What to do: " }</strong>{ &finding.fix }</p>
            <div class="actions">
                if finding.verdict == Verdict::Loses {
                    <Check testid={format!("accept-one-{}", finding.code)} label="Accept this loss for this table" checked={finding.accepted} onchange={accept} />
                }
                if !finding.link.is_empty() {
                    <Button testid={format!("link-{}", finding.code)} kind="quiet small" icon={Icon::External} label="Source" title={finding.link.clone()} onclick={link} />
                }
            </div>
        </article>
    }
}
