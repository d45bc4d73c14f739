//! What the copies run on: the machines of classic clusters, serverless compute, and who runs on either.

use super::fields::{Number, change, given, small};
use crate::actions::Handle;
use crate::components::{Check, Field, Select};
use crate::hooks::use_session;
use crate::state::unity::Place;
use icebridge_model::photon::{AccessMode, ComputeChoice};
use yew::prelude::*;

const ACCESS: [(AccessMode, &str, &str, &str); 2] = [
    (AccessMode::Dedicated, "dedicated", "Dedicated", "The clusters belong to one principal."),
    (AccessMode::Standard, "standard", "Standard", "Everybody may use them who may attach."),
];
const TARGETS: [(Option<&str>, &str, &str); 3] = [
    (None, "own", "The workspace’s own"),
    (Some("STANDARD"), "STANDARD", "Standard"),
    (Some("PERFORMANCE_OPTIMIZED"), "PERFORMANCE_OPTIMIZED", "Performance optimized"),
];

#[derive(Properties, PartialEq)]
pub struct ComputeProps {
    pub problem: Option<(Place, AttrValue)>,
}

impl ComputeProps {
    fn invalid(&self, at: Place) -> AttrValue {
        self.problem.as_ref().filter(|(place, _)| *place == at).map(|(_, text)| text.clone()).unwrap_or_default()
    }
}

#[component]
pub fn Machines(props: &ComputeProps) -> Html {
    let session = use_session();
    let photon = &session.prefs.unity.photon;
    let from_pool = photon.pool.as_ref().is_some_and(|pool| !pool.trim().is_empty());
    html! {
        <>
            <h3 class="part-head">{ "Classic clusters" }</h3>
            if photon.compute == ComputeChoice::Automatic {
                <p class="field-hint">{ "If one of these is changed, classic clusters do the work." }</p>
            }
            <Field testid="clusters-runtime" label="Runtime" value={given(&photon.runtime)}
                placeholder="newest with long-term support"
                hint="A key of the workspace’s list, such as 16.4.x-scala2.12."
                oninput={change(&session, |draft, text| draft.photon.runtime = Some(text))} />
            <Field testid="clusters-node-type" label="Node type" value={given(&photon.node_type)}
                placeholder={format!("smallest with {} cores, {} GB", photon.node_cores, photon.node_memory_gb)}
                oninput={change(&session, |draft, text| draft.photon.node_type = Some(text))} />
            <Field testid="clusters-pool" label="Instance pool" value={given(&photon.pool)} placeholder="none"
                hint="Its id. Machines come from there, in place of a node type."
                invalid={props.invalid(Place::Machines)}
                oninput={change(&session, |draft, text| draft.photon.pool = Some(text))} />
            if from_pool || photon.driver_pool.is_some() {
                <Field testid="clusters-driver-pool" label="Instance pool of the driver"
                    value={given(&photon.driver_pool)} placeholder="the same"
                    oninput={change(&session, |draft, text| draft.photon.driver_pool = Some(text))} />
            }
            { workers(&session, &props.invalid(Place::Workers)) }
            <Check testid="clusters-spot" label="Spot machines" checked={photon.spot}
                hint="Cheaper, and may be taken away; others step in. Never the driver."
                onchange={change(&session, |draft, on: bool| draft.photon.spot = on)} />
            <Field testid="clusters-policy" label="Cluster policy" value={given(&photon.policy)} placeholder="none"
                hint="Its id. The clusters are made to fit it."
                oninput={change(&session, |draft, text| draft.photon.policy = Some(text))} />
            <Field testid="clusters-instance-profile" label="Instance profile"
                value={given(&photon.instance_profile)} placeholder="none" hint="On AWS: the ARN of the machines’ role."
                invalid={props.invalid(Place::InstanceProfile)}
                oninput={change(&session, |draft, text| draft.photon.instance_profile = Some(text))} />
            { access(&session, props) }
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

fn access(session: &Handle, props: &ComputeProps) -> Html {
    let photon = &session.prefs.unity.photon;
    let options: Vec<(AttrValue, AttrValue)> =
        ACCESS.iter().map(|(_, word, label, _)| ((*word).into(), (*label).into())).collect();
    let (_, value, _, hint) = *ACCESS.iter().find(|(mode, ..)| *mode == photon.access_mode).unwrap_or(&ACCESS[0]);
    let set = change(session, |draft, word: String| {
        if let Some((mode, ..)) = ACCESS.iter().find(|(_, known, ..)| *known == word) {
            draft.photon.access_mode = *mode;
        }
    });
    let has_owner = photon.access_mode == AccessMode::Dedicated || photon.single_user.is_some();
    html! {
        <>
            <Select testid="clusters-access" label="Access mode" {value} {options} {hint} onchange={set} />
            if has_owner {
                <Field testid="clusters-single-user" label="Dedicated to" value={given(&photon.single_user)}
                    placeholder="who the runs run as" hint="A person, a group or a service principal’s application id."
                    invalid={props.invalid(Place::SingleUser)}
                    oninput={change(session, |draft, text| draft.photon.single_user = Some(text))} />
            }
        </>
    }
}

#[component]
pub fn Serverless() -> Html {
    let session = use_session();
    let photon = &session.prefs.unity.photon;
    let options: Vec<(AttrValue, AttrValue)> =
        TARGETS.iter().map(|(_, word, label)| ((*word).into(), (*label).into())).collect();
    let chosen = photon.performance_target.as_deref();
    let (_, value, _) = *TARGETS.iter().find(|(target, ..)| *target == chosen).unwrap_or(&TARGETS[0]);
    let set = change(&session, |draft, word: String| {
        let target = TARGETS.iter().find(|(_, known, _)| *known == word).and_then(|(target, ..)| *target);
        draft.photon.performance_target = target.map(str::to_string);
    });
    html! {
        <>
            <h3 class="part-head">{ "Serverless compute" }</h3>
            <Select testid="clusters-performance" label="Performance target" {value} {options}
                hint="Standard is cheaper, and slower to start." onchange={set} />
            <Field testid="clusters-budget-policy" label="Budget policy" value={given(&photon.budget_policy)}
                placeholder="none" hint="Its id. Its tags are on the bill."
                oninput={change(&session, |draft, text| draft.photon.budget_policy = Some(text))} />
        </>
    }
}

#[component]
pub fn Principals(props: &ComputeProps) -> Html {
    let session = use_session();
    let photon = &session.prefs.unity.photon;
    html! {
        <>
            <h3 class="part-head">{ "Who runs" }</h3>
            <Field testid="clusters-run-as" label="Run as" value={given(&photon.run_as)}
                placeholder="the signed-in user" invalid={props.invalid(Place::RunAs)}
                hint="A user’s name or a service principal’s application id."
                oninput={change(&session, |draft, text| draft.photon.run_as = Some(text))} />
            <Field testid="clusters-scripts" label="Folder for the scripts" value={given(&photon.scripts_folder)}
                placeholder="the signed-in user’s own" invalid={props.invalid(Place::ScriptsFolder)}
                hint="In the workspace, such as /Shared/icebridge. The principal above must be able to read it."
                oninput={change(&session, |draft, text| draft.photon.scripts_folder = Some(text))} />
        </>
    }
}
