//! Tables that jobs and engines outside made in the warehouse, put into Unity Catalog as what they are there.

use super::files::newest;
use crate::base::{Ids, Shared, plain};
use crate::state::ADMIN;
use crate::unity::Metastore;
use crate::unity::objects::{Column, Schema, Table, parts};
use crate::unity::types::Type;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

type Found = BTreeMap<String, (PathBuf, Value)>;

/// Looks through the warehouse; what is there is registered or brought up to date, what is gone is dropped.
pub fn register_tables(warehouse: &Path, metastore: &Shared<Metastore>, ids: &Ids, now: i64) {
    let mut found = Found::new();
    for catalog in folders(warehouse) {
        for schema in folders(&catalog) {
            for table in folders(&schema) {
                let name: Vec<String> = [&catalog, &schema, &table].map(|path| last(path)).to_vec();
                if let Some((_, metadata)) = newest(&table) {
                    found.insert(name.join(".").to_lowercase(), (table, metadata));
                }
            }
        }
    }
    let mut metastore = metastore.lock();
    let gone = |table: &Table| {
        table.folder.as_ref().is_some_and(|at| at.starts_with(warehouse)) && !found.contains_key(&table.full_name)
    };
    metastore.tables.retain(|_, table| !gone(table));
    // What was dropped since the folder was looked through is not registered.
    found.retain(|_, (folder, _)| folder.is_dir());
    for (full_name, (folder, metadata)) in found {
        register(&mut metastore, full_name, &folder, &metadata, ids, now);
    }
}

fn register(metastore: &mut Metastore, full_name: String, folder: &Path, metadata: &Value, ids: &Ids, now: i64) {
    let (catalog, schema, _) = parts(&full_name);
    let Some(kind) = metastore.catalogs.get(catalog).map(|catalog| catalog.kind) else { return };
    let schema = format!("{catalog}.{schema}");
    metastore.schemas.entry(schema.clone()).or_insert_with(|| Schema::new(&schema, ids.uuid(), ADMIN, now));
    let old = metastore.tables.remove(&full_name);
    let old = old.unwrap_or_else(|| Table::new(&full_name, ids.uuid(), ADMIN, now));
    // The trap of the real one: a managed Iceberg table says DELTA, and only its kind tells.
    let (kind, format, securable_kind) = match kind {
        "MANAGED_CATALOG" => ("MANAGED", "DELTA", "TABLE_DELTA_ICEBERG_MANAGED"),
        _ => ("FOREIGN", "ICEBERG", "TABLE_DELTA_UNIFORM_ICEBERG_FOREIGN_HIVE_METASTORE_EXTERNAL"),
    };
    // What a statement set is not in the file.
    let mut properties = properties(metadata);
    for (name, value) in &old.properties {
        if name.starts_with("delta.") || ["clusteringColumns", "clusterByAuto"].contains(&name.as_str()) {
            properties.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    let table = Table {
        comment: metadata["properties"]["comment"].as_str().map(str::to_owned).or(old.comment),
        kind: kind.to_owned(),
        format: Some(format.to_owned()),
        securable_kind: securable_kind.to_owned(),
        location: Some(location(metadata, folder)),
        folder: Some(folder.to_owned()),
        columns: columns(metadata, &old.columns),
        properties,
        view: None,
        ..old
    };
    metastore.tables.insert(full_name, table);
}

/// In a store of its own, or where its metadata is.
fn location(metadata: &Value, folder: &Path) -> String {
    let own = metadata["location"].as_str().filter(|at| !at.starts_with("file:") && at.contains("://"));
    own.map_or_else(|| format!("file://{}", folder.display()), str::to_owned)
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

fn last(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What statements said of a column of the old ones stays.
fn columns(metadata: &Value, old: &[Column]) -> Vec<Column> {
    let current = &metadata["current-schema-id"];
    let schemas = metadata["schemas"].as_array();
    let schema = schemas.and_then(|all| all.iter().find(|one| one["schema-id"] == *current));
    let fields = schema.and_then(|schema| schema["fields"].as_array());
    let column = |field: &Value| {
        let name = field["name"].as_str().unwrap_or_default();
        let before = old.iter().find(|column| column.name == name);
        Column {
            nullable: field["required"] != true,
            comment: field["doc"].as_str().or(before.and_then(|one| one.comment.as_deref())).map(str::to_owned),
            mask: before.and_then(|one| one.mask.clone()),
            ..Column::new(name, spark(&field["type"]))
        }
    };
    fields.into_iter().flatten().map(column).collect()
}

/// An Iceberg type as Spark names it.
fn spark(kind: &Value) -> Type {
    let text = |name: &str| Type::read(name).unwrap_or(Type::Struct(Vec::new()));
    if let Some(name) = kind.as_str() {
        return match name {
            "long" => text("bigint"),
            "timestamptz" => text("timestamp"),
            "timestamp" => text("timestamp_ntz"),
            "uuid" | "time" => text("string"),
            name if name.starts_with("fixed") => text("binary"),
            name => text(name),
        };
    }
    match kind["type"].as_str() {
        Some("list") => Type::Array(Box::new(spark(&kind["element"]))),
        Some("map") => Type::Map(Box::new(spark(&kind["key"])), Box::new(spark(&kind["value"]))),
        _ => {
            let field = |field: &Value| {
                let name = field["name"].as_str().unwrap_or_default().to_owned();
                (name, spark(&field["type"]), field["required"] != true)
            };
            Type::Struct(kind["fields"].as_array().into_iter().flatten().map(field).collect())
        }
    }
}

fn properties(metadata: &Value) -> BTreeMap<String, String> {
    let own = metadata["properties"].as_object().into_iter().flatten();
    let mut all: BTreeMap<String, String> = own.map(|(name, value)| (name.clone(), plain(value))).collect();
    let version = metadata["format-version"].as_u64().unwrap_or(2);
    all.insert("format-version".to_owned(), version.to_string());
    let snapshot = metadata["current-snapshot-id"].as_i64();
    all.insert("current-snapshot-id".to_owned(), snapshot.map_or_else(|| "none".to_owned(), |id| id.to_string()));
    if version < 3 {
        all.insert("delta.enableIcebergWriterCompatV1".to_owned(), "true".to_owned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn iceberg_types_become_sparks() {
        let nested = json!({"type": "map", "key": "string", "value": {"type": "struct", "fields": [
            {"name": "at", "type": "timestamptz", "required": true}, {"name": "n", "type": "decimal(9, 2)", "required": false}
        ]}});
        assert_eq!(spark(&nested).text(), "map<string,struct<at:timestamp NOT NULL,n:decimal(9,2)>>");
        assert_eq!(spark(&json!({"type": "list", "element": "long"})).text(), "array<bigint>");
        assert_eq!(spark(&json!("fixed[16]")).text(), "binary");
    }
}
