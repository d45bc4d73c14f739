//! Limits of the clusters, and what they are made of: right for most as they are.

use super::compute::{Machines, Principals, Serverless};
use super::fields::{GIB, Number, change, given, small};
use crate::actions::Handle;
use crate::components::{Check, Field, Select};
use crate::hooks::use_session;
use crate::state::unity::Place;
use icebridge_model::photon::ComputeChoice;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct AdvancedProps {
    /// What is wrong with the clusters, and where it is shown.
    pub problem: Option<(Place, AttrValue)>,
}

/// Places of fields that are above this part.
const ABOVE: [Place; 2] = [Place::Volume, Place::Clusters];

/// A snapshot that the workspace never read.
const UNVERSIONED: [(Option<bool>, &str, &str); 3] = [
    (None, "standard", "State of now, if compared here"),
    (Some(true), "allow", "State of now"),
    (Some(false), "refuse", "Fail"),
];

#[component]
pub fn Advanced(props: &AdvancedProps) -> Html {
    let session = use_session();
    let photon = &session.prefs.unity.photon;
    let problem = props.problem.clone().filter(|(place, _)| !ABOVE.contains(place));
    let wrong = problem.is_some();
    let invalid = |at: Place| match &problem {
        Some((place, text)) if *place == at => text.clone(),
        _ => AttrValue::default(),
    };
    // What is wrong is in sight when the page is opened.
    let open = *use_state_eq(|| wrong);
    html! {
        <details class="part inner" {open}>
            <summary data-testid="clusters-advanced"><span class="part-title">{ "Advanced" }</span>
                if wrong { <span class="part-state bad-text">{ "not complete" }</span> }
            </summary>
            <div class="stack part-body">
                if !photon.is_serverless() { <Machines problem={problem.clone()} /> }
                if photon.compute != ComputeChoice::Classic { <Serverless /> }
                <Principals problem={problem.clone()} />
                <h3 class="part-head">{ "Tables" }</h3>
                { tables(&session) }
                { limits(&session) }
                <h3 class="part-head">{ "In the workspace" }</h3>
                <Field testid="clusters-tags" label="Tags, one a line" lines=2
                    value={session.prefs.unity.tags.clone()} placeholder="team = lakehouse"
                    hint="On the clusters, and so on the bill." invalid={invalid(Place::Tags)}
                    oninput={change(&session, |draft, text| draft.tags = text)} />
                if !photon.is_serverless() {
                    <Field testid="clusters-logs" label="Folder for logs" value={given(&photon.logs)} placeholder="none"
                        hint="On a volume, for the drivers’ logs."
                        oninput={change(&session, |draft, text| draft.photon.logs = Some(text))} />
                    { spark_settings(&session, invalid(Place::SparkConf), invalid(Place::SecretConf)) }
                }
            </div>
        </details>
    }
}

/// How tables are spread over clusters.
fn tables(session: &Handle) -> Html {
    let photon = &session.prefs.unity.photon;
    html! {
        <>
            <div class="pair">
                <Number testid="clusters-most" label="Parallel runs" value={photon.max_clusters as u64} min=1
                    max=100 onchange={change(session, |draft, n: u64| draft.photon.max_clusters = n as usize)} />
                <Number testid="clusters-tables" label="Tables per run" value={photon.tables_per_cluster as u64}
                    min=1 max=10_000
                    onchange={change(session, |draft, n: u64| draft.photon.tables_per_cluster = n as usize)} />
            </div>
            <Number testid="clusters-side-by-side" label="Parallel tables per run"
                value={photon.side_by_side as u64} min=1 max=100
                onchange={change(session, |draft, n: u64| draft.photon.side_by_side = n as usize)} />
            <Number testid="clusters-alone" label="A run of its own above" unit="GiB"
                value={photon.alone_above_bytes / GIB} min=0 max=1_000_000
                onchange={change(session, |draft, n: u64| draft.photon.alone_above_bytes = n * GIB)} />
            <Number testid="clusters-batch" label="Rows per INSERT SELECT" value={photon.batch_rows} min=1
                max=100_000_000_000 onchange={change(session, |draft, n: u64| draft.photon.batch_rows = n)} />
            <Number testid="clusters-timeout" label="Run timeout" unit="hours"
                value={u64::from(photon.timeout_hours)} min=0 max=1000 hint="The workspace ends it; 0: never."
                onchange={change(session, |draft, n: u64| draft.photon.timeout_hours = small(n))} />
            <Number testid="clusters-spend-cap" label="Spend cap" unit="dollars"
                value={photon.spend_cap.map_or(0, u64::from)} min=0 max=1_000_000
                hint="Runs are stopped at it, by the clock and the upper end of the prices; 0: no cap."
                onchange={change(session, |draft, n: u64| draft.photon.spend_cap = (n > 0).then(|| small(n)))} />
        </>
    }
}

fn limits(session: &Handle) -> Html {
    let photon = &session.prefs.unity.photon;
    let options: Vec<(AttrValue, AttrValue)> =
        UNVERSIONED.iter().map(|(_, word, label)| ((*word).into(), (*label).into())).collect();
    let (_, value, _) = *UNVERSIONED.iter().find(|(known, ..)| *known == photon.unversioned).unwrap_or(&UNVERSIONED[0]);
    let set = change(session, |draft, word: String| {
        draft.photon.unversioned = UNVERSIONED.iter().find(|(_, known, _)| *known == word).and_then(|(set, ..)| *set);
    });
    html! {
        <>
            if photon.great_expectations {
                <Number testid="clusters-read-here" label="Also verify locally up to" unit="GiB"
                    value={photon.read_here_up_to_bytes / GIB} min=0 max=1_000_000
                    hint="Larger copies are compared by the clusters alone."
                    onchange={change(session, |draft, n: u64| draft.photon.read_here_up_to_bytes = n * GIB)} />
            }
            <Select testid="clusters-unversioned" label="If the planned snapshot cannot be read" {value} {options}
                hint="The source is asked before and after whether it has moved on." onchange={set} />
        </>
    }
}

/// Of classic clusters alone.
fn spark_settings(session: &Handle, wrong_conf: AttrValue, wrong_secrets: AttrValue) -> Html {
    const SECRETS: &str = "Spark’s setting = which of the source’s secrets. It goes into the workspace’s secret scope \
                           icebridge, never into the plan.";
    let draft = &session.prefs.unity;
    html! {
        <>
            <Field testid="clusters-spark-conf" label="Spark settings, one a line" lines=3
                value={draft.spark_conf.clone()} placeholder="spark.sql.shuffle.partitions = 400"
                hint="Such as a catalog of its own for the source." invalid={wrong_conf}
                oninput={change(session, |draft, text| draft.spark_conf = text)} />
            <Field testid="clusters-secret-conf" label="Secrets for Spark, one a line" lines=2
                value={draft.secret_conf.clone()} placeholder="spark.sql.catalog.src.token = token"
                invalid={wrong_secrets} hint={SECRETS}
                oninput={change(session, |draft, text| draft.secret_conf = text)} />
            if !draft.secret_conf.trim().is_empty() {
                <Check testid="clusters-keep-secrets" label="Leave them in the scope"
                    checked={draft.photon.keep_secrets} hint="Otherwise they are removed when the run is over."
                    onchange={change(session, |draft, on: bool| draft.photon.keep_secrets = on)} />
            }
        </>
    }
}
