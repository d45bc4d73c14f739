//! Opens the saved catalogs: those of a Databricks workspace with its sign-in, others as they are.

use crate::LocalState;
use crate::workspaces::endpoint;
use icebridge_lakehouse::catalog::{self, Bearer};
use icebridge_lakehouse::{Catalog, TargetCatalog};
use icebridge_model::catalog::{CatalogKind, CatalogSpec, Role};
use icebridge_model::{Error, Result};
use std::sync::Arc;

impl LocalState {
    pub async fn open_source(&self, name: &str) -> Result<Arc<dyn Catalog>> {
        let spec = self.spec(name, Role::Source).await?;
        let secrets = self.secrets_of(&spec).await?;
        let (spec, bearer) = self.reached(spec).await?;
        catalog::open(&spec, &secrets, bearer).await.map_err(|e| e.about(name))
    }

    pub async fn open_target(&self, name: &str) -> Result<Arc<dyn TargetCatalog>> {
        let spec = self.spec(name, Role::Target).await?;
        let secrets = self.secrets_of(&spec).await?;
        let (spec, bearer) = self.reached(spec).await?;
        catalog::open_target(&spec, &secrets, bearer).await.map_err(|e| e.about(name))
    }

    /// A catalog of a Databricks workspace with the address and the sign-in of today; others as they are.
    async fn reached(&self, spec: CatalogSpec) -> Result<(CatalogSpec, Option<Arc<dyn Bearer>>)> {
        match spec.kind {
            CatalogKind::Unity => endpoint::reach(self, spec).await.map(|(spec, by)| (spec, Some(by))),
            _ => Ok((spec, None)),
        }
    }

    async fn spec(&self, name: &str, role: Role) -> Result<CatalogSpec> {
        let spec = self.store.catalog(name).await?;
        if spec.role == role {
            return Ok(spec);
        }
        let (is, asked) = match role {
            Role::Source => ("target", "source"),
            Role::Target => ("source", "target"),
        };
        Err(Error::invalid(format!("this catalog is a {is}, and a {asked} is asked for"))
            .about(name)
            .with_hint(format!("Name a catalog that was added as a {asked}.")))
    }
}
