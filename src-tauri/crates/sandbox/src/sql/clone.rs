//! CREATE TABLE ... DEEP CLONE. The clone of a table in files has metadata of its own and the source's files, which the sandbox
//! does not copy.

use super::ast::CloneTable;
use super::error::SqlError;
use super::session::Session;
use super::{guarded, lake};
use crate::base::Refusal;
use crate::iceberg::{files, register_tables};
use crate::unity::objects::{Table, parts};
use crate::unity::{Kind, Metastore, NewTable, Row, Securable};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

enum Rows {
    InMemory(Vec<Row>),
    InFiles { folder: PathBuf, metadata: Value },
}

pub fn clone(session: &Session<'_>, wanted: &CloneTable) -> Result<(), SqlError> {
    let (full_name, source) = (session.full(&wanted.name)?, session.full(&wanted.source)?);
    let mut metastore = session.engine.metastore.lock();
    let Some((source, rows)) = readable(session, &metastore, &full_name, &source, wanted)? else { return Ok(()) };
    let details = session.details(source.comment.clone(), source.properties.clone());
    let made = NewTable {
        full_name: full_name.clone(),
        kind: "MANAGED",
        securable_kind: if source.securable_kind == "TABLE_DELTA" {
            "TABLE_DELTA"
        } else {
            "TABLE_DELTA_ICEBERG_MANAGED"
        },
        location: Some(format!("s3://sandbox-managed/{}/tables/{}", metastore.id, details.id)),
        columns: source.columns,
    };
    metastore.put_table(made, details);
    match rows {
        Rows::InMemory(rows) => {
            metastore.rows.insert(full_name, rows);
        }
        Rows::InFiles { folder, metadata } => {
            files::put(&folder, 1, &metadata).map_err(Refusal::from)?;
            drop(metastore);
            let Session { engine, .. } = session;
            let (common, warehouse) = (&engine.common, engine.folder.warehouse());
            register_tables(&warehouse, &engine.metastore, &common.ids, common.now());
        }
    }
    Ok(())
}

/// What is to be cloned; none: the table is there, and that was said to be fine.
fn readable(
    session: &Session<'_>,
    metastore: &Metastore,
    full_name: &str,
    source: &str,
    wanted: &CloneTable,
) -> Result<Option<(Table, Rows)>, SqlError> {
    if !metastore.is_managed(full_name)? {
        return Err(SqlError::not_allowed(format!("{full_name} would lie in a foreign catalog, which is only read.")));
    }
    let (catalog, schema, name) = parts(full_name);
    let schema = metastore.schema(&format!("{catalog}.{schema}"))?.full_name.clone();
    metastore.must_allow(session.principal, &Securable::new(Kind::Schema, &schema), "CREATE_TABLE")?;
    session.must_reach(metastore, full_name)?;
    let table = metastore.table(source).map_err(|_| SqlError::no_table(source))?;
    metastore.must_allow(session.principal, &Securable::new(Kind::Table, source), "SELECT")?;
    session.must_reach(metastore, source)?;
    if metastore.table(full_name).is_ok() {
        return if wanted.if_not_exists { Ok(None) } else { Err(SqlError::exists(full_name)) };
    }
    guarded::must_be_open(session, metastore, &table)?;
    if table.kind == "FOREIGN" && !session.engine.common.settings.lock().deep_clone_of_foreign {
        let message = "The clone source is a foreign Iceberg table, which cannot be cloned to a managed Iceberg table.";
        return Err(SqlError::new("DELTA_CLONE_UNSUPPORTED_SOURCE", "0AKDC", message));
    }
    if let Some(rows) = metastore.rows.get(source) {
        if wanted.version.is_some() {
            return Err(SqlError::unsupported("time travel in a table that is in the sandbox's memory"));
        }
        return Ok(Some((table, Rows::InMemory(rows.clone()))));
    }
    let metadata = lake::metadata(&table).ok_or_else(|| {
        SqlError::unsupported(&format!("cloning {source}, whose data is not in the sandbox's memory"))
    })?;
    let snapshot = lake::reached(session, &table, &metadata, wanted.version.as_ref())?;
    let folder = session.engine.folder.warehouse().join(catalog).join(parts(&schema).1).join(name);
    let metadata = of_clone(session, metadata, &folder, snapshot);
    Ok(Some((table, Rows::InFiles { folder, metadata })))
}

/// The state at the snapshot, under a name of its own.
fn of_clone(session: &Session<'_>, mut metadata: Value, folder: &Path, snapshot: Option<i64>) -> Value {
    let common = &session.engine.common;
    metadata["table-uuid"] = json!(common.ids.uuid());
    metadata["location"] = json!(format!("file://{}", folder.display()));
    metadata["last-updated-ms"] = json!(common.now());
    metadata["current-snapshot-id"] = json!(snapshot.unwrap_or(-1));
    if let Some(all) = metadata["snapshots"].as_array_mut() {
        all.retain(|one| one["snapshot-id"].as_i64() == snapshot);
        for one in all {
            if let Some(fields) = one.as_object_mut() {
                fields.remove("parent-snapshot-id");
            }
        }
    }
    metadata["refs"] = snapshot.map_or_else(|| json!({}), |id| json!({"main": {"snapshot-id": id, "type": "branch"}}));
    for log in ["snapshot-log", "metadata-log", "statistics", "partition-statistics"] {
        metadata[log] = json!([]);
    }
    metadata
}
