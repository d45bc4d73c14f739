//! Empty tables that plans of this state made in the target and never filled: a run takes them back, so that they block no plan.

use super::rows_there;
use futures::FutureExt;
use icebridge_lakehouse::TargetCatalog;
use icebridge_lakehouse::copy::is_left_empty;
use icebridge_model::Result;
use icebridge_model::mapping::{MappingRow, MappingState};
use icebridge_store::Store;

/// Loads the target's table of each row that exists and whose source this state has a place for.
pub(super) async fn check<'a>(
    store: &'a Store,
    target: &'a dyn TargetCatalog,
    rows: &'a mut [MappingRow],
) -> Result<()> {
    rows_there::each(rows, MappingState::Exists, |row| check_row(store, target, row).boxed()).await
}

/// One that cannot be read may be anybody's, and one that is not found has a name that differs in case.
async fn check_row(store: &Store, target: &dyn TargetCatalog, row: &mut MappingRow) -> Result<()> {
    let Some(name) = &row.target else { return Ok(()) };
    let places = store.places_of(&row.source).await?;
    if places.is_empty() {
        return Ok(());
    }
    // A workspace's API does not say whether the table has rows, and a run by clusters alone cannot drop it.
    if let Ok(table) = target.load(name).await
        && table.identity().is_some()
        && places.iter().any(|(plan, place)| is_left_empty(&table.metadata, plan, place))
    {
        (row.state, row.problem) = (MappingState::Create, String::new());
    }
    Ok(())
}
