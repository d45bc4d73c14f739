//! The tables that SELECT can read: those that statements made, those whose rows can be counted, `information_schema` and the
//! bill.

use super::ast::Version;
use super::error::SqlError;
use super::session::Session;
use super::{guarded, information, lake};
use crate::jobs::{Usage, prices};
use crate::unity::objects::parts;
use crate::unity::{Kind, Securable};
use serde_json::{Value, json};

/// Rows as objects.
pub struct Source {
    pub rows: Vec<Value>,
    /// In their order, for `*`.
    pub columns: Vec<String>,
    /// The rows are there, but not what is in them.
    pub is_closed: bool,
}

impl Source {
    fn open(rows: Vec<Value>) -> Self {
        let columns = rows.first().and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.clone());
        Self { columns: columns.collect(), rows, is_closed: false }
    }
}

pub fn read(session: &Session<'_>, full_name: &str, version: Option<&Version>) -> Result<Source, SqlError> {
    let (catalog, schema, name) = parts(full_name);
    let metastore = session.engine.metastore.lock();
    if schema == "information_schema" {
        let rows = information::read(session, &metastore, catalog, name)?;
        return rows.map(Source::open).ok_or_else(|| SqlError::no_table(full_name));
    }
    let securable = Securable::new(Kind::Table, full_name);
    let is_bill = ["system.billing.usage", "system.billing.list_prices"].contains(&full_name);
    if !is_bill && metastore.table(full_name).is_err() {
        return Err(SqlError::no_table(full_name));
    }
    metastore.must_allow(session.principal, &securable, "SELECT")?;
    match full_name {
        "system.billing.usage" => {
            return Ok(Source::open(session.engine.jobs.lock().usage.iter().map(Usage::row).collect()));
        }
        "system.billing.list_prices" => return Ok(Source::open(prices())),
        _ => session.must_reach(&metastore, full_name)?,
    }
    let table = metastore.table(full_name)?;
    let columns = table.columns.iter().map(|column| column.name.to_lowercase()).collect();
    // Made by a statement: it has rows, if only none so far. Others have their data elsewhere.
    if let Some(rows) = metastore.rows.get(full_name) {
        if version.is_some() {
            return Err(SqlError::unsupported("time travel in a table that is in the sandbox's memory"));
        }
        let rows = rows.iter().map(|row| json!(row)).collect();
        return Ok(Source { rows: guarded::seen(session, &metastore, &table, rows)?, columns, is_closed: false });
    }
    let metadata = lake::metadata(&table).ok_or_else(|| {
        SqlError::unsupported(&format!("reading {full_name}, whose data is not in the sandbox's memory"))
    })?;
    let rows = lake::rows(session, &table, &metadata, version)?;
    Ok(Source { rows: guarded::seen(session, &metastore, &table, rows)?, columns, is_closed: true })
}
