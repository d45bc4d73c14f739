//! What differs between workspaces, or is not known of them: each way is a setting, so that a client can be tried with all.

use super::lends::Lends;
use crate::base::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A setting of a few values, the first of which is the usual one.
macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $usual:ident = $text:literal $(, $other:ident = $other_text:literal)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            #[default]
            #[serde(rename = $text)]
            $usual,
            $(#[serde(rename = $other_text)] $other),*
        }
    )*};
}

choices! {
    /// How an assignment names a principal that was deleted.
    DeletedPrincipals { Absent = "absent", Empty = "empty" }
    /// How the owner of an object shows after its deletion.
    DeletedOwners { Id = "id", Empty = "empty", Absent = "absent" }
    /// What a host of several workspaces does with a request that names none.
    UnnamedWorkspace { Refused = "refused", Redirected = "redirected" }
    Cloud { Aws = "aws", Azure = "azure", Gcp = "gcp" }
    /// The newest version of the Jobs API that is there.
    JobsApi { Newest = "2.2", Older = "2.1" }
    /// What comes of a table that is to be staged.
    StageCreate {
        Lent = "lent", BadRequest = "refused-400", NotImplemented = "refused-501", CommitRefused = "commit-refused"
    }
    /// Where the code of a conflict that comes as 400 stands: in its text alone, or in a field as well.
    ConflictCode { InText = "in-text", Apart = "in-text-and-field" }
    /// Partitioning by an expression through the Iceberg endpoint.
    PartitionTransforms { Taken = "taken", Refused = "refused" }
    /// Tables of format version 3 written from outside.
    ManagedV3 { Refused = "refused", Taken = "taken" }
    /// What names a version of a foreign table in the warehouse: its Iceberg snapshot, or the number under which it was read.
    ForeignVersions { SnapshotIds = "snapshot-ids", Numbers = "numbers" }
    /// To whom the rules of tag policies are shown.
    TagRules { ToManagers = "to-managers", ToAll = "to-all" }
    /// Whether a failed statement tells its SQLSTATE apart from the text.
    SqlStates { Given = "given", Absent = "absent" }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    pub deleted_principals: DeletedPrincipals,
    pub deleted_owners: DeletedOwners,
    /// Fields that are empty, false, 0 or null are left out, as protocol buffers do.
    pub sparse_answers: bool,
    pub unnamed_workspace: UnnamedWorkspace,
    pub cloud: Cloud,
    /// No clusters can be asked for.
    pub serverless_only: bool,
    /// No serverless compute can be asked for.
    pub classic_only: bool,
    pub jobs_api: JobsApi,
    pub stage_create: StageCreate,
    pub conflict_code: ConflictCode,
    pub partition_transforms: PartitionTransforms,
    pub managed_v3: ManagedV3,
    pub foreign_versions: ForeignVersions,
    /// Whether REFRESH FOREIGN makes the newest snapshot one that was read.
    pub refresh_counts_as_read: bool,
    pub sql_states: SqlStates,
    pub tag_rules: TagRules,
    /// What the Iceberg endpoint lends for new tables' files; nothing where they lie on this machine.
    pub lends: Option<Lends>,
}

impl Behaviour {
    pub fn payload(&self) -> Map<String, Value> {
        match json!(self) {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }

    /// With these settings changed.
    pub fn with(&self, changes: Map<String, Value>) -> Result<Self, Refusal> {
        let mut fields = self.payload();
        fields.extend(changes);
        serde_json::from_value(Value::Object(fields)).map_err(|error| Refusal::invalid(error.to_string()))
    }
}

impl Cloud {
    /// As the bill spells it.
    pub fn upper(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::Azure => "AZURE",
            Self::Gcp => "GCP",
        }
    }
}
