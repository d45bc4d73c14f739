//! Tables.

use super::dropped::remove_files;
use crate::base::{Fields, Page, Params, Refusal, param, required};
use crate::unity::objects::{Column, Show, Table};
use crate::unity::types::Type;
use crate::unity::{Details, Kind, Metastore, NewTable, Securable, valid_name};
use crate::web::{Answer, Caller, Unity, done, page};
use axum::Json;
use axum::extract::{Path, Query, State};
use serde_json::{Value, json};

const ALL: Show = Show { columns: true, properties: true, username: true, manifest: false };

fn says(params: &Params, name: &str) -> bool {
    param(params, name).eq_ignore_ascii_case("true")
}

fn payload(state: &Unity, metastore: &Metastore, table: &Table, show: Show) -> Value {
    let effective = metastore.optimization(&Securable::new(Kind::Table, &table.full_name));
    table.payload(metastore.within(state.deleted_owners()), show, effective)
}

pub async fn list(State(state): State<Unity>, Query(params): Query<Params>, asked: Page) -> Answer {
    let (catalog, schema) = (required(&params, "catalog_name")?, required(&params, "schema_name")?);
    let size = asked.unity(state.common.settings.lock().page_size);
    let show = Show {
        columns: !says(&params, "omit_columns"),
        properties: !says(&params, "omit_properties"),
        username: !says(&params, "omit_username"),
        manifest: says(&params, "include_manifest_capabilities"),
    };
    let metastore = state.metastore.lock();
    metastore.catalog(catalog)?;
    let schema = metastore.schema(&format!("{catalog}.{schema}"))?;
    let (total, at) = metastore.tables_of(&schema.full_name);
    let item = |place| at(place).map_or(Value::Null, |table| payload(&state, &metastore, &table, show));
    page(asked.cut("tables", total, size, item))
}

pub async fn get(State(state): State<Unity>, Path(name): Path<String>, Query(params): Query<Params>) -> Answer {
    let metastore = state.metastore.lock();
    let show = Show { manifest: says(&params, "include_manifest_capabilities"), ..ALL };
    Ok(Json(payload(&state, &metastore, &metastore.table(&name)?, show)))
}

pub async fn exists(State(state): State<Unity>, Path(name): Path<String>) -> Answer {
    Ok(Json(json!({"table_exists": state.metastore.lock().table(&name).is_ok()})))
}

/// Only the owner can be changed here; predictive optimization of a table goes by SQL.
pub async fn patch(State(state): State<Unity>, caller: Caller, Path(name): Path<String>, fields: Fields) -> Answer {
    let mut metastore = state.metastore.lock();
    let securable = Securable::new(Kind::Table, &name);
    metastore.exists(&securable)?;
    metastore.must_manage(&caller, &securable)?;
    if let Some(owner) = fields.text("owner")? {
        metastore.set_owner(&caller, &state.common.principals.lock(), &securable, owner)?;
    }
    done()
}

pub async fn delete(State(state): State<Unity>, caller: Caller, Path(name): Path<String>) -> Answer {
    let mut metastore = state.metastore.lock();
    metastore.drop_table(&caller, &name)?;
    remove_files(&state.folder, &metastore, &name);
    drop(metastore);
    done()
}

/// External Delta tables only, as in the real API: managed Iceberg is made by SQL.
pub async fn create(State(state): State<Unity>, caller: Caller, fields: Fields) -> Answer {
    if fields.text("table_type")? != Some("EXTERNAL") || fields.text("data_source_format")? != Some("DELTA") {
        let message = "Only external tables of the format DELTA can be created by this call.";
        return Err(Refusal::unity(400, "INVALID_PARAMETER_VALUE", message));
    }
    let schema = format!("{}.{}", fields.must_text("catalog_name")?, fields.must_text("schema_name")?);
    let name = valid_name(fields.must_text("name")?)?;
    let mut metastore = state.metastore.lock();
    let full_name = format!("{}.{name}", metastore.schema(&schema)?.full_name);
    metastore.must_be_free(&full_name)?;
    let details = Details {
        owner: &caller,
        id: state.common.ids.uuid(),
        now: state.common.now(),
        comment: fields.text("comment")?.map(str::to_owned),
        properties: fields.map("properties"),
    };
    let table = NewTable {
        full_name: full_name.clone(),
        kind: "EXTERNAL",
        securable_kind: "TABLE_DELTA_EXTERNAL",
        location: fields.text("storage_location")?.map(str::to_owned),
        columns: fields.list("columns").iter().map(read_column).collect::<Result<_, _>>()?,
    };
    metastore.put_table(table, details);
    Ok(Json(payload(&state, &metastore, &metastore.table(&full_name)?, ALL)))
}

fn read_column(value: &Value) -> Result<Column, Refusal> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let (name, kind) = (text("name").unwrap_or_default(), text("type_text").unwrap_or_default());
    let kind = Type::read(kind).filter(|_| !name.is_empty());
    let kind = kind.ok_or_else(|| Refusal::invalid(format!("The column {value} has no name or no known type_text")))?;
    Ok(Column {
        nullable: value.get("nullable").and_then(Value::as_bool).unwrap_or(true),
        comment: text("comment").map(str::to_owned),
        ..Column::new(name, kind)
    })
}
