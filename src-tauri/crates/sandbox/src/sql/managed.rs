//! What CREATE TABLE refuses of managed Iceberg tables.

use super::ast::{CreateTable, Expression, Pairs};
use super::error::SqlError;
use crate::unity::is_reserved;
use crate::unity::objects::Column;

/// The columns of the new table, with their places in the partitioning.
pub fn check(table: &CreateTable) -> Result<Vec<Column>, SqlError> {
    check_properties(&table.properties)?;
    let mut columns = table.columns.clone();
    if let Some(fields) = &table.partitioned_by {
        if table.clustered {
            let message = "CLUSTER BY and PARTITIONED BY cannot both be given.";
            return Err(SqlError::new("SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED", "42908", message));
        }
        for (index, field) in (0..).zip(fields) {
            partition_column(&mut columns, field)?.partition_index = Some(index);
        }
    }
    let is = |name: &str, value: &str| {
        table.properties.iter().any(|(own, set)| own == name && set.eq_ignore_ascii_case(value))
    };
    let disabled = is("delta.enableDeletionVectors", "false") && is("delta.enableRowTracking", "false");
    if table.iceberg && table.clustered && !is("format-version", "3") && !disabled {
        let message = "Clustering an Iceberg v2 table needs delta.enableDeletionVectors and delta.enableRowTracking set to false.";
        let class = "MANAGED_ICEBERG_ATTEMPTED_TO_ENABLE_CLUSTERING_WITHOUT_DISABLING_DVS_OR_ROW_TRACKING";
        return Err(SqlError::new(class, "0A000", message));
    }
    Ok(columns)
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
