//! Liquid clustering: what a table is clustered by, and what stands in the way of it.

use super::ast::Clustering;
use super::error::SqlError;
use super::lake;
use crate::base::plain;
use crate::unity::objects::{Column, Table};
use crate::unity::types::Type;
use std::collections::BTreeMap;

/// Where Unity Catalog shows the columns: a path for each, as JSON.
const COLUMNS: &str = "clusteringColumns";
/// Of clustering by columns that the workspace chooses itself.
const AUTO: &str = "clusterByAuto";
const MOST: usize = 4;
/// Types that have statistics, by which files are laid out.
const WITH_STATISTICS: [&str; 11] =
    ["BYTE", "SHORT", "INT", "LONG", "FLOAT", "DOUBLE", "DECIMAL", "DATE", "TIMESTAMP", "TIMESTAMP_NTZ", "STRING"];

/// Whether a table with these columns and properties can be clustered so.
pub fn check(
    columns: &[Column],
    properties: &BTreeMap<String, String>,
    is_iceberg: bool,
    wanted: &Clustering,
) -> Result<(), SqlError> {
    let paths = match wanted {
        Clustering::None => return Ok(()),
        Clustering::Auto => &Vec::new(),
        Clustering::By(paths) => paths,
    };
    if paths.len() > MOST {
        let message = format!("CLUSTER BY supports up to {MOST} columns.");
        return Err(SqlError::new("DELTA_CLUSTER_BY_INVALID_NUM_COLUMNS", "54000", message));
    }
    for path in paths {
        resolved(columns, path)?;
    }
    let is = |name: &str, value: &str| properties.get(name).is_some_and(|own| own.eq_ignore_ascii_case(value));
    let disabled = is("delta.enableDeletionVectors", "false") && is("delta.enableRowTracking", "false");
    if is_iceberg && !is("format-version", "3") && !disabled {
        let message = "Clustering an Iceberg v2 table needs delta.enableDeletionVectors and delta.enableRowTracking set to false.";
        let class = "MANAGED_ICEBERG_ATTEMPTED_TO_ENABLE_CLUSTERING_WITHOUT_DISABLING_DVS_OR_ROW_TRACKING";
        return Err(SqlError::new(class, "0A000", message));
    }
    Ok(())
}

/// The same of a table that is there. One with partitions is refused whatever is asked for.
pub fn check_changed(table: &Table, wanted: &Clustering) -> Result<(), SqlError> {
    if !partition_fields(table).is_empty() {
        let class = "DELTA_ALTER_TABLE_CLUSTER_BY_ON_PARTITIONED_TABLE_NOT_ALLOWED";
        return Err(SqlError::new(class, "42000", "ALTER TABLE CLUSTER BY cannot be applied to a partitioned table."));
    }
    check(&table.columns, &table.properties, table.securable_kind != "TABLE_DELTA", wanted)
}

/// Columns that were not checked are noted as they were written.
pub fn note(columns: &[Column], properties: &mut BTreeMap<String, String>, wanted: &Clustering) {
    match wanted {
        // The columns that there are stay until others are chosen.
        Clustering::Auto => drop(properties.insert(AUTO.to_owned(), "true".to_owned())),
        Clustering::None => properties.retain(|name, _| name != COLUMNS && name != AUTO),
        Clustering::By(paths) => {
            let own = |path: &Vec<String>| resolved(columns, path).unwrap_or_else(|_| path.clone());
            let paths: Vec<Vec<String>> = paths.iter().map(own).collect();
            properties.remove(AUTO);
            properties.insert(COLUMNS.to_owned(), serde_json::json!(paths).to_string());
        }
    }
}

/// The table's own spelling of the path to a column that can be clustered by.
fn resolved(columns: &[Column], path: &[String]) -> Result<Vec<String>, SqlError> {
    let told = path.join(".");
    let absent = || {
        let message = format!("The column {told} is not a column of the table.");
        SqlError::new("DELTA_COLUMN_NOT_FOUND_IN_SCHEMA", "42703", message)
    };
    let (first, below) = path.split_first().ok_or_else(absent)?;
    let column = columns.iter().find(|one| one.name.eq_ignore_ascii_case(first)).ok_or_else(absent)?;
    let (mut own, mut kind) = (vec![column.name.clone()], &column.kind);
    for part in below {
        let Type::Struct(fields) = kind else { return Err(absent()) };
        let (name, inner, _) = fields.iter().find(|(name, ..)| name.eq_ignore_ascii_case(part)).ok_or_else(absent)?;
        own.push(name.clone());
        kind = inner;
    }
    if WITH_STATISTICS.contains(&kind.api_name()) {
        return Ok(own);
    }
    let message = format!("CLUSTER BY is not supported on {told}: its type is {}.", kind.text());
    Err(SqlError::new("DELTA_CLUSTERING_COLUMNS_DATATYPE_NOT_SUPPORTED", "0A000", message))
}

/// The names of its partition fields.
pub fn partition_fields(table: &Table) -> Vec<String> {
    if let Some(metadata) = lake::metadata(table) {
        let specs = metadata["partition-specs"].as_array().into_iter().flatten();
        let own = specs.into_iter().find(|spec| spec["spec-id"] == metadata["default-spec-id"]);
        let fields = own.and_then(|spec| spec["fields"].as_array()).into_iter().flatten();
        // A field that was dropped in version 1 stays as void.
        let there = fields.filter(|field| field["transform"] != "void");
        return there.map(|field| plain(&field["name"])).collect();
    }
    let mut columns: Vec<_> = table.columns.iter().filter(|column| column.partition_index.is_some()).collect();
    columns.sort_by_key(|column| column.partition_index);
    columns.into_iter().map(|column| column.name.clone()).collect()
}

/// The names of the columns that it is clustered by.
pub fn columns(table: &Table) -> Vec<String> {
    let noted = table.properties.get(COLUMNS).map_or("[]", String::as_str);
    let paths: Vec<Vec<String>> = serde_json::from_str(noted).unwrap_or_default();
    paths.iter().map(|path| path.join(".")).collect()
}
