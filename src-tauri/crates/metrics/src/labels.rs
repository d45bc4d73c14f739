//! The labels, and what they may say.

use icebridge_model::run::CopyOutcome;
use prometheus_client::encoding::EncodeLabelSet;

/// Of the journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Inventory,
    Preflight,
    Plan,
    Run,
    /// Of a finished run, once more. Within a run it is a state of each table.
    Validate,
    /// A look or a round of a sync, over all its tables.
    Sync,
    /// A cut-over, a look at tables on probation, the way back or the end, over all its tables.
    Cutover,
    Audit,
}

impl Stage {
    pub const ALL: [Self; 8] = [
        Self::Inventory,
        Self::Preflight,
        Self::Plan,
        Self::Run,
        Self::Validate,
        Self::Sync,
        Self::Cutover,
        Self::Audit,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::Preflight => "preflight",
            Self::Plan => "plan",
            Self::Run => "run",
            Self::Validate => "validate",
            Self::Sync => "sync",
            Self::Cutover => "cutover",
            Self::Audit => "audit",
        }
    }
}

macro_rules! label_sets {
    ($($name:ident { $($label:ident),* })*) => {
        $(
            #[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
            pub struct $name {
                $(pub $label: &'static str,)*
            }
        )*
    };
}

label_sets! {
    ByStage { stage }
    ByState { state }
    ByEngine { engine }
    ByStateAndEngine { state, engine }
    ByCommit { outcome, engine }
    ByWay { way }
    ByVerdict { verdict, proof, engine }
    ByFamily { family }
    ByLimiter { limiter }
    ByVersion { version }
}

/// How many files went which way.
pub fn files(outcome: &CopyOutcome) -> [(&'static str, u64); 3] {
    [("copied", outcome.files_copied), ("decoded", outcome.files_decoded), ("chunk_moved", outcome.files_chunk_moved)]
}

/// Gauges are signed.
pub fn gauge(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
