//! The tables that SELECT can read: those that statements made, `information_schema.tables` and the bill.

use super::error::SqlError;
use super::session::Session;
use crate::jobs::{PRICES, Usage};
use crate::unity::objects::{Table, parts};
use crate::unity::{Kind, Securable};
use serde_json::{Value, json};

/// Rows as objects.
pub fn read(session: &Session<'_>, full_name: &str) -> Result<Vec<Value>, SqlError> {
    let (catalog, schema, name) = parts(full_name);
    let metastore = session.engine.metastore.lock();
    if (schema, name) == ("information_schema", "tables") {
        metastore.catalog(catalog)?;
        let mine = |table: &Table| catalog == "system" || parts(&table.full_name).0 == catalog;
        return Ok(metastore.all_tables().filter(mine).map(table_row).collect());
    }
    let securable = Securable::new(Kind::Table, full_name);
    let is_bill = ["system.billing.usage", "system.billing.list_prices"].contains(&full_name);
    if !is_bill && metastore.table(full_name).is_err() {
        return Err(SqlError::no_table(full_name));
    }
    metastore.must_allow(session.principal, &securable, "SELECT")?;
    match full_name {
        "system.billing.usage" => Ok(session.engine.jobs.lock().usage.iter().map(Usage::row).collect()),
        "system.billing.list_prices" => Ok(PRICES.iter().map(price).collect()),
        _ => {
            // Made by a statement: it has rows, if only none so far. Others have their data elsewhere.
            let rows = metastore.rows.get(full_name).ok_or_else(|| {
                SqlError::unsupported(&format!("reading {full_name}, whose data is not in the sandbox's memory"))
            })?;
            Ok(rows.iter().map(|row| json!(row)).collect())
        }
    }
}

fn price((sku, price): &(&str, &str)) -> Value {
    json!({
        "price_start_time": "2024-01-01T00:00:00Z", "price_end_time": null, "sku_name": sku, "cloud": "AWS",
        "currency_code": "USD", "usage_unit": "DBU",
        "pricing": {"default": price, "promotional": {"default": price}, "effective_list": {"default": price}},
    })
}

fn table_row(one: Table) -> Value {
    let (catalog, schema, table) = parts(&one.full_name);
    json!({
        "table_catalog": catalog, "table_schema": schema, "table_name": table, "table_type": one.kind,
        "data_source_format": one.format, "table_owner": one.owner, "comment": one.comment,
    })
}
