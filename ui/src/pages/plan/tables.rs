//! The plan's tables, and those it leaves out.

use crate::components::{Button, Column, Grid, chip};
use crate::hooks::use_session;
use crate::view::format;
use yew::prelude::*;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Planned,
    LeftOut,
}

#[component]
pub fn PlanTables() -> Html {
    let session = use_session();
    let shown = use_state_eq(|| Shown::Planned);
    let Some(made) = session.plan.as_ref().map(|plan| plan.value.clone()) else { return html! {} };
    let show = |value: Shown| {
        let shown = shown.clone();
        Callback::from(move |()| shown.set(value))
    };
    let grid = match *shown {
        Shown::Planned => {
            let columns = vec![
                Column::new("source", "Source table", 150).growing(1),
                Column::new("target", "Target table", 150).growing(1),
                Column::new("mode", "Mode", 104),
                Column::new("reason", "Because", 160).growing(2),
                Column::new("rows", "Rows", 96).numeric(),
                Column::new("bytes", "Size", 80).numeric(),
                Column::new("files", "Files", 68).numeric(),
                Column::new("lost", "Accepted losses", 120),
            ];
            let name = {
                let made = made.clone();
                Callback::from(move |row: usize| made.plan.tables[row].source.to_string())
            };
            let cell = {
                let made = made.clone();
                Callback::from(move |(row, column): (usize, &'static str)| {
                    let table = &made.plan.tables[row];
                    match column {
                        "source" => {
                            html! { <span class="ident" title={table.source.to_string()}>{ table.source.to_string() }</span> }
                        }
                        "target" => {
                            html! { <span class="ident" title={table.target.to_string()}>{ table.target.to_string() }</span> }
                        }
                        "mode" => chip::of::mode(table.mode),
                        "reason" => {
                            html! { <span class="quiet-text" title={table.mode_reason.clone()}>{ &table.mode_reason }</span> }
                        }
                        "rows" => html! { { format::count(table.estimate.rows) } },
                        "bytes" => html! { { format::bytes(table.estimate.bytes) } },
                        "files" => html! { { format::count(table.estimate.files) } },
                        _ => {
                            let lost: Vec<&str> = table
                                .findings
                                .iter()
                                .filter(|finding| finding.accepted)
                                .map(|finding| finding.code.as_str())
                                .collect();
                            html! { <code title={lost.join(", ")}>{ lost.join(" ") }</code> }
                        }
                    }
                })
            };
            html! {
                <Grid key="planned" label="Tables of the plan" testid="plan-grid" {columns} count={made.plan.tables.len()} {name} {cell}>
                    <p class="quiet-text">{ "The plan holds no table: see what is left out, and why." }</p>
                </Grid>
            }
        }
        Shown::LeftOut => {
            let columns = vec![
                Column::new("source", "Source table", 160).growing(1),
                Column::new("codes", "Because of", 160),
                Column::new("reason", "Reason", 220).growing(3),
            ];
            let name = {
                let made = made.clone();
                Callback::from(move |row: usize| made.plan.left_out[row].source.to_string())
            };
            let cell = {
                let made = made.clone();
                Callback::from(move |(row, column): (usize, &'static str)| {
                    let table = &made.plan.left_out[row];
                    match column {
                        "source" => {
                            html! { <span class="ident" title={table.source.to_string()}>{ table.source.to_string() }</span> }
                        }
                        "codes" => html! { <code>{ table.codes.join(" ") }</code> },
                        _ => html! { <span title={table.reason.clone()}>{ &table.reason }</span> },
                    }
                })
            };
            html! {
                <Grid key="left-out" label="Tables left out" testid="left-out-grid" {columns} count={made.plan.left_out.len()} {name} {cell}>
                    <p class="quiet-text">{ "No table is left out." }</p>
                </Grid>
            }
        }
    };
    html! {
        <>
            <div class="toolbar">
                <div class="segments" role="group" aria-label="Show">
                    <Button testid="plan-show-tables" kind="small toggle" label={format!("In the plan {}", format::count(made.plan.tables.len() as u64))}
                        pressed={Some(*shown == Shown::Planned)} onclick={show(Shown::Planned)} />
                    <Button testid="plan-show-left-out" kind="small toggle" label={format!("Left out {}", format::count(made.plan.left_out.len() as u64))}
                        pressed={Some(*shown == Shown::LeftOut)} onclick={show(Shown::LeftOut)} />
                </div>
            </div>
            { grid }
        </>
    }
}
