//! One error for the whole product: a stable code, the object it is about, the cause and the next step.
//!
//! The code that raises an error says what failed and what the reader can do; the edges (UI, CLI, bundle) only print it.

use serde::{Deserialize, Serialize};
use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $blame:ident;)*) => {
        /// Stable codes. Scripts match on them, so a code is never renamed or given a new meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Code { $($(#[$doc])* #[serde(rename = $text)] $variant,)* }

        impl Code {
    /// Whether it says that a table is not whole, and not merely that it could not be reached.
    pub fn is_damage(self) -> bool {
        matches!(
            self,
            Self::TableNotFound | Self::MetadataBroken | Self::FileMissing | Self::FileBroken | Self::ChecksumMismatch
        )
    }

            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];
            pub fn as_str(self) -> &'static str { match self { $(Code::$variant => $text,)* } }
            /// Whether the person can mend it (exit code 1) or we have to (exit code 2).
            pub fn blame(self) -> Blame { match self { $(Code::$variant => Blame::$blame,)* } }
        }
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    User,
    Ours,
}

codes! {
    /// A name, pattern, file or option that cannot be understood.
    InvalidInput = "invalid-input", User;
    CatalogNotFound = "catalog-not-found", User;
    CatalogUnreachable = "catalog-unreachable", User;
    CatalogRefused = "catalog-refused", User;
    CredentialsRejected = "credentials-rejected", User;
    CredentialsMissing = "credentials-missing", User;
    KeychainUnavailable = "keychain-unavailable", User;
    TableNotFound = "table-not-found", User;
    TableExists = "table-exists", User;
    /// metadata.json, a manifest list, a manifest or a delete file that does not say what the spec asks for.
    MetadataBroken = "metadata-broken", User;
    FileMissing = "file-missing", User;
    /// A data or delete file that cannot be decoded.
    FileBroken = "file-broken", User;
    ChecksumMismatch = "checksum-mismatch", User;
    /// Text whose bytes are not UTF-8, where it has to be.
    InvalidText = "invalid-text", User;
    StorageDenied = "storage-denied", User;
    StorageFull = "storage-full", User;
    StorageUnreachable = "storage-unreachable", User;
    StorageFailed = "storage-failed", User;
    /// A file is larger, deeper or holds more than what is read of a kind; the hint says how to raise the limit.
    LimitExceeded = "limit-exceeded", User;
    /// Something in the table's format that this reader does not know, found before it could do harm.
    Unsupported = "unsupported", User;
    MappingConflict = "mapping-conflict", User;
    PreflightBlocked = "preflight-blocked", User;
    /// Every table of the mapping is in the target already, by an earlier run.
    AlreadyMigrated = "already-migrated", User;
    LossNotAccepted = "loss-not-accepted", User;
    PlanStale = "plan-stale", User;
    PlanBroken = "plan-broken", User;
    /// The plan asks for approvals, and too few valid ones are there.
    NotApproved = "not-approved", User;
    CommitConflict = "commit-conflict", User;
    /// Somebody else has written to a table of the target that a sync keeps up with its source.
    TargetChanged = "target-changed", User;
    /// Another table has the name of the source's table now.
    SourceReplaced = "source-replaced", User;
    /// Somebody goes on writing to a table of the source that is to be cut over.
    SourceNotQuiet = "source-not-quiet", User;
    /// A freeze window of the plan is open: no reader and no writer is moved.
    Frozen = "frozen", User;
    /// A program or web address that is called at a stage did not do what it is for.
    HookFailed = "hook-failed", User;
    /// A collector of traces that cannot be reached, or does not take them. Only the log says it.
    TracesFailed = "traces-failed", User;
    /// A table is cut over, so that what was asked for would take away what others have written to it.
    CutOver = "cut-over", User;
    /// The answer to a commit was lost and the target does not say whether it happened.
    CommitUnknown = "commit-unknown", User;
    RateLimited = "rate-limited", User;
    /// The compute of a plan has cost what it may cost.
    SpendCap = "spend-cap", User;
    ValidationFailed = "validation-failed", User;
    /// An engine that is to read a table once more is not installed, or broke off.
    JudgeUnavailable = "judge-unavailable", User;
    BundleBroken = "bundle-broken", User;
    RunNotFound = "run-not-found", User;
    Cancelled = "cancelled", User;
    StateLocked = "state-locked", User;
    StateBroken = "state-broken", User;
    /// No answer from a Databricks workspace, account console or token server.
    WorkspaceUnreachable = "workspace-unreachable", User;
    /// The workspace understood the request and will not do it.
    WorkspaceRefused = "workspace-refused", User;
    /// An internal error of the workspace (HTTP 5xx), or an answer that is not a workspace's: a proxy or a sign-in page may
    /// have answered in its place.
    WorkspaceFailed = "workspace-failed", User;
    /// An answer of the workspace lacks what is needed of it, or says it in a way that this version does not know.
    AnswerNotUnderstood = "answer-not-understood", User;
    /// The one who is signed in lacks the right.
    AccessDenied = "access-denied", User;
    /// A job, job run, cluster, file, scope or another thing of a workspace that is not a table or catalog.
    ObjectNotFound = "object-not-found", User;
    /// A user, group or service principal that the workspace does not know, or no longer.
    PrincipalNotFound = "principal-not-found", User;
    /// A request that changes something was sent and its answer was lost: look before asking again.
    OutcomeUnknown = "outcome-unknown", User;
    /// External data access, or EXTERNAL USE SCHEMA on a target schema, is missing.
    GateClosed = "gate-closed", User;
    /// A run of the workspace, on a cluster of its, did not end well.
    RunFailed = "run-failed", User;
    Internal = "internal", Ours;
}

impl Code {
    /// What to do where the error has no hint of its own.
    pub fn next_step(self) -> &'static str {
        match self {
            Self::InvalidInput => "Correct what is named here, and try again.",
            Self::CatalogNotFound => "Check the catalog's name, its address and the warehouse it is asked for.",
            Self::CatalogUnreachable | Self::TracesFailed => "Check the address and the network, and try again.",
            Self::CatalogRefused => "See the cause, and the catalog's own log.",
            Self::CredentialsRejected => "Check the catalog's secrets and save it again.",
            Self::CredentialsMissing => "Save the catalog again with its secrets.",
            Self::KeychainUnavailable => {
                "Unlock the keychain, or set ICEBRIDGE_SECRET_<NAME>_<KEY> (capitals, `_` for anything else)."
            }
            Self::TableNotFound => "List the catalog again: the table may have been renamed or dropped.",
            Self::TableExists => "Map the table to another name.",
            Self::MetadataBroken => {
                "The metadata is not as Iceberg's specification asks for. Repair the table with the engine that writes it, \
                 or restore the file from a backup."
            }
            Self::FileMissing => "Restore the file at the source, or expire the snapshots that need it.",
            Self::FileBroken | Self::ChecksumMismatch => {
                "The file is damaged. Restore it from a backup, or remove it from the table with the engine that writes it."
            }
            Self::JudgeUnavailable => {
                "Install what the cause names, or set ICEBRIDGE_JUDGE_PYTHON to a Python that has it; `icebridge validate --help` \
                 says what each judge needs."
            }
            Self::InvalidText => {
                "Copy the table by the mode `clone`, which keeps the bytes as they are, or correct the text at the source."
            }
            Self::LimitExceeded => "Check that the file is what it should be, or raise the limit that is named here.",
            Self::StorageDenied => "Give this user the right to the file or folder.",
            Self::StorageFull => "Free space there, and resume.",
            Self::StorageUnreachable => "Check the network and the storage's address, and resume.",
            Self::StorageFailed => "See the cause, and check the disk or the storage.",
            Self::Unsupported => {
                "This version cannot do that. Leave the table out, or choose another copy mode for it."
            }
            Self::MappingConflict => "Change the mapping so that every table has a name of its own.",
            Self::PreflightBlocked => "The pre-flight shows for each table what to do.",
            Self::AlreadyMigrated => "There is nothing to do. To copy a table again, map it to another name.",
            Self::LossNotAccepted => "Look at what is lost in the pre-flight, and accept it by its code.",
            Self::PlanStale => "Take the inventory again and make a new plan.",
            Self::PlanBroken => "Make the plan again.",
            Self::NotApproved => "Have it approved, by `icebridge approval give` and `icebridge approval take`.",
            Self::CommitConflict | Self::CommitUnknown => "Resume: the target is asked first.",
            Self::TargetChanged => {
                "Nothing was changed. Undo that write in the target, or drop the table there and copy it again by a new plan."
            }
            Self::SourceReplaced => "Take the inventory again and make a new plan for the new table.",
            Self::Frozen => "Wait until the freeze window is over, or make a plan without it.",
            Self::SourceNotQuiet => "Stop the writers of the table, and try again.",
            Self::HookFailed => "See what the hook said, mend it, and try again.",
            Self::CutOver => {
                "Leave the table out. To go on with its source, take the way back: `icebridge cutover back`."
            }
            Self::RateLimited => "Wait a little, and resume.",
            Self::SpendCap => "Make a new plan with a larger `--spend-cap`: what is migrated is left out of it.",
            Self::ValidationFailed => "Look at what differs, and drop the table in the target before a new run.",
            Self::BundleBroken => "Ask for the bundle again where it was made.",
            Self::RunNotFound => "List the runs, and name one of them.",
            Self::Cancelled => "Resume whenever you like: what is finished is kept.",
            Self::StateLocked => "Wait for the other IceBridge to finish.",
            Self::StateBroken => "Move the state folder away and start with a fresh one.",
            Self::WorkspaceUnreachable => "Check the workspace's address, the proxy and the network, and try again.",
            Self::WorkspaceRefused => "See the cause; the request id finds it in the workspace's log.",
            Self::WorkspaceFailed => "Try again later; if it stays, check the address and what lies between.",
            Self::AnswerNotUnderstood => {
                "See the cause. Update IceBridge if there is a newer version, and report it if not."
            }
            Self::AccessDenied => "Ask whoever owns the object for the right that is named here.",
            Self::ObjectNotFound => "Check its name: it may have been renamed or deleted in the workspace.",
            Self::PrincipalNotFound => {
                "Check the name: the user, group or service principal may have been deleted or renamed."
            }
            Self::OutcomeUnknown => "Look in the workspace whether it happened before doing it again.",
            Self::GateClosed => "Run the SQL that the governance gate shows, and check again.",
            Self::RunFailed => "See the cause and the run's page in the workspace, and run the table again.",
            Self::Internal => "This is a defect in IceBridge. Please report it with the log.",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Error {
    pub code: Code,
    /// One sentence: what failed and why, without the cause's own words.
    pub message: String,
    /// The table, file or catalog it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The chain of causes, outermost first, in their own words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// The same call may succeed if repeated unchanged.
    #[serde(default)]
    pub retryable: bool,
}

impl Error {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), object: None, hint: None, causes: Vec::new(), retryable: false }
    }
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidInput, message)
    }
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, message).with_hint("This is a defect in IceBridge. Please report it with the log.")
    }
    /// Names the object, unless a deeper layer, which knew better, already has.
    pub fn about(mut self, object: impl fmt::Display) -> Self {
        self.object.get_or_insert_with(|| object.to_string());
        self
    }
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }
    /// For the edges: every error has a next step.
    pub fn or_usual_hint(self) -> Self {
        let usual = self.code.next_step();
        self.with_hint(usual)
    }
    /// It came up while the target was read: what is damaged there cannot be mended at the source.
    pub fn at_target(self) -> Self {
        const HINT: &str = "It is the target that is not whole. `icebridge sync --whole` brings a table right that was rewritten, \
                            here or by a cluster, and `icebridge validate` proves it; drop any other one in the target, and copy it again \
                            by a new plan.";
        match self.code.is_damage() {
            true => Self { hint: Some(HINT.into()), ..self },
            false => self,
        }
    }
    pub fn with_cause(mut self, cause: impl std::error::Error) -> Self {
        self.causes.push(cause.to_string());
        let mut next = cause.source();
        while let Some(source) = next {
            let words = source.to_string();
            if self.causes.last() != Some(&words) {
                self.causes.push(words);
            }
            next = source.source();
        }
        self
    }
    pub fn with_cause_text(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        if let Some(object) = &self.object {
            write!(f, " ({object})")?;
        }
        for cause in &self.causes {
            write!(f, ": {cause}")?;
        }
        write!(f, " [{}]", self.code)
    }
}

impl std::error::Error for Error {}
