//! Intended: which tables a step copies, on what, and where its files lie. Nothing was asked of the workspace.

use super::compute::{Offer, Owner, compute};
use super::group::Group;
use super::judge;
use super::order::Order;
use super::patience::cancelled;
use super::record::{JobKind, Lane, StepRecord, StepState, run_name, short};
use icebridge_model::photon::{ClusterCopy, ClusterResult, ClusterValidation, CopyEnd, PhotonSettings};
use icebridge_model::{Code, Result, TableIdent};
use icebridge_store::now;
use std::collections::{BTreeSet, HashMap};

/// What all steps of an order are made from.
pub(super) struct Draft<'a> {
    pub order: &'a Order,
    /// As the workspace allows them.
    pub settings: PhotonSettings,
    pub offer: Offer,
    /// The principal that is signed in.
    pub user: String,
}

impl Draft<'_> {
    /// The record of a group, before it is written down. An error: the workspace does not offer what these tables need.
    pub fn record(&self, group: &Group, tables: &[ClusterCopy]) -> Result<StepRecord> {
        let Self { order, settings, offer, user } = self;
        let all: Vec<&ClusterCopy> = group.lanes.iter().flatten().map(|at| &tables[*at]).collect();
        let owner =
            Owner { plan_hash: &order.plan_hash, run_id: &order.run_id, user, secret_scope: &order.secret_scope };
        let (compute, else_cluster) = compute(offer, settings, &all, &owner)?;
        let volume = settings.volume.trim_end_matches('/');
        let step = match order.job {
            JobKind::BulkCopy => group.step.clone(),
            JobKind::IncrementalSync => format!("sync-{}", group.step),
        };
        let folder = format!("{volume}/{}/{step}-{}", short(&order.plan_hash), order.attempt);
        let lane = |(number, lane): (usize, &Vec<usize>)| {
            let tables = lane.iter().map(|at| tables[*at].clone()).collect();
            Lane::new(&folder, number + 1, tables, settings.great_expectations)
        };
        Ok(StepRecord {
            plan_hash: order.plan_hash.clone(),
            run_name: run_name(&order.plan_hash, &step, order.attempt),
            step,
            job: order.job,
            attempt: order.attempt,
            run_id: order.run_id.clone(),
            state: StepState::Intended,
            intended_at: now(),
            lanes: group.lanes.iter().enumerate().map(lane).collect(),
            compute,
            else_cluster,
            not_offered: String::new(),
            refused_run_id: None,
            timeout_seconds: (settings.timeout_hours > 0).then(|| settings.timeout_hours.saturating_mul(3600)),
            run_as: settings.run_as.clone(),
            scripts: String::new(),
            job_id: None,
            job_run_id: None,
            run_page_url: None,
            results: Vec::new(),
            ended: String::new(),
            milliseconds: 0,
        })
    }
}

/// The check: the last attempt at each table, of what is written down.
#[derive(Default)]
pub(super) struct LastAttempts(HashMap<TableIdent, LastAttempt>);

struct LastAttempt {
    open: bool,
    settled: bool,
    attempt: u32,
}

impl LastAttempts {
    /// Records come in the order of their attempts.
    pub fn add(&mut self, record: &StepRecord) {
        for table in record.tables() {
            let settled = record.result_of(&table.target).is_some_and(is_settled);
            let last = LastAttempt { open: record.is_open(), settled, attempt: record.attempt };
            self.0.insert(table.target.clone(), last);
        }
    }

    /// The tables of an order that nothing is open for, and nothing done, and that this attempt has not tried.
    pub fn missing(&self, order: &Order) -> Vec<ClusterCopy> {
        let is_missing = |table: &&ClusterCopy| {
            let Some(last) = self.0.get(&table.target) else { return true };
            // A round is made again and again.
            let done = order.job.is_copy() && last.settled && !order.gone.contains(&table.target);
            !last.open && !done && last.attempt < order.attempt
        };
        order.tables.iter().filter(is_missing).cloned().collect()
    }
}

/// Copied, and checked if a check was wanted: one that the cluster did not come to is made by another attempt, which finds
/// the copy and keeps it.
fn is_settled(result: &ClusterResult) -> bool {
    let checked = |check: &ClusterValidation| check.error.as_ref().is_none_or(|e| e.code == Code::ValidationFailed);
    result.end == CopyEnd::Done && result.validation.as_ref().is_none_or(checked)
}

/// A step for which nothing was asked yet, and with a table that is not ordered any more.
pub(super) fn is_unwanted(record: &StepRecord, order: &Order) -> bool {
    let ordered: BTreeSet<&TableIdent> = order.tables.iter().map(|table| &table.target).collect();
    record.state == StepState::Intended && !record.tables().all(|table| ordered.contains(&table.target))
}

/// The undo: nothing was made. The tables that are still wanted are cut anew.
pub(super) fn withdraw(record: &mut StepRecord) {
    record.results = judge::all_of(record, CopyEnd::Cancelled, &cancelled());
    record.ended = "it was never started, and is no longer wanted".into();
}
