//! What becomes of that which Unity Catalog refuses, where there is a choice.

use super::fields::Part;
use crate::actions::Handle;
use crate::components::Select;
use crate::hooks::use_session;
use crate::state::Action;
use icebridge_model::conversion::{ConversionSettings, NanosecondsAs, PartitionsAs, TimeAs};
use yew::prelude::*;

const TIMES: [(TimeAs, &str, &str); 2] =
    [(TimeAs::String, "string", "Text, HH:MM:SS.ffffff"), (TimeAs::Bigint, "bigint", "Microseconds since midnight")];
const NANOSECONDS: [(NanosecondsAs, &str, &str); 2] = [
    (NanosecondsAs::Bigint, "bigint", "Nanoseconds since 1970"),
    (NanosecondsAs::String, "string", "Text, with nine digits"),
];
const PARTITIONS: [(PartitionsAs, &str, &str); 3] = [
    (PartitionsAs::Try, "try", "Try them as they are"),
    (PartitionsAs::Cluster, "cluster", "Cluster by their columns"),
    (PartitionsAs::None, "none", "Leave them out"),
];

#[component]
pub fn Conversions() -> Html {
    let session = use_session();
    let chosen = session.prefs.settings.conversions.clone();
    html! {
        <Part testid="conversions" title="Conversions" open={!chosen.is_standard()}
            state={if chosen.is_standard() { "standard" } else { "chosen" }}>
                <p class="field-hint">
                    { "What becomes of what Unity Catalog refuses. Each table’s losses are accepted in the pre-flight." }
                </p>
                <Select testid="conversions-time" label="Columns of type time" value={word(&TIMES, chosen.time)}
                    options={options(&TIMES)}
                    onchange={change(&session, |all, word| all.time = value(&TIMES, &word))} />
                <Select testid="conversions-nanoseconds" label="Timestamps with nanoseconds"
                    value={word(&NANOSECONDS, chosen.nanoseconds)} options={options(&NANOSECONDS)}
                    onchange={change(&session, |all, word| all.nanoseconds = value(&NANOSECONDS, &word))} />
                <Select testid="conversions-partitions" label="Partition transforms"
                    value={word(&PARTITIONS, chosen.partitions)} options={options(&PARTITIONS)}
                    hint="What the target does not take becomes clustering, or is left out."
                    onchange={change(&session, |all, word| all.partitions = value(&PARTITIONS, &word))} />
        </Part>
    }
}

fn options<T>(all: &[(T, &'static str, &'static str)]) -> Vec<(AttrValue, AttrValue)> {
    all.iter().map(|(_, word, label)| ((*word).into(), (*label).into())).collect()
}

fn word<T: PartialEq + Copy>(all: &[(T, &'static str, &'static str)], value: T) -> &'static str {
    all.iter().find(|(known, ..)| *known == value).map_or("", |(_, word, _)| *word)
}

fn value<T: Default + Copy>(all: &[(T, &'static str, &'static str)], word: &str) -> T {
    all.iter().find(|(_, known, _)| *known == word).map_or_else(T::default, |(value, ..)| *value)
}

fn change(session: &Handle, apply: fn(&mut ConversionSettings, String)) -> Callback<String> {
    let session = session.clone();
    Callback::from(move |word: String| {
        let mut settings = session.prefs.settings.clone();
        apply(&mut settings.conversions, word);
        session.dispatch(Action::Settings(settings));
    })
}
