//! The findings by code: decide once for all tables, or table by table.

use super::ReportProps;
use crate::actions;
use crate::components::{Button, Column, Empty, Grid, Icon, chip};
use crate::hooks::use_session;
use crate::pages::ident;
use crate::state::Work;
use crate::view::findings::{self, CodeGroup};
use crate::view::format;
use icebridge_model::finding::Verdict;
use std::rc::Rc;
use yew::prelude::*;

#[component]
pub fn ByCode(props: &ReportProps) -> Html {
    let chosen = use_state_eq(|| None::<String>);
    let groups = use_memo(props.report.clone(), |report| findings::by_code(&report.0));
    let Some(first) = groups.first() else {
        return html! {
            <Empty icon={Icon::CheckCircle} title="No findings" text="Every mapped table can be moved with nothing lost." testid="preflight-clean" />
        };
    };
    let current = chosen.as_ref().and_then(|code| groups.iter().find(|group| group.code == *code)).unwrap_or(first);
    let items = groups.iter().map(|group| {
        let onclick = {
            let (chosen, code) = (chosen.clone(), group.code.clone());
            move |_| chosen.set(Some(code.clone()))
        };
        let selected = group.code == current.code;
        let note = match group.open() {
            0 if group.verdict == Verdict::Loses => "accepted".to_string(),
            0 => String::new(),
            open => format!("{open} open"),
        };
        html! {
            <li key={group.code.clone()}>
                <button type="button" class={classes!("list-item", selected.then_some("selected"))} {onclick} data-testid={format!("code-{}", group.code)}
                    aria-current={selected.then_some("true")}>
                    <span class="line">{ chip::of::verdict(group.verdict) }<code>{ &group.code }</code><span class="grow" />
                        <span class="quiet-text">{ note }</span></span>
                    <span class="list-title">{ &group.title }</span>
                    <span class="quiet-text">{ format::tables(group.tables.len()) }</span>
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
    group: CodeGroup,
}

#[component]
fn Detail(props: &DetailProps) -> Html {
    let session = use_session();
    let group = Rc::new(props.group.clone());
    let busy = session.is_busy(&Work::Accept);
    let accept = |accepted: bool| {
        let (session, code) = (session.clone(), group.code.clone());
        Callback::from(move |()| actions::accept(&session, vec![code.clone()], Vec::new(), accepted))
    };
    let link = {
        let (session, link) = (session.clone(), group.link.clone());
        Callback::from(move |()| actions::open_link(&session, link.clone()))
    };
    let loses = group.verdict == Verdict::Loses;
    let mut columns =
        vec![Column::new("table", "Table", 160).growing(1), Column::new("reason", "On this table", 220).growing(2)];
    if loses {
        columns.push(Column::new("accept", "Accepted", 96));
    }
    let name = {
        let group = group.clone();
        Callback::from(move |row: usize| group.tables[row].0.to_string())
    };
    let cell = {
        let (session, group) = (session.clone(), group.clone());
        Callback::from(move |(row, column): (usize, &'static str)| {
            let (table, reason, accepted) = &group.tables[row];
            match column {
                "table" => ident(table),
                "reason" => html! { <span title={reason.clone()}>{ reason }</span> },
                _ => {
                    let onchange = {
                        let (session, code, table) = (session.clone(), group.code.clone(), table.clone());
                        Callback::from(move |on| actions::accept(&session, vec![code.clone()], vec![table.clone()], on))
                    };
                    html! {
                        <crate::components::Check testid={format!("accept-{}-{table}", group.code)} label={format!("Accept {} on {table}", group.code)}
                            bare=true checked={*accepted} {onchange} />
                    }
                }
            }
        })
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
                <div class="actions">
                    if loses && group.open() > 0 {
                        <Button testid={format!("accept-{}", group.code)} kind="primary" icon={Icon::Check} {busy} onclick={accept(true)}
                            label={format!("Accept {} on all {}", group.code, format::tables(group.tables.len()))} />
                    }
                    if loses && group.open() < group.tables.len() {
                        <Button testid={format!("unaccept-{}", group.code)} {busy} label="Take back" onclick={accept(false)} />
                    }
                    if !group.link.is_empty() {
                        <Button testid={format!("link-{}", group.code)} kind="quiet" icon={Icon::External} label="Why: the public source" title={group.link.clone()} onclick={link} />
                    }
                </div>
            </div>
            <Grid label="Tables with this finding" testid="finding-grid" {columns} count={group.tables.len()} {name} {cell} />
        </section>
    }
}
