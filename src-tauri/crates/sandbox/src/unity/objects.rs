//! Catalogs, schemas, tables and volumes, and their payloads.

use super::deleted;
use super::types::Type;
use crate::state::behaviour::DeletedOwners;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Clone, Debug)]
pub struct Catalog {
    pub name: String,
    pub kind: &'static str,
    pub connection: Option<String>,
    pub options: BTreeMap<String, String>,
    pub properties: BTreeMap<String, String>,
    pub storage_root: Option<String>,
    /// In storage of the vendor's, which serverless compute alone reaches.
    pub default_storage: bool,
    pub owner: String,
    pub comment: Option<String>,
    /// ENABLE, DISABLE or INHERIT.
    pub optimization: String,
    pub created: i64,
}

#[derive(Clone, Debug)]
pub struct Schema {
    pub full_name: String,
    pub id: String,
    pub properties: BTreeMap<String, String>,
    pub storage_root: Option<String>,
    pub owner: String,
    pub comment: Option<String>,
    pub optimization: String,
    pub created: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    pub kind: Type,
    pub nullable: bool,
    pub comment: Option<String>,
    pub partition_index: Option<u32>,
    pub mask: Option<Mask>,
}

#[derive(Clone, Debug)]
pub struct Table {
    pub full_name: String,
    pub id: String,
    /// MANAGED, FOREIGN, VIEW ...
    pub kind: String,
    pub format: Option<String>,
    /// The only thing that tells a managed Iceberg table from a Delta table.
    pub securable_kind: String,
    pub location: Option<String>,
    /// Where the sandbox keeps its metadata, if it has any.
    pub folder: Option<PathBuf>,
    pub columns: Vec<Column>,
    pub properties: BTreeMap<String, String>,
    pub owner: String,
    pub comment: Option<String>,
    pub optimization: String,
    pub created: i64,
    pub view: Option<String>,
    pub row_filter: Option<RowFilter>,
}

#[derive(Clone, Debug)]
pub struct Volume {
    pub full_name: String,
    pub id: String,
    pub owner: String,
    pub comment: Option<String>,
    pub created: i64,
}

/// The metastore that a payload is of, and how it shows owners who were deleted.
#[derive(Clone, Copy, Debug)]
pub struct Within<'a> {
    pub metastore: &'a str,
    pub owners: DeletedOwners,
}

/// A row filter: a function that says which rows a reader sees, and the columns that it is given.
#[derive(Clone, Debug, PartialEq)]
pub struct RowFilter {
    pub function: String,
    pub columns: Vec<String>,
}

/// A column mask: a function that says what a reader sees of a value, and the columns that it is given besides.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    pub function: String,
    pub using: Vec<String>,
}

/// A function in SQL, kept as the statement that made it.
#[derive(Clone, Debug)]
pub struct Function {
    pub full_name: String,
    pub statement: String,
    pub owner: String,
}

/// What a client wants to see of tables.
#[derive(Clone, Copy, Debug, Default)]
pub struct Show {
    pub columns: bool,
    pub properties: bool,
    pub username: bool,
    pub manifest: bool,
}

impl Schema {
    pub fn new(full_name: &str, id: String, owner: &str, created: i64) -> Self {
        Self {
            full_name: full_name.to_owned(),
            id,
            properties: BTreeMap::new(),
            storage_root: None,
            owner: owner.to_owned(),
            comment: None,
            optimization: "INHERIT".to_owned(),
            created,
        }
    }
}

impl Column {
    pub fn new(name: &str, kind: Type) -> Self {
        Self { name: name.to_owned(), kind, nullable: true, comment: None, partition_index: None, mask: None }
    }
}

impl Table {
    /// A managed table without columns, as far as nothing else is said.
    pub fn new(full_name: &str, id: String, owner: &str, created: i64) -> Self {
        Self {
            full_name: full_name.to_owned(),
            id,
            kind: "MANAGED".to_owned(),
            format: None,
            securable_kind: "TABLE_DELTA".to_owned(),
            location: None,
            folder: None,
            columns: Vec::new(),
            properties: BTreeMap::new(),
            owner: owner.to_owned(),
            comment: None,
            optimization: "INHERIT".to_owned(),
            created,
            view: None,
            row_filter: None,
        }
    }
}

/// The parts of `catalog.schema.object`; the last ones empty where there are fewer.
pub fn parts(full_name: &str) -> (&str, &str, &str) {
    let mut parts = full_name.splitn(3, '.');
    let mut next = || parts.next().unwrap_or_default();
    (next(), next(), next())
}

fn stamp(payload: &mut Map<String, Value>, owner: &str, created: i64, within: Within<'_>) {
    if let Some(owner) = deleted::owner(owner, within.owners) {
        for name in ["owner", "created_by", "updated_by"] {
            payload.insert(name.into(), owner.as_str().into());
        }
    }
    payload.insert("created_at".into(), created.into());
    payload.insert("updated_at".into(), created.into());
    payload.insert("metastore_id".into(), within.metastore.into());
}

fn put<T: Into<Value>>(payload: &mut Map<String, Value>, name: &str, value: Option<T>) {
    if let Some(value) = value {
        payload.insert(name.into(), value.into());
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

impl Catalog {
    pub fn payload(&self, within: Within<'_>, effective: Value) -> Value {
        let mut payload = object(json!({
            "name": self.name, "full_name": self.name, "catalog_type": self.kind, "securable_type": "CATALOG",
            "securable_kind": match self.kind {
                "FOREIGN_CATALOG" => "CATALOG_FOREIGN",
                "SYSTEM_CATALOG" => "CATALOG_SYSTEM",
                _ if self.default_storage => "CATALOG_DB_STORAGE",
                _ => "CATALOG_STANDARD",
            },
            "isolation_mode": "OPEN", "enable_predictive_optimization": self.optimization,
            "effective_predictive_optimization_flag": effective, "browse_only": false,
            "provisioning_info": {"state": "ACTIVE"},
        }));
        put(&mut payload, "connection_name", self.connection.clone());
        put(&mut payload, "comment", self.comment.clone());
        put(&mut payload, "storage_root", self.storage_root.clone());
        put(&mut payload, "storage_location", self.storage_root.clone());
        payload.insert("options".into(), json!(self.options));
        payload.insert("properties".into(), json!(self.properties));
        stamp(&mut payload, &self.owner, self.created, within);
        Value::Object(payload)
    }
}

impl Schema {
    pub fn payload(&self, within: Within<'_>, catalog: &Catalog, effective: Value) -> Value {
        let (_, name, _) = parts(&self.full_name);
        let mut payload = object(json!({
            "name": name, "catalog_name": catalog.name, "full_name": self.full_name, "schema_id": self.id,
            "catalog_type": catalog.kind, "securable_type": "SCHEMA",
            "securable_kind": match catalog.kind {
                "FOREIGN_CATALOG" => "SCHEMA_FOREIGN",
                _ if catalog.default_storage => "SCHEMA_DB_STORAGE",
                _ => "SCHEMA_STANDARD",
            },
            "enable_predictive_optimization": self.optimization, "effective_predictive_optimization_flag": effective,
            "browse_only": false, "properties": self.properties,
        }));
        put(&mut payload, "comment", self.comment.clone());
        put(&mut payload, "storage_root", self.storage_root.clone());
        put(&mut payload, "storage_location", self.storage_root.clone());
        stamp(&mut payload, &self.owner, self.created, within);
        Value::Object(payload)
    }
}

impl Column {
    pub fn payload(&self, position: usize) -> Value {
        let whole = json!({"name": self.name, "type": self.kind.spark(), "nullable": self.nullable, "metadata": {}});
        let (precision, scale) = match self.kind {
            Type::Decimal(precision, scale) => (precision, scale),
            _ => (0, 0),
        };
        let mut payload = object(json!({
            "name": self.name, "position": position, "type_name": self.kind.api_name(), "type_text": self.kind.text(),
            "type_json": whole.to_string(), "type_precision": precision, "type_scale": scale, "nullable": self.nullable,
        }));
        put(&mut payload, "comment", self.comment.clone());
        put(&mut payload, "partition_index", self.partition_index);
        let mask = |mask: &Mask| json!({"function_name": mask.function, "using_column_names": mask.using});
        put(&mut payload, "mask", self.mask.as_ref().map(mask));
        Value::Object(payload)
    }
}

impl Table {
    pub fn payload(&self, within: Within<'_>, show: Show, effective: Value) -> Value {
        let (catalog, schema, name) = parts(&self.full_name);
        let mut payload = object(json!({
            "name": name, "catalog_name": catalog, "schema_name": schema, "full_name": self.full_name, "table_id": self.id,
            "table_type": self.kind, "securable_type": "TABLE", "securable_kind": self.securable_kind,
            "enable_predictive_optimization": self.optimization, "effective_predictive_optimization_flag": effective,
            "browse_only": false,
        }));
        put(&mut payload, "data_source_format", self.format.clone());
        put(&mut payload, "storage_location", self.location.clone());
        put(&mut payload, "comment", self.comment.clone());
        put(&mut payload, "view_definition", self.view.clone());
        let filter = |one: &RowFilter| json!({"function_name": one.function, "input_column_names": one.columns});
        put(&mut payload, "row_filter", self.row_filter.as_ref().map(filter));
        if show.columns {
            let columns: Vec<Value> = self.columns.iter().enumerate().map(|(at, one)| one.payload(at)).collect();
            payload.insert("columns".into(), columns.into());
        }
        if show.properties {
            payload.insert("properties".into(), json!(self.properties));
        }
        if show.manifest {
            payload.insert("securable_kind_manifest".into(), self.manifest());
        }
        stamp(&mut payload, &self.owner, self.created, within);
        if !show.username {
            for name in ["owner", "created_by", "updated_by"] {
                payload.remove(name);
            }
        }
        Value::Object(payload)
    }

    pub fn manifest(&self) -> Value {
        json!({"securable_type": "TABLE", "securable_kind": self.securable_kind, "assignable_privileges": ["SELECT", "MODIFY"]})
    }

    pub fn summary(&self, manifest: bool) -> Value {
        let mut payload = json!({"full_name": self.full_name, "table_type": self.kind});
        if manifest {
            payload["securable_kind_manifest"] = self.manifest();
        }
        payload
    }
}

impl Volume {
    pub fn payload(&self, within: Within<'_>) -> Value {
        let (catalog, schema, name) = parts(&self.full_name);
        let mut payload = object(json!({
            "name": name, "catalog_name": catalog, "schema_name": schema, "full_name": self.full_name, "volume_id": self.id,
            "volume_type": "MANAGED",
            "storage_location": format!("s3://sandbox-managed/{}/volumes/{}", within.metastore, self.id),
        }));
        put(&mut payload, "comment", self.comment.clone());
        stamp(&mut payload, &self.owner, self.created, within);
        Value::Object(payload)
    }
}
