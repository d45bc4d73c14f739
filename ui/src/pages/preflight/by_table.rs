//! The findings by table.

use super::report::ReportProps;
use crate::actions::{self, Handle};
use crate::components::{Button, Check, Column, Empty, ErrorCard, Icon, PagedGrid, SearchField, chip};
use crate::hooks::{use_detail, use_selected, use_session, use_sort, use_view};
use crate::pages::{heading, name};
use crate::view::{format, view_words};
use icebridge_model::finding::{Finding, TableFindings, Verdict};
use icebridge_model::ops::TableDetail;
use icebridge_model::view::filter::quoted;
use icebridge_model::view::{Scope, Sort, ViewRequest, ViewRow};
use icebridge_model::{Result, TableIdent};
use std::rc::Rc;
use yew::prelude::*;

#[component]
pub fn ByTable(props: &ReportProps) -> Html {
    let session = use_session();
    let filter = use_state_eq(String::new);
    let (selected, on_select, close) = use_selected();
    let (sort, on_sort) = use_sort();
    let scope = Scope::Preflight { route: session.route().clone() };
    // Blocked tables first, then those with something to accept.
    let by = sort.clone().unwrap_or(Sort { column: "state".into(), descending: false });
    let (search, codes) = words(&filter);
    let request = ViewRequest { search, filter: codes, sort: vec![by], ..ViewRequest::of(scope.clone()) };
    let view = use_view(request, session.preflight_version, Rc::default());
    let chosen = selected.as_ref().and_then(|name| TableIdent::parse(name).ok());
    let table = use_detail(scope, chosen, session.preflight_version);
    let cell = use_callback((), |(row, column): (Rc<ViewRow>, &'static str), ()| cell(&row, column));
    let set_filter = {
        let filter = filter.clone();
        Callback::from(move |text| filter.set(text))
    };
    if props.report.0.tables == 0 {
        return html! {
            <Empty icon={Icon::Shield} title="No mapped table" text="The mapping leaves every table out." />
        };
    }
    html! {
        <>
            { search_field(&filter, set_filter) }
            if let Some(error) = &view.error { <ErrorCard error={(**error).clone()} testid="preflight-error" /> }
            <div class="split">
                <PagedGrid label="Tables and their findings" testid="preflight-grid" {view} {cell}
                    columns={columns(props.report.0.has_engines)} selected={selected.clone()}
                    {on_select} sort={sort.clone()} {on_sort}>
                    <p class="quiet-text">{ "No table matches the filter." }</p>
                </PagedGrid>
                if selected.is_some() { { found(&session, table.as_deref(), close) } }
            </div>
        </>
    }
}

/// Words that look like codes are looked for among the codes, the others in the names.
fn words(filter: &str) -> (String, String) {
    let is_code = |word: &&str| word.to_uppercase().starts_with("IB-");
    let (codes, names): (Vec<&str>, Vec<&str>) = filter.split_whitespace().partition(is_code);
    let codes = codes.iter().map(|code| format!("codes~{}", quoted(code))).collect::<Vec<_>>();
    (names.join(" "), codes.join(" and "))
}

fn search_field(filter: &str, oninput: Callback<String>) -> Html {
    html! {
        <div class="toolbar">
            <SearchField testid="preflight-filter" label="Filter tables" value={filter.to_string()}
                placeholder="Filter by name or code" {oninput} />
        </div>
    }
}

fn columns(has_engines: bool) -> Vec<Column> {
    let mut columns = vec![
        Column::new("state", "Verdict", 118).sortable(),
        Column::new("name", "Source table", 160).growing(1).sortable(),
        Column::new("target", "Target table", 160).growing(1).sortable(),
        Column::new("mode", "Mode", 104).yielding(2).sortable(),
        Column::new("codes", "Findings", 140).growing(1),
    ];
    if has_engines {
        columns.insert(3, Column::new("engine", "Engine", 96).yielding(1).sortable());
    }
    columns
}

fn cell(row: &ViewRow, column: &str) -> Html {
    match column {
        "state" => chip::of::preflight(row.text("state"), row.amount("open")),
        "name" | "target" => name(row.text(column)),
        "mode" => {
            let none = || html! { <span class="quiet-text">{ "—" }</span> };
            view_words::mode(row).map_or_else(none, chip::of::mode)
        }
        "engine" => chip::of::engine(view_words::engine(row), ""),
        _ => html! { <code>{ row.text("codes").to_string() }</code> },
    }
}

fn found(session: &Handle, table: Option<&Result<TableDetail>>, close: Callback<()>) -> Html {
    match table {
        Some(Ok(TableDetail::Preflight(table))) => detail(session, table, close),
        Some(Err(error)) => html! { <ErrorCard error={error.clone()} testid="preflight-detail-error" /> },
        _ => html! {},
    }
}

fn detail(session: &Handle, table: &TableFindings, close: Callback<()>) -> Html {
    html! {
        <aside class="detail panel" aria-label="Findings of the table" data-testid="preflight-detail">
            <header class="panel-head">
                { heading(&table.source.to_string()) }
                <Button testid="detail-close" kind="quiet small" icon={Icon::Cross} icon_only=true label="Close"
                    onclick={close} />
            </header>
            <div class="panel-body stack">
                if let Some(mode) = table.mode {
                    <p class="line top">{ chip::of::mode(mode) }<span>{ &table.mode_reason }</span></p>
                }
                if table.has_engines() {
                    <p class="line top" data-testid="preflight-engine">
                        { chip::of::engine(table.engine, &table.engine_reason) }
                        <span>{ &table.engine_reason }</span>
                    </p>
                }
                if table.migrated_by.is_some() {
                    <p data-testid="preflight-migrated-by">{ format::sentence(&table.mode_reason) }</p>
                } else if table.findings.is_empty() {
                    <p class="quiet-text">{ "No finding: it moves with nothing lost." }</p>
                }
                { for table.findings.iter().map(|finding| card(session, &table.source, finding)) }
            </div>
        </aside>
    }
}

fn card(session: &Handle, table: &TableIdent, finding: &Finding) -> Html {
    let accept = {
        let (session, code, table) = (session.clone(), finding.code.to_string(), table.clone());
        Callback::from(move |on| actions::accept(&session, vec![code.clone()], vec![table.clone()], on))
    };
    let link = {
        let (session, link) = (session.clone(), finding.link.to_string());
        Callback::from(move |()| actions::open_link(&session, link.clone()))
    };
    html! {
        <article class="finding-card" key={finding.code.as_ref()} data-testid={format!("finding-{}", finding.code)}>
            <div class="line">{ chip::of::verdict(finding.verdict) }<code>{ finding.code.as_ref() }</code></div>
            <h3>{ finding.title.as_ref() }</h3>
            <p>{ &finding.reason }</p>
            if let Some(way) = &finding.way {
                <p data-testid={format!("way-{}", finding.code)}>
                    <strong>{ "Once accepted: " }</strong>{ way.in_words() }
                </p>
            }
            <p><strong>{ "What to do: " }</strong>{ finding.fix.as_ref() }</p>
            <div class="actions">
                if finding.verdict == Verdict::Loses {
                    <Check testid={format!("accept-one-{}", finding.code)} label="Accept this loss for this table"
                        checked={finding.accepted} onchange={accept} />
                }
                if !finding.link.is_empty() {
                    <Button testid={format!("link-{}", finding.code)} kind="quiet small" icon={Icon::External}
                        label="Documentation" title={finding.link.to_string()} onclick={link} />
                }
            </div>
        </article>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::view::{Filter, ScopeKind};

    #[test]
    fn codes_and_names_may_be_typed_together() {
        let (search, filter) = words("ib-f1 orders IB-F2");
        assert_eq!((search.as_str(), filter.as_str()), ("orders", r#"codes~"ib-f1" and codes~"IB-F2""#));
        assert!(Filter::parse(&filter, ScopeKind::Preflight).is_ok());
    }
}
