//! Copies that runs staged in a target and neither published nor took back, and how they are taken back now.

use super::context::{Migration, Opened, RunContext};
use super::environment::Lakehouse;
use super::live::{ActiveRun, LiveTable};
use super::{same_catalogs, view};
use crate::LocalState;
use crate::ledger::{TableHistory, find_run, plan_of, table_histories};
use icebridge_lakehouse::copy::Discarded;
use icebridge_model::plan::Plan;
use icebridge_model::run::TableState;
use icebridge_model::{Code, Error, Result, TableIdent};
use icebridge_store::{RunRecord, StagedPlace};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Of one run, which has them now.
pub(crate) struct StagedCopies {
    record: RunRecord,
    plan: Plan,
    pub tables: Vec<StagedCopy>,
}

pub(crate) struct StagedCopy {
    pub source: TableIdent,
    /// The run was ended while the target was asked to take the table, or nobody saw its answer.
    pub is_under_way: bool,
}

impl StagedCopies {
    pub fn target(&self) -> &str {
        &self.plan.target
    }

    pub fn run_id(&self) -> &str {
        &self.record.run_id
    }
}

/// All that this state has a record of.
pub(crate) async fn all(local: &LocalState) -> Result<Vec<StagedCopies>> {
    let mut by_run: BTreeMap<(String, String), Vec<StagedPlace>> = BTreeMap::new();
    for place in local.store.staged_places().await? {
        by_run.entry((place.plan_hash.clone(), place.run_id.clone())).or_default().push(place);
    }
    let mut found = Vec::new();
    for ((plan_hash, run_id), places) in by_run {
        let record = match run_id.as_str() {
            // Of an earlier version, which wrote down none.
            "" => local.store.run_of_plan(&plan_hash).await?,
            run_id => Some(find_run(local, run_id).await?),
        };
        let Some(record) = record else { continue };
        let plan = plan_of(&record)?;
        let histories = table_histories(local, &record.run_id, &plan).await?;
        let history_of = |source: &TableIdent| {
            plan.tables.iter().position(|planned| planned.source == *source).and_then(|at| histories.get(at))
        };
        let tables = places.into_iter().map(|place| {
            let is_under_way = history_of(&place.source).is_some_and(is_under_way);
            StagedCopy { source: place.source, is_under_way }
        });
        found.push(StagedCopies { tables: tables.collect(), record, plan });
    }
    Ok(found)
}

fn is_under_way(history: &TableHistory) -> bool {
    let is_unknown = |error: &Error| matches!(error.code, Code::CommitUnknown | Code::OutcomeUnknown);
    history.state == Some(TableState::Committing) || history.error.as_ref().is_some_and(is_unknown)
}

/// Takes them back as their run would have, one after the other: the target is asked first, and what it has published stays.
pub(crate) async fn discard(local: &LocalState, staged: StagedCopies) -> Result<Vec<(TableIdent, Result<Discarded>)>> {
    let StagedCopies { record, plan, tables } = staged;
    let wanted: HashSet<TableIdent> =
        tables.into_iter().filter(|copy| !copy.is_under_way).map(|copy| copy.source).collect();
    same_catalogs::check(local, &record.run_id, &plan).await?;
    let opened = Opened::new(local, &plan, Arc::new(Lakehouse)).await?;
    let histories = table_histories(local, &record.run_id, &plan).await?;
    let live = plan.tables.iter().zip(&histories).map(|(planned, history)| {
        let table = view::table_migration(local, planned, history, &[]);
        Arc::new(LiveTable::new(table, planned.estimate.bytes, local.metrics.clone()))
    });
    let live = Arc::new(ActiveRun::new(record.run_id.clone(), CancellationToken::new(), live.collect()));
    let run = Arc::new(RunContext::new(local.clone(), opened, plan, live, HashSet::new()).await?);
    let mut done = Vec::new();
    for table in Migration::all(&run).into_iter().filter(|table| wanted.contains(&table.planned().source)) {
        let taken_back = take_back(&table).await;
        done.push((table.planned().source.clone(), taken_back));
    }
    Ok(done)
}

async fn take_back(table: &Migration) -> Result<Discarded> {
    let (run, planned) = (&table.run, table.planned());
    // Without its source the place cannot be named.
    let source = run.source.load(&planned.source).await.map_err(|e| e.about(&planned.source))?;
    let Some(place) = run.local.store.place(&run.plan.hash, &planned.source).await? else {
        return Ok(Discarded::Removed);
    };
    table.clear_staged(&source, &place).await
}
