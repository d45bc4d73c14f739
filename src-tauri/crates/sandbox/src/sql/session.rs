//! What a statement runs on, and for whom.

use super::ast::Target;
use super::error::SqlError;
use super::evaluate::Environment;
use crate::base::Shared;
use crate::jobs::JobsState;
use crate::state::{Common, Folder, Principal};
use crate::unity::{Details, Kind, Metastore, Securable};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone)]
pub struct Engine {
    pub common: Arc<Common>,
    pub folder: Arc<Folder>,
    pub metastore: Shared<Metastore>,
    pub jobs: Shared<JobsState>,
}

pub struct Session<'a> {
    pub engine: &'a Engine,
    pub principal: &'a Principal,
    pub environment: Environment,
    /// Whether the warehouse is serverless.
    pub serverless: bool,
}

impl Session<'_> {
    /// A name in full: what is missing is the session's.
    pub fn full(&self, parts: &[String]) -> Result<String, SqlError> {
        let Environment { catalog, schema, .. } = &self.environment;
        match parts {
            [table] => Ok(format!("{catalog}.{schema}.{table}")),
            [schema, table] => Ok(format!("{catalog}.{schema}.{table}")),
            [catalog, schema, table] => Ok(format!("{catalog}.{schema}.{table}")),
            _ => {
                let message = format!("{} is not a table name.", parts.join("."));
                Err(SqlError::new("IDENTIFIER_TOO_MANY_NAME_PARTS", "42601", message))
            }
        }
    }

    pub fn full_schema(&self, parts: &[String]) -> Result<String, SqlError> {
        match parts {
            [schema] => Ok(format!("{}.{schema}", self.environment.catalog)),
            [catalog, schema] => Ok(format!("{catalog}.{schema}")),
            _ => {
                let message = format!("{} is not a schema.", parts.join("."));
                Err(SqlError::new("REQUIRES_SINGLE_PART_NAMESPACE", "42K05", message))
            }
        }
    }

    pub fn securable(&self, target: &Target) -> Result<Securable, SqlError> {
        Ok(match target {
            Target::Metastore => Securable::new(Kind::Metastore, &self.engine.metastore.lock().id),
            Target::Catalog(name) => Securable::new(Kind::Catalog, name.as_ref().unwrap_or(&self.environment.catalog)),
            Target::Schema(name) => Securable::new(Kind::Schema, &self.full_schema(name)?),
            Target::Volume(name) => Securable::new(Kind::Volume, &self.full(name)?),
            Target::Table(name) => Securable::new(Kind::Table, &self.full(name)?),
        })
    }

    /// Default storage is reached by serverless compute alone.
    pub fn must_reach(&self, metastore: &Metastore, full_name: &str) -> Result<(), SqlError> {
        if self.serverless || !metastore.needs_serverless(full_name) {
            return Ok(());
        }
        let message = format!("{full_name} lies in default storage, which only serverless compute can access.");
        Err(SqlError::new("UNSUPPORTED_FEATURE.DEFAULT_STORAGE", "0A000", message))
    }

    pub fn details(&self, comment: Option<String>, properties: BTreeMap<String, String>) -> Details<'_> {
        let common = &self.engine.common;
        Details { owner: self.principal, id: common.ids.uuid(), now: common.now(), comment, properties }
    }
}
