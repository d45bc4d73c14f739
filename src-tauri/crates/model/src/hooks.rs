//! Programs and web addresses of the user's that are called at stages of the journey.

use crate::{Error, TableIdent};
use serde::{Deserialize, Serialize};

/// When a hook is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HookStage {
    /// Once for all tables of a cut-over, before anything else is done.
    #[serde(rename = "cutover.announce")]
    Announce,
    /// Once for all tables: writers are to stop.
    #[serde(rename = "cutover.quiesce")]
    Quiesce,
    /// Once for the tables that were not moved after all, or went back: writers may write to the source again.
    #[serde(rename = "cutover.release")]
    Release,
    /// For one table: readers and writers are to be moved to the target.
    #[serde(rename = "cutover.move")]
    Move,
    /// For one table: the undo of `cutover.move`.
    #[serde(rename = "cutover.move_back")]
    MoveBack,
    /// Once for the tables that are finished: the way back is closed.
    #[serde(rename = "cutover.finish")]
    Finish,
}

impl HookStage {
    pub const ALL: [Self; 6] = [Self::Announce, Self::Quiesce, Self::Release, Self::Move, Self::MoveBack, Self::Finish];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Announce => "cutover.announce",
            Self::Quiesce => "cutover.quiesce",
            Self::Release => "cutover.release",
            Self::Move => "cutover.move",
            Self::MoveBack => "cutover.move_back",
            Self::Finish => "cutover.finish",
        }
    }
}

/// What a failure of the hook means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IfItFails {
    /// The stage has failed.
    #[default]
    Stop,
    /// It is written down, and the stage goes on.
    GoOn,
}

/// One hook of a hooks file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    pub on: HookStage,
    /// A program and its arguments. A path that is not absolute is below the hooks file's folder if it has a slash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<String>,
    /// An http or https address that takes a POST.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// How long the answer is waited for.
    #[serde(default = "seconds")]
    pub seconds: u64,
    #[serde(default)]
    pub if_it_fails: IfItFails,
}

fn seconds() -> u64 {
    60
}

/// The content of a hooks file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HooksFile {
    pub hooks: Vec<Hook>,
}

/// A table in what a hook is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookTable {
    pub source: TableIdent,
    pub target: TableIdent,
}

/// What a hook is given, as one JSON object: by standard input, or as the body of a POST.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HookCall {
    /// 1.
    pub version: u32,
    pub stage: HookStage,
    /// The same for a call that is made again: what has been done for it must not be done twice.
    pub key: String,
    pub run_id: String,
    pub plan_hash: String,
    /// Names of catalogs.
    pub source: String,
    pub target: String,
    pub tables: Vec<HookTable>,
    /// Nobody is to be moved: it is only tried how long it takes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rehearsal: bool,
}

/// What became of a hook, as journal and bundle have it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HookDone {
    pub stage: HookStage,
    /// The program's file name, or the address's origin: a longer one may hold a secret.
    pub hook: String,
    pub milliseconds: u64,
    /// The text of the JSON object that it answered; empty if it said nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub answer: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}
