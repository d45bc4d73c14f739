//! Every run of this state folder.

use crate::actions;
use crate::components::{Button, Column, Empty, Grid, Icon, Loading, PageHead, chip};
use crate::hooks::use_session;
use crate::pages::{act, go};
use crate::state::{Page, Work};
use crate::view::format;
use std::rc::Rc;
use yew::prelude::*;

fn columns() -> Vec<Column> {
    vec![
        Column::new("started", "Started", 176),
        Column::new("state", "State", 130),
        Column::new("route", "From and to", 150).growing(2),
        Column::new("tables", "Tables", 70).numeric(),
        Column::new("migrated", "Migrated", 84).numeric(),
        Column::new("failed", "Failed", 70).numeric(),
        Column::new("plan", "Plan", 116).yielding(1),
        Column::new("job", "Job", 110).growing(1).yielding(2),
        Column::new("open", "", 84),
    ]
}

#[component]
pub fn History() -> Html {
    let session = use_session();
    let body = match &session.jobs {
        None if session.is_busy(&Work::History) => html! { <Loading text="Reading the jobs…" /> },
        Some(jobs) if !jobs.is_empty() => {
            let mut jobs = (**jobs).clone();
            jobs.sort_by(|a, b| b.started_at.cmp(&a.started_at));
            let jobs = Rc::new(jobs);
            let name = {
                let jobs = jobs.clone();
                Callback::from(move |row: usize| jobs[row].job.clone())
            };
            let open = {
                let (session, jobs) = (session.clone(), jobs.clone());
                Callback::from(move |row: usize| actions::show_job(&session, jobs[row].job.clone()))
            };
            let current = session.run.as_ref().map(|run| run.job.job.clone());
            let selected = current.and_then(|id| jobs.iter().position(|job| job.job == id));
            let cell = {
                let (jobs, open) = (jobs.clone(), open.clone());
                Callback::from(move |(row, column): (usize, &'static str)| {
                    let job = &jobs[row];
                    match column {
                        "started" => html! { { format::moment(&job.started_at) } },
                        "state" => chip::of::job(job.state),
                        "route" => html! { { format!("{} → {}", job.source, job.target) } },
                        "tables" => html! { { format::count(job.tables as u64) } },
                        "migrated" => html! { { format::count(job.migrated as u64) } },
                        "failed" => html! { { format::count(job.failed as u64) } },
                        "plan" => {
                            html! { <code title={job.plan_hash.clone()}>{ format::short_hash(&job.plan_hash) }</code> }
                        }
                        "job" => html! { <code>{ &job.job }</code> },
                        _ => {
                            let onclick = {
                                let open = open.clone();
                                Callback::from(move |()| open.emit(row))
                            };
                            html! { <Button testid={format!("open-job-{}", job.job)} kind="small" label="Open" {onclick} /> }
                        }
                    }
                })
            };
            html! { <Grid label="Jobs" testid="history-grid" columns={columns()} count={jobs.len()} {name} {cell} {selected} /> }
        }
        None => html! {
            <Empty icon={Icon::History} title="The runs could not be read" text="The error above says why; what they did is safe in the journal.">
                <Button testid="history-reload" kind="primary" icon={Icon::Refresh} label="Read them again" onclick={act(&session, actions::read_jobs)} />
            </Empty>
        },
        Some(_) => html! {
            <Empty icon={Icon::History} title="No run yet" text="Each run is kept here with its plan, its result and its evidence.">
                <Button testid="history-plan" kind="primary" label="Go to Plan" onclick={go(&session, Page::Plan)} />
            </Empty>
        },
    };
    html! {
        <>
            <PageHead page={Page::History}>
                <Button testid="history-refresh" icon={Icon::Refresh} label="Refresh" busy={session.is_busy(&Work::History)}
                    onclick={act(&session, actions::read_jobs)} />
            </PageHead>
            { body }
        </>
    }
}
