//! The pin: is the source still what the plan says, and can the pinned state still be read?

use icebridge_lakehouse::{Catalog, Table};
use icebridge_model::plan::PlannedTable;
use icebridge_model::{Code, Error, Result};

/// Whether a source that has moved on since the plan is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strictness {
    /// Before a copy begins: what would be migrated is no longer what the source is.
    Current,
    /// Once a copy has begun: a source may be written to while it is being copied; the pin holds.
    Readable,
}

/// The source at its pin. The catalog is always asked, because a dropped or replaced table must not be migrated.
pub(super) async fn check(source: &dyn Catalog, planned: &PlannedTable, strictness: Strictness) -> Result<Table> {
    let now = match source.load(&planned.source).await {
        Ok(table) => table,
        Err(e) if e.code == Code::TableNotFound => {
            return Err(stale("the source no longer has this table", planned).with_cause(e));
        }
        Err(e) => return Err(e.about(&planned.source)),
    };
    if !planned.table_uuid.is_empty() && !now.metadata.uuid.eq_ignore_ascii_case(&planned.table_uuid) {
        return Err(stale("another table has taken this name in the source since the plan was made", planned));
    }
    if now.metadata_location == planned.metadata_location {
        return has_pinned_snapshot(now, planned);
    }
    if strictness == Strictness::Current && now.metadata.current_snapshot_id != planned.snapshot_id {
        let text = |id: Option<i64>| id.map_or_else(|| "none".to_string(), |id| id.to_string());
        return Err(stale(
            &format!(
                "the source has moved from snapshot {} to snapshot {} since the plan was made",
                text(planned.snapshot_id),
                text(now.metadata.current_snapshot_id)
            ),
            planned,
        ));
    }
    let then = reopen(&now, planned).await?;
    if strictness == Strictness::Current && then.metadata.current_schema() != now.metadata.current_schema() {
        return Err(stale("the source's schema has changed since the plan was made", planned));
    }
    Ok(then)
}

/// The source as it was planned, whatever it has become: for comparing what was already migrated.
pub(crate) async fn pinned(source: &dyn Catalog, planned: &PlannedTable) -> Result<Table> {
    check(source, planned, Strictness::Readable).await
}

/// Reads the pinned metadata.json with the storage that the catalog gives for the table today.
async fn reopen(now: &Table, planned: &PlannedTable) -> Result<Table> {
    let opened = Table::open(planned.source.clone(), planned.metadata_location.clone(), now.storage.clone()).await;
    match opened {
        Ok(table) => has_pinned_snapshot(table, planned),
        Err(e) if e.code == Code::FileMissing => {
            Err(stale("the source has dropped the metadata that the plan is pinned to", planned).with_cause(e))
        }
        Err(e) => Err(e.about(&planned.source)),
    }
}

fn has_pinned_snapshot(table: Table, planned: &PlannedTable) -> Result<Table> {
    match planned.snapshot_id {
        Some(id) if table.metadata.snapshot(id).is_none() => {
            Err(stale(&format!("the source no longer has snapshot {id}"), planned))
        }
        _ => Ok(table),
    }
}

fn stale(message: &str, planned: &PlannedTable) -> Error {
    Error::new(Code::PlanStale, message)
        .about(&planned.source)
        .with_hint("Take the inventory again and make a new plan; tables that are migrated already stay as they are.")
}
