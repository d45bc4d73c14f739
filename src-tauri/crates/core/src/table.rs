//! A look at one table of a catalog: its facts, its measure, its first rows.

use crate::LocalState;
use futures::TryStreamExt;
use icebridge_lakehouse::history::Depth;
use icebridge_lakehouse::reader::Reader;
use icebridge_lakehouse::{Table, digest, facts, scan, shown};
use icebridge_model::catalog::Role;
use icebridge_model::facts::TableFacts;
use icebridge_model::ops::{Rows, TableRequest};
use icebridge_model::schema::Schema;
use icebridge_model::validation::Measurement;
use icebridge_model::{Error, Result};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// Rows are for people to look at; a whole table goes through a copy.
const MOST_ROWS: usize = 10_000;

/// As the catalog has it now, not as the inventory remembers it.
pub async fn facts(local: &LocalState, request: &TableRequest) -> Result<TableFacts> {
    let table = open(local, request).await?;
    if let Some(snapshot) = snapshot(&table, request)?
        && Some(snapshot) != table.metadata.current_snapshot_id
    {
        return Err(Error::invalid("facts are of the current snapshot")
            .about(&request.table)
            .with_hint("Leave the snapshot out."));
    }
    facts::facts(&table, Depth::Sample).await.map_err(|e| e.about(&request.table))
}

/// Reads the whole table, deletes applied, in bounded memory.
pub async fn measure(local: &LocalState, request: &TableRequest, cancel: &CancellationToken) -> Result<Measurement> {
    let table = open(local, request).await?;
    let snapshot = snapshot(&table, request)?;
    digest::measure_as(&table, snapshot, schema(&table, request, snapshot), cancel, &|_| {})
        .await
        .map_err(|e| e.about(&request.table))
}

/// The first rows in the order of the files, deletes applied.
pub async fn rows(local: &LocalState, request: &TableRequest, limit: usize) -> Result<Rows> {
    let table = open(local, request).await?;
    let snapshot = snapshot(&table, request)?;
    let about = |e: Error| e.about(&request.table);
    let schema = schema(&table, request, snapshot).clone();
    let reader = Reader::of_bytes(&table, &schema).map_err(about)?;
    let limit = limit.min(MOST_ROWS);
    let mut rows: Vec<Value> = Vec::new();
    for task in scan::plan(&table, snapshot).await.map_err(about)? {
        let mut batches = reader.read(&task).await.map_err(about)?;
        while rows.len() < limit
            && let Some(batch) = batches.try_next().await.map_err(about)?
        {
            let wanted = batch.num_rows().min(limit - rows.len());
            rows.extend((0..wanted).map(|row| Value::Object(shown::object(&schema.fields, batch.columns(), row))));
        }
        if rows.len() >= limit {
            break;
        }
    }
    Ok(Rows { columns: schema.fields.iter().map(|f| f.name.clone()).collect(), rows })
}

async fn open(local: &LocalState, request: &TableRequest) -> Result<Table> {
    let spec = local.store.catalog(&request.catalog).await?;
    let table = match spec.role {
        Role::Source => local.open_source(&spec.name).await?.load(&request.table).await,
        Role::Target => local.open_target(&spec.name).await?.load(&request.table).await,
    };
    table.map_err(|e| e.about(&request.table))
}

fn schema<'a>(table: &'a Table, request: &TableRequest, snapshot: Option<i64>) -> &'a Schema {
    match &request.reference {
        Some(name) => table.metadata.reference_schema(name),
        None => table.metadata.read_schema(snapshot),
    }
}

/// The snapshot that was asked for, or the current one.
fn snapshot(table: &Table, request: &TableRequest) -> Result<Option<i64>> {
    let missing = |what: String| Error::invalid(format!("the table has no {what}")).about(&table.ident);
    match (request.snapshot_id, &request.reference) {
        (Some(_), Some(_)) => Err(Error::invalid("name a snapshot or a branch or tag, not both")
            .about(&table.ident)
            .with_hint("Leave one of them out.")),
        (Some(id), None) => match table.metadata.snapshot(id) {
            Some(_) => Ok(Some(id)),
            None => {
                let known = table.metadata.snapshots.iter().rev().take(5).map(|s| s.snapshot_id.to_string());
                Err(missing(format!("snapshot {id}"))
                    .with_hint(format!("Its latest are {}.", known.collect::<Vec<_>>().join(", "))))
            }
        },
        (None, Some(name)) => match table.metadata.reference(name) {
            Some(id) => Ok(Some(id)),
            None => {
                let known = table.metadata.refs.keys().cloned().collect::<Vec<_>>().join(", ");
                Err(missing(format!("branch or tag {name}")).with_hint(format!("It has {known}.")))
            }
        },
        (None, None) => Ok(table.metadata.current_snapshot_id),
    }
}
