//! Carrying out a plan's copies on clusters.

use super::compute::{Offer, compute};
use super::group::group;
use super::judge::{self, RunEnd};
use super::observer::{FollowPace, Observer, Unobserved};
use super::order::{Order, checked, results};
use super::patience::{Patience, cancelled};
use super::record::{Lane, StepRecord, StepState, run_name, short};
use super::scripts::Scripts;
use super::{checks, follow, result_file, upload};
use futures::stream::{self, StreamExt};
use icebridge_databricks::Client;
use icebridge_databricks::jobs::Outcome;
use icebridge_model::photon::{ClusterCopy, ClusterResult, ClusterValidation, CopyEnd, PhotonSettings};
use icebridge_model::{Code, Error, Result, TableIdent};
use icebridge_store::{Store, now};
use std::collections::{BTreeSet, HashMap};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// The kind of the journal's entries about a step.
pub const CLUSTER_STEP: &str = "cluster.step";

/// Copies tables by clusters. Cheap to make; all its memory is the store's.
pub struct Engine {
    pub(super) client: Client,
    pub(super) store: Store,
    pub(super) settings: PhotonSettings,
    pub(super) scripts: Scripts,
    pub(super) pace: FollowPace,
    /// One step at a time uploads the scripts; the others then find them.
    uploading: Mutex<()>,
}

/// What is written down of a table's last attempt.
struct Last {
    open: bool,
    done: bool,
    attempt: u32,
}

impl Engine {
    pub fn new(client: Client, store: Store, settings: PhotonSettings) -> Result<Self> {
        settings.checked()?;
        Ok(Self {
            client,
            store,
            settings,
            scripts: Scripts::embedded(),
            pace: FollowPace::default(),
            uploading: Mutex::default(),
        })
    }

    pub fn with_scripts(mut self, scripts: Scripts) -> Self {
        self.scripts = scripts;
        self
    }

    pub fn with_pace(mut self, pace: FollowPace) -> Self {
        self.pace = pace;
        self
    }

    /// The number for those who deliberately try again what failed or was cancelled.
    pub async fn next_attempt(&self, plan_hash: &str) -> Result<u32> {
        let steps: Vec<StepRecord> = self.store.cluster_steps(plan_hash).await?;
        Ok(steps.iter().map(|step| step.attempt).max().unwrap_or(0).saturating_add(1))
    }

    /// One result for each table, in the order in which they came. A table's failure is its result; an error is one of ours,
    /// such as a full disk, after which a resume goes on where this stopped.
    pub async fn run(
        &self,
        order: &Order,
        observer: &dyn Observer,
        cancel: &CancellationToken,
    ) -> Result<Vec<ClusterResult>> {
        checked(order)?;
        let known = self.without_unwanted(order, self.store.cluster_steps(&order.plan_hash).await?).await?;
        let (mut work, mut ended) = (Vec::new(), Vec::new());
        let mut last: HashMap<TableIdent, Last> = HashMap::new();
        for record in known {
            for table in record.tables() {
                let done = record.result_of(&table.target).is_some_and(is_settled);
                let now = Last { open: record.is_open(), done, attempt: record.attempt };
                last.insert(table.target.clone(), now);
            }
            // A step that is over may have left its job there.
            if record.state == StepState::Cleared { ended.push(record) } else { work.push((record, true)) }
        }
        let new = self.intend(order, &last, observer, cancel).await;
        let (refused, without) = match new {
            Ok((new, without)) => {
                work.extend(new.into_iter().map(|record| (record, false)));
                (None, without)
            }
            // What runs already is looked after all the same.
            Err(error) if !is_ours(&error) => (Some(error), Vec::new()),
            Err(error) => return Err(error),
        };
        let at_once = self.settings.max_clusters.max(1);
        let mut carried = stream::iter(work.into_iter().map(|(record, met)| self.carry(record, met, observer, cancel)))
            .buffer_unordered(at_once);
        let mut stopped = None;
        while let Some(done) = carried.next().await {
            match done {
                Ok(record) => ended.push(record),
                // The others are followed to their ends: they may be hours into their work.
                Err(error) => stopped = Some(error),
            }
        }
        match stopped {
            Some(error) => Err(error),
            None => Ok(results(order, &mut ended, refused.as_ref(), &without)),
        }
    }

    /// A step for which nothing was asked yet, and with a table that is not ordered any more, is over: what is left of it is cut
    /// anew. Of the others the workspace may already have a run.
    async fn without_unwanted(&self, order: &Order, mut known: Vec<StepRecord>) -> Result<Vec<StepRecord>> {
        let ordered: BTreeSet<&TableIdent> = order.tables.iter().map(|table| &table.target).collect();
        for record in &mut known {
            let wanted = record.tables().all(|table| ordered.contains(&table.target));
            if record.state == StepState::Intended && !wanted {
                record.results = judge::all_of(record, CopyEnd::Cancelled, &cancelled());
                record.ended = "it was never started, and is not wanted any more".into();
                self.reach(record, StepState::Over, &Unobserved).await?;
            }
        }
        Ok(known)
    }

    /// New records for the tables that have nothing open and nothing done. They are written down before anything is asked for.
    async fn intend(
        &self,
        order: &Order,
        last: &HashMap<TableIdent, Last>,
        observer: &dyn Observer,
        cancel: &CancellationToken,
    ) -> Result<(Vec<StepRecord>, Vec<ClusterResult>)> {
        let wanted = |table: &&ClusterCopy| {
            let counts = |last: &Last| last.done && !order.gone.contains(&table.target);
            last.get(&table.target).is_none_or(|last| !last.open && !counts(last) && last.attempt < order.attempt)
        };
        let tables: Vec<ClusterCopy> = order.tables.iter().filter(wanted).cloned().collect();
        if tables.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        if cancel.is_cancelled() {
            return Err(cancelled());
        }
        let patience = Patience { observer, step: "", pace: &self.pace };
        let (offer, whose) = match self.settings.serverless {
            true => (Offer::default(), String::new()),
            false => (
                patience.ask(Some(cancel), || Offer::of(&self.client)).await?,
                patience.ask(Some(cancel), || self.client.me()).await?.user_name,
            ),
        };
        let (mut records, mut refused) = (Vec::new(), Vec::new());
        for group in group(&tables, &self.settings) {
            let all: Vec<&ClusterCopy> = group.lanes.iter().flatten().map(|at| &tables[*at]).collect();
            let about = (order.plan_hash.as_str(), order.run_id.as_str(), whose.as_str());
            let compute = match compute(&offer, &self.client, &self.settings, &all, about) {
                Ok(compute) => compute,
                // What these tables need is not to be had. The other groups are no worse for it.
                Err(error) if !is_ours(&error) => {
                    refused.extend(all.iter().map(|table| judge::never(table, CopyEnd::Failed, &error)));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let folder = format!(
                "{}/{}/{}-{}",
                self.settings.volume.trim_end_matches('/'),
                short(&order.plan_hash),
                group.step,
                order.attempt
            );
            let lane = |(number, lane): (usize, &Vec<usize>)| {
                let tables = lane.iter().map(|at| tables[*at].clone()).collect();
                Lane::new(&folder, number + 1, tables, self.settings.great_expectations)
            };
            let mut record = StepRecord {
                plan_hash: order.plan_hash.clone(),
                attempt: order.attempt,
                run_id: order.run_id.clone(),
                state: StepState::Intended,
                intended_at: now(),
                run_name: run_name(&order.plan_hash, &group.step, order.attempt),
                lanes: group.lanes.iter().enumerate().map(lane).collect(),
                compute,
                timeout_seconds: (self.settings.timeout_hours > 0)
                    .then(|| self.settings.timeout_hours.saturating_mul(3600)),
                scripts: String::new(),
                job_id: None,
                job_run_id: None,
                run_page_url: None,
                results: Vec::new(),
                ended: String::new(),
                step: group.step,
            };
            self.reach(&mut record, StepState::Intended, observer).await?;
            records.push(record);
        }
        Ok((records, refused))
    }

    /// The journal first, then the record, then everybody else.
    pub(super) async fn reach(&self, record: &mut StepRecord, state: StepState, observer: &dyn Observer) -> Result<()> {
        record.state = state;
        self.store.append(&record.run_id, "", CLUSTER_STEP, record.journal_body()).await?;
        self.store.save_cluster_step(&record.plan_hash, &record.step, record.attempt, record).await?;
        observer.step(record).await
    }

    /// One step as far as it goes. Its failure is in its results; an error is ours.
    async fn carry(
        &self,
        mut record: StepRecord,
        met: bool,
        observer: &dyn Observer,
        cancel: &CancellationToken,
    ) -> Result<StepRecord> {
        let step = record.step.clone();
        let patience = Patience { observer, step: &step, pace: &self.pace };
        if record.is_open()
            && let Err(error) = self.advance(&mut record, met, &patience, cancel).await
        {
            if is_ours(&error) {
                return Err(error);
            }
            return self.give_up(record, error, &patience).await;
        }
        self.clear(&mut record, &patience).await?;
        Ok(record)
    }

    async fn advance(
        &self,
        record: &mut StepRecord,
        met: bool,
        patience: &Patience<'_>,
        cancel: &CancellationToken,
    ) -> Result<()> {
        if record.state == StepState::Intended {
            if cancel.is_cancelled() {
                return Err(cancelled());
            }
            let turn = self.uploading.lock().await;
            record.scripts = upload::scripts(&self.client, &self.scripts, &self.settings, patience, cancel).await?;
            drop(turn);
            upload::inputs(&self.client, record, &self.settings, patience, cancel).await?;
            self.reach(record, StepState::Prepared, patience.observer).await?;
        }
        let job_run_id = match record.job_run_id {
            Some(job_run_id) => job_run_id,
            None => {
                self.start(record, met, patience, cancel).await?;
                record
                    .job_run_id
                    .ok_or_else(|| Error::internal("a run was started and has no id").about(&record.step))?
            }
        };
        let ended = self.follow(record, job_run_id, patience, cancel).await?;
        let left = result_file::all(&self.client, record, patience).await?;
        let checked = result_file::checks(&self.client, record, patience).await?;
        let output = match (&ended.end, &ended.run) {
            (RunEnd::Over(Outcome::Failed(_) | Outcome::TimedOut), Some(run)) => self.output(run).await,
            _ => judge::Output::new(),
        };
        let tasks = ended.run.as_ref().map(follow::task_ends).unwrap_or_default();
        let told = judge::Told { end: ended.end, tasks, output };
        let mut results = judge::results(record, &told, &left);
        checks::add(&mut results, record, &told, &checked);
        record.results = results;
        record.ended = told.end.words();
        self.reach(record, StepState::Over, patience.observer).await
    }

    /// A step that cannot go on now. With a run it stays open, since the run goes on; without one, and refused for good, it is
    /// over. A cancel before the start leaves it open as well: a resume begins there.
    async fn give_up(&self, mut record: StepRecord, error: Error, patience: &Patience<'_>) -> Result<StepRecord> {
        let signed_out = matches!(error.code, Code::CredentialsRejected | Code::CredentialsMissing);
        let mut stays = record.job_run_id.is_some() || error.code == Code::Cancelled || signed_out;
        // Once scripts and inputs are there, a run may exist that nobody has told us of: only the workspace's own word that
        // there is none ends the step.
        if !stays && record.state >= StepState::Prepared {
            stays = !matches!(self.find(&mut record, patience).await, Ok(None));
        }
        if !stays {
            record.results = judge::all_of(&record, CopyEnd::Failed, &error);
            record.ended = "it was never started".into();
            self.reach(&mut record, StepState::Over, patience.observer).await?;
            self.clear(&mut record, patience).await?;
            return Ok(record);
        }
        // Not written down: the record says what is true of the workspace, and that has not changed.
        let (end, error) = match (error.code, record.job_run_id) {
            (Code::Cancelled, None) => (CopyEnd::Cancelled, error),
            (_, Some(_)) => (
                CopyEnd::Unfinished,
                error.with_hint("Resume: the cluster goes on meanwhile, and its run is found again."),
            ),
            (_, None) => (CopyEnd::Unfinished, error),
        };
        record.results = judge::all_of(&record, end, &error);
        Ok(record)
    }

    /// Takes away the job of a step that is over. Its run, its input and its result stay: they are evidence.
    async fn clear(&self, record: &mut StepRecord, patience: &Patience<'_>) -> Result<()> {
        if record.state != StepState::Over {
            return Ok(());
        }
        let removed = async {
            if !record.needs_job() {
                return Ok(());
            }
            if let Some(job) = record.job_id {
                patience.ask(None, || self.client.delete_job(job)).await?;
            }
            // A lost answer can leave a second of the name, which never ran.
            while let Some(job) = patience.ask(None, || self.client.job_named(&record.run_name)).await? {
                patience.ask(None, || self.client.delete_job(job.job_id)).await?;
            }
            Ok::<(), Error>(())
        };
        match removed.await {
            Ok(()) => self.reach(record, StepState::Cleared, patience.observer).await,
            Err(error) => {
                tracing::warn!(step = record.step, %error, "the job of a finished step is left in the workspace");
                Ok(())
            }
        }
    }
}

/// Copied, and checked if a check was wanted: one that the cluster did not come to is made by another attempt, which finds
/// the copy and keeps it.
fn is_settled(result: &ClusterResult) -> bool {
    let checked = |check: &ClusterValidation| check.error.as_ref().is_none_or(|e| e.code == Code::ValidationFailed);
    result.end == CopyEnd::Done && result.validation.as_ref().is_none_or(checked)
}

/// Of this machine, or of this program: nothing that a table or the workspace could mend.
fn is_ours(error: &Error) -> bool {
    use Code as C;
    matches!(
        error.code,
        C::StateLocked | C::StateBroken | C::StorageFull | C::StorageDenied | C::StorageFailed | C::Internal
    )
}
