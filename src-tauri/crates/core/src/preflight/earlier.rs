//! Whether what earlier runs made is still in the target.

use super::rows_there;
use futures::FutureExt;
use icebridge_lakehouse::copy::standing;
use icebridge_lakehouse::{Table, TargetCatalog};
use icebridge_model::mapping::{MappingRow, MappingState};
use icebridge_model::{Code, Result};
use icebridge_store::Store;

/// Loads the target's table of each row that an earlier run migrated. Another table of that name, made since by somebody
/// else, is one that exists and blocks. One that cannot be read blocks as well, and the other tables go on.
pub(super) async fn check<'a>(
    store: &'a Store,
    target: &'a dyn TargetCatalog,
    rows: &'a mut [MappingRow],
) -> Result<()> {
    rows_there::each(rows, MappingState::Migrated, |row| check_row(store, target, row).boxed()).await
}

async fn check_row(store: &Store, target: &dyn TargetCatalog, row: &mut MappingRow) -> Result<()> {
    let (Some(name), Some(earlier)) = (&row.target, &mut row.migrated_by) else { return Ok(()) };
    let made = store.made_by(&earlier.run_id, &row.source).await?;
    let (state, problem) = match target.load(name).await {
        Ok(table)
            if made.location.is_none_or(|made| is_same(&made, &table.metadata.location))
                && is_identical(made.uuid, &table) =>
        {
            match standing(target, &table, &made.plan_hash, name) {
                Some(round) if round.round > 0 => {
                    earlier.synced_round = Some(round.round);
                    earlier.source_snapshot_id = round.source_snapshot_id;
                }
                _ => earlier.target_changed = earlier.target_snapshot_id != table.metadata.current_snapshot_id,
            }
            return Ok(());
        }
        Ok(_) => (MappingState::Exists, format!("it is not the table that run {} made", earlier.run_id)),
        // Dropped since the target was listed: it can be created again.
        Err(error) if error.code == Code::TableNotFound => (MappingState::Create, String::new()),
        Err(error) => {
            let problem = format!(
                "it cannot be read, so it is not known whether run {} made it: {}",
                earlier.run_id, error.message
            );
            (MappingState::Exists, problem)
        }
    };
    (row.state, row.problem, row.migrated_by) = (state, problem, None);
    Ok(())
}

fn is_identical(made: Option<String>, found: &Table) -> bool {
    match (made, found.identity()) {
        (Some(made), Some(found)) => made.eq_ignore_ascii_case(found),
        _ => true,
    }
}

fn is_same(made: &str, found: &str) -> bool {
    made.trim_end_matches('/') == found.trim_end_matches('/')
}
