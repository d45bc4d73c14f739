//! Whether what earlier runs made is still in the target.

use futures::{FutureExt, StreamExt, stream};
use icebridge_lakehouse::TargetCatalog;
use icebridge_model::Code;
use icebridge_model::mapping::{MappingRow, MappingState};

/// The target's limiter spaces the requests.
const AT_ONCE: usize = 16;

/// Loads the target's table of each row that an earlier run migrated. Another table of that name, made since by somebody
/// else, is one that exists and blocks.
pub(super) async fn check(target: &dyn TargetCatalog, rows: &mut [MappingRow]) {
    let migrated = rows.iter_mut().filter(|row| row.state == MappingState::Migrated);
    let checks: Vec<_> = migrated.map(|row| check_row(target, row).boxed()).collect();
    let mut checked = stream::iter(checks).buffer_unordered(AT_ONCE);
    while checked.next().await.is_some() {}
}

async fn check_row(target: &dyn TargetCatalog, row: &mut MappingRow) {
    let (Some(name), Some(earlier)) = (&row.target, &mut row.migrated_by) else { return };
    let table = match target.load(name).await {
        Ok(table) => table,
        // Dropped since the target was listed: it can be created again.
        Err(error) if error.code == Code::TableNotFound => {
            row.state = MappingState::Create;
            row.migrated_by = None;
            return;
        }
        // It is there, and it cannot be said whose it is. The other tables go on.
        Err(error) => {
            row.problem =
                format!("whether it is the table of run {} cannot be told: {}", earlier.run_id, error.message);
            row.state = MappingState::Exists;
            row.migrated_by = None;
            return;
        }
    };
    let same = |location: &str| location.trim_end_matches('/') == table.metadata.location.trim_end_matches('/');
    if earlier.target_location.is_empty() || same(&earlier.target_location) {
        earlier.target_changed = earlier.target_snapshot_id != table.metadata.current_snapshot_id;
    } else {
        row.problem = format!("it is not the table that run {} made", earlier.run_id);
        row.state = MappingState::Exists;
        row.migrated_by = None;
    }
}
