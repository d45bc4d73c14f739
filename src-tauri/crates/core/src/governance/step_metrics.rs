//! Rows of metrics for what becomes of a table after its run: rounds of a sync, and its cut-over.

use super::metrics::{self, MetricsTable};
use crate::LocalState;
use crate::workspaces;
use icebridge_model::Error;
use icebridge_model::catalog::CatalogKind;
use icebridge_model::plan::{Plan, PlannedTable};
use tokio_util::sync::CancellationToken;

/// A step of a table that is worth a row.
pub(crate) struct TableStep<'a> {
    pub planned: &'a PlannedTable,
    /// Unlike all other states of the table under this plan.
    pub state: String,
    pub rows: Option<u64>,
    pub milliseconds: Option<u64>,
}

/// Where the plan wants metrics. What was done stays done if they cannot be written: the journal has the same facts.
pub(crate) async fn record(
    local: &LocalState,
    (plan, run_id): (&Plan, &str),
    all: &[TableStep<'_>],
    cancel: &CancellationToken,
) {
    let wanted = plan.settings.governance.as_ref().filter(|settings| settings.metrics);
    let (Some(settings), false) = (wanted, all.is_empty()) else { return };
    let write = async {
        let spec = local.store.catalog(&plan.target).await?;
        if spec.kind != CatalogKind::Unity {
            return Ok(());
        }
        let client = workspaces::client(local, &spec.uri).await?;
        let table = metrics::table_of(settings.metrics_table.as_deref(), &spec.warehouse)?;
        let metrics = MetricsTable::open(&client, settings.warehouse.as_deref(), &table, cancel).await?;
        for one in all {
            metrics.record(&row(plan, run_id, one)).await?;
        }
        Ok::<(), Error>(())
    };
    if let Err(error) = write.await {
        tracing::warn!(%error, "the table of metrics lacks rows; the journal has what they would say");
    }
}

fn row<'a>(plan: &'a Plan, run_id: &'a str, one: &'a TableStep<'_>) -> metrics::Row<'a> {
    metrics::Row {
        plan_hash: &plan.hash,
        run_id,
        source: &one.planned.source,
        target: &one.planned.target,
        method: one.planned.mode.as_str(),
        state: &one.state,
        rows: one.rows,
        milliseconds: one.milliseconds,
        job_run_id: None,
    }
}
