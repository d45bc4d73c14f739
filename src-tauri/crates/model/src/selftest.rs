//! What planted defects show of the validation itself.

use crate::validation::ProofLevel;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SelftestReport {
    /// Every defect was seen by the level that promises it, and no sound copy was complained of.
    pub passed: bool,
    pub sound: Vec<SoundCopy>,
    pub defects: Vec<DefectSeen>,
}

/// A copy that holds the same table in other files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SoundCopy {
    pub name: String,
    /// The checks that complained of it.
    pub alarms: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DefectSeen {
    pub name: String,
    /// The weakest level that promises to see it.
    pub promised: ProofLevel,
    /// What the copy would be proved at.
    pub proved: ProofLevel,
    pub schema: bool,
    pub count: bool,
    pub aggregates: bool,
    pub digest: bool,
    /// The rows and the deletes counted from metadata alone.
    pub records: bool,
    /// Not ours: `EXCEPT` of SQL, both ways.
    pub except: bool,
}

impl DefectSeen {
    /// A copy with a defect must not reach the level that promises to see it.
    pub fn is_seen(&self) -> bool {
        self.proved < self.promised
    }
}
