//! One error for the whole product: a stable code, the object it is about, the cause and the next step.
//!
//! Whoever raises an error says what failed and what the reader can do; the edges (UI, CLI, bundle) only print it.

use serde::{Deserialize, Serialize};
use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $whose:ident;)*) => {
        /// Stable codes. Scripts match on them, so a code is never renamed or given a new meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Code { $($(#[$doc])* #[serde(rename = $text)] $variant,)* }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];
            pub fn as_str(self) -> &'static str { match self { $(Code::$variant => $text,)* } }
            /// Whether the person can mend it (exit code 1) or we have to (exit code 2).
            pub fn whose(self) -> Whose { match self { $(Code::$variant => Whose::$whose,)* } }
        }
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
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
    StorageDenied = "storage-denied", User;
    StorageFull = "storage-full", User;
    StorageUnreachable = "storage-unreachable", User;
    StorageFailed = "storage-failed", User;
    /// Something in the table's format that this reader does not know, found before it could do harm.
    Unsupported = "unsupported", User;
    MappingConflict = "mapping-conflict", User;
    PreflightBlocked = "preflight-blocked", User;
    LossNotAccepted = "loss-not-accepted", User;
    PlanStale = "plan-stale", User;
    PlanBroken = "plan-broken", User;
    CommitConflict = "commit-conflict", User;
    /// The answer to a commit was lost and the target does not say whether it happened.
    CommitUnknown = "commit-unknown", User;
    RateLimited = "rate-limited", User;
    ValidationFailed = "validation-failed", User;
    BundleBroken = "bundle-broken", User;
    JobNotFound = "job-not-found", User;
    Cancelled = "cancelled", User;
    StateLocked = "state-locked", User;
    StateBroken = "state-broken", User;
    /// No answer from a Databricks workspace, account console or token server.
    WorkspaceUnreachable = "workspace-unreachable", User;
    /// The workspace understood the request and will not do it.
    WorkspaceRefused = "workspace-refused", User;
    /// The one who is signed in lacks the right.
    AccessDenied = "access-denied", User;
    /// A job, run, cluster, file, scope or another thing of a workspace that is not a table or catalog.
    ObjectNotFound = "object-not-found", User;
    /// A request that changes something was sent and its answer was lost: look before asking again.
    OutcomeUnknown = "outcome-unknown", User;
    /// External data access, or EXTERNAL USE SCHEMA on a target schema, is missing.
    GateClosed = "gate-closed", User;
    Internal = "internal", Ours;
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
