//! Carrying out an order: cuts it into steps, and takes the steps side by side to their ends.

use super::cleared;
use super::compute::allowed;
use super::group::group;
use super::intended::{self, Draft, LastAttempts};
use super::journal;
use super::judge;
use super::machine::{carry, is_ours};
use super::observer::{FollowPace, Observer, Unobserved};
use super::order::{Order, checked, results};
use super::patience::{Patience, cancelled};
use super::record::{JobKind, StepRecord, StepState};
use super::scripts::Scripts;
use super::spend::SpendCap;
use super::started;
use super::step::StepContext;
use futures::stream::{self, StreamExt};
use icebridge_databricks::Client;
use icebridge_model::Result;
use icebridge_model::photon::{ClusterResult, CopyEnd, PhotonSettings};
use icebridge_store::Store;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// How many attempts back the steps of a sync are looked at.
pub(crate) const RECENT: u32 = 200;

/// Copies tables by clusters. It keeps nothing in memory that the store does not have.
pub struct Engine {
    client: Client,
    store: Store,
    settings: PhotonSettings,
    scripts: Scripts,
    pace: FollowPace,
    uploading: Mutex<()>,
    cap: Option<SpendCap>,
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
            cap: None,
        })
    }

    pub fn with_scripts(mut self, scripts: Scripts) -> Self {
        self.scripts = scripts;
        self
    }

    /// Nothing is begun, and nothing goes on, once the plan's compute has cost so much.
    pub fn with_cap(mut self, cap: Option<SpendCap>) -> Self {
        self.cap = cap;
        self
    }

    pub fn with_pace(mut self, pace: FollowPace) -> Self {
        self.pace = pace;
        self
    }

    /// The number of an attempt that deliberately tries again what failed or was cancelled.
    pub async fn next_attempt(&self, plan_hash: &str) -> Result<u32> {
        Ok(self.store.last_cluster_attempt(plan_hash).await?.saturating_add(1))
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
        self.count_earlier(order).await?;
        let known: Vec<StepRecord> = match order.job {
            JobKind::BulkCopy => self.store.cluster_steps(&order.plan_hash).await?,
            // Each order follows all that is open: older steps are over.
            JobKind::IncrementalSync => self.store.recent_cluster_steps(&order.plan_hash, RECENT).await?,
        };
        let known = known.into_iter().filter(|step| step.job == order.job).collect();
        let known = self.withdraw_unwanted(order, known, observer, cancel).await?;
        let (mut work, mut ended) = (Vec::new(), Vec::new());
        let mut last = LastAttempts::default();
        for record in known {
            last.add(&record);
            // A step that is over may have left its job there.
            if record.state == StepState::Cleared { ended.push(record) } else { work.push((record, true)) }
        }
        let (refused, never) = match self.intend(order, &last, observer, cancel).await {
            Ok((new, never)) => {
                work.extend(new.into_iter().map(|record| (record, false)));
                (None, never)
            }
            // What runs already is looked after all the same.
            Err(error) if !is_ours(&error) => (Some(error), Vec::new()),
            Err(error) => return Err(error),
        };
        let carried = work.into_iter().map(|(record, resumed)| self.carry(record, resumed, observer, cancel));
        let mut carried = stream::iter(carried).buffer_unordered(self.settings.max_clusters.max(1));
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
            None => Ok(results(order, &mut ended, refused.as_ref(), &never)),
        }
    }

    /// What all runs of the plan took, copies and rounds.
    async fn count_earlier(&self, order: &Order) -> Result<()> {
        let Some(cap) = &self.cap else { return Ok(()) };
        for step in self.store.cluster_steps::<StepRecord>(&order.plan_hash).await? {
            cap.count(&step, step.milliseconds);
        }
        Ok(())
    }

    /// Removes the job that a step made which is over.
    pub async fn remove_own_job(&self, record: StepRecord) -> Result<()> {
        let (step, cancel) = (record.step.clone(), CancellationToken::new());
        cleared::remove_own_job(record, &self.context(&step, (&Unobserved, &cancel), true)).await
    }

    async fn withdraw_unwanted(
        &self,
        order: &Order,
        mut known: Vec<StepRecord>,
        observer: &dyn Observer,
        cancel: &CancellationToken,
    ) -> Result<Vec<StepRecord>> {
        for record in &mut known {
            let is_unwanted = match (order.job, record.state) {
                // A round is asked for by who has just looked at both sides, and by nobody else.
                (JobKind::IncrementalSync, StepState::Intended) => true,
                (JobKind::IncrementalSync, StepState::Prepared | StepState::JobMade) => {
                    let step = record.step.clone();
                    let context = self.context(&step, (observer, cancel), true);
                    matches!(started::find(record, &context).await, Ok(None))
                }
                _ => intended::is_unwanted(record, order),
            };
            if is_unwanted {
                intended::withdraw(record);
                journal::reach(&self.store, record, StepState::Over, &Unobserved).await?;
            }
        }
        Ok(known)
    }

    fn context<'a>(
        &'a self,
        step: &'a str,
        (observer, cancel): (&'a dyn Observer, &'a CancellationToken),
        resumed: bool,
    ) -> StepContext<'a> {
        let Self { client, store, settings, scripts, pace, uploading, cap } = self;
        let patience = Patience { observer, step, pace };
        StepContext { client, store, settings, scripts, uploading, patience, cancel, cap: cap.as_ref(), resumed }
    }

    /// New records for the tables that have nothing open and nothing done, written down before anything is asked for; and
    /// the results of those that the workspace has no compute for.
    async fn intend(
        &self,
        order: &Order,
        last: &LastAttempts,
        observer: &dyn Observer,
        cancel: &CancellationToken,
    ) -> Result<(Vec<StepRecord>, Vec<ClusterResult>)> {
        let tables = last.missing(order);
        let (mut records, mut never) = (Vec::new(), Vec::new());
        if tables.is_empty() {
            return Ok((records, never));
        }
        let draft = self.draft(order, observer, cancel).await?;
        for group in group(&tables, &self.settings) {
            match draft.record(&group, &tables) {
                Ok(mut record) => {
                    journal::reach(&self.store, &mut record, StepState::Intended, observer).await?;
                    records.push(record);
                }
                // What these tables need is not to be had. The other groups go on.
                Err(error) if !is_ours(&error) => {
                    let tables = group.lanes.iter().flatten().map(|at| &tables[*at]);
                    never.extend(tables.map(|table| judge::never(table, CopyEnd::Failed, &error)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok((records, never))
    }

    async fn draft<'a>(
        &'a self,
        order: &'a Order,
        observer: &dyn Observer,
        cancel: &CancellationToken,
    ) -> Result<Draft<'a>> {
        if cancel.is_cancelled() {
            return Err(cancelled());
        }
        let (client, settings) = (&self.client, &self.settings);
        let patience = Patience { observer, step: "", pace: &self.pace };
        let named = order.tables.iter().flat_map(|table| [&table.target, &table.source]);
        let mut catalogs: Vec<String> = named.filter_map(|name| name.namespace.first().cloned()).collect();
        catalogs.sort();
        catalogs.dedup();
        let (settings, offer) = patience.ask(Some(cancel), || allowed(client, settings, &catalogs)).await?;
        let user = match settings.is_serverless() {
            true => String::new(),
            false => patience.ask(Some(cancel), || client.me()).await?.user_name,
        };
        Ok(Draft { order, settings, offer, user })
    }

    async fn carry(
        &self,
        record: StepRecord,
        resumed: bool,
        observer: &dyn Observer,
        cancel: &CancellationToken,
    ) -> Result<StepRecord> {
        let step = record.step.clone();
        carry(record, &self.context(&step, (observer, cancel), resumed)).await
    }
}
