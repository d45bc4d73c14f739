//! What shall be copied, and what became of it.

use super::judge;
use super::record::{JobKind, StepRecord};
use icebridge_model::ids::{PlanHash, RunId};
use icebridge_model::photon::{ClusterCopy, ClusterResult, CopyEnd};
use icebridge_model::{Code, Error, Result, TableIdent};
use std::collections::{BTreeSet, HashMap};

/// The tables that an engine shall copy.
#[derive(Clone, Debug)]
pub struct Order {
    pub plan_hash: PlanHash,
    pub job: JobKind,
    /// The run that the journal entries belong to, and a tag on the clusters.
    pub run_id: RunId,
    /// A table whose last attempt has a smaller number and did not succeed is tried anew. The same number again is a resume:
    /// it finds what was begun, and starts nothing twice.
    pub attempt: u32,
    pub tables: Vec<ClusterCopy>,
    /// The scope of the workspace that holds the secrets of the source, where clusters need any.
    pub secret_scope: String,
    /// Targets that are not there, whatever an earlier attempt made: one that is done counts for nothing.
    pub gone: BTreeSet<TableIdent>,
}

pub(super) fn checked(order: &Order) -> Result<()> {
    if order.plan_hash.is_empty() || order.attempt == 0 {
        return Err(Error::internal("an order for clusters has a plan and an attempt from 1 on"));
    }
    let mut seen = BTreeSet::new();
    for table in &order.tables {
        for name in [&table.source, &table.target] {
            if name.namespace.len() != 2 {
                return Err(Error::invalid("on a cluster a table is named catalog.schema.table").about(name));
            }
        }
        if !seen.insert(table.target.to_string().to_lowercase()) {
            return Err(Error::new(Code::MappingConflict, "two tables have the same target").about(&table.target));
        }
    }
    Ok(())
}

/// One for each table, in their order: of the latest attempt.
pub(super) fn results(
    order: &Order,
    ended: &mut [StepRecord],
    refused: Option<&Error>,
    never: &[ClusterResult],
) -> Vec<ClusterResult> {
    ended.sort_by(|a, b| (a.attempt, &a.step).cmp(&(b.attempt, &b.step)));
    let mut last: HashMap<&TableIdent, (u32, &ClusterResult)> = HashMap::new();
    for record in ended.iter() {
        last.extend(record.results.iter().map(|result| (&result.target, (record.attempt, result))));
    }
    // Newer than all that is written down: these were refused by this very order.
    last.extend(never.iter().map(|result| (&result.target, (order.attempt, result))));
    let one = |table: &ClusterCopy| match (last.get(&table.target), refused) {
        (Some((_, result)), None) => (*result).clone(),
        // Not among those that were to be tried anew.
        (Some((attempt, result)), _) if result.end == CopyEnd::Done || *attempt >= order.attempt => (*result).clone(),
        (_, Some(error)) if error.code == Code::Cancelled => judge::never(table, CopyEnd::Cancelled, error),
        (_, Some(error)) => judge::never(table, CopyEnd::Failed, error),
        (None, None) => judge::never(table, CopyEnd::Failed, &Error::internal("no step has this table")),
    };
    order.tables.iter().map(one).collect()
}
