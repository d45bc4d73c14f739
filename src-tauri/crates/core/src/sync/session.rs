//! What the tables of one sync share, open for as long as it works.

use super::job_standing::{self, Attempt, LastJobs};
use crate::LocalState;
use crate::cluster::{RECENT, StepRecord};
use crate::ledger::{SyncStage, SyncStep, TABLE_SYNCED, body, find_run, last_sync_steps, moved_states, plan_of};
use crate::limiter::CommitLimiter;
use crate::migration::{Environment, Lakehouse, check_catalogs, commit_limit};
use crate::mutex::lock;
use crate::validate;
use icebridge_lakehouse::catalog::Advancing;
use icebridge_lakehouse::copy::{Observer, Standing, standing};
use icebridge_lakehouse::{Catalog, Snapshot, Table, TableMetadata, TargetCatalog, is_below};
use icebridge_metrics::Copied;
use icebridge_model::plan::{CopyMode, Plan, PlannedTable};
use icebridge_model::run::RunId;
use icebridge_model::sync::SyncRequest;
use icebridge_model::{Code, Error, Result};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub(crate) struct Session<'a> {
    pub local: &'a LocalState,
    pub run_id: RunId,
    pub plan: Plan,
    pub source: Arc<dyn Catalog>,
    pub target: Arc<dyn TargetCatalog>,
    pub writers: Arc<Semaphore>,
    pub commits: CommitLimiter,
    /// Bytes of the source that were copied on this machine.
    pub copied: Arc<AtomicU64>,
    /// Of each table in any run of the plan, by source table.
    pub last_steps: HashMap<String, SyncStep>,
    /// Of tables that clusters bring on.
    last_jobs: std::sync::Mutex<LastJobs>,
    migrated: HashSet<String>,
    /// Tables that are cut over, or on their way.
    moved: HashSet<String>,
    pub cancel: &'a CancellationToken,
}

/// The target's table, which state of the source it has, and the source as it is now.
pub(crate) struct Sides {
    pub target: Table,
    pub standing: Standing,
    pub source: Table,
    /// The source as it was then.
    pub then: Arc<TableMetadata>,
    /// Of a table that clusters bring on: a job whose end was not seen has written to the target since.
    pub attempt: Option<Attempt>,
}

impl Sides {
    pub fn is_up_to_date(&self) -> bool {
        self.source.metadata_location == self.standing.source_metadata_location
            // A folder's metadata file may be written again under its name.
            && self.source.metadata.current_snapshot_id == self.standing.source_snapshot_id
    }
}

impl<'a> Session<'a> {
    pub async fn open(
        local: &'a LocalState,
        request: &SyncRequest,
        cancel: &'a CancellationToken,
    ) -> Result<Session<'a>> {
        let record = find_run(local, &request.run_id).await?;
        tracing::Span::current().record("run", record.run_id.as_str());
        let plan = plan_of(&record)?;
        check_catalogs(local, &record.run_id, &plan).await?;
        // Its snapshots say whether others have written: the workspace's own API does not show them.
        let target = Lakehouse.target(local, &plan.target).await?;
        let steps: Vec<StepRecord> = match plan.tables.iter().any(|table| table.cluster.is_some()) {
            true => local.store.recent_cluster_steps(&plan.hash, RECENT).await?,
            false => Vec::new(),
        };
        let commits = commit_limit(target.spec(), &plan.settings, local.metrics.clone());
        Ok(Self {
            local,
            source: Lakehouse.source(local, &plan.source).await?,
            target,
            writers: Arc::new(Semaphore::new(plan.settings.max_parallel_writers.max(1))),
            commits,
            copied: Arc::default(),
            last_jobs: std::sync::Mutex::new(LastJobs::of(&steps)),
            last_steps: last_sync_steps(local, &plan.hash).await?,
            moved: moved_states(local, &plan.hash).await?.into_keys().collect(),
            migrated: local.store.migrated_tables(&record.run_id).await?,
            run_id: record.run_id,
            plan,
            cancel,
        })
    }

    /// The tables that are asked for, in the plan's order, each with whether the run migrated it.
    pub fn tables(&self, request: &SyncRequest) -> Result<Vec<(&PlannedTable, bool)>> {
        for wanted in &request.tables {
            if self.plan.tables.iter().all(|planned| planned.source != *wanted) {
                return Err(Error::invalid("the run has no such source table")
                    .about(wanted)
                    .with_hint(format!("`icebridge status {}` lists its tables.", self.run_id)));
            }
        }
        let is_wanted = |planned: &PlannedTable| request.tables.is_empty() || request.tables.contains(&planned.source);
        let all = self.plan.tables.iter().filter(|planned| is_wanted(planned));
        Ok(all.map(|planned| (planned, self.migrated.contains(&planned.source.to_string()))).collect())
    }

    /// Jobs that were not known to be submitted may have been found since.
    pub async fn refresh_jobs(&self) -> Result<()> {
        let steps: Vec<StepRecord> = self.local.store.recent_cluster_steps(&self.plan.hash, RECENT).await?;
        *lock(&self.last_jobs) = LastJobs::of(&steps);
        Ok(())
    }

    /// Others write to the target, or are about to.
    pub fn is_moved(&self, planned: &PlannedTable) -> bool {
        self.moved.contains(&planned.source.to_string())
    }

    /// Why a table that was copied is not migrated. None: it was never compared, and the run says why.
    pub async fn not_proved(&self, planned: &PlannedTable) -> Result<Option<Error>> {
        let last = self.local.store.validation_of_plan(&self.plan.hash, &planned.source).await?;
        Ok(last.map(|validation| {
            validate::failure(&validation).unwrap_or_else(|| {
                Error::new(Code::ValidationFailed, "the table compared equal last, and does not count as migrated")
                    .about(&planned.source)
                    .with_hint("`icebridge validate` compares it: if it passes, it counts as migrated again; if not, it says why.")
            })
        }))
    }

    /// Both sides as they are now. An error with one of the codes of [`needs_a_person`] is for a person to decide.
    pub async fn sides(&self, planned: &PlannedTable) -> Result<Sides> {
        let target = self.target.load(&planned.target).await.map_err(|e| match e.code {
            Code::TableNotFound => Error::new(Code::TargetChanged, "the table is gone from the target")
                .about(&planned.target)
                .with_hint("Take the inventory again and copy it anew by a new plan.")
                .with_cause(e),
            _ if e.code.is_damage() => Error { hint: Some(TARGET_METADATA_GONE.into()), ..e.about(&planned.target) },
            _ => e.about(&planned.target),
        })?;
        let by_file = match planned.cluster {
            Some(_) => None,
            None => Some(
                standing(self.target.as_ref(), &target, &self.plan.hash, &planned.target)
                    .ok_or_else(|| not_ours(&target, self.target.as_ref(), planned))?,
            ),
        };
        let source = self.source.load(&planned.source).await.map_err(|e| match e.code {
            Code::TableNotFound => Error::new(Code::SourceReplaced, "the source no longer has this table")
                .about(&planned.source)
                .with_hint("The target keeps the state that it has. Leave the table out of the sync.")
                .with_cause(e),
            _ => e.about(&planned.source),
        })?;
        if !planned.table_uuid.is_empty() && !source.metadata.uuid.eq_ignore_ascii_case(&planned.table_uuid) {
            return Err(Error::new(Code::SourceReplaced, "another table has the name of the source's table now")
                .about(&planned.source)
                .with_hint("The target keeps the state that it has. Make a new plan for the new table."));
        }
        let (from, to) = (&source.metadata.location, &target.metadata.location);
        let inside = |one: &str, other: &str| is_below(&format!("{}/x", one.trim_end_matches('/')), other);
        if inside(from, to) || inside(to, from) {
            return Err(Error::new(Code::Unsupported, "the source's folder and the target's lie in each other")
                .about(&planned.source)
                .with_hint("A source is never written to. Give the source its own location again."));
        }
        let (standing, attempt) = match by_file {
            Some(standing) => (standing, None),
            None => {
                let last = lock(&self.last_jobs).of_table(planned);
                job_standing::of((self.local, &self.plan.hash), planned, (&target, &source), last).await?
            }
        };
        let then = self.then(planned, &target, &standing, &source).await;
        Ok(Sides { target, standing, source, then, attempt })
    }

    /// The source as it was when the target got its state. Clone and register keep its history; of a rewritten table its metadata file
    /// tells, as long as it is there.
    async fn then(
        &self,
        planned: &PlannedTable,
        target: &Table,
        standing: &Standing,
        source: &Table,
    ) -> Arc<TableMetadata> {
        let location = &standing.source_metadata_location;
        if planned.mode != CopyMode::Rewrite {
            return Arc::clone(&target.metadata);
        }
        if *location == source.metadata_location {
            return Arc::clone(&source.metadata);
        }
        match Table::open(planned.source.clone(), location.clone(), source.storage.clone()).await {
            Ok(then) => then.metadata,
            Err(error) => {
                tracing::debug!(%error, "the source's earlier metadata file is gone, and its history is taken from the later one");
                Arc::new(as_it_was(&source.metadata, standing.source_snapshot_id))
            }
        }
    }

    pub async fn record(&self, planned: &PlannedTable, step: &SyncStep) -> Result<()> {
        let table = planned.source.to_string();
        let mut step = step.clone();
        if step.stage != SyncStage::Committed && step.differs_at.is_none() {
            // Known until a round is made.
            step.differs_at = self.last_steps.get(&table).and_then(|last| last.differs_at);
        }
        if let Some(made) = &mut step.made {
            self.plan.hide_values(&mut made.checks);
        }
        self.local.store.append(&self.run_id, &table, TABLE_SYNCED, body(&step)?).await.map(drop)
    }
}

/// `expected`: what identified the table when it was made; nothing is asked where that is not known.
pub(crate) fn check_identity(target: &Table, expected: &str) -> Result<()> {
    match target.identity() {
        Some(found) if !expected.is_empty() && !found.eq_ignore_ascii_case(expected) => {
            Err(Error::new(Code::TargetChanged, "another table has taken the target's name").about(&target.ident))
        }
        _ => Ok(()),
    }
}

/// A table at an earlier snapshot, as far as it tells.
fn as_it_was(now: &TableMetadata, snapshot_id: Option<i64>) -> TableMetadata {
    let at = |snapshot: &Snapshot| (snapshot.sequence_number, snapshot.timestamp_ms);
    let last = snapshot_id.and_then(|id| now.snapshot(id)).map(at);
    let mut then = now.clone();
    then.current_snapshot_id = snapshot_id;
    then.last_sequence_number = last.map_or(0, |(sequence_number, _)| sequence_number);
    then.snapshots.retain(|snapshot| last.is_some_and(|last| at(snapshot) <= last));
    then
}

/// No later round will do better until somebody has decided.
pub(super) fn needs_a_person(code: Code) -> bool {
    matches!(code, Code::TargetChanged | Code::SourceReplaced | Code::Unsupported | Code::CatalogRefused)
}

const TARGET_METADATA_GONE: &str = "It is the table in the target whose metadata file is not whole, and nothing says what it had. Restore \
                                    that file; or drop the table there, and copy it anew by a new plan.";

fn not_ours(target: &Table, catalog: &dyn TargetCatalog, planned: &PlannedTable) -> Error {
    if catalog.advancing() == Advancing::No {
        return Error::new(Code::Unsupported, "this target takes no later state of a table that it has")
            .about(&planned.target)
            .with_hint("Copy the table anew, by a new plan, when its writers have stopped.");
    }
    Error::new(Code::TargetChanged, "somebody else has written to the table in the target since it was copied or synced")
        .about(&planned.target)
        .with_hint(format!(
            "Its metadata file is {}. Nothing was changed. To go on, undo that write there; or drop the table in the target \
             and copy it anew by a new plan.",
            target.metadata_location
        ))
}

/// What is copied is counted with all that is, and for the progress of the round.
pub(super) struct Counted {
    pub all: Copied,
    pub of_round: Arc<AtomicU64>,
}

impl Observer for Counted {
    fn bytes(&self, more: u64) {
        self.all.bytes(more);
        self.of_round.fetch_add(more, Ordering::Relaxed);
    }
    fn rows(&self, more: u64) {
        self.all.rows(more);
    }
}
