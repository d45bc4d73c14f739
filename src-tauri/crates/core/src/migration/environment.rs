//! What runs work on: catalogs, copiers and the reader. One seam, so that tests can make each of them fail or die.

use crate::LocalState;
use crate::validate::Measure;
use crate::workspaces;
use async_trait::async_trait;
use icebridge_databricks::Client;
use icebridge_lakehouse::copy::{self, Copier};
use icebridge_lakehouse::{Catalog, Table, TargetCatalog, digest};
use icebridge_model::Result;
use icebridge_model::catalog::CatalogKind;
use icebridge_model::conversion::Conversion;
use icebridge_model::plan::CopyMode;
use icebridge_model::validation::Measurement;
use std::fmt::Debug;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

#[async_trait]
pub trait Environment: Measure + Debug {
    async fn source(&self, local: &LocalState, name: &str) -> Result<Arc<dyn Catalog>>;
    async fn target(&self, local: &LocalState, name: &str) -> Result<Arc<dyn TargetCatalog>>;
    /// The same target, for a run whose tables clusters alone write and compare.
    async fn target_of_clusters(&self, local: &LocalState, name: &str) -> Result<Arc<dyn TargetCatalog>> {
        self.target(local, name).await
    }
    /// Of the workspace that the target is a catalog of; none for other targets.
    async fn client(&self, local: &LocalState, target: &str) -> Result<Option<Client>>;
    fn copier(&self, mode: CopyMode) -> Box<dyn Copier>;
}

/// The real one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lakehouse;

#[async_trait]
impl Environment for Lakehouse {
    async fn source(&self, local: &LocalState, name: &str) -> Result<Arc<dyn Catalog>> {
        local.open_source(name).await
    }

    async fn target(&self, local: &LocalState, name: &str) -> Result<Arc<dyn TargetCatalog>> {
        local.open_target(name).await
    }

    async fn target_of_clusters(&self, local: &LocalState, name: &str) -> Result<Arc<dyn TargetCatalog>> {
        workspaces::tables::target(local, name).await
    }

    async fn client(&self, local: &LocalState, target: &str) -> Result<Option<Client>> {
        let spec = local.store.catalog(target).await?;
        match spec.kind {
            CatalogKind::Unity => workspaces::client(local, &spec.uri).await.map(Some),
            _ => Ok(None),
        }
    }

    fn copier(&self, mode: CopyMode) -> Box<dyn Copier> {
        copy::copier(mode)
    }
}

#[async_trait]
impl Measure for Lakehouse {
    async fn measure(
        &self,
        table: &Table,
        snapshot_id: Option<i64>,
        conversions: &[Conversion],
        cancel: &CancellationToken,
        rows: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Measurement> {
        digest::measure_converted(table, snapshot_id, conversions, cancel, rows).await
    }
}
