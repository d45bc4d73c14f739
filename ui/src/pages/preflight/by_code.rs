//! The findings by code: decide once for all tables, or table by table.

use super::report::ReportProps;
use crate::actions::{self, Handle};
use crate::components::{Button, Check, Column, Empty, ErrorCard, Icon, PagedGrid, chip};
use crate::hooks::{use_session, use_view};
use crate::pages::ident;
use crate::state::Work;
use crate::view::format;
use icebridge_model::finding::{CodeOutline, TableFindings, Verdict};
use icebridge_model::view::filter::quoted;
use icebridge_model::view::{Scope, ViewRequest, ViewRow};
use std::rc::Rc;
use yew::prelude::*;

#[component]
pub fn ByCode(props: &ReportProps) -> Html {
    let chosen = use_state_eq(|| None::<String>);
    let groups = &props.report.0.codes;
    let Some(first) = groups.first() else {
        return html! {
            <Empty icon={Icon::CheckCircle} title="No findings"
                text="Every mapped table can be moved with nothing lost." testid="preflight-clean" />
        };
    };
    let current = chosen.as_ref().and_then(|code| groups.iter().find(|group| group.code == *code)).unwrap_or(first);
    let items = groups.iter().map(|group| {
        let onclick = {
            let (chosen, code) = (chosen.clone(), group.code.clone());
            move |_| chosen.set(Some(code.clone()))
        };
        let selected = group.code == current.code;
        let note = match group.open {
            0 if group.verdict == Verdict::Loses => "accepted".to_string(),
            0 => String::new(),
            open => format!("{open} open"),
        };
        html! {
            <li key={group.code.clone()}>
                <button type="button" class={classes!("list-item", selected.then_some("selected"))} {onclick}
                    data-testid={format!("code-{}", group.code)} aria-current={selected.then_some("true")}>
                    <span class="line">
                        { chip::of::verdict(group.verdict) }
                        <code>{ &group.code }</code>
                        <span class="grow" />
                        <span class="quiet-text">{ note }</span>
                    </span>
                    <span class="list-title">{ &group.title }</span>
                    <span class="quiet-text">{ format::tables(group.tables) }</span>
                </button>
            </li>
        }
    });
    html! {
        <div class="split list-first">
            <ul class="panel list" aria-label="Finding codes">{ for items }</ul>
            <Detail key={current.code.clone()} group={current.clone()} />
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct DetailProps {
    group: CodeOutline,
}

#[component]
fn Detail(props: &DetailProps) -> Html {
    let session = use_session();
    let group = &props.group;
    let scope = Scope::Preflight { route: session.route().clone() };
    let filter = format!("codes={}", quoted(&group.code));
    let request = ViewRequest { filter, full: true, ..ViewRequest::of(scope) };
    let view = use_view(request, session.preflight_version, Rc::default());
    let mut columns =
        vec![Column::new("name", "Table", 160).growing(1), Column::new("reason", "On this table", 220).growing(2)];
    if group.verdict == Verdict::Loses {
        columns.push(Column::new("accept", "Accepted", 96));
    }
    let cell = {
        let (session, code) = (session.clone(), group.code.clone());
        Callback::from(move |(row, column): (Rc<ViewRow>, &'static str)| cell(&session, &code, &row, column))
    };
    html! {
        <section class="panel finding" data-testid="finding-detail" aria-label={group.title.clone()}>
            <header class="panel-head">
                { chip::of::verdict(group.verdict) }
                <h2 class="grow">{ &group.title }</h2>
                <code>{ &group.code }</code>
            </header>
            <div class="panel-body stack">
                <p><strong>{ "What to do: " }</strong>{ &group.fix }</p>
                { decisions(&session, group) }
            </div>
            if let Some(error) = &view.error { <ErrorCard error={(**error).clone()} testid="finding-error" /> }
            <PagedGrid label="Tables with this finding" testid="finding-grid" {columns} {view} {cell} />
        </section>
    }
}

/// For all its tables at once, and where the rule comes from.
fn decisions(session: &Handle, group: &CodeOutline) -> Html {
    let busy = session.is_busy(&Work::Accept);
    let loses = group.verdict == Verdict::Loses;
    let accept = |accepted: bool| {
        let (session, code) = (session.clone(), group.code.clone());
        Callback::from(move |()| actions::accept(&session, vec![code.clone()], Vec::new(), accepted))
    };
    let link = {
        let (session, link) = (session.clone(), group.link.clone());
        Callback::from(move |()| actions::open_link(&session, link.clone()))
    };
    let on_all = format!("Accept {} on all {}", group.code, format::tables(group.tables));
    html! {
        <div class="actions">
            if loses && group.open > 0 {
                <Button testid={format!("accept-{}", group.code)} kind="primary" icon={Icon::Check} {busy}
                    onclick={accept(true)} label={on_all} />
            }
            if loses && group.open < group.tables {
                <Button testid={format!("unaccept-{}", group.code)} {busy} label="Take back" onclick={accept(false)} />
            }
            if !group.link.is_empty() {
                <Button testid={format!("link-{}", group.code)} kind="quiet" icon={Icon::External}
                    label="Documentation" title={group.link.clone()} onclick={link} />
            }
        </div>
    }
}

fn cell(session: &Handle, code: &str, row: &ViewRow, column: &str) -> Html {
    let table: Option<TableFindings> = row.content();
    let Some((table, finding)) = table.as_ref().and_then(|table| {
        let finding = table.findings.iter().find(|finding| finding.code == code)?;
        Some((&table.source, finding))
    }) else {
        return html! {};
    };
    match column {
        "name" => ident(table),
        "reason" => html! { <span title={finding.reason.clone()}>{ &finding.reason }</span> },
        _ => {
            let onchange = {
                let (session, code, table) = (session.clone(), code.to_string(), table.clone());
                Callback::from(move |on| actions::accept(&session, vec![code.clone()], vec![table.clone()], on))
            };
            html! {
                <Check testid={format!("accept-{code}-{table}")} label={format!("Accept {code} on {table}")} bare=true
                    checked={finding.accepted} {onchange} />
            }
        }
    }
}
