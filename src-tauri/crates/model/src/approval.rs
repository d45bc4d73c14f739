//! Approval of a plan by others than the one who runs it: what a plan asks for, and what an approver signs.

use crate::ids::PlanHash;
use serde::{Deserialize, Serialize};

pub const APPROVAL_VERSION: u32 = 1;

/// Whose approval a plan needs. It is part of the plan, and so of its hash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalSettings {
    pub approvers: Vec<Approver>,
    /// How many different ones of them must approve.
    #[serde(default = "one")]
    pub needed: usize,
}

fn one() -> usize {
    1
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approver {
    pub name: String,
    /// Ed25519, 32 bytes, Base64: what `icebridge approval key` prints in the approver's state.
    pub public_key: String,
}

/// The file that an approver hands to who runs the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    pub approval_version: u32,
    pub plan_hash: PlanHash,
    pub public_key: String,
    pub given_at: String,
    /// It counts until then.
    pub expires_at: String,
    /// `Ed25519`.
    pub algorithm: String,
    /// 64 bytes, Base64, over the other fields.
    pub signature: String,
}

/// An approval, with the name that the plan has for its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedApproval {
    pub name: String,
    #[serde(flatten)]
    pub approval: Approval,
}

/// What something began on: in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approved {
    /// When they were looked at; they counted then.
    pub at: String,
    pub by: Vec<NamedApproval>,
}

/// An approval that was given, and what was approved by it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalGiven {
    /// The file that was written.
    pub path: String,
    pub approval: Approval,
    pub source: String,
    pub target: String,
    pub tables: usize,
    pub left_out: usize,
    pub rows: u64,
    pub bytes: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub change: String,
    pub losses: Vec<AcceptedLoss>,
}

/// A loss of a plan, over all its tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AcceptedLoss {
    pub code: String,
    pub title: String,
    pub tables: usize,
}

/// Who has approved a plan, as this state knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalStanding {
    pub plan_hash: PlanHash,
    /// False: neither a run of this state nor a plan file in it has the plan, so that nobody knows whom it asks for.
    pub is_known: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub change: String,
    /// None where the plan asks for no approval.
    pub needed: usize,
    pub approved: usize,
    pub is_enough: bool,
    /// The plan's approvers in its order, and behind them others whose approvals are kept.
    pub approvers: Vec<ApproverStanding>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApproverStanding {
    /// Empty: the plan does not name the key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub public_key: String,
    pub state: ApprovalState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    Approved,
    Missing,
    Expired,
    /// It says that it was given later than now: one of the two clocks is wrong.
    NotYet,
    /// The signature does not fit: the state was changed by hand.
    Broken,
    /// The key is that of the state that would run the plan.
    OwnKey,
    /// No plan that is known here names the key.
    NotNamed,
}

impl ApprovalState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Missing => "missing",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Broken => "broken",
            Self::OwnKey => "own_key",
            Self::NotNamed => "not_named",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Settings;

    #[test]
    fn a_plan_that_asks_for_no_approval_is_written_as_before() {
        let written = serde_json::to_value(Settings::default()).unwrap();
        assert_eq!((written.get("approval"), written.get("change")), (None, None));
        let text = r#"{"approval": {"approvers": [{"name": "a", "public_key": "k"}]}, "change": "CHG1"}"#;
        let asked: Settings = serde_json::from_str(text).unwrap();
        assert_eq!((asked.approval.as_ref().unwrap().needed, asked.change.as_str()), (1, "CHG1"));
        assert_eq!(serde_json::to_value(&asked).unwrap()["approval"]["needed"], 1);
    }

    #[test]
    fn an_approval_has_no_field_that_nobody_signed() {
        let approval = Approval {
            approval_version: 1,
            plan_hash: "h".into(),
            public_key: "k".into(),
            given_at: "a".into(),
            expires_at: "b".into(),
            algorithm: "Ed25519".into(),
            signature: "s".into(),
        };
        let mut value = serde_json::to_value(&approval).unwrap();
        assert_eq!(serde_json::from_value::<Approval>(value.clone()).unwrap(), approval);
        value["remark"] = "seen".into();
        assert!(serde_json::from_value::<Approval>(value).is_err());
    }
}
