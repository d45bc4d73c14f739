//! A plan is made days before it is rehearsed, and its sources live on: what is rehearsed is their present state.

use crate::LocalState;
use crate::migration::{Environment, Lakehouse};
use futures::{FutureExt, StreamExt, stream};
use icebridge_lakehouse::Table;
use icebridge_lakehouse::facts::facts;
use icebridge_lakehouse::history::Depth;
use icebridge_model::photon::ClusterCopy;
use icebridge_model::plan::{Plan, PlannedTable};
use icebridge_model::{Result, TableIdent};
use std::collections::HashSet;

const AT_ONCE: usize = 8;

/// A table that cannot be loaded, or is another one by now, stays as it was planned: its run says what is wrong.
/// Beside the plan: the source tables whose state is another one by now.
pub(super) async fn pinned(local: &LocalState, plan: Plan) -> Result<(Plan, HashSet<TableIdent>)> {
    let source = Lakehouse.source(local, &plan.source).await?;
    let pinning: Vec<_> = plan
        .tables
        .iter()
        .map(|planned| {
            let source = &source;
            async move {
                match source.load(&planned.source).await {
                    Ok(table) if is_same(planned, &table) => {
                        at(planned, &table).await.unwrap_or_else(|_| planned.clone())
                    }
                    _ => planned.clone(),
                }
            }
            .boxed()
        })
        .collect();
    let tables: Vec<PlannedTable> = stream::iter(pinning).buffered(AT_ONCE).collect().await;
    let both = plan.tables.iter().zip(&tables);
    let newer = both.filter(|(then, now)| then.metadata_location != now.metadata_location);
    let newer = newer.map(|(_, now)| now.source.clone()).collect();
    Ok((Plan { tables, ..plan }.sealed()?, newer))
}

fn is_same(planned: &PlannedTable, table: &Table) -> bool {
    planned.table_uuid.is_empty() || table.metadata.uuid.eq_ignore_ascii_case(&planned.table_uuid)
}

async fn at(planned: &PlannedTable, table: &Table) -> Result<PlannedTable> {
    if table.metadata_location == planned.metadata_location {
        return Ok(planned.clone());
    }
    let snapshot_id = table.metadata.current_snapshot_id;
    let cluster = match &planned.cluster {
        None => None,
        Some(copy) => {
            let now = facts(table, Depth::Sample).await?.files;
            Some(Box::new(ClusterCopy {
                snapshot_id,
                delete_files: Some(now.position_delete_files + now.equality_delete_files),
                deletion_vectors: Some(now.deletion_vectors),
                bytes: now.data_bytes,
                rows: now.data_records,
                ..(**copy).clone()
            }))
        }
    };
    Ok(PlannedTable { metadata_location: table.metadata_location.clone(), snapshot_id, cluster, ..planned.clone() })
}
