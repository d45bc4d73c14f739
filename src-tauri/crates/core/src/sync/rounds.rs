//! A look at all tables of a run, or one round of them.

use super::active::{self, TOLD_EVERY, Told};
use super::session::Session;
use super::{job_rounds, standing, table_round};
use crate::LocalState;
use crate::approval;
use crate::governance::step_metrics::{self, TableStep};
use crate::state::now;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use icebridge_metrics::Stage;
use icebridge_model::plan::PlannedTable;
use icebridge_model::sync::{SyncRequest, SyncRound, SyncView, SyncedTable};
use icebridge_model::{Result, TableIdent};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Tables with their places among those that are asked for.
type Placed = Result<Vec<(usize, SyncedTable)>>;

/// Catalog calls in flight while nothing is copied.
const LOOKS_AT_ONCE: usize = 32;

/// How each table that the run migrated stands to its source. Changes nothing in the target, and no journal.
pub async fn look(local: &LocalState, request: &SyncRequest, cancel: &CancellationToken) -> Result<SyncView> {
    let cancel = active::begin(local, cancel);
    let _at_work = local.metrics.stage(Stage::Sync);
    let session = Session::open(local, request, &cancel).await?;
    let looks: Vec<_> = session
        .tables(request)?
        .into_iter()
        .enumerate()
        .map(|(at, (planned, migrated))| {
            let session = &session;
            async move {
                let told = match standing::left_alone(session, planned, (migrated, false)).await? {
                    Some(told) => told,
                    None => standing::look(session, planned).await,
                };
                Ok(vec![(at, told)])
            }
            .boxed()
        })
        .collect();
    let count = looks.len();
    let tables = tokio::select! {
        tables = each(&session, (looks, count), LOOKS_AT_ONCE) => tables?,
        () = cancel.cancelled() => return Err(super::cancelled()),
    };
    Ok(view(&session, tables))
}

/// Brings each table that the run migrated to the state that its source has now. A table that fails stops no other.
#[tracing::instrument(name = "round", skip_all, fields(run))]
pub async fn round(local: &LocalState, request: &SyncRequest, cancel: &CancellationToken) -> Result<SyncView> {
    let _lock = local.store.lock().await?;
    // Not before: a round that is refused must not take the way to cancel from the one that is at work.
    let cancel = active::begin(local, cancel);
    local.store.check_journal().await?;
    let _at_work = local.metrics.stage(Stage::Sync);
    let session = Session::open(local, request, &cancel).await?;
    approval::require(local, &session.plan).await?;
    let (on_clusters, here): (Vec<_>, Vec<_>) =
        session.tables(request)?.into_iter().enumerate().partition(|(_, (planned, _))| planned.cluster.is_some());
    let (count, has_clusters) = (on_clusters.len() + here.len(), !on_clusters.is_empty());
    let mut work = Vec::new();
    if has_clusters {
        work.push(by_clusters(&session, on_clusters, request).boxed());
    }
    work.extend(here.into_iter().map(|(at, (planned, migrated))| {
        let session = &session;
        async move {
            if session.cancel.is_cancelled() {
                return Err(super::cancelled());
            }
            let told = match standing::left_alone(session, planned, (migrated, request.whole)).await? {
                Some(told) => told,
                None => table_round::take(session, planned, request.whole).await?,
            };
            Ok(vec![(at, told)])
        }
        .boxed()
    }));
    // Clusters take no place of a table that is copied here.
    let at_once = session.plan.settings.unmeasured_parallel_tables() + usize::from(has_clusters);
    let tables = each(&session, (work, count), at_once).await?;
    record_metrics(&session, &tables).await;
    Ok(view(&session, tables))
}

/// Tables that clusters copied, all by one order.
async fn by_clusters(
    session: &Session<'_>,
    asked: Vec<(usize, (&PlannedTable, bool))>,
    request: &SyncRequest,
) -> Result<Vec<(usize, SyncedTable)>> {
    let (mut told, mut places, mut tables) = (Vec::new(), Vec::new(), Vec::new());
    for (at, (planned, migrated)) in asked {
        match standing::left_alone(session, planned, (migrated, request.whole)).await? {
            Some(table) => told.push((at, table)),
            None => {
                places.push(at);
                tables.push(planned);
            }
        }
    }
    told.extend(places.into_iter().zip(job_rounds::take_all(session, &tables, request).await?));
    Ok(told)
}

/// In the workspace, where the plan wants it.
async fn record_metrics(session: &Session<'_>, tables: &[SyncedTable]) {
    let of = |source: &TableIdent| session.plan.tables.iter().find(|planned| planned.source == *source);
    let made = tables.iter().filter_map(|table| Some((of(&table.source)?, table.made.as_ref()?)));
    let row = |(planned, made): (_, &SyncRound)| TableStep {
        planned,
        state: format!("synced, round {}", made.round),
        rows: Some(made.rows),
        milliseconds: Some(made.milliseconds),
    };
    let rows: Vec<TableStep<'_>> = made.map(row).collect();
    step_metrics::record(session.local, (&session.plan, &session.run_id), &rows, session.cancel).await;
}

/// In the tables' order, telling of each as it is done.
async fn each(
    session: &Session<'_>,
    (work, count): (Vec<BoxFuture<'_, Placed>>, usize),
    at_once: usize,
) -> Result<Vec<SyncedTable>> {
    let mut told = Told::new(session, count);
    let (done, mut to_tell) = mpsc::unbounded_channel();
    // Both go on at the same time: tables that are at work may hold what the telling waits for.
    let working = async move {
        let mut work = stream::iter(work).buffer_unordered(at_once);
        let (mut tables, mut first_error) = (Vec::new(), None);
        // To the end, whatever one of them says: another may be in the middle of its commit.
        while let Some(some) = work.next().await {
            match some {
                Ok(some) => {
                    // They are listened to until this end is dropped.
                    some.iter().for_each(|(_, table)| drop(done.send(table.clone())));
                    tables.extend(some);
                }
                Err(error) => drop(first_error.get_or_insert(error)),
            }
        }
        tables.sort_by_key(|(at, _)| *at);
        let tables: Vec<SyncedTable> = tables.into_iter().map(|(_, table)| table).collect();
        first_error.map_or(Ok(tables), Err)
    };
    let telling = async {
        let mut failed = None;
        let mut while_at_work = tokio::time::interval(TOLD_EVERY);
        while_at_work.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                next = to_tell.recv() => match next {
                    None => break,
                    Some(table) if failed.is_none() => failed = told.done(&table, standing::now_ms()).await.err(),
                    Some(_) => {}
                },
                _ = while_at_work.tick() => told.go_on(),
            }
        }
        failed.map_or(Ok(()), Err)
    };
    let (tables, told) = futures::join!(working, telling);
    told.and(tables)
}

fn view(session: &Session<'_>, tables: Vec<SyncedTable>) -> SyncView {
    let view = SyncView {
        run_id: session.run_id.clone(),
        source: session.plan.source.clone(),
        target: session.plan.target.clone(),
        at: now(),
        tables,
    };
    session.local.metrics.synced(&view);
    view
}
