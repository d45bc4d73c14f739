//! What is assumed of a workspace and can be seen on a live one alone, and how it was found to be.

use crate::Error;
use serde::{Deserialize, Serialize};

/// What may be tried. Everything is made in a scratch schema, which is dropped at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctorRequest {
    pub workspace: String,
    /// Where the scratch schema is made.
    pub catalog: String,
    /// `catalog.schema.table`: a foreign Iceberg table that may be read and cloned. Best one that Databricks never read.
    #[serde(default)]
    pub foreign_table: Option<String>,
    /// A SQL warehouse's id; none: one that runs, or the cheapest.
    #[serde(default)]
    pub warehouse: Option<String>,
    /// A run may be submitted, twice with one token, and is cancelled at once: it costs the start of serverless compute.
    #[serde(default)]
    pub submit_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The workspace is as assumed.
    Holds,
    /// It is otherwise; the detail says how.
    Differs,
    /// Who is signed in may not try it.
    NotAllowed,
    /// What it needs was not given, or something before it failed.
    NotTried,
}

impl Finding {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Differs => "differs",
            Self::NotAllowed => "not allowed",
            Self::NotTried => "not tried",
        }
    }
}

/// One assumption. The key is stable: what is found is remembered by it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DoctorRow {
    pub key: String,
    pub assumption: String,
    pub finding: Finding,
    /// How it was seen.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

/// For an issue: it has neither the workspace's address nor who is signed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DoctorReport {
    pub product_version: String,
    pub cloud: Option<String>,
    pub examined_at: String,
    pub rows: Vec<DoctorRow>,
    /// The scratch schema, where it could not be dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_behind: Option<String>,
}
