//! The governance gate: its verdict, and what it takes to open it.

use crate::{Code, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A schema that tables shall go to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SchemaName {
    pub catalog: String,
    pub schema: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateRequest {
    pub workspace: String,
    pub targets: Vec<SchemaName>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    ExternalDataAccess,
    ExternalUseSchema,
    /// The catalog of a target is not there, or not for us.
    CatalogVisible,
}

/// An open gate, as a run records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatePassed {
    pub workspace: String,
    pub host: String,
    /// For whom it is open.
    pub principal: String,
    pub schemas: Vec<String>,
}

/// One missing piece, with all that is needed to mend it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unmet {
    pub requirement: Requirement,
    /// What it is about: the metastore, a catalog, or a schema.
    pub object: String,
    /// Who lacks it; none: it is a setting for all.
    pub principal: Option<String>,
    pub why: String,
    /// Who can mend it, by name where it is known.
    pub who: String,
    /// We are that one.
    pub ourselves: bool,
    /// To copy. None where there is no statement for it.
    pub sql: Option<String>,
    /// The same as a request.
    pub call: Option<ApiCall>,
    /// True: not all grants could be seen, so this may be a false alarm.
    pub unsure: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiCall {
    pub method: String,
    pub address: String,
    pub body: Value,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    pub host: String,
    pub principal: String,
    pub unmet: Vec<Unmet>,
    /// Why each target is open, for the record.
    pub met: Vec<String>,
}

impl Gate {
    pub fn is_open(&self) -> bool {
        self.unmet.is_empty()
    }

    /// An error where the gate is closed.
    pub fn pass(&self) -> Result<(), Error> {
        let Some(first) = self.unmet.first() else { return Ok(()) };
        let statement = first.sql.clone().or_else(|| first.call.as_ref().map(ApiCall::to_line));
        let hint = match statement {
            Some(statement) => format!("Ask {}: {statement}", first.who),
            None => format!("Ask {}.", first.who),
        };
        let mut error = Error::new(Code::GateClosed, first.why.clone()).about(&first.object).with_hint(hint);
        error.causes = self.unmet.iter().skip(1).map(|unmet| format!("{}: {}", unmet.object, unmet.why)).collect();
        Err(error)
    }
}

impl ApiCall {
    pub fn to_line(&self) -> String {
        format!("{} {} {}", self.method, self.address, self.body)
    }
}
