//! What earlier work left behind, here and in workspaces and targets, and what may be removed of it.

use crate::Error;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TidyRequest {
    /// False: only look.
    #[serde(default)]
    pub remove: bool,
    /// Also staged copies, from which a later run of their plan would go on.
    #[serde(default)]
    pub staged: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftoverKind {
    /// A table's files in the target, of a copy that was neither published nor taken back.
    StagedCopy,
    /// A job of the workspace, made for a step that is over.
    Job,
    /// A secret scope of the workspace, lent to clusters.
    Secrets,
    /// A folder of the workspace with the scripts of another version.
    Scripts,
    /// A schema that `workspace doctor` made.
    ScratchSchema,
    /// The state folder of a rehearsal.
    Rehearsal,
    /// An audit bundle that a later one of the same run takes the place of.
    Bundle,
    /// An audit bundle whose export was ended in the middle.
    UnfinishedBundle,
}

impl LeftoverKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StagedCopy => "staged copy",
            Self::Job => "job",
            Self::Secrets => "secrets",
            Self::Scripts => "scripts",
            Self::ScratchSchema => "scratch schema",
            Self::Rehearsal => "rehearsal",
            Self::Bundle => "earlier bundle",
            Self::UnfinishedBundle => "unfinished bundle",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    Removable,
    /// Somebody needs it, or nobody here can tell that it is ours alone.
    Stays,
    Removed,
    /// It was to be removed, and could not be.
    Failed,
}

impl Fate {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Removable => "removable",
            Self::Stays => "stays",
            Self::Removed => "removed",
            Self::Failed => "failed",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leftover {
    pub kind: LeftoverKind,
    /// A table, a path, or a name in a workspace.
    pub name: String,
    /// The catalog, workspace or folder that has it.
    pub place: String,
    pub fate: Fate,
    /// What it was for, or why it stays.
    pub why: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

/// A place that could not be looked into.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unseen {
    pub place: String,
    pub error: Error,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TidyView {
    pub leftovers: Vec<Leftover>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<Unseen>,
}

impl TidyView {
    pub fn count(&self, fate: Fate) -> usize {
        self.leftovers.iter().filter(|left| left.fate == fate).count()
    }
}
