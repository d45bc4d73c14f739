//! What all trials share, and how each becomes a row.

use crate::LocalState;
use crate::examined::ForeignRead;
use crate::governance::warehouse;
use icebridge_databricks::Client;
use icebridge_databricks::identity::Me;
use icebridge_databricks::sql::SqlRow;
use icebridge_databricks::unity::quoted;
use icebridge_model::doctor::{DoctorRequest, DoctorRow, Finding};
use icebridge_model::{Code, Error, Result};
use tokio_util::sync::CancellationToken;

/// What the names of scratch schemas begin with.
pub(super) const PREFIX: &str = "icebridge_doctor_";

pub(super) struct Bench<'a> {
    pub local: &'a LocalState,
    pub client: &'a Client,
    pub request: &'a DoctorRequest,
    pub me: Me,
    pub cancel: &'a CancellationToken,
    /// The scratch schema's name; made if `made`.
    pub schema: String,
    pub made: bool,
    /// Found when it is needed first.
    pub warehouse: Option<String>,
    /// The snapshot of the foreign table that was read here, from now on or by an examination before.
    pub read: Option<ForeignRead>,
    pub rows: Vec<DoctorRow>,
}

/// How a trial ended.
pub(super) enum Seen {
    Holds(String),
    Differs(String),
    NotTried(String),
}

impl<'a> Bench<'a> {
    pub fn new(
        local: &'a LocalState,
        client: &'a Client,
        request: &'a DoctorRequest,
        me: Me,
        cancel: &'a CancellationToken,
    ) -> Self {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let schema = format!("{PREFIX}{}", id.get(..12).unwrap_or(&id));
        Self { local, client, request, me, cancel, schema, made: false, warehouse: None, read: None, rows: Vec::new() }
    }

    /// A table of the scratch schema, as SQL names it.
    pub fn table(&self, name: &str) -> String {
        quoted([self.request.catalog.as_str(), &self.schema, name])
    }

    /// Adds a row. An error only if the whole examination is cancelled.
    pub fn add(&mut self, key: &str, assumption: &str, seen: Result<Seen>) -> Result<Finding> {
        let (finding, detail, error) = match seen {
            Ok(Seen::Holds(detail)) => (Finding::Holds, detail, None),
            Ok(Seen::Differs(detail)) => (Finding::Differs, detail, None),
            Ok(Seen::NotTried(detail)) => (Finding::NotTried, detail, None),
            Err(error) if error.code == Code::Cancelled && self.cancel.is_cancelled() => return Err(error),
            Err(error) if matches!(error.code, Code::AccessDenied | Code::GateClosed) => {
                (Finding::NotAllowed, String::new(), Some(error))
            }
            Err(error) if says_nothing(error.code) => (Finding::NotTried, String::new(), Some(error)),
            Err(error) => (Finding::Differs, String::new(), Some(error)),
        };
        let detail = self.unnamed(&detail);
        let error = error.map(|error| {
            let error = error.or_usual_hint();
            Error {
                message: self.unnamed(&error.message),
                object: error.object.as_deref().map(|object| self.unnamed(object)),
                hint: error.hint.as_deref().map(|hint| self.unnamed(hint)),
                causes: error.causes.iter().map(|cause| self.unnamed(cause)).collect(),
                ..error
            }
        });
        self.rows.push(DoctorRow { key: key.into(), assumption: assumption.into(), finding, detail, error });
        Ok(finding)
    }

    /// Without the workspace's address and who is signed in: the report is made to be sent to others.
    fn unnamed(&self, text: &str) -> String {
        let text = text.replace(self.client.host().origin(), "<workspace>");
        match self.me.user_name.as_str() {
            "" => text,
            name => text.replace(name, "<who is signed in>"),
        }
    }

    /// Runs a statement on the warehouse.
    pub async fn sql(&mut self, statement: &str) -> Result<Vec<SqlRow>> {
        if self.warehouse.is_none() {
            self.warehouse = warehouse::choose(self.client, self.request.warehouse.as_deref()).await?;
        }
        let Some(id) = &self.warehouse else {
            return Err(Error::new(Code::AccessDenied, "there is no SQL warehouse that may be used")
                .with_hint("Name one with --warehouse, or ask for the right to use one."));
        };
        warehouse::rows(self.client, id, statement, &[], self.cancel).await
    }
}

/// Failures that are no answer to what was asked.
fn says_nothing(code: Code) -> bool {
    matches!(
        code,
        Code::WorkspaceUnreachable
            | Code::WorkspaceFailed
            | Code::CatalogUnreachable
            | Code::StorageUnreachable
            | Code::RateLimited
            | Code::OutcomeUnknown
            | Code::CommitUnknown
            | Code::Cancelled
            | Code::Internal
    )
}
