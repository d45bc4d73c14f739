//! How a run works: few settings, each with what it does.

mod advanced;
mod after;
mod clusters;
mod compute;
mod conversions;
mod fields;

use crate::actions::Handle;
use crate::components::{Button, Check, Icon, Select};
use crate::hooks::use_session;
use crate::state::{Action, UnityDraft};
use after::After;
use clusters::Clusters;
use conversions::Conversions;
use fields::Number;
use icebridge_model::plan::{CopyMode, Settings, TargetVersion};
use icebridge_model::values::ValuesInProof;
use yew::prelude::*;

/// Mode, value, label, and what it means. The label is short because the panel is narrow.
const MODES: [(Option<CopyMode>, &str, &str, &str); 4] = [
    (None, "auto", "Best for each table", "Each table’s mode and the reason are in the plan."),
    (Some(CopyMode::Register), "register", "Register", "Adopts the metadata; both catalogs share the files."),
    (Some(CopyMode::Clone), "clone", "Clone", "Copies every file and keeps the whole history."),
    (Some(CopyMode::Rewrite), "rewrite", "Rewrite", "Writes the rows anew with deletes applied; no history."),
];
const VERSIONS: [(TargetVersion, &str, &str, &str); 2] = [
    (TargetVersion::Keep, "keep", "As in the source", "Version 1 becomes 2 where a table is rewritten."),
    (TargetVersion::Three, "3", "Version 3", "Tables of version 1 and 2 become version 3."),
];
const VALUES: [(ValuesInProof, &str, &str, &str); 3] = [
    (ValuesInProof::Shown, "shown", "Shown", "The least and the greatest of a column are values of rows."),
    (ValuesInProof::Hashed, "hashed", "Hashed", "Whoever knows or guesses them can check them."),
    (ValuesInProof::LeftOut, "left_out", "Left out", "The proof says only whether both sides agree."),
];
const CODECS: [&str; 5] = ["zstd", "snappy", "gzip", "lz4", "uncompressed"];
const MIB: u64 = 1 << 20;

#[component]
pub fn SettingsForm() -> Html {
    let session = use_session();
    let settings = session.prefs.settings.clone();
    let (_, mode, _, meaning) = *MODES.iter().find(|(mode, ..)| *mode == settings.mode).unwrap_or(&MODES[0]);
    let modes: Vec<(AttrValue, AttrValue)> =
        MODES.iter().map(|(_, id, label, _)| ((*id).into(), (*label).into())).collect();
    let set_mode = change(&session, |settings, id: String| {
        if let Some((mode, ..)) = MODES.iter().find(|(_, known, ..)| *known == id) {
            settings.mode = *mode;
        }
    });
    let (_, version, _, version_hint) =
        *VERSIONS.iter().find(|(version, ..)| *version == settings.target_format_version).unwrap_or(&VERSIONS[0]);
    let versions: Vec<(AttrValue, AttrValue)> =
        VERSIONS.iter().map(|(_, id, label, _)| ((*id).into(), (*label).into())).collect();
    let set_version = change(&session, |settings, id: String| {
        if let Some((version, ..)) = VERSIONS.iter().find(|(_, known, ..)| *known == id) {
            settings.target_format_version = *version;
        }
    });
    let unity = session.target_is_unity();
    let changed = settings != Settings::default() || unity && session.prefs.unity != UnityDraft::default();
    let reset = {
        let session = session.clone();
        Callback::from(move |()| {
            session.dispatch(Action::Settings(Settings::default()));
            if unity {
                session.dispatch(Action::Unity(UnityDraft::default()));
            }
        })
    };
    html! {
        <section class="panel settings" aria-label="Settings">
            <header class="panel-head">
                <h2 class="grow">{ "Settings" }</h2>
                if changed {
                    <Button testid="settings-reset" kind="quiet small" icon={Icon::Refresh} label="Defaults"
                        onclick={reset} />
                }
            </header>
            <div class="panel-body stack">
                <Select testid="settings-mode" label="Copy mode" value={mode} options={modes} onchange={set_mode}
                    hint={meaning} />
                <Select testid="settings-version" label="Format version" value={version} options={versions}
                    onchange={set_version} hint={version_hint} />
                if unity { <div class="parts"><Clusters /><After /><Conversions /></div> }
                { limits(&session, &settings) }
                <h3>{ "Rewritten files" }</h3>
                { files(&session, &settings) }
                <h3>{ "Proof and audit bundle" }</h3>
                { values(&session, &settings) }
            </div>
        </section>
    }
}

fn limits(session: &Handle, settings: &Settings) -> Html {
    let set_commits = change(session, |settings, n: u64| {
        settings.max_commits_per_min = u32::try_from(n).unwrap_or(u32::MAX);
    });
    let (label, hint) = match settings.adaptive {
        true => ("Parallel tables, at most", "More are tried as long as they are faster."),
        false => ("Parallel tables", "More is faster until the disk or the network is full."),
    };
    html! {
        <>
            <Number testid="settings-tables" {label} value={settings.max_parallel_tables as u64} min=1 max=64 {hint}
                onchange={change(session, |settings, n: u64| settings.max_parallel_tables = n as usize)} />
            <Check testid="settings-adaptive" label="Find the number of parallel tables during the run"
                checked={settings.adaptive} hint="For tables that are copied by this computer."
                onchange={change(session, set_adaptive)} />
            <Number testid="settings-writers" label="Parallel file writers"
                value={settings.max_parallel_writers as u64} min=1 max=256 hint="Over all tables together."
                onchange={change(session, |settings, n: u64| settings.max_parallel_writers = n as usize)} />
            <Number testid="settings-commits" label="Max commits per minute"
                value={u64::from(settings.max_commits_per_min)} min=1 max=6000 hint="Spares a shared catalog."
                onchange={set_commits} />
        </>
    }
}

/// The number is a bound then, and one that was not chosen would be too low.
fn set_adaptive(settings: &mut Settings, on: bool) {
    let standard = Settings::default().max_parallel_tables;
    settings.adaptive = on;
    match (on, settings.max_parallel_tables) {
        (true, tables) if tables == standard => settings.max_parallel_tables = Settings::MOST_ADAPTIVE,
        (false, Settings::MOST_ADAPTIVE) => settings.max_parallel_tables = standard,
        _ => {}
    }
}

fn values(session: &Handle, settings: &Settings) -> Html {
    let (_, value, _, hint) = *VALUES.iter().find(|(values, ..)| *values == settings.values).unwrap_or(&VALUES[0]);
    let options: Vec<(AttrValue, AttrValue)> =
        VALUES.iter().map(|(_, id, label, _)| ((*id).into(), (*label).into())).collect();
    let set = change(session, |settings, id: String| {
        if let Some((values, ..)) = VALUES.iter().find(|(_, known, ..)| *known == id) {
            settings.values = *values;
        }
    });
    html! { <Select testid="settings-values" label="Values of rows" {value} {options} onchange={set} {hint} /> }
}

fn files(session: &Handle, settings: &Settings) -> Html {
    let codecs: Vec<(AttrValue, AttrValue)> = CODECS.iter().map(|codec| ((*codec).into(), (*codec).into())).collect();
    let set_level = change(session, |settings, n: u64| settings.codec_level = i32::try_from(n).unwrap_or(3));
    html! {
        <>
            <Number testid="settings-file-size" label="Target file size" unit="MiB"
                value={settings.target_file_bytes / MIB} min=1 max=4096
                onchange={change(session, |settings, n: u64| settings.target_file_bytes = n * MIB)} />
            <Select testid="settings-codec" label="Parquet codec" value={settings.codec.clone()} options={codecs}
                onchange={change(session, |settings, codec: String| settings.codec = codec)} />
            if matches!(settings.codec.as_str(), "zstd" | "gzip") {
                <Number testid="settings-level" label="Codec level"
                    value={u64::try_from(settings.codec_level).unwrap_or(0)} min=1
                    max={if settings.codec == "zstd" { 22 } else { 9 }} onchange={set_level} />
            }
            <Check testid="settings-chunks" label="Copy column chunks without decoding where no row changes"
                checked={settings.move_chunks} hint="Much faster; the bytes of the rows stay as they are."
                onchange={change(session, |settings, on: bool| settings.move_chunks = on)} />
        </>
    }
}

fn change<T: 'static>(session: &Handle, apply: fn(&mut Settings, T)) -> Callback<T> {
    let session = session.clone();
    Callback::from(move |value: T| {
        let mut settings = session.prefs.settings.clone();
        apply(&mut settings, value);
        session.dispatch(Action::Settings(settings));
    })
}
