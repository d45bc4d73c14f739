//! Does the target have the table already, and is it ours?

use icebridge_lakehouse::copy::{PROPERTY_PLAN, PROPERTY_SOURCE_UUID, is_waiting_for_rows};
use icebridge_lakehouse::{Table, TargetCatalog};
use icebridge_model::plan::{CopyMode, PlannedTable};
use icebridge_model::{Code, Error, Result};

/// Some: the target has this very table from this very plan. None: the name is free. `table-exists`: another table has it.
pub(super) async fn find(target: &dyn TargetCatalog, planned: &PlannedTable, plan_hash: &str) -> Result<Option<Table>> {
    let there = match target.load(&planned.target).await {
        // Made empty by a run of this plan: to be filled, by whoever made it.
        Ok(table) if is_waiting_for_rows(&table.metadata, plan_hash) => return Ok(None),
        Ok(table) => table,
        Err(e) if e.code == Code::TableNotFound => return Ok(None),
        Err(e) => return Err(e.about(&planned.target)),
    };
    if is_ours(&there, planned, plan_hash) {
        return Ok(Some(there));
    }
    Err(Error::new(Code::TableExists, "the target already has another table of this name")
        .about(&planned.target)
        .with_hint(
            "Map the source to another name, or drop the table in the target if it is not needed, and plan again.",
        ))
}

fn is_ours(there: &Table, planned: &PlannedTable, plan_hash: &str) -> bool {
    let property = |key: &str| there.metadata.properties.get(key).map(String::as_str);
    match property(PROPERTY_PLAN) {
        Some(plan) => {
            plan == plan_hash
                && property(PROPERTY_SOURCE_UUID)
                    .is_none_or(|uuid| planned.table_uuid.is_empty() || uuid.eq_ignore_ascii_case(&planned.table_uuid))
        }
        // A registered table is the source's own metadata, which carries no property of ours.
        None => {
            planned.mode == CopyMode::Register
                && there.metadata.uuid.eq_ignore_ascii_case(&planned.table_uuid)
                && there.metadata_location == planned.metadata_location
        }
    }
}
