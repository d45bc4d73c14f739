//! What the gate must know, read from the workspace.

use crate::client::Client;
use crate::identity::{ACCOUNT_USERS, Me};
use crate::unity::{EffectiveAssignment, Metastore, Securable};
use futures::stream::{StreamExt, TryStreamExt};
use icebridge_model::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

pub use icebridge_model::databricks::SchemaName as Target;

/// Rights on one object, as far as they could be seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Grants {
    pub assignments: Vec<EffectiveAssignment>,
    /// Why not all could be seen. What is missing then may still be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<Error>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CatalogFacts {
    /// False: there is none of this name, or none that we may see.
    pub exists: bool,
    pub owner: Option<String>,
    pub securable_kind: Option<String>,
    pub grants: Grants,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SchemaFacts {
    /// False: it will be made by the migration, or we may not see it. Then only the catalog's grants count.
    pub exists: bool,
    pub owner: Option<String>,
    pub securable_kind: Option<String>,
    pub grants: Grants,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateFacts {
    pub host: String,
    pub me: Me,
    pub metastore: Metastore,
    pub catalogs: BTreeMap<String, CatalogFacts>,
    pub schemas: Vec<(Target, SchemaFacts)>,
}

const AT_ONCE: usize = 8;

impl Client {
    pub async fn gate_facts(&self, targets: &[Target]) -> Result<GateFacts> {
        let (me, metastore) = futures::try_join!(self.me(), self.metastore())?;
        // Owned: with borrowed ones the compiler cannot tell that the future may change threads.
        let targets: BTreeSet<Target> = targets.iter().cloned().collect();
        let names: BTreeSet<String> = targets.iter().map(|target| target.catalog.clone()).collect();
        let me_ref = &me;
        let catalogs = futures::stream::iter(names)
            .map(|name| async move {
                let facts = self.catalog_facts(&name, me_ref).await?;
                Ok::<_, Error>((name, facts))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let schemas = futures::stream::iter(targets)
            .map(|target| async move {
                let facts = self.schema_facts(&target, me_ref).await?;
                Ok::<_, Error>((target, facts))
            })
            // In the order of their names, whatever answers first.
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(GateFacts { host: self.host().origin().to_string(), me, metastore, catalogs, schemas })
    }

    async fn catalog_facts(&self, name: &str, me: &Me) -> Result<CatalogFacts> {
        let Some(catalog) = visible(self.catalog(name).await)? else { return Ok(CatalogFacts::default()) };
        let grants = self.grants(Securable::Catalog, name, me).await?;
        Ok(CatalogFacts { exists: true, owner: catalog.owner, securable_kind: catalog.securable_kind, grants })
    }

    async fn schema_facts(&self, target: &Target, me: &Me) -> Result<SchemaFacts> {
        let Some(schema) = visible(self.schema(&target.catalog, &target.schema).await)? else {
            return Ok(SchemaFacts::default());
        };
        let name = format!("{}.{}", target.catalog, target.schema);
        let grants = self.grants(Securable::Schema, &name, me).await?;
        Ok(SchemaFacts { exists: true, owner: schema.owner, securable_kind: schema.securable_kind, grants })
    }

    /// Those of all principals, or where that is not allowed our own: by our name and by each group, since with a principal given the
    /// groups it is in are not counted in.
    async fn grants(&self, securable: Securable, name: &str, me: &Me) -> Result<Grants> {
        let refused = match self.effective_permissions(securable, name, None).await {
            Ok(assignments) => return Ok(Grants { assignments, hidden: None }),
            Err(error) if error.code == Code::AccessDenied => error,
            Err(error) => return Err(error),
        };
        let mut grants = Grants::default();
        for principal in me.principals() {
            match self.effective_permissions(securable, name, Some(principal)).await {
                Ok(assignments) => grants.assignments.extend(assignments),
                // A group of the workspace that Unity Catalog does not know has no rights there.
                Err(error)
                    if matches!(error.code, Code::ObjectNotFound | Code::WorkspaceRefused)
                        && principal != me.user_name => {}
                Err(error) if error.code == Code::AccessDenied && principal == ACCOUNT_USERS => {}
                Err(error) if error.code == Code::AccessDenied => grants.hidden = Some(error),
                Err(error) => return Err(error),
            }
        }
        if grants.assignments.is_empty() && grants.hidden.is_none() {
            grants.hidden = Some(refused);
        }
        Ok(grants)
    }
}

/// An object that we may not see counts as not there.
fn visible<T>(found: Result<Option<T>>) -> Result<Option<T>> {
    match found {
        Err(error) if error.code == Code::AccessDenied => Ok(None),
        other => other,
    }
}
