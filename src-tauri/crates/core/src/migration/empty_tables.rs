//! What is remembered of a target that cannot stage tables: a later run makes them empty at once.

use crate::LocalState;
use crate::examined::Examined;
use icebridge_databricks::Client;
use icebridge_lakehouse::TargetCatalog;
use icebridge_model::catalog::CatalogKind;
use icebridge_model::plan::{CopyMode, Plan, PlannedTable};
use icebridge_model::{Code, Error, Result};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};

/// Written to the journal when it is learned. It holds until the target's catalog is saved anew.
const STAGING_REFUSED: &str = "target.staging_refused";

/// Whether a table that was staged and then refused may be taken when it is made empty first: some endpoints lend for a staged
/// table and do not take the commit that makes it.
pub(super) fn may_help(target: &dyn TargetCatalog, planned: &PlannedTable, error: &Error) -> bool {
    target.spec().kind == CatalogKind::Unity
        && planned.mode == CopyMode::Rewrite
        && matches!(error.code, Code::CatalogRefused | Code::Unsupported)
}

/// Whether the journal has it.
#[derive(Debug, Default)]
pub(super) struct StagingRefused(AtomicBool);

impl StagingRefused {
    /// As earlier runs of this state learned it, or an examination of the workspace; the target is told.
    pub async fn remembered(
        local: &LocalState,
        plan: &Plan,
        target: &dyn TargetCatalog,
        client: Option<&Client>,
    ) -> Result<Self> {
        let mut known = local.store.learned(STAGING_REFUSED, &plan.target).await?.is_some();
        if let Some(client) = client.filter(|_| !known) {
            let spec = local.store.catalog(&plan.target).await?;
            let examined = Examined::of(local, &spec.uri, client.host().origin()).await?;
            known = examined.refuses_staging(&spec.warehouse).is_some();
        }
        if known {
            target.make_empty_tables();
        }
        // Where a person said that staging is not to be tried, nothing was refused.
        Ok(Self(AtomicBool::new(known || target.makes_empty_tables())))
    }

    /// A table was staged, in whichever way.
    pub async fn learn(&self, local: &LocalState, run_id: &str, plan: &Plan, target: &dyn TargetCatalog) -> Result<()> {
        if !target.makes_empty_tables() || self.0.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        local.store.append(run_id, "", STAGING_REFUSED, json!({ "target": plan.target })).await.map(drop)
    }
}
