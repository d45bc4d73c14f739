//! Step 8: keeping the target up with the source until the day of the cut-over.

mod detail;
mod tables;

use crate::actions::{self, Handle};
use crate::components::{Button, CodeBox, Empty, Icon, Meter, PageHead, Select, Stat};
use crate::hooks::{use_answer, use_session};
use crate::pages::go;
use crate::state::{Page, Work};
use crate::view::format;
use icebridge_model::ids::RunId;
use icebridge_model::ops::op;
use icebridge_model::sync::SyncProgress;
use icebridge_model::view::{Scope, ViewPage, ViewRequest};
use tables::Tables;
use yew::prelude::*;

#[component]
pub fn Sync() -> Html {
    let session = use_session();
    let run = session.run.clone().filter(|run| !run.is_running());
    let (looking, syncing) = (session.is_busy(&Work::Look), session.is_busy(&Work::Sync));
    let body = match &run {
        None => html! {
            <Empty icon={Icon::Refresh} title="Nothing to keep up yet"
                text="When a run has ended, what its sources get from then on is brought to the targets here.">
                <Button testid="sync-run-page" kind="primary" label="Go to Run" onclick={go(&session, Page::Run)} />
            </Empty>
        },
        Some(run) => {
            let run_id = run.view.run_id.clone();
            html! { <Standing key={run_id.to_string()} run_id={run_id.clone()} version={session.sync.version} /> }
        }
    };
    html! {
        <>
            <PageHead page={Page::Sync}>
                if let Some(run) = &run {
                    { repeat(&session, &run.view.run_id) }
                    <Button testid="sync-look" icon={Icon::Refresh} label="Look again" busy={looking}
                        disabled={syncing} onclick={of_run(&session, actions::look)}
                        title="Asks source and target how far each table is behind; changes nothing" />
                    <Button testid="sync-now" kind="primary" icon={Icon::Play} label="Sync now" busy={syncing}
                        disabled={looking} onclick={of_run(&session, actions::sync)}
                        title="Brings every table to what its source is now" />
                }
            </PageHead>
            { body }
        </>
    }
}

/// Words for how often a round begins by itself, and the minutes between two.
const OFTEN: [(&str, Option<u32>); 6] = [
    ("no repeat", None),
    ("every minute", Some(1)),
    ("every 5 minutes", Some(5)),
    ("every 15 minutes", Some(15)),
    ("every hour", Some(60)),
    ("every 6 hours", Some(360)),
];

fn repeat(session: &Handle, run_id: &RunId) -> Html {
    let minutes = session.sync.minutes(run_id);
    let chosen = OFTEN.iter().find(|(_, often)| *often == minutes).map_or(OFTEN[0].0, |(words, _)| *words);
    let options: Vec<(AttrValue, AttrValue)> =
        OFTEN.iter().map(|(words, _)| (AttrValue::from(*words), AttrValue::from(*words))).collect();
    let choose = {
        let (session, run_id) = (session.clone(), run_id.clone());
        Callback::from(move |value: String| {
            if let Some((_, minutes)) = OFTEN.iter().find(|(words, _)| *words == value) {
                actions::repeat_sync(&session, run_id.clone(), *minutes);
            }
        })
    };
    html! {
        <Select testid="sync-every" label="Repeat the round while the window is open" bare=true value={chosen} {options}
            onchange={choose} />
    }
}

/// A callback for the run in sight.
fn of_run(session: &Handle, action: fn(&Handle, RunId)) -> Callback<()> {
    let session = session.clone();
    Callback::from(move |()| {
        if let Some(run) = &session.run {
            action(&session, run.view.run_id.clone());
        }
    })
}

#[derive(Properties, PartialEq)]
struct StandingProps {
    run_id: RunId,
    version: u64,
}

#[component]
fn Standing(props: &StandingProps) -> Html {
    let session = use_session();
    {
        let session = session.clone();
        // The run may be known only after the page is there.
        use_effect_with(props.run_id.clone(), move |run_id| actions::look_once(&session, run_id.clone()));
    }
    let request = ViewRequest {
        facets: vec!["sync".into()],
        sums: true,
        ..ViewRequest::of(Scope::Run { run_id: props.run_id.clone() })
    };
    let all = use_answer::<op::tables_view>(Some(request), props.version);
    let progress = session.sync.progress.filter(|_| session.is_busy(&Work::Look) || session.is_busy(&Work::Sync));
    html! {
        <>
            if let Some(Ok(all)) = all.as_deref() { { totals(&session, all) } }
            if session.is_busy(&Work::Sync) { { at_work(&session, progress) } }
            <Tables run_id={props.run_id.clone()} version={props.version} answers={session.sync.answers} />
            <div class="panel">
                <div class="panel-body stack">
                    <p class="quiet-text">
                        { "To go on without this window, with a round every five minutes until Ctrl-C. While rounds fail, the pauses grow." }
                    </p>
                    <CodeBox testid="sync-command" label="Command"
                        text={format!("icebridge sync {} --every 5m", props.run_id)} />
                </div>
            </div>
        </>
    }
}

fn totals(session: &Handle, all: &ViewPage) -> Html {
    let count = |state: &str| all.count("sync", state) as u64;
    let (current, behind, wrong) = (count("up_to_date"), count("behind"), count("failed") + count("stopped"));
    let of_all = format!("{} of {}", format::count(current), format::count(all.total as u64));
    let looked = session.sync.outline.as_ref().map(|outline| format::moment(&outline.at));
    html! {
        <div class="stats" data-testid="sync-totals">
            <Stat label="up to date" value={of_all} tone={if current as usize == all.total { "good" } else { "" }}
                testid="sync-up-to-date" />
            <Stat label="behind" value={format::count(behind)} tone={if behind > 0 { "warn" } else { "" }}
                testid="sync-behind" />
            <Stat label="not synced" value={format::count(wrong)} tone={if wrong > 0 { "bad" } else { "" }}
                testid="sync-wrong" />
            <Stat label="rows behind" value={format::count(all.sum("behind_rows"))} />
            <Stat label="looked at" value={looked.unwrap_or_else(|| "—".into())} testid="sync-looked" />
            if let Some(due) = session.sync.due {
                <Stat label="next round" value={time_of_day(due)} testid="sync-next" />
            }
        </div>
    }
}

fn time_of_day(milliseconds: f64) -> String {
    let moment = String::from(js_sys::Date::new(&milliseconds.into()).to_iso_string());
    let moment = format::moment_with_seconds(&moment);
    format!("{} UTC", moment.rsplit(' ').next().unwrap_or_default())
}

fn at_work(session: &Handle, progress: Option<SyncProgress>) -> Html {
    let progress = progress.unwrap_or_default();
    let (done, total) = (progress.done as u64, progress.tables as u64);
    let words = match total {
        0 => "Beginning…".to_string(),
        _ => progress.to_string(),
    };
    let words = match (session.sync.job.as_str(), total) {
        ("", _) => words,
        (job, 0) => job.to_string(),
        (job, _) => format!("{words} · {job}"),
    };
    let session = session.clone();
    let stop = Callback::from(move |()| actions::stop_sync(&session));
    html! {
        <div class="panel progress-panel" role="status" data-testid="sync-progress">
            <Meter label="Sync" {done} {total} />
            <span class="quiet-text grow">{ words }</span>
            <Button testid="sync-stop" kind="small" icon={Icon::Stop} label="Stop" onclick={stop}
                title="Commits under way are finished; other tables stay as before. Ends the repetition, too" />
        </div>
    }
}
