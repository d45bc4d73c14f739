//! What is told of a table: its history, its detail, its properties.

use super::ast::Name;
use super::error::SqlError;
use super::session::Session;
use super::table::Table;
use super::{clustering, lake};
use crate::unity::objects::Table as UnityTable;
use crate::unity::{Kind, Metastore, Securable};
use serde_json::Value;

fn table_of(session: &Session<'_>, metastore: &Metastore, name: &Name) -> Result<UnityTable, SqlError> {
    let full_name = session.full(name)?;
    let table = metastore.table(&full_name).map_err(|_| SqlError::no_table(&full_name))?;
    metastore.must_allow(session.principal, &Securable::new(Kind::Table, &full_name), "SELECT")?;
    Ok(table)
}

fn columns<const N: usize>(named: [(&str, &'static str); N]) -> Vec<(String, &'static str)> {
    named.map(|(name, kind)| (name.to_owned(), kind)).to_vec()
}

pub fn history(session: &Session<'_>, name: &Name) -> Result<Table, SqlError> {
    let metastore = session.engine.metastore.lock();
    let table = table_of(session, &metastore, name)?;
    let all = lake::metadata(&table).map(|metadata| lake::history(session, &table, &metadata)).unwrap_or_default();
    let row = |(at, time, operation): (usize, String, String)| vec![Some(at.to_string()), Some(time), Some(operation)];
    Ok(Table {
        columns: columns([("version", "LONG"), ("timestamp", "TIMESTAMP"), ("operation", "STRING")]),
        rows: all.into_iter().map(row).collect(),
    })
}

/// Of its columns in life those that are known here.
pub fn detail(session: &Session<'_>, name: &Name) -> Result<Table, SqlError> {
    let metastore = session.engine.metastore.lock();
    let table = table_of(session, &metastore, name)?;
    let row = [
        Some(table.full_name.clone()),
        table.location.clone(),
        Some(Value::from(clustering::partition_fields(&table)).to_string()),
        Some(Value::from(clustering::columns(&table)).to_string()),
        Some(serde_json::json!(table.properties).to_string()),
    ];
    let named = [
        ("name", "STRING"),
        ("location", "STRING"),
        ("partitionColumns", "ARRAY"),
        ("clusteringColumns", "ARRAY"),
        ("properties", "MAP"),
    ];
    Ok(Table { columns: columns(named), rows: vec![row.to_vec()] })
}

pub fn properties(session: &Session<'_>, name: &Name) -> Result<Table, SqlError> {
    let metastore = session.engine.metastore.lock();
    let table = table_of(session, &metastore, name)?;
    let row = |(name, value): (String, String)| vec![Some(name), Some(value)];
    Ok(Table {
        columns: columns([("key", "STRING"), ("value", "STRING")]),
        rows: table.properties.into_iter().map(row).collect(),
    })
}
