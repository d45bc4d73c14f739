//! A state as a word with an icon: colour only underlines it.

use crate::marks::{Icon, Tone};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct ChipProps {
    pub tone: Tone,
    pub icon: Icon,
    pub word: AttrValue,
    #[prop_or_default]
    pub title: Option<AttrValue>,
    #[prop_or_default]
    pub spinning: bool,
}

#[component]
pub fn Chip(props: &ChipProps) -> Html {
    html! {
        <span class={classes!("chip", props.tone.class())} title={props.title.clone()}>
            if props.spinning { <span class="spinner" aria-hidden="true" /> } else { { props.icon.draw() } }
            <span>{ &props.word }</span>
        </span>
    }
}

/// The words, icons and tones of the model's states, in one place so that no page says it differently.
pub mod of {
    use super::Chip;
    use crate::marks::{Icon, Tone};
    use crate::view::clusters;
    use icebridge_model::finding::Verdict;
    use icebridge_model::mapping::MappingState;
    use icebridge_model::photon::ClusterStage;
    use icebridge_model::plan::{CopyMode, EngineKind};
    use icebridge_model::run::{RunState, TableState};
    use icebridge_model::sync::RoundEnd;
    use icebridge_model::validation::ProofLevel;
    use yew::prelude::*;

    pub fn verdict(verdict: Verdict) -> Html {
        let (tone, icon, word) = match verdict {
            Verdict::Note => (Tone::Accent, Icon::Note, "note"),
            Verdict::Loses => (Tone::Warn, Icon::Warning, "loses"),
            Verdict::Blocks => (Tone::Bad, Icon::CrossCircle, "blocks"),
        };
        html! { <Chip {tone} {icon} {word} /> }
    }

    /// A table's state in the pre-flight: with its losses accepted it is ready.
    pub fn preflight(state: &str, open: u64) -> Html {
        let (tone, icon, word) = match state {
            "blocked" => (Tone::Bad, Icon::CrossCircle, "blocked".to_owned()),
            "open" => (Tone::Warn, Icon::Warning, format!("{open} to accept")),
            "ready" => (Tone::Good, Icon::CheckCircle, "ready".to_owned()),
            "moved_on" => (Tone::Accent, Icon::Note, "source moved on".to_owned()),
            "migrated" => (Tone::Plain, Icon::Check, "migrated".to_owned()),
            "excluded" => (Tone::Plain, Icon::Minus, "left out".to_owned()),
            other => (Tone::Plain, Icon::Circle, other.to_owned()),
        };
        html! { <Chip {tone} {icon} {word} /> }
    }

    pub fn mapping(state: MappingState) -> Html {
        let (tone, icon, word) = match state {
            MappingState::Create => (Tone::Good, Icon::Plus, "create"),
            MappingState::Exists => (Tone::Accent, Icon::Note, "exists"),
            MappingState::Migrated => (Tone::Good, Icon::CheckCircle, "migrated"),
            MappingState::Excluded => (Tone::Plain, Icon::Minus, "excluded"),
            MappingState::Conflict => (Tone::Bad, Icon::Warning, "conflict"),
        };
        html! { <Chip {tone} {icon} {word} /> }
    }

    pub fn table(state: TableState) -> Html {
        let (tone, icon, spinning) = match state {
            TableState::Queued => (Tone::Plain, Icon::Clock, false),
            TableState::Copying | TableState::Committing | TableState::Validating => {
                (Tone::Accent, Icon::Refresh, true)
            }
            TableState::Committed => (Tone::Accent, Icon::Check, false),
            TableState::Migrated => (Tone::Good, Icon::CheckCircle, false),
            TableState::Failed => (Tone::Bad, Icon::CrossCircle, false),
            TableState::Cancelled => (Tone::Warn, Icon::Stop, false),
        };
        html! { <Chip {tone} {icon} {spinning} word={state.as_str()} /> }
    }

    /// How a table stands to its source; empty: nobody has looked.
    pub fn sync(state: &str, message: &str) -> Html {
        let (tone, icon, word) = match state {
            "up_to_date" => (Tone::Good, Icon::CheckCircle, "up to date"),
            "behind" => (Tone::Accent, Icon::Clock, "behind"),
            "failed" => (Tone::Bad, Icon::CrossCircle, "failed"),
            "stopped" => (Tone::Bad, Icon::Warning, "stopped"),
            "cut_over" => (Tone::Good, Icon::CheckCircle, "cut over"),
            "not_migrated" => (Tone::Plain, Icon::Minus, "not migrated"),
            _ => (Tone::Plain, Icon::Circle, "not looked at"),
        };
        let title = (!message.is_empty()).then(|| message.to_string());
        html! { <Chip {tone} {icon} {word} {title} /> }
    }

    /// How far a table is cut over; empty: it was not begun.
    pub fn cutover(state: &str, message: &str) -> Html {
        let (tone, icon, word) = match state {
            "begun" => (Tone::Accent, Icon::Refresh, "begun"),
            "failed" => (Tone::Bad, Icon::CrossCircle, "failed"),
            "moving" => (Tone::Warn, Icon::Warning, "moving"),
            "on_probation" if message.is_empty() => (Tone::Good, Icon::Check, "on probation"),
            "on_probation" => (Tone::Warn, Icon::Warning, "on probation"),
            "returning" => (Tone::Warn, Icon::Warning, "returning"),
            "finished" => (Tone::Good, Icon::CheckCircle, "finished"),
            "not_migrated" => (Tone::Plain, Icon::Minus, "not migrated"),
            _ => (Tone::Plain, Icon::Circle, "not begun"),
        };
        let title = (!message.is_empty()).then(|| message.to_string());
        html! { <Chip {tone} {icon} {word} {title} /> }
    }

    pub fn round(end: RoundEnd) -> Html {
        let (tone, icon, word) = match end {
            RoundEnd::Committed => (Tone::Good, Icon::CheckCircle, "committed"),
            RoundEnd::Failed => (Tone::Bad, Icon::CrossCircle, "failed"),
            RoundEnd::Stopped => (Tone::Bad, Icon::Warning, "stopped"),
            RoundEnd::Open => (Tone::Plain, Icon::Circle, "not ended"),
        };
        html! { <Chip {tone} {icon} {word} /> }
    }

    pub fn run(state: RunState) -> Html {
        let (tone, icon, spinning) = match state {
            RunState::Running => (Tone::Accent, Icon::Refresh, true),
            RunState::Succeeded => (Tone::Good, Icon::CheckCircle, false),
            RunState::Incomplete => (Tone::Bad, Icon::Warning, false),
            RunState::Cancelled => (Tone::Warn, Icon::Stop, false),
            RunState::Interrupted => (Tone::Warn, Icon::Warning, false),
        };
        html! { <Chip {tone} {icon} {spinning} word={state.as_str()} /> }
    }

    pub fn mode(mode: CopyMode) -> Html {
        let (icon, title) = match mode {
            CopyMode::Register => (Icon::Link, "the target adopts the metadata; both share the files"),
            CopyMode::Clone => (Icon::Copy, "every file is copied; the whole history is kept"),
            CopyMode::Rewrite => (Icon::Pencil, "rows are written anew with deletes applied; no history"),
        };
        html! { <Chip tone={Tone::Plain} {icon} word={mode.as_str()} {title} /> }
    }

    /// With the reason, where there is one.
    pub fn engine(engine: EngineKind, reason: &str) -> Html {
        let (tone, icon, word, meaning) = match engine {
            EngineKind::Embedded => (Tone::Plain, Icon::Computer, "here", "this computer copies the table"),
            EngineKind::Photon => (Tone::Accent, Icon::Cloud, "Photon", "a Databricks cluster copies the table"),
        };
        let title = if reason.is_empty() { meaning.to_string() } else { reason.to_string() };
        html! { <Chip {tone} {icon} {word} {title} /> }
    }

    /// How far its cluster is.
    pub fn stage(stage: ClusterStage, message: &str) -> Html {
        let stage = clusters::stage(stage);
        let title = Some(message.to_string()).filter(|message| !message.is_empty()).map(AttrValue::from);
        html! { <Chip tone={stage.tone} icon={stage.icon} word={stage.word} spinning={stage.is_at_work} {title} /> }
    }

    pub fn proof(proof: ProofLevel, passed: bool) -> Html {
        let title = match proof {
            ProofLevel::None => "something differs, or nothing could be compared",
            ProofLevel::Schema => "columns, types and nullability agree",
            ProofLevel::Count => "… and the row counts",
            ProofLevel::Aggregates => "… and per column nulls, min, max and sum",
            ProofLevel::Digest => "… and the typed row digest: the same rows the same number of times",
            ProofLevel::Bytes => "… and every file in every snapshot, by SHA-256",
            ProofLevel::TargetReadBack => "the digest, and the target's own engine read the target and found the same",
            ProofLevel::ReadBack => "the digest, and another engine read both sides and found the same",
        };
        let (tone, icon) = if passed { (Tone::Good, Icon::Shield) } else { (Tone::Bad, Icon::CrossCircle) };
        html! { <Chip {tone} {icon} word={proof.as_str()} {title} /> }
    }
}
