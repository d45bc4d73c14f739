//! Copies that runs staged in a target and neither published nor took back, and how they are taken back now.

use super::context::{Migration, Opened, RunContext};
use super::environment::Lakehouse;
use super::live::{ActiveRun, LiveTable};
use super::staging::ELSEWHERE;
use super::used_places::{Found, Use, use_of};
use super::{same_catalogs, view};
use crate::LocalState;
use crate::ledger::{find_run, may_be_published, plan_of, table_histories};
use icebridge_lakehouse::catalog::{embedded_is_there, every_table_loaded};
use icebridge_lakehouse::copy::{Discarded, is_waiting_for_rows};
use icebridge_model::catalog::CatalogKind;
use icebridge_model::plan::Plan;
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
    /// The target has the table, or may have it: nothing of it is removed.
    pub is_published: bool,
}

/// What became of one that was to be taken back, or would.
pub(crate) enum TakenBack {
    Removed,
    Stays(String),
}

impl StagedCopies {
    pub fn target(&self) -> &str {
        &self.plan.target
    }

    pub fn run_id(&self) -> &str {
        &self.record.run_id
    }
}

/// All that this state has a record of. A run that cannot be read is named with its error, and hides no other.
pub(crate) async fn all(local: &LocalState) -> Result<Vec<Result<StagedCopies, (String, Error)>>> {
    let mut by_run: BTreeMap<(String, String), Vec<StagedPlace>> = BTreeMap::new();
    for place in local.store.staged_places().await? {
        by_run.entry((place.plan_hash.clone(), place.run_id.clone())).or_default().push(place);
    }
    let mut found = Vec::new();
    for ((plan_hash, run_id), places) in by_run {
        found.push(of_run(local, &plan_hash, &run_id, places).await.map_err(|error| (format!("run {run_id}"), error)));
    }
    Ok(found)
}

async fn of_run(local: &LocalState, plan_hash: &str, run_id: &str, places: Vec<StagedPlace>) -> Result<StagedCopies> {
    let record = match run_id {
        // Of an earlier version, which wrote down none.
        "" => local.store.run_of_plan(plan_hash).await?,
        run_id => Some(find_run(local, run_id).await?),
    };
    let record = record.ok_or_else(|| Error::new(Code::RunNotFound, "the run of what was staged is not known"))?;
    let plan = plan_of(&record)?;
    let mut tables = Vec::with_capacity(places.len());
    for place in places {
        let is_published = may_be_published(local, &place).await?;
        tables.push(StagedCopy { source: place.source, is_published });
    }
    Ok(StagedCopies { tables, record, plan })
}

/// Takes them back as their run would have, one after the other, or only looks whether it would. What any table of the target
/// uses stays.
pub(crate) async fn discard(
    local: &LocalState,
    staged: StagedCopies,
    remove: bool,
) -> Result<Vec<(TableIdent, Result<TakenBack>)>> {
    let StagedCopies { record, plan, tables } = staged;
    let wanted: HashSet<TableIdent> =
        tables.into_iter().filter(|copy| !copy.is_published).map(|copy| copy.source).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    same_catalogs::check(local, &record.run_id, &plan).await?;
    let target = local.store.catalog(&plan.target).await?;
    if target.kind == CatalogKind::Embedded && !embedded_is_there(&target)? {
        return Err(Error::new(Code::CatalogUnreachable, "the target is not there")
            .about(&target.uri)
            .with_hint("Mount its disk."));
    }
    let opened = Opened::new(local, &plan, Arc::new(Lakehouse)).await?;
    let there = every_table_loaded(opened.target.as_ref()).await?;
    let histories = table_histories(local, &record.run_id, &plan).await?;
    let live = plan.tables.iter().zip(&histories).map(|(planned, history)| {
        let table = view::table_migration(local, planned, history, &[]);
        Arc::new(LiveTable::new(table, planned.estimate.bytes, local.metrics.clone()))
    });
    let live =
        Arc::new(ActiveRun::new(record.run_id.clone(), CancellationToken::new(), live.collect(), &plan.settings));
    let run = Arc::new(RunContext::new(local.clone(), opened, plan, live, HashSet::new()).await?);
    let mut done = Vec::new();
    for table in Migration::all(&run).into_iter().filter(|table| wanted.contains(&table.planned().source)) {
        let taken_back = take_back(&table, &there, remove).await;
        done.push((table.planned().source.clone(), taken_back));
    }
    Ok(done)
}

async fn take_back(table: &Migration, there: &[Found], remove: bool) -> Result<TakenBack> {
    let (run, planned) = (&table.run, table.planned());
    let Some(place) = run.local.store.place(&run.plan.hash, &planned.source).await? else {
        return Ok(TakenBack::Removed);
    };
    if let Some(why) = used_by(there, planned.target.clone(), &run.plan.hash, &place) {
        return Ok(TakenBack::Stays(why));
    }
    let source = match run.source.load(&planned.source).await {
        Ok(source) => source,
        Err(error) if error.code == Code::TableNotFound => {
            return Ok(TakenBack::Stays(format!(
                "its source is gone, and without it the folder cannot be named: the one that ends in {place}"
            )));
        }
        Err(error) => return Err(error.about(&planned.source)),
    };
    if !remove {
        return Ok(TakenBack::Removed);
    }
    Ok(match table.clear_staged(&source, &place).await? {
        Discarded::Removed => TakenBack::Removed,
        Discarded::Published => TakenBack::Stays("a table of the target uses what was copied".into()),
        Discarded::Elsewhere => TakenBack::Stays(ELSEWHERE.into()),
    })
}

/// Why a place must not be cleared.
fn used_by(there: &[Found], target: TableIdent, plan_hash: &str, place: &str) -> Option<String> {
    there.iter().find_map(|found| match (use_of(found, place), found) {
        (Some(Use::Certain(why) | Use::Possible(why)), _) => Some(why),
        (None, (ident, Ok(table))) if *ident == target && is_waiting_for_rows(&table.metadata, plan_hash) => {
            Some("an empty table was made for it: a resume fills it, or drop it there".into())
        }
        (None, _) => None,
    })
}
