//! Machines and limits of the clusters: right for most as they are.

use super::fields::{GIB, Number, change};
use crate::actions::Handle;
use crate::components::{Check, Field};
use crate::hooks::use_session;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct AdvancedProps {
    /// What is wrong with the numbers of workers, and with what is typed in lines.
    pub workers: AttrValue,
    pub tags: AttrValue,
    pub spark_conf: AttrValue,
    pub secret_conf: AttrValue,
}

#[component]
pub fn Advanced(props: &AdvancedProps) -> Html {
    let session = use_session();
    let photon = &session.prefs.unity.photon;
    let wrong =
        [&props.workers, &props.tags, &props.spark_conf, &props.secret_conf].iter().any(|text| !text.is_empty());
    // What is wrong is in sight when the page is opened.
    let open = *use_state_eq(|| wrong);
    html! {
        <details class="part inner" {open}>
            <summary data-testid="clusters-advanced"><span class="part-title">{ "Advanced" }</span>
                if wrong { <span class="part-state bad-text">{ "not complete" }</span> }
            </summary>
            <div class="stack part-body">
                if photon.serverless {
                    <Field testid="clusters-budget-policy" label="Budget policy" value={text(&photon.budget_policy)}
                        placeholder="none" hint="Its id."
                        oninput={change(&session, |draft, text| draft.photon.budget_policy = Some(text))} />
                } else {
                    { machines(&session, props) }
                }
                <Field testid="clusters-tags" label="Tags, one a line" lines=2
                    value={session.prefs.unity.tags.clone()} placeholder="team = lakehouse"
                    hint="On the clusters, and so on the bill." invalid={props.tags.clone()}
                    oninput={change(&session, |draft, text| draft.tags = text)} />
                { tables(&session) }
                { limits(&session) }
                <Field testid="clusters-scripts" label="Folder for the scripts" value={text(&photon.scripts_folder)}
                    placeholder="the signed-in user’s own" hint="In the workspace, such as /Shared/icebridge."
                    oninput={change(&session, |draft, text| draft.photon.scripts_folder = Some(text))} />
                if !photon.serverless { { spark_settings(&session, props) } }
            </div>
        </details>
    }
}

fn text(value: &Option<String>) -> String {
    value.clone().unwrap_or_default()
}

fn machines(session: &Handle, props: &AdvancedProps) -> Html {
    let photon = &session.prefs.unity.photon;
    html! {
        <>
            <Field testid="clusters-runtime" label="Runtime" value={text(&photon.runtime)}
                placeholder="newest long-term one" hint="A key of the workspace’s list, such as 16.4.x-scala2.12."
                oninput={change(session, |draft, text| draft.photon.runtime = Some(text))} />
            <Field testid="clusters-node-type" label="Node type" value={text(&photon.node_type)}
                placeholder={format!("smallest with {} cores, {} GB", photon.node_cores, photon.node_memory_gb)}
                oninput={change(session, |draft, text| draft.photon.node_type = Some(text))} />
            { workers(session, &props.workers) }
            <Check testid="clusters-spot" label="Spot machines" checked={photon.spot}
                hint="Cheaper, and may be taken away; others step in. Never the driver."
                onchange={change(session, |draft, on: bool| draft.photon.spot = on)} />
            <Field testid="clusters-policy" label="Cluster policy" value={text(&photon.policy)} placeholder="none"
                hint="Its id." oninput={change(session, |draft, text| draft.photon.policy = Some(text))} />
            <Field testid="clusters-single-user" label="Run as" value={text(&photon.single_user)}
                placeholder="the signed-in user" hint="A person, a group or a service principal’s id."
                oninput={change(session, |draft, text| draft.photon.single_user = Some(text))} />
        </>
    }
}

fn workers(session: &Handle, wrong: &AttrValue) -> Html {
    let photon = &session.prefs.unity.photon;
    html! {
        <div class="pair">
            <Number testid="clusters-min-workers" label="Min workers" value={u64::from(photon.min_workers)} min=0
                max=1000 onchange={change(session, |draft, n: u64| draft.photon.min_workers = small(n))} />
            <Number testid="clusters-max-workers" label="Max workers" value={u64::from(photon.max_workers)} min=1
                max=1000 onchange={change(session, |draft, n: u64| draft.photon.max_workers = small(n))} />
            if !wrong.is_empty() {
                <p class="field-invalid" role="alert" data-testid="clusters-workers-wrong">{ wrong }</p>
            }
        </div>
    }
}

/// How tables are spread over clusters.
fn tables(session: &Handle) -> Html {
    let photon = &session.prefs.unity.photon;
    html! {
        <>
            <div class="pair">
                <Number testid="clusters-most" label="Parallel clusters" value={photon.max_clusters as u64} min=1
                    max=100 onchange={change(session, |draft, n: u64| draft.photon.max_clusters = n as usize)} />
                <Number testid="clusters-tables" label="Tables per cluster" value={photon.tables_per_cluster as u64}
                    min=1 max=10_000
                    onchange={change(session, |draft, n: u64| draft.photon.tables_per_cluster = n as usize)} />
            </div>
            <Number testid="clusters-side-by-side" label="Parallel tables per cluster"
                value={photon.side_by_side as u64} min=1 max=100
                onchange={change(session, |draft, n: u64| draft.photon.side_by_side = n as usize)} />
            <Number testid="clusters-alone" label="Dedicated cluster above" unit="GiB"
                value={photon.alone_above_bytes / GIB} min=0 max=1_000_000
                onchange={change(session, |draft, n: u64| draft.photon.alone_above_bytes = n * GIB)} />
        </>
    }
}

fn limits(session: &Handle) -> Html {
    let photon = &session.prefs.unity.photon;
    html! {
        <>
            if photon.great_expectations {
                <Number testid="clusters-read-here" label="Also verify locally up to" unit="GiB"
                    value={photon.read_here_up_to_bytes / GIB} min=0 max=1_000_000
                    hint="Larger copies are compared by the clusters alone."
                    onchange={change(session, |draft, n: u64| draft.photon.read_here_up_to_bytes = n * GIB)} />
            }
            <Number testid="clusters-batch" label="Rows per INSERT SELECT" value={photon.batch_rows} min=1
                max=100_000_000_000 onchange={change(session, |draft, n: u64| draft.photon.batch_rows = n)} />
            <Number testid="clusters-timeout" label="Run timeout" unit="hours"
                value={u64::from(photon.timeout_hours)} min=0 max=1000 hint="The workspace ends it; 0: never."
                onchange={change(session, |draft, n: u64| draft.photon.timeout_hours = small(n))} />
            if !photon.serverless {
                <Field testid="clusters-logs" label="Folder for logs" value={text(&photon.logs)} placeholder="none"
                    hint="On a volume, for the drivers’ logs."
                    oninput={change(session, |draft, text| draft.photon.logs = Some(text))} />
            }
        </>
    }
}

/// Of classic clusters alone.
fn spark_settings(session: &Handle, props: &AdvancedProps) -> Html {
    const SECRETS: &str = "Spark’s setting = which of the source’s secrets. It goes into the workspace’s secret scope \
                           icebridge, never into the plan.";
    let draft = &session.prefs.unity;
    html! {
        <>
            <Field testid="clusters-spark-conf" label="Spark settings, one a line" lines=3
                value={draft.spark_conf.clone()} placeholder="spark.sql.shuffle.partitions = 400"
                hint="Such as a catalog of its own for the source." invalid={props.spark_conf.clone()}
                oninput={change(session, |draft, text| draft.spark_conf = text)} />
            <Field testid="clusters-secret-conf" label="Secrets for Spark, one a line" lines=2
                value={draft.secret_conf.clone()} placeholder="spark.sql.catalog.src.token = token"
                invalid={props.secret_conf.clone()} hint={SECRETS}
                oninput={change(session, |draft, text| draft.secret_conf = text)} />
            if !draft.secret_conf.trim().is_empty() {
                <Check testid="clusters-keep-secrets" label="Leave them in the scope"
                    checked={draft.photon.keep_secrets} hint="Otherwise they are removed when the run is over."
                    onchange={change(session, |draft, on: bool| draft.photon.keep_secrets = on)} />
            }
        </>
    }
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
