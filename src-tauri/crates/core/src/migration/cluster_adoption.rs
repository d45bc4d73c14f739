//! Tables that a cluster had copied for this plan before: they are compared as what they are now, and no cluster is asked for them.

use super::context::Migration;
use super::pin;
use super::proving::CommittedTable;
use icebridge_lakehouse::Table;
use icebridge_model::run::CopyOutcome;
use icebridge_model::{Code, Error, Result};

/// It was brought on since it was copied: it is compared with that state of the source, and nothing is asked of a cluster.
pub(super) async fn adopt_synced(table: &Migration, found: Table) -> Result<()> {
    let (run, planned) = (&table.run, table.planned());
    let recorded = run.local.store.outcome_of_plan(&run.plan.hash, &planned.source).await?;
    let outcome = CopyOutcome { adopted: true, ..recorded.unwrap_or_default() };
    let committed = CommittedTable { table: found, outcome, measured: None };
    table
        .record_committed(&committed, "a cluster had copied this table for this plan before, and it was synced since")
        .await?;
    table.record_round(&committed.table).await?;
    let as_it_stands = table.as_it_stands(&committed.table).await?;
    let settings = run.plan.settings.photon.as_ref();
    let source = match settings.is_some_and(|settings| !settings.reads_here(planned.estimate.bytes)) {
        true => Err(Error::new(Code::Unsupported, "the table outgrows this machine").about(&planned.target)),
        false => pin::pinned(run.source.as_ref(), &as_it_stands).await,
    };
    match source {
        Ok(source) => table.prove(&source, committed).await,
        Err(error) if table.stands_proved(&committed, &error).await? => Ok(()),
        Err(error) => Err(error.with_hint("`icebridge validate` compares it as it is now, by IceBridge's own reader.")),
    }
}

/// Whether an earlier run of the plan copied the table by a cluster, and proved it.
pub(super) async fn stands_proved(table: &Migration, found: Table, error: &Error) -> Result<bool> {
    let (run, planned) = (&table.run, table.planned());
    if table.earlier_proof(&found).await?.is_none() {
        return Ok(false);
    }
    let recorded = run.local.store.outcome_of_plan(&run.plan.hash, &planned.source).await?;
    let outcome = CopyOutcome { adopted: true, ..recorded.unwrap_or_default() };
    let committed = CommittedTable { table: found, outcome, measured: None };
    table.record_committed(&committed, "a cluster had copied this table for this plan before").await?;
    table.stands_proved(&committed, error).await
}

/// Where the target is opened by the workspace's own API, which shows no snapshots: as its Iceberg endpoint has it, if that is open to this
/// machine. A sync asks for it, to know whether others have written since.
pub(super) async fn shown_snapshot(table: &Migration) -> Option<i64> {
    let run = &table.run;
    let shown =
        async { run.environment.target(&run.local, &run.plan.target).await?.load(&table.planned().target).await };
    match shown.await {
        Ok(shown) => shown.metadata.current_snapshot_id,
        Err(error) => {
            tracing::info!(table = %table.planned().target, %error, "the snapshot that the cluster left is not known");
            None
        }
    }
}
