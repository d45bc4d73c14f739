//! What CREATE TABLE refuses of managed Iceberg tables.

use super::ast::{CreateTable, Expression, Pairs};
use super::clustering;
use super::error::SqlError;
use crate::unity::is_reserved;
use crate::unity::objects::Column;
use crate::unity::types::Type;

/// The columns of the new table, with their places in the partitioning.
pub fn check(table: &CreateTable) -> Result<Vec<Column>, SqlError> {
    check_properties(&table.properties)?;
    for column in &table.columns {
        if let Some(kind) = not_null_inside(&column.kind, table.iceberg) {
            return Err(SqlError::nested_not_null(kind, &column.name));
        }
    }
    let mut columns = table.columns.clone();
    if let Some(fields) = &table.partitioned_by {
        if table.clustering.is_some() {
            let message = "CLUSTER BY and PARTITIONED BY cannot both be given.";
            return Err(SqlError::new("SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED", "42908", message));
        }
        for (index, field) in (0..).zip(fields) {
            partition_column(&mut columns, field)?.partition_index = Some(index);
        }
    }
    if let Some(wanted) = &table.clustering {
        let properties = table.properties.iter().cloned().collect();
        clustering::check(&columns, &properties, table.iceberg, wanted)?;
    }
    Ok(columns)
}

/// What `ALTER TABLE ... SET TBLPROPERTIES` may not set.
pub fn check_changed(properties: &Pairs) -> Result<(), SqlError> {
    check_properties(properties)
}

/// The kind of what has a NOT NULL in it. Delta takes it in structs that are in no list or map; Iceberg tables do not.
fn not_null_inside(kind: &Type, in_structs: bool) -> Option<&'static str> {
    match kind {
        Type::Struct(fields) => {
            let own = in_structs && fields.iter().any(|(_, _, nullable)| !nullable);
            let below = || fields.iter().find_map(|(_, kind, _)| not_null_inside(kind, in_structs));
            if own { Some("struct") } else { below() }
        }
        Type::Array(inner) => not_null_inside(inner, true).map(|_| "array"),
        Type::Map(key, value) => not_null_inside(key, true).or_else(|| not_null_inside(value, true)).map(|_| "map"),
        Type::Plain(_) | Type::Decimal(..) => None,
    }
}

fn partition_column<'a>(columns: &'a mut [Column], field: &Expression) -> Result<&'a mut Column, SqlError> {
    let name = match field {
        Expression::Column(path) => path.join("."),
        _ => {
            let message = "Partitioning by expressions is not supported for Delta tables.";
            return Err(SqlError::new("DELTA_OPERATION_NOT_ALLOWED", "0AKDC", message));
        }
    };
    let column = columns.iter_mut().find(|column| column.name.eq_ignore_ascii_case(&name)).ok_or_else(|| {
        let message = format!("The partition column `{name}` is not a column of the table.");
        SqlError::new("PARTITION_COLUMN_NOT_FOUND_IN_SCHEMA", "42000", message)
    })?;
    if column.kind.api_name() == "BINARY" {
        let message = format!("The column `{name}` of type BINARY cannot be a partition column.");
        return Err(SqlError::new("INVALID_PARTITION_COLUMN_DATA_TYPE", "0A000", message));
    }
    Ok(column)
}

fn check_properties(properties: &Pairs) -> Result<(), SqlError> {
    match properties.iter().find(|(name, _)| is_reserved(name)) {
        None => Ok(()),
        Some((name, _)) => {
            Err(SqlError::not_allowed(format!("The table property {name} is managed by the engine and cannot be set.")))
        }
    }
}
