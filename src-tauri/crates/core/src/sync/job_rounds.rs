//! Rounds of tables that clusters copied, by a job on a cluster: one order for all of them.
//!
//! The target shows what a job commits at once, and so before it is compared: a table that differs afterwards is migrated no longer.
//! A job that was submitted and not seen to its end is followed first; what it left is compared before anything else is asked for.

use super::job_changes::ordered;
use super::job_proof::{JobProof, refuse_others, rows_of_target};
use super::job_standing::{Attempt, changed};
use super::job_told::JobTold;
use super::session::{Session, Sides};
use super::standing;
use super::table_round::{failed_step, record_failure};
use crate::cluster::{Engine, JobKind, Order, RECENT, StepRecord};
use crate::governance::{self, documents};
use crate::ledger::{SyncStage, SyncStep, find_run};
use crate::migration::{Environment, Lakehouse, Lending, guarded, record_unproved, refuse_restricted};
use crate::validate;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use icebridge_databricks::Client;
use icebridge_databricks::identity::Me;
use icebridge_lakehouse::Table;
use icebridge_lakehouse::copy::commits_since;
use icebridge_model::photon::{ClusterCopy, ClusterResult, CopyEnd, PhotonSettings};
use icebridge_model::plan::PlannedTable;
use icebridge_model::sync::{SyncRequest, SyncRound, SyncState, SyncedTable};
use icebridge_model::validation::Validation;
use icebridge_model::{Code, Error, Result};
use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Instant;
use tokio::sync::OnceCell;

/// Tables that are looked at side by side.
const LOOKED_AT_ONCE: usize = 8;

/// What the rounds of one call share.
struct Jobs<'s, 'a> {
    session: &'s Session<'a>,
    settings: &'s PhotonSettings,
    proof: JobProof<'s, 'a>,
    client: Client,
    engine: Engine,
    owner: String,
    /// Who is signed in.
    me: OnceCell<Me>,
    request: &'s SyncRequest,
}

/// A table whose round is asked for.
struct Asked<'p> {
    planned: &'p PlannedTable,
    sides: Sides,
    copy: ClusterCopy,
    /// Set where the round differs, see [`SyncStep`].
    differs_at: OnceLock<i64>,
}

enum Looked<'p> {
    Told(Box<SyncedTable>),
    Asked(Box<Asked<'p>>),
}

/// One result for each table, in their order. An error means that the journal could not be written, or that the sync was cancelled.
pub(super) async fn take_all(
    session: &Session<'_>,
    tables: &[&PlannedTable],
    request: &SyncRequest,
) -> Result<Vec<SyncedTable>> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let jobs = match Jobs::open(session, request).await {
        Ok(jobs) => jobs,
        Err(error) => {
            return Ok(tables.iter().map(|planned| standing::failed(planned, error.clone())).collect());
        }
    };
    jobs.follow_open().await?;
    // Boxed: the compiler cannot prove a stream of borrowed futures to be Send.
    let looking: Vec<_> = tables.iter().map(|planned| jobs.look(planned).boxed()).collect();
    let looked: Vec<Looked<'_>> = stream::iter(looking).buffered(LOOKED_AT_ONCE).try_collect().await?;
    let asked = looked.iter().filter_map(|one| match one {
        Looked::Asked(asked) => Some(asked.copy.clone()),
        Looked::Told(_) => None,
    });
    let mut results = jobs.order(asked.collect()).await?.into_iter();
    let mut told = Vec::new();
    for one in looked {
        told.push(match one {
            Looked::Told(table) => *table,
            Looked::Asked(asked) => {
                let result = results.next().ok_or_else(|| Error::internal("an order has fewer results than tables"))?;
                jobs.conclude(&asked, result).await?
            }
        });
    }
    Ok(told)
}

impl<'s, 'a> Jobs<'s, 'a> {
    async fn open(session: &'s Session<'a>, request: &'s SyncRequest) -> Result<Self> {
        let settings = session.plan.settings.photon.as_ref();
        let settings =
            settings.ok_or_else(|| Error::internal("a plan with tables for clusters has no settings of them"))?;
        let client = Lakehouse.client(session.local, &session.plan.target).await?;
        let client = client.ok_or_else(|| {
            Error::invalid("the table was copied by a cluster, and the target is no catalog of a workspace")
        })?;
        let cap = governance::spend_cap(&session.local.state_dir, &client, settings).await?;
        let engine = Engine::new(client.clone(), session.local.store.clone(), settings.clone())?.with_cap(cap);
        let owner = session.local.store.identity().await?;
        let proof = JobProof { session, settings };
        Ok(Self { session, settings, proof, client, engine, owner, me: OnceCell::new(), request })
    }

    fn cancelled(&self, error: &Error) -> bool {
        error.code == Code::Cancelled && self.session.cancel.is_cancelled()
    }

    /// Jobs that another process submitted, or this one before it was cut off.
    async fn follow_open(&self) -> Result<()> {
        let session = self.session;
        let steps: Vec<StepRecord> = session.local.store.recent_cluster_steps(&session.plan.hash, RECENT).await?;
        if steps.iter().any(|step| step.is_open() && step.job == JobKind::IncrementalSync) {
            // Nothing is asked for: what runs is followed, and what was never submitted is given up.
            self.engine_runs(Vec::new()).await?;
        }
        session.refresh_jobs().await
    }

    async fn order(&self, tables: Vec<ClusterCopy>) -> Result<Vec<ClusterResult>> {
        match tables.is_empty() {
            true => Ok(Vec::new()),
            false => self.engine_runs(tables).await,
        }
    }

    async fn engine_runs(&self, tables: Vec<ClusterCopy>) -> Result<Vec<ClusterResult>> {
        let session = self.session;
        let (local, plan) = (session.local, &session.plan);
        let lending = Lending { local, plan, settings: self.settings, client: &self.client, owner: &self.owner };
        let order = Order {
            plan_hash: plan.hash.clone(),
            job: JobKind::IncrementalSync,
            run_id: session.run_id.clone(),
            attempt: self.engine.next_attempt(&plan.hash).await?,
            tables,
            secret_scope: lending.scope(),
            gone: BTreeSet::new(),
        };
        let ordered = match lending.lend().await {
            Ok(()) => self.engine.run(&order, &JobTold(session), session.cancel).await,
            Err(error) => Err(error),
        };
        lending.take_back().await?;
        if session.cancel.is_cancelled() {
            return Err(super::cancelled());
        }
        match ordered {
            Ok(results) => Ok(results),
            Err(error) => {
                let failed = |copy: &ClusterCopy| ClusterResult {
                    error: Some(error.clone()),
                    ..ClusterResult::of(copy, CopyEnd::Failed)
                };
                Ok(order.tables.iter().map(failed).collect())
            }
        }
    }

    /// How the table stands, and what has to be asked for.
    async fn look<'p>(&self, planned: &'p PlannedTable) -> Result<Looked<'p>> {
        let session = self.session;
        if session.cancel.is_cancelled() {
            return Err(super::cancelled());
        }
        let mut sides = match session.sides(planned).await {
            Ok(sides) => sides,
            Err(error) => return self.failed(planned, (standing::failed(planned, error), "")).await,
        };
        let location = sides.source.metadata_location.clone();
        let looked = async {
            let differing = match sides.attempt.take() {
                Some(attempt) => self.settle(planned, &mut sides, &attempt).await?,
                None => None,
            };
            let told = standing::as_it_stands(planned, &sides, standing::now_ms());
            if sides.is_up_to_date() {
                match self.request.whole {
                    true if self.is_same(planned, &sides).await? => return Ok(Looked::Told(Box::new(told))),
                    true => {}
                    false => return Ok(Looked::Told(Box::new(told))),
                }
            }
            let Some(copy) = planned.cluster.as_deref() else { return Ok(Looked::Told(Box::new(told))) };
            self.refuse_other_columns(planned, &sides)?;
            if let Some(error) = self.failed_before(planned, &sides) {
                return Err(error);
            }
            let me = self.me.get_or_try_init(|| self.client.me()).await?;
            refuse_restricted(&self.client, me, self.settings, copy).await?;
            let rows = match differing {
                Some(found) => rows_of_target(&found),
                None => self.rows_left(planned, &sides).await?,
            };
            let copy = ordered((&session.plan.hash, copy), &sides, (self.request.whole, rows)).await?;
            session.record(planned, &begun(planned, &sides)).await?;
            Ok(Looked::Asked(Box::new(Asked { planned, sides, copy, differs_at: OnceLock::new() })))
        };
        match guarded(looked.boxed()).await {
            Ok(looked) => Ok(looked),
            Err(error) if self.cancelled(&error) => Err(super::cancelled()),
            Err(error) => self.failed(planned, (standing::failed(planned, error), &location)).await,
        }
    }

    async fn failed<'p>(&self, planned: &'p PlannedTable, (told, location): (SyncedTable, &str)) -> Result<Looked<'p>> {
        record_failure(self.session, planned, &told, location).await?;
        Ok(Looked::Told(Box::new(told)))
    }

    /// The job of an attempt has written, or somebody else has: if what is there is the state that it brings, it is the round. Else how it
    /// differs, where it is to be brought right.
    async fn settle(&self, planned: &PlannedTable, sides: &mut Sides, attempt: &Attempt) -> Result<Option<Validation>> {
        let session = self.session;
        let (target, round) = (sides.target.clone(), sides.standing.round + 1);
        let pin = pin_of(session, planned, sides, attempt.source_snapshot_id);
        let report = attempt.report.as_deref();
        let can_tell = report.is_some() || self.proof.reads_here(planned, &sides.source);
        let found = match &pin {
            Some(pin) if can_tell => Some(self.proof.compare(planned, (pin, &target), report).await?),
            _ => None,
        };
        let (pin, validation) = match (pin, found) {
            (Some(pin), Some(found)) if found.passed => (pin, found),
            // A round of ours that differs is brought right by who asks for all of it. What somebody else has written is not ours to take.
            (Some(pin), Some(found))
                if self.request.whole && self.is_own_difference(planned, (&pin, &target), attempt).await? =>
            {
                return Ok(Some(found));
            }
            (_, Some(_)) => {
                return Err(changed(planned, "what a job was to bring is not what the table in the target has now"));
            }
            (_, None) => {
                return Err(changed(
                    planned,
                    "nobody can tell any more whether the table in the target has what a job was to bring",
                ));
            }
        };
        let made = self.proof.made(sides, (&pin, &target), (round, Some(attempt.job_run_id)), &validation);
        self.proof.commit(planned, made, &validation).await?;
        sides.standing.round = round;
        sides.standing.source_snapshot_id = pin.metadata.current_snapshot_id;
        sides.standing.source_metadata_location = pin.metadata_location.clone();
        Ok(None)
    }

    /// Whether the target shows what our last job left, and that was found to differ; or is found so now, where its process was ended
    /// before it could.
    async fn is_own_difference(
        &self,
        planned: &PlannedTable,
        (pin, target): (&Table, &Table),
        attempt: &Attempt,
    ) -> Result<bool> {
        let last = self.session.last_steps.get(&planned.source.to_string());
        if let Some(left) = last.and_then(|step| step.differs_at) {
            return Ok(commits_since(&target.metadata, Some(left)) == Some(0));
        }
        match attempt.has_committed {
            true => Ok(self.proof.differs_at(planned, attempt.left, (pin, target)).await?.is_some()),
            false => Ok(false),
        }
    }

    /// Whether every row is the source's, where nothing is to be brought.
    async fn is_same(&self, planned: &PlannedTable, sides: &Sides) -> Result<bool> {
        if !self.proof.reads_here(planned, &sides.source) {
            return Ok(false);
        }
        let validation = self.proof.compare(planned, (&sides.source, &sides.target), None).await?;
        if validation.passed {
            let session = self.session;
            session.local.save_validation(&session.plan, &session.run_id, &validation).await?;
        }
        Ok(validation.passed)
    }

    /// The rows that the target was counted to have. None: nobody has counted them.
    async fn rows_left(&self, planned: &PlannedTable, sides: &Sides) -> Result<Option<u64>> {
        let session = self.session;
        let last = session.local.store.validation_of_plan(&session.plan.hash, &planned.source).await?;
        let of_this = |one: &Validation| match one.passed {
            true => one.source_snapshot_id == sides.standing.source_snapshot_id,
            false => one.target_snapshot_id == sides.target.metadata.current_snapshot_id,
        };
        Ok(last.filter(of_this).and_then(|one| if one.passed { Some(one.rows) } else { rows_of_target(&one) }))
    }

    /// Of a loop: what failed for good with this state of the source would fail again, after another cluster was started.
    fn failed_before(&self, planned: &PlannedTable, sides: &Sides) -> Option<Error> {
        let last = self.session.last_steps.get(&planned.source.to_string())?;
        let is_same = last.source_snapshot_id == sides.source.metadata.current_snapshot_id;
        last.error.clone().filter(|error| self.request.repeated && is_same && !error.retryable)
    }

    /// The job would refuse them too, after a cluster was started.
    fn refuse_other_columns(&self, planned: &PlannedTable, sides: &Sides) -> Result<()> {
        if sides.source.metadata.current_snapshot_id.is_none() {
            return Err(Error::new(
                Code::Unsupported,
                "the source has no current snapshot, and a cluster has nothing to read",
            )
            .about(&planned.source)
            .with_hint("Delete the rows of the target there, or wait until the source has rows again."));
        }
        if sides.target.metadata.current_schema().fields.is_empty() {
            return Ok(());
        }
        let check = validate::columns_of(planned, &sides.source, &sides.target);
        match check.passed {
            true => Ok(()),
            false => Err(Error::new(Code::Unsupported, "the source's columns are not those of the target any more")
                .about(&planned.source)
                .with_hint(
                    "Change the target's columns as the source's were changed (ALTER TABLE), and sync again; or make a new plan.",
                )
                .with_cause_text(check.detail)),
        }
    }

    /// What came of a round that was asked for.
    async fn conclude(&self, asked: &Asked<'_>, result: ClusterResult) -> Result<SyncedTable> {
        let (session, planned, sides) = (self.session, asked.planned, &asked.sides);
        let told = standing::as_it_stands(planned, sides, standing::now_ms());
        let goes_on = result.end == CopyEnd::Unfinished;
        let concluded = guarded(self.proved(asked, result).boxed()).await;
        match concluded {
            Err(error) if self.cancelled(&error) => Err(super::cancelled()),
            other => {
                let told = standing::told(planned, told, other);
                // A job that goes on is not over, whatever became of this process's look at it. Else the round that was begun has its end.
                let failed = failed_step(planned, &told, &sides.source.metadata_location).filter(|_| !goes_on);
                if let Some(step) = failed {
                    let differs_at = asked.differs_at.get().copied();
                    session.record(planned, &SyncStep { differs_at, ..step }).await?;
                }
                Ok(told)
            }
        }
    }

    async fn proved(&self, asked: &Asked<'_>, result: ClusterResult) -> Result<SyncedTable> {
        let (session, planned, sides) = (self.session, asked.planned, &asked.sides);
        let began = Instant::now();
        if result.end == CopyEnd::Cancelled {
            return Err(Error::new(Code::RunFailed, "the job of the round was cancelled in the workspace")
                .about(&planned.source)
                .with_hint("The next `icebridge sync` asks for it again.")
                .retryable());
        }
        if result.end != CopyEnd::Done {
            let silent = || Error::internal("the result of a table on a cluster has no error");
            return Err(result.error.unwrap_or_else(silent));
        }
        if result.source_snapshot_id != asked.copy.snapshot_id {
            return Err(Error::new(Code::RunFailed, "an earlier job of the table has ended only now")
                .about(&planned.source)
                .with_hint("The next `icebridge sync` compares what it left, and brings the rest.")
                .retryable());
        }
        let report = result.validation.as_ref();
        if let Some(report) = report {
            documents::download(session.local, &self.client, &report.docs, session.cancel).await;
        }
        let target = session.target.load(&planned.target).await.map_err(|e| e.about(&planned.target))?;
        let source = &sides.source;
        refuse_others(planned, sides, (&target, result.action))?;
        let validation = self.proof.compare(planned, (source, &target), report).await?;
        if let Some(error) = validate::failure(&validation) {
            let run = find_run(session.local, &session.run_id).await?;
            let note = "a round of its sync";
            record_unproved(session.local, (&session.plan, &run), planned, (error.clone(), note), Some(&validation))
                .await?;
            let left = sides.target.metadata.current_snapshot_id;
            if let Some(snapshot) = self.proof.differs_at(planned, left, (source, &target)).await? {
                let _ = asked.differs_at.set(snapshot);
            }
            return Err(error);
        }
        let round = (sides.standing.round + 1, result.job_run_id);
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let made = SyncRound {
            milliseconds: result.milliseconds.unwrap_or(0).saturating_add(milliseconds),
            ..self.proof.made(sides, (source, &target), round, &validation)
        };
        self.proof.commit(planned, made.clone(), &validation).await?;
        Ok(SyncedTable {
            round: made.round,
            synced_snapshot_id: made.source_snapshot_id,
            source_snapshot_id: made.source_snapshot_id,
            made: Some(made),
            ..standing::of(planned, SyncState::UpToDate)
        })
    }
}

fn begun(planned: &PlannedTable, sides: &Sides) -> SyncStep {
    SyncStep {
        stage: SyncStage::Begun,
        target: planned.target.clone(),
        round: sides.standing.round + 1,
        source_metadata_location: sides.source.metadata_location.clone(),
        source_snapshot_id: sides.source.metadata.current_snapshot_id,
        made: None,
        error: None,
        differs_at: None,
    }
}

/// The source at the snapshot that a job was to bring. None: it is expired.
fn pin_of(session: &Session<'_>, planned: &PlannedTable, sides: &Sides, snapshot_id: Option<i64>) -> Option<Table> {
    let mut pin = sides.source.clone().as_of(snapshot_id)?;
    let begun = session.last_steps.get(&planned.source.to_string());
    if let Some(begun) = begun.filter(|step| step.source_snapshot_id == snapshot_id) {
        pin.metadata_location.clone_from(&begun.source_metadata_location);
    }
    Some(pin)
}
