//! What a source holds, captured table by table. One table that cannot be read is a row with its problem, not the end.

use crate::LocalState;
use crate::state::now;
use futures::StreamExt;
use icebridge_lakehouse::history::Depth;
use icebridge_lakehouse::{Catalog, facts};
use icebridge_metrics::Stage;
use icebridge_model::event::Event;
use icebridge_model::facts::{InventoryOutcome, InventoryRow};
use icebridge_model::mapping::Pattern;
use icebridge_model::ops::{InventoryRequest, InventorySummary};
use icebridge_model::{Code, Error, Result, TableIdent};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

/// Tables read at the same time. Reading one is a handful of small requests, mostly spent waiting.
const AT_ONCE: usize = 32;
const EVENT_EVERY: Duration = Duration::from_millis(100);

/// Rows are stored as they come, so that a cancelled or killed refresh keeps what it had.
#[tracing::instrument(name = "inventory", skip_all, fields(source = request.source))]
pub async fn refresh(
    local: &LocalState,
    request: &InventoryRequest,
    cancel: &CancellationToken,
) -> Result<InventorySummary> {
    let _at_work = local.metrics.stage(Stage::Inventory);
    let only = request.only.iter().map(|glob| Pattern::glob(glob)).collect::<Result<Vec<_>>>()?;
    let cancelled = || Error::new(Code::Cancelled, "the inventory was cancelled").about(&request.source);
    let listing = async {
        let source = local.open_source(&request.source).await?;
        let listed = source.tables().await.map_err(|e| e.about(&request.source))?;
        Ok::<_, Error>((source, listed))
    };
    let (source, listed) = tokio::select! {
        found = listing => found?,
        () = cancel.cancelled() => return Err(cancelled()),
    };
    local.store.retain_inventory(&request.source, &listed).await?;
    let wanted: Vec<TableIdent> =
        listed.iter().filter(|table| only.is_empty() || only.iter().any(|glob| glob.matches(table))).cloned().collect();
    if wanted.is_empty() && !listed.is_empty() {
        return Err(Error::invalid("no table matches the patterns").about(request.only.join(", ")).with_hint(format!(
            "{} has {} tables, the first is {}.",
            request.source,
            listed.len(),
            listed[0]
        )));
    }

    let mut summary = InventorySummary { source: request.source.clone(), ..InventorySummary::default() };
    let total = wanted.len();
    let depth = if request.whole_history { Depth::Whole } else { Depth::Sample };
    let mut last_event = Instant::now();
    let mut rows =
        futures::stream::iter(wanted).map(|table| capture(Arc::clone(&source), table, depth)).buffer_unordered(AT_ONCE);
    loop {
        let row = tokio::select! {
            row = rows.next() => row,
            () = cancel.cancelled() => return Err(cancelled()),
        };
        let Some(row) = row else { break };
        local.store.save_inventory_row(&request.source, &row).await?;
        summary.tables += 1;
        match &row.outcome {
            InventoryOutcome::Facts(facts) => {
                summary.rows += facts.live_rows();
                summary.bytes += facts.live_bytes();
            }
            InventoryOutcome::Problem(_) => summary.problems += 1,
        }
        if summary.tables == total || last_event.elapsed() >= EVENT_EVERY {
            last_event = Instant::now();
            local.emit(Event::Inventory {
                source: request.source.clone(),
                done: summary.tables,
                total,
                table: row.ident.to_string(),
            });
        }
    }
    Ok(summary)
}

pub async fn list(local: &LocalState, source: &str) -> Result<Vec<InventoryRow>> {
    local.store.catalog(source).await?;
    local.store.inventory(source).await
}

/// Makes something of a table, or nothing.
pub(crate) type Make<T> = Arc<dyn Fn(InventoryRow) -> Option<T> + Send + Sync>;

/// What is made of each table of a source, sorted by the tables' names as text. The tables themselves are dropped page by
/// page, and made into something on as many threads as there are.
pub(crate) async fn each<T: Send + 'static>(local: &LocalState, source: &str, make: Make<T>) -> Result<Vec<T>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut made, mut after) = (Vec::new(), None);
    let mut making: VecDeque<AbortOnDropHandle<Result<Vec<T>>>> = VecDeque::new();
    loop {
        let page = local.store.inventory_page(source, after.as_deref()).await?;
        let is_last = page.is_none();
        if let Some(page) = page {
            after = Some(page.last.clone());
            let make = Arc::clone(&make);
            making.push_back(AbortOnDropHandle::new(tokio::task::spawn_blocking(move || {
                Ok(page.rows()?.into_iter().filter_map(|row| make(row)).collect())
            })));
        }
        while making.len() >= threads || (is_last && !making.is_empty()) {
            let Some(first) = making.pop_front() else { break };
            let died = |e| Error::internal("reading the inventory failed").with_cause(e);
            made.append(&mut first.await.map_err(died)??);
        }
        if is_last {
            return Ok(made);
        }
    }
}

/// In a task of its own, so that a defect in reading one strange table costs that table alone.
async fn capture(source: Arc<dyn Catalog>, ident: TableIdent, depth: Depth) -> InventoryRow {
    let reading = tokio::spawn({
        let (ident, span_table) = (ident.clone(), ident.clone());
        async move {
            let table = source.load(&ident).await?;
            facts::facts(&table, depth).await
        }
        .instrument(tracing::info_span!("table", table = %span_table))
    });
    let outcome = match AbortOnDropHandle::new(reading).await {
        Ok(Ok(facts)) => InventoryOutcome::Facts(Box::new(facts)),
        Ok(Err(error)) => InventoryOutcome::Problem(error.about(&ident).or_usual_hint()),
        Err(died) => InventoryOutcome::Problem(
            Error::internal("reading the table's metadata failed").about(&ident).with_cause(died),
        ),
    };
    InventoryRow { ident, captured_at: now(), outcome }
}
