//! How a table is copied, and who copies it.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyMode {
    /// Zero-copy: the target adopts the source's metadata; both share the files.
    Register,
    /// Every file is copied and every path relocated; the whole history is kept.
    Clone,
    /// The rows of the pinned snapshot are written anew with deletes applied; no history.
    Rewrite,
}

impl CopyMode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Clone => "clone",
            Self::Rewrite => "rewrite",
        }
    }
}

/// Who copies a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    /// This process.
    #[default]
    Embedded,
    /// A Databricks cluster.
    Photon,
}

impl EngineKind {
    pub fn is_embedded(&self) -> bool {
        *self == Self::Embedded
    }
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Photon => "photon",
        }
    }
}
