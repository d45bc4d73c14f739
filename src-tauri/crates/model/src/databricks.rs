//! Databricks workspaces: how each is reached and signed in to, the governance gate, and the tables of Unity Catalog.

mod gate;
mod unity;

pub use gate::{ApiCall, Gate, GatePassed, GateRequest, Requirement, SchemaName, Unmet};
pub use unity::{
    FailedObject, TableGrant, TableKind, UnityListRequest, UnityPage, UnityRequest, UnityRow, UnitySummary,
};

use crate::ids::WorkspaceId;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who signs in, and where their credentials come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "way", rename_all = "snake_case")]
pub enum SignInMethod {
    /// A person, in the system's browser. `client_id` is a company's own application; none: the vendor's.
    Browser {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client_id: Option<String>,
    },
    /// A personal access token: the secret `token`.
    Token,
    /// A service principal by its application id and the secret `client_secret`.
    Machine { client_id: String },
    /// A profile of `~/.databrickscfg`, read anew each time. The grant of Databricks' own command line is never taken over:
    /// `databricks auth token` is asked.
    Profile { name: String },
    /// The `DATABRICKS_*` variables, read anew each time.
    Environment,
}

impl SignInMethod {
    /// As the command line and the JSON name it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Browser { .. } => "browser",
            Self::Token => "token",
            Self::Machine { .. } => "machine",
            Self::Profile { .. } => "profile",
            Self::Environment => "environment",
        }
    }
}

/// A workspace as the person describes it. Everything in it may be shown, logged and bundled: secrets are elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceSpec {
    pub name: String,
    /// `https://…`. May be empty for a profile or the environment, which bring their own.
    #[serde(default)]
    pub host: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Needed at hosts that serve several workspaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<WorkspaceId>,
    pub sign_in: SignInMethod,
    /// A PEM file with a company's own certificate authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// `http://name:port`; none: as the system and the environment say. One with a password is the secret `proxy` instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Which of [`WORKSPACE_SECRETS`] the keychain holds for it.
    #[serde(default)]
    pub secrets: Vec<String>,
}

pub const WORKSPACE_SECRETS: &[&str] = &["token", "client_secret", "proxy"];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaveWorkspace {
    pub spec: WorkspaceSpec,
    /// Goes to the keychain and nowhere else. A key with empty text removes that secret; a key left out keeps it.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
}

/// A profile of `~/.databrickscfg`, without what is secret in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileName {
    pub name: String,
    #[serde(default)]
    pub host: String,
    /// `pat`, `oauth-m2m`, `databricks-cli` …
    #[serde(default)]
    pub way: String,
}

/// Where the tokens of a sign-in are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    #[default]
    Keychain,
    /// Until the program ends: only because the person asked for it.
    Memory,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInRequest {
    pub name: String,
    /// Opens the system's browser. The address comes with [`Event::SignIn`](crate::event::Event::SignIn) in any case.
    #[serde(default)]
    pub open_browser: bool,
    #[serde(default)]
    pub keep: Keep,
}

/// What became of the tokens at the workspace. Here they are gone in every case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum SignedOut {
    Revoked,
    /// The workspace offers no revocation: its tokens end by themselves.
    NotOffered,
    /// Nobody was signed in through the browser.
    NothingThere,
    /// The workspace did not revoke them: they live on until they end by themselves.
    Failed {
        error: crate::Error,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkspaceStatus {
    pub name: String,
    pub host: String,
    pub signed_in: bool,
    /// The user's name, or the application id of a service principal.
    #[serde(default)]
    pub principal: Option<String>,
    #[serde(default)]
    pub groups: Vec<String>,
    #[serde(default)]
    pub metastore: Option<String>,
    /// Of the metastore; none: the workspace does not say.
    #[serde(default)]
    pub external_access: Option<bool>,
    /// `aws`, `azure` or `gcp`.
    #[serde(default)]
    pub cloud: Option<String>,
    /// How the sign-in was found, for people.
    #[serde(default)]
    pub from: String,
    #[serde(default)]
    pub error: Option<crate::Error>,
}
