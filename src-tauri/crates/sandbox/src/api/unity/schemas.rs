//! Schemas.

use super::catalogs::change;
use super::dropped::remove_files;
use crate::base::{Fields, Page, Params, required};
use crate::unity::objects::{Schema, parts};
use crate::unity::{Details, Kind, Metastore, Securable};
use crate::web::{Answer, Caller, Unity, done, page};
use axum::Json;
use axum::extract::{Path, Query, State};
use serde_json::Value;

fn payload(state: &Unity, metastore: &Metastore, schema: &Schema) -> Value {
    let effective = metastore.optimization(&Securable::new(Kind::Schema, &schema.full_name));
    let Ok(catalog) = metastore.catalog(parts(&schema.full_name).0) else { return Value::Null };
    schema.payload(metastore.within(state.deleted_owners()), catalog, effective)
}

pub async fn list(State(state): State<Unity>, Query(params): Query<Params>, asked: Page) -> Answer {
    let catalog = required(&params, "catalog_name")?;
    let size = asked.unity(state.common.settings.lock().page_size);
    let metastore = state.metastore.lock();
    let own: Vec<&Schema> = metastore.schemas_of(catalog)?.collect();
    let item = |at: usize| own.get(at).map_or(Value::Null, |schema| payload(&state, &metastore, schema));
    page(asked.cut("schemas", own.len(), size, item))
}

pub async fn get(State(state): State<Unity>, Path(name): Path<String>) -> Answer {
    let metastore = state.metastore.lock();
    Ok(Json(payload(&state, &metastore, metastore.schema(&name)?)))
}

pub async fn create(State(state): State<Unity>, caller: Caller, fields: Fields) -> Answer {
    let (catalog, name) = (fields.must_text("catalog_name")?, fields.must_text("name")?);
    let details = Details {
        owner: &caller,
        id: state.common.ids.uuid(),
        now: state.common.now(),
        comment: fields.text("comment")?.map(str::to_owned),
        properties: fields.map("properties"),
    };
    let mut metastore = state.metastore.lock();
    let full_name = metastore.add_schema(catalog, name, details)?;
    Ok(Json(payload(&state, &metastore, metastore.schema(&full_name)?)))
}

pub async fn patch(State(state): State<Unity>, caller: Caller, Path(name): Path<String>, fields: Fields) -> Answer {
    let mut metastore = state.metastore.lock();
    let securable = Securable::new(Kind::Schema, &name);
    change(&state, &mut metastore, &caller, &securable, &fields)?;
    if let Some(schema) = metastore.schemas.get_mut(&securable.name) {
        schema.properties.extend(fields.map("properties"));
    }
    Ok(Json(payload(&state, &metastore, metastore.schema(&name)?)))
}

pub async fn delete(
    State(state): State<Unity>,
    caller: Caller,
    Path(name): Path<String>,
    Query(params): Query<Params>,
) -> Answer {
    let force = params.get("force").is_some_and(|value| value == "true");
    let mut metastore = state.metastore.lock();
    metastore.drop_schema(&caller, &name, force)?;
    remove_files(&state.folder, &metastore, &name);
    drop(metastore);
    done()
}
