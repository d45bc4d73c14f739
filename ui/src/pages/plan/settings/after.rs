//! What is done in Unity Catalog once a table is migrated.

use super::fields::{Part, change};
use crate::actions::Handle;
use crate::components::{Check, Field, Select};
use crate::hooks::use_session;
use crate::state::UnityDraft;
use crate::state::unity::Place;
use crate::view::format;
use icebridge_model::governance::{GovernanceSettings, OptimizationChoice, OptimizationLevel, OptimizationSetting};
use yew::prelude::*;

const SETTINGS: [(Option<OptimizationSetting>, &str, &str); 4] = [
    (None, "off", "Leave it as it is"),
    (Some(OptimizationSetting::Enable), "enable", "Enable"),
    (Some(OptimizationSetting::Disable), "disable", "Disable"),
    (Some(OptimizationSetting::Inherit), "inherit", "Inherit"),
];
const LEVELS: [(OptimizationLevel, &str, &str); 3] = [
    (OptimizationLevel::Table, "table", "each migrated table"),
    (OptimizationLevel::Schema, "schema", "each of their schemas"),
    (OptimizationLevel::Catalog, "catalog", "the whole target catalog"),
];

#[component]
pub fn After() -> Html {
    let session = use_session();
    let draft = &session.prefs.unity;
    let after = &draft.after;
    let problem = session.settings_problem().filter(|(place, _)| *place == Place::Principals);
    let wrong = problem.is_some();
    let invalid = problem.map(|(_, error)| format::problem(&error)).unwrap_or_default();
    let carried = |testid: &'static str, label: &'static str, checked: bool, set: fn(&mut UnityDraft, bool)| {
        html! { <Check {testid} {label} {checked} onchange={change(&session, set)} /> }
    };
    html! {
        <Part testid="settings-after" title="Governance"
            state={if wrong { "not complete".into() } else { state(after) }} {wrong}
            open={*after != GovernanceSettings::default()}>
            <div class="radios" role="group" aria-label="Carry over">
                <span class="field-label">{ "Carry over" }</span>
                <p class="field-hint">
                    { "What the source’s table has in Unity Catalog, where the workspace sees it." }
                </p>
                <div class="pair">
                    { carried("after-comments", "Comments", after.comments, |draft, on| draft.after.comments = on) }
                    { carried("after-tags", "Tags", after.tags, |draft, on| draft.after.tags = on) }
                    { carried("after-grants", "Grants", after.grants, |draft, on| draft.after.grants = on) }
                    { carried("after-owner", "Owner", after.owner, |draft, on| draft.after.owner = on) }
                </div>
            </div>
            if after.grants || after.owner || !draft.principals.is_empty() {
                <Field testid="after-principals" label="Principals by other names" lines=3
                    value={draft.principals.clone()} placeholder={"old@example.com = new@example.com\ninterns ="}
                    {invalid} hint="old = new, one a line. Nothing after “=” leaves that principal out."
                    oninput={change(&session, |draft, text| draft.principals = text)} />
            }
            { optimization(&session) }
            <Check testid="after-metrics" label="Keep metrics" checked={after.metrics}
                hint="A row for each table, in a table of the target."
                onchange={change(&session, |draft, on: bool| draft.after.metrics = on)} />
            if after.metrics {
                <Field testid="after-metrics-table" label="Table of metrics"
                    value={after.metrics_table.clone().unwrap_or_default()} placeholder="catalog.schema.table"
                    hint="If empty: icebridge.migration_iceberg_jobs in the target’s catalog."
                    oninput={change(&session, |draft, text| draft.after.metrics_table = Some(text))} />
            }
            <Check testid="after-read-back" label="Read each table back by a SQL warehouse" checked={after.read_back}
                hint="Of those copied from here. It must find the same rows."
                onchange={change(&session, |draft, on: bool| draft.after.read_back = on)} />
            <Field testid="after-warehouse" label="SQL warehouse" value={after.warehouse.clone().unwrap_or_default()}
                placeholder="one that runs, or any" hint="Its id. It runs these statements and looks up the bill."
                oninput={change(&session, |draft, text| draft.after.warehouse = Some(text))} />
        </Part>
    }
}

fn level(chosen: OptimizationLevel) -> &'static str {
    LEVELS.iter().find(|(level, ..)| *level == chosen).map_or("table", |(_, id, _)| *id)
}

fn optimization(session: &Handle) -> Html {
    let chosen = session.prefs.unity.after.predictive_optimization;
    let setting = chosen.map(|choice| choice.setting);
    let (_, setting, _) = *SETTINGS.iter().find(|(known, ..)| *known == setting).unwrap_or(&SETTINGS[0]);
    let set_setting = change(session, |draft, id: String| {
        let level = draft.after.predictive_optimization.map_or(OptimizationLevel::Table, |choice| choice.level);
        let setting = SETTINGS.iter().find(|(_, known, _)| *known == id).and_then(|(setting, ..)| *setting);
        draft.after.predictive_optimization = setting.map(|setting| OptimizationChoice { level, setting });
    });
    let set_level = change(session, |draft, id: String| {
        let level = LEVELS.iter().find(|(_, known, _)| *known == id).map(|(level, ..)| *level);
        if let (Some(choice), Some(level)) = (&mut draft.after.predictive_optimization, level) {
            choice.level = level;
        }
    });
    let settings: Vec<(AttrValue, AttrValue)> =
        SETTINGS.iter().map(|(_, id, label)| ((*id).into(), (*label).into())).collect();
    let levels: Vec<(AttrValue, AttrValue)> =
        LEVELS.iter().map(|(_, id, label)| ((*id).into(), (*label).into())).collect();
    html! {
        <>
            <Select testid="after-optimization" label="Predictive optimization" value={setting} options={settings}
                onchange={set_setting} />
            if let Some(choice) = chosen {
                <Select testid="after-level" label="Set on" options={levels} onchange={set_level}
                    value={level(choice.level)} />
            }
        </>
    }
}

/// In a few words, for the closed part.
fn state(after: &GovernanceSettings) -> String {
    let asked = [
        (after.comments, "comments"),
        (after.tags, "tags"),
        (after.grants, "grants"),
        (after.owner, "owner"),
        (after.predictive_optimization.is_some(), "optimization"),
        (after.metrics, "metrics"),
        (after.read_back, "read back"),
    ];
    let words: Vec<&str> = asked.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
    if words.is_empty() { "nothing".into() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_part_says_what_is_asked_for() {
        assert_eq!(state(&GovernanceSettings::default()), "nothing");
        assert_eq!(
            state(&GovernanceSettings { tags: true, metrics: true, ..GovernanceSettings::default() }),
            "tags, metrics"
        );
    }
}
