//! What the endpoint takes, as far as workspaces differ.

use super::error::IcebergError;
use crate::state::behaviour::{Behaviour, ConflictCode, ManagedV3, PartitionTransforms, StageCreate};
use serde_json::Value;

#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Conflicts come as the specification has them.
    plain_conflicts: bool,
    /// In the other way of conflicts, their code stands in a field too.
    code_apart: bool,
    transforms: bool,
    v3: bool,
    stage: StageCreate,
}

impl Rules {
    pub fn new(behaviour: &Behaviour, conflicts_as_400: bool) -> Self {
        Self {
            plain_conflicts: !conflicts_as_400,
            code_apart: behaviour.conflict_code == ConflictCode::Apart,
            transforms: behaviour.partition_transforms == PartitionTransforms::Taken,
            v3: behaviour.managed_v3 == ManagedV3::Taken,
            stage: behaviour.stage_create,
        }
    }

    /// Another commit came first.
    pub fn conflict(&self, why: &str) -> IcebergError {
        IcebergError::conflict(self.plain_conflicts, self.code_apart, why)
    }

    pub fn check_version(&self, version: i64) -> Result<(), IcebergError> {
        match version {
            1 | 2 => Ok(()),
            3 if self.v3 => Ok(()),
            _ => Err(IcebergError::bad(format!(
                "writing tables of format version {version} from outside is not supported"
            ))),
        }
    }

    pub fn check_spec(&self, spec: &Value) -> Result<(), IcebergError> {
        let fields = spec["fields"].as_array().into_iter().flatten();
        let expression =
            |field: &&Value| !["identity", "void"].contains(&field["transform"].as_str().unwrap_or_default());
        match fields.into_iter().find(expression) {
            Some(field) if !self.transforms => {
                let transform = field["transform"].as_str().unwrap_or_default();
                Err(IcebergError::bad(format!(
                    "partitioning by {transform} is not supported for managed Iceberg tables"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Whether the commit that fills a staged table can make it.
    pub fn check_creating_commit(&self) -> Result<(), IcebergError> {
        match self.stage {
            StageCreate::CommitRefused => Err(IcebergError::bad("the requirement assert-create is not supported")),
            _ => self.check_stage(),
        }
    }

    /// Whether a table can be staged.
    pub fn check_stage(&self) -> Result<(), IcebergError> {
        match self.stage {
            StageCreate::Lent | StageCreate::CommitRefused => Ok(()),
            StageCreate::BadRequest => Err(IcebergError::bad("stage-create is not supported")),
            StageCreate::NotImplemented => {
                Err(IcebergError::new(501, "UnsupportedOperationException", "stage-create is not implemented"))
            }
        }
    }
}
