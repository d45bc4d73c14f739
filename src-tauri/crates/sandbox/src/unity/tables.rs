//! Tables.

use super::catalogs::{known_owner, valid_name};
use super::objects::{Column, Show, Table};
use super::securable::{Kind, Securable};
use super::state::Metastore;
use super::types::Type;
use crate::answer::{Answer, Refusal};
use crate::body::Fields;
use crate::caller::Caller;
use crate::page::Page;
use crate::world::{Shared, locked};
use axum::Json;
use axum::extract::{Path, Query, State};
use serde_json::{Value, json};
use std::collections::HashMap;

type Asked = HashMap<String, String>;

fn says(asked: &Asked, name: &str) -> bool {
    asked.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn show(asked: &Asked) -> Show {
    Show {
        columns: !says(asked, "omit_columns"),
        properties: !says(asked, "omit_properties"),
        username: !says(asked, "omit_username"),
        manifest: says(asked, "include_manifest_capabilities"),
    }
}

fn told(metastore: &Metastore, table: &Table, show: Show) -> Value {
    let effective = metastore.optimization(&Securable::new(Kind::Table, &table.full_name));
    table.told(&metastore.id, show, effective)
}

pub async fn list(State(world): State<Shared>, Query(asked): Query<Asked>, page: Page) -> Answer {
    let must = |name: &str| {
        let value = asked.get(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| Refusal::invalid(format!("Missing required field: {name}")))
    };
    let (catalog, schema) = (must("catalog_name")?, must("schema_name")?);
    let size = page.unity(locked(&world.settings).page_size);
    let metastore = locked(&world.unity);
    metastore.catalog(catalog)?;
    let schema = metastore.schema(&format!("{catalog}.{schema}"))?;
    let (total, at) = metastore.tables_of(&schema.full_name);
    let show = show(&asked);
    let item = |place| at(place).map_or(Value::Null, |table| told(&metastore, &table, show));
    Ok(Json(Value::Object(page.cut("tables", total, size, item))))
}

pub async fn get(State(world): State<Shared>, Path(name): Path<String>, Query(asked): Query<Asked>) -> Answer {
    let metastore = locked(&world.unity);
    let show = Show { columns: true, properties: true, username: true, ..show(&asked) };
    Ok(Json(told(&metastore, &metastore.table(&name)?, show)))
}

pub async fn exists(State(world): State<Shared>, Path(name): Path<String>) -> Answer {
    Ok(Json(json!({"table_exists": locked(&world.unity).table(&name).is_ok()})))
}

/// Only the owner can be changed here; predictive optimization of a table goes by SQL.
pub async fn patch(State(world): State<Shared>, caller: Caller, Path(name): Path<String>, fields: Fields) -> Answer {
    let owner = known_owner(&world, &fields)?;
    let mut metastore = locked(&world.unity);
    metastore.table(&name)?;
    metastore.must_manage(&caller, &Securable::new(Kind::Table, &name))?;
    let table = metastore.table_mut(&name)?;
    table.owner = owner.unwrap_or_else(|| table.owner.clone());
    Ok(Json(json!({})))
}

pub async fn delete(State(world): State<Shared>, caller: Caller, Path(name): Path<String>) -> Answer {
    let mut metastore = locked(&world.unity);
    let full_name = metastore.table(&name)?.full_name;
    metastore.must_manage(&caller, &Securable::new(Kind::Table, &full_name))?;
    if metastore.seeded.find(&full_name).is_some() {
        return Err(Refusal::unity(400, "INVALID_STATE", "A table that the sandbox generated cannot be dropped."));
    }
    metastore.tables.remove(&full_name);
    metastore.rows.remove(&full_name);
    Ok(Json(json!({})))
}

/// External Delta tables only, as in the real API: managed Iceberg is made by SQL.
pub async fn create(State(world): State<Shared>, caller: Caller, fields: Fields) -> Answer {
    if fields.text("table_type")? != Some("EXTERNAL") || fields.text("data_source_format")? != Some("DELTA") {
        let words = "Only external tables of the format DELTA can be created by this call.";
        return Err(Refusal::unity(400, "INVALID_PARAMETER_VALUE", words));
    }
    let schema = format!("{}.{}", fields.must_text("catalog_name")?, fields.must_text("schema_name")?);
    let name = valid_name(fields.must_text("name")?)?;
    let columns = fields.list("columns").iter().map(read_column).collect::<Result<Vec<_>, _>>()?;
    let mut metastore = locked(&world.unity);
    let full_name = format!("{}.{name}", metastore.schema(&schema)?.full_name);
    if metastore.table(&full_name).is_ok() {
        return Err(Refusal::unity(409, "TABLE_ALREADY_EXISTS", format!("Table '{full_name}' already exists")));
    }
    let table = Table {
        full_name: full_name.clone(),
        id: world.ids.uuid(),
        kind: "EXTERNAL".to_owned(),
        format: Some("DELTA".to_owned()),
        securable_kind: "TABLE_DELTA_EXTERNAL".to_owned(),
        location: fields.text("storage_location")?.map(str::to_owned),
        columns,
        properties: fields.map("properties"),
        owner: caller.name.clone(),
        comment: fields.text("comment")?.map(str::to_owned),
        optimization: "INHERIT".to_owned(),
        created: world.clock.now(),
        view: None,
    };
    metastore.tables.insert(full_name.clone(), table);
    let all = Show { columns: true, properties: true, username: true, manifest: false };
    Ok(Json(told(&metastore, &metastore.table(&full_name)?, all)))
}

fn read_column(value: &Value) -> Result<Column, Refusal> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let (name, kind) = (text("name").unwrap_or_default(), text("type_text").unwrap_or_default());
    let kind = Type::read(kind).filter(|_| !name.is_empty());
    Ok(Column {
        name: name.to_owned(),
        kind: kind.ok_or_else(|| Refusal::invalid(format!("The column {value} has no name or no known type_text")))?,
        nullable: value.get("nullable").and_then(Value::as_bool).unwrap_or(true),
        comment: text("comment").map(str::to_owned),
        partition_index: None,
    })
}
