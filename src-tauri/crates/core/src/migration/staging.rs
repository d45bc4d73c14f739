//! The place where a copy is staged: claimed before the copy, left after the commit, cleared after a failure.
//!
//! A place belongs to this state alone, and to one run of it at a time. Nothing is removed without asking the target
//! whether its table lies there.

use super::checkpoint::StoreCheckpoint;
use super::context::Migration;
use super::guard::guarded;
use icebridge_lakehouse::Table;
use icebridge_lakehouse::copy::{Copier, CopyTask, Discarded, Observer, remove_mark};
use icebridge_model::conversion::{PartitionWay, partition_ways};
use icebridge_model::{Code, Error, Result};
use std::sync::Arc;

/// Some catalogs name a place for a table, and not always the same.
pub(super) const ELSEWHERE: &str = "the folder that the catalog names for the table has nothing of this run; what was copied, if anything, lies in another";

impl Migration {
    /// The place that an earlier attempt of this state left, or a new one.
    pub async fn claim_place(&self) -> Result<String> {
        let (run_id, plan) = (&self.run.live.run_id, &self.run.plan);
        let random = uuid::Uuid::new_v4().simple().to_string();
        let digits: Vec<char> = run_id.chars().filter(char::is_ascii_alphanumeric).collect();
        let end_of_id: String = digits.iter().skip(digits.len().saturating_sub(8)).collect();
        let fresh = format!("{}-{end_of_id}{}", plan.short_hash(), &random[..8]);
        self.run.local.store.claim_place(&plan.hash, &self.planned().source, run_id, &fresh).await
    }

    /// `partitioning`: the way of laying the table out that is tried.
    pub fn copy_task<'a>(
        &'a self,
        source: &'a Table,
        place: &'a str,
        partitioning: Option<&'a PartitionWay>,
    ) -> CopyTask<'a> {
        let (run, planned) = (&self.run, self.planned());
        CopyTask {
            source,
            snapshot_id: planned.snapshot_id,
            target: run.target.as_ref(),
            target_ident: &planned.target,
            plan_hash: &run.plan.hash,
            place,
            owner: &run.owner,
            settings: &run.plan.settings,
            conversions: &planned.conversions,
            partitioning,
            make_empty: false,
            writers: Arc::clone(&run.writers),
            observer: Arc::clone(self.live()) as Arc<dyn Observer>,
            checkpoint: Arc::new(StoreCheckpoint {
                store: run.local.store.clone(),
                plan_hash: run.plan.hash.clone(),
                table: planned.source.clone(),
            }),
            cancel: run.live.cancel.clone(),
        }
    }

    /// The way that a target takes whatever it refuses: by it a place is found again.
    fn last_way(&self) -> Option<&PartitionWay> {
        partition_ways(&self.planned().conversions).last()
    }

    /// After a failure before the commit: nothing half-made stays. After a cancel, what is finished stays for a resume.
    pub async fn undo(&self, copier: &dyn Copier, task: &CopyTask<'_>, error: Error) -> Error {
        if self.run.is_cancelled(&error) {
            return error;
        }
        match self.discarded(copier, task).await {
            Ok(Discarded::Removed) => error,
            Ok(Discarded::Published) => error.with_cause_text("a table of the target uses what was copied: it stays"),
            Ok(Discarded::Elsewhere) => error.with_cause_text(ELSEWHERE),
            Err(other) => error.with_cause_text(format!("and what was copied could not be removed: {other}")),
        }
    }

    /// A table that went stale may have files from an earlier, cancelled run of this plan. They will never be needed.
    pub async fn discard_stale(&self, copier: &dyn Copier, error: Error) -> Error {
        let place = self.run.local.store.place(&self.run.plan.hash, &self.planned().source).await;
        let (Code::PlanStale, Ok(Some(place))) = (error.code, place) else { return error };
        // Without its source the place cannot be named: it stays.
        match self.run.source.load(&self.planned().source).await {
            Ok(source) => self.undo(copier, &self.copy_task(&source, &place, self.last_way()), error).await,
            Err(_) => error,
        }
    }

    /// The target has the table now. A place where it does not lie is cleared; either way nothing is staged any more.
    pub async fn leave_place(&self, source: &Table, table: &Table) -> Result<()> {
        let planned = self.planned();
        let place = self.run.local.store.place(&self.run.plan.hash, &planned.source).await?;
        let Some(place) = place else { return Ok(()) };
        if !table.metadata.location.contains(&place)
            && let Err(error) = self.clear_place(source, table, &place).await
        {
            tracing::warn!(table = %planned.source, place, %error, "what was staged could not be removed");
        }
        self.forget_place().await
    }

    async fn clear_place(&self, source: &Table, table: &Table, place: &str) -> Result<()> {
        // The catalog named the place, and the table lies in it.
        if remove_mark(table, &self.run.owner).await? {
            return Ok(());
        }
        let copier = self.run.environment.copier(self.planned().mode);
        guarded(copier.discard(&self.copy_task(source, place, self.last_way()))).await.map(drop)
    }

    /// Takes back what a run that is over has staged.
    pub async fn clear_staged(&self, source: &Table, place: &str) -> Result<Discarded> {
        let copier = self.run.environment.copier(self.planned().mode);
        self.discarded(copier.as_ref(), &self.copy_task(source, place, self.last_way())).await
    }

    async fn discarded(&self, copier: &dyn Copier, task: &CopyTask<'_>) -> Result<Discarded> {
        let discarded = guarded(copier.discard(task)).await?;
        // What was not found is not forgotten.
        if discarded != Discarded::Elsewhere {
            self.forget_place().await?;
        }
        Ok(discarded)
    }

    pub async fn forget_place(&self) -> Result<()> {
        self.run.local.store.forget_place(&self.run.plan.hash, &self.planned().source).await
    }
}
