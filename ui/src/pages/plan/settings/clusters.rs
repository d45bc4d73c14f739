//! Who copies, and how clusters are used for it.

use super::advanced::Advanced;
use super::fields::{GIB, Number, Part, change};
use crate::actions::Handle;
use crate::components::{Check, Choice, Field, Radios, Select};
use crate::hooks::use_session;
use crate::state::unity::{EngineChoice, Place};
use crate::view::format;
use icebridge_model::photon::{ClusterMethod, ComputeChoice, ComputeWay};
use yew::prelude::*;

/// Choice, value, label, and what it means.
const ENGINES: [(EngineChoice, &str, &str, &str); 3] = [
    (
        EngineChoice::Automatic,
        "automatic",
        "Automatic",
        "Large tables by clusters, the others here. The plan says why.",
    ),
    (EngineChoice::Here, "here", "This computer", "IceBridge reads and writes the files itself."),
    (EngineChoice::Photon, "photon", "Photon clusters", "Databricks copies whatever it reads correctly."),
];

const METHODS: [(Option<ClusterMethod>, &str, &str, &str); 4] = [
    (None, "auto", "Automatic", "By the table; the plan says why."),
    (Some(ClusterMethod::DeepClone), "deep_clone", "DEEP CLONE", "Databricks copies the files."),
    (Some(ClusterMethod::Ctas), "ctas", "CTAS", "The table is made of the rows, in one statement."),
    (Some(ClusterMethod::InsertSelect), "insert_select", "INSERT SELECT", "The rows in batches, which can be resumed."),
];

const COMPUTES: [(ComputeChoice, &str); 3] = [
    (ComputeChoice::Automatic, "Automatic"),
    (ComputeChoice::Serverless, "Serverless"),
    (ComputeChoice::Classic, "Classic clusters"),
];

#[component]
pub fn Clusters() -> Html {
    let session = use_session();
    let draft = &session.prefs.unity;
    let photon = &draft.photon;
    let problem = session.settings_problem().filter(|(place, _)| place.is_of_clusters());
    let invalid = |at: Place| match &problem {
        Some((place, error)) if *place == at => format::problem(error),
        _ => String::new(),
    };
    let (_, _, label, _) = engine(draft.engine);
    let state = if problem.is_some() { "not complete".to_string() } else { label.to_lowercase() };
    html! {
        <Part testid="settings-clusters" title="Clusters" {state} wrong={problem.is_some()}
            open={draft.uses_clusters()}>
            { engines(&session) }
            if draft.uses_clusters() {
                <Field testid="clusters-volume" label="Volume" value={photon.volume.clone()}
                    placeholder="/Volumes/catalog/schema/volume"
                    hint="A folder on a volume, for the clusters’ inputs and results."
                    invalid={invalid(Place::Volume)}
                    oninput={change(&session, |draft, text| draft.photon.volume = text)} />
                <Field testid="clusters-source-catalog" label="Source’s catalog in the workspace"
                    value={photon.source_catalog.clone().unwrap_or_default()} placeholder="the source’s own"
                    hint="The foreign catalog under which the clusters see the source."
                    oninput={change(&session, |draft, text| draft.photon.source_catalog = Some(text))} />
                { methods(&session) }
                if draft.engine == EngineChoice::Automatic {
                    <Number testid="clusters-above" label="Use clusters above" unit="GiB"
                        value={photon.use_above_bytes / GIB} min=0 max=1_000_000
                        onchange={change(&session, |draft, n: u64| draft.photon.use_above_bytes = n * GIB)} />
                }
                <Check testid="clusters-expectations" label="Compare with Great Expectations"
                    checked={photon.great_expectations}
                    hint="The clusters compare both sides; what they find is kept as pages."
                    onchange={change(&session, |draft, on: bool| draft.photon.great_expectations = on)} />
                { computes(&session) }
                <Advanced problem={problem.as_ref().map(|(place, error)| (*place, format::problem(error).into()))} />
                if problem.as_ref().is_some_and(|(place, _)| *place == Place::Clusters) {
                    <p class="field-invalid" role="alert">{ invalid(Place::Clusters) }</p>
                }
            }
        </Part>
    }
}

fn engine(chosen: EngineChoice) -> &'static (EngineChoice, &'static str, &'static str, &'static str) {
    ENGINES.iter().find(|(choice, ..)| *choice == chosen).unwrap_or(&ENGINES[1])
}

fn engines(session: &Handle) -> Html {
    let (_, value, ..) = *engine(session.prefs.unity.engine);
    let choices: Vec<Choice> = ENGINES
        .iter()
        .map(|(_, value, label, hint)| Choice { value: (*value).into(), label: (*label).into(), hint: (*hint).into() })
        .collect();
    let onchange = change(session, |draft, id: String| {
        if let Some((choice, ..)) = ENGINES.iter().find(|(_, known, ..)| *known == id) {
            draft.engine = *choice;
        }
    });
    html! { <Radios testid="clusters-engine" label="Who copies" {value} {choices} {onchange} /> }
}

fn computes(session: &Handle) -> Html {
    let photon = &session.prefs.unity.photon;
    let options: Vec<(AttrValue, AttrValue)> =
        COMPUTES.iter().map(|(choice, label)| (choice.as_str().into(), (*label).into())).collect();
    let onchange = change(session, |draft, word: String| {
        if let Some((choice, _)) = COMPUTES.iter().find(|(known, _)| known.as_str() == word) {
            draft.photon.compute = *choice;
        }
    });
    let hint = match session.prefs.unity.way() {
        ComputeWay::Serverless(_) => "No machines to choose; the workspace has its own.".to_string(),
        ComputeWay::Try => "Serverless if the workspace offers it, else classic clusters.".to_string(),
        ComputeWay::Classic(_) if photon.compute == ComputeChoice::Classic => {
            "Clusters that are made for the run, and end with it.".to_string()
        }
        ComputeWay::Classic(_) => "Classic clusters, because one of their settings is changed below.".to_string(),
    };
    html! {
        <Select testid="clusters-compute" label="Compute" value={photon.compute.as_str()} {options} {hint} {onchange} />
    }
}

fn methods(session: &Handle) -> Html {
    let chosen = session.prefs.unity.photon.method;
    let (_, value, _, hint) = *METHODS.iter().find(|(method, ..)| *method == chosen).unwrap_or(&METHODS[0]);
    let options: Vec<(AttrValue, AttrValue)> =
        METHODS.iter().map(|(_, id, label, _)| ((*id).into(), (*label).into())).collect();
    let onchange = change(session, |draft, id: String| {
        if let Some((method, ..)) = METHODS.iter().find(|(_, known, ..)| *known == id) {
            draft.photon.method = *method;
        }
    });
    html! { <Select testid="clusters-method" label="Method" {value} {options} {hint} {onchange} /> }
}
