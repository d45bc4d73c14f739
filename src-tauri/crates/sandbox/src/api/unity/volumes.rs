//! Managed volumes. Their files are served by the Files API.

use crate::base::{Fields, Page, Params, Refusal, param};
use crate::unity::objects::Volume;
use crate::unity::{Details, Kind, Securable};
use crate::web::{Answer, Caller, Unity, done, page};
use axum::Json;
use axum::extract::{Path, Query, State};
use serde_json::Value;
use std::collections::BTreeMap;

pub async fn list(State(state): State<Unity>, Query(params): Query<Params>, asked: Page) -> Answer {
    let size = asked.unity(state.common.settings.lock().page_size);
    let metastore = state.metastore.lock();
    let schema = format!("{}.{}", param(&params, "catalog_name"), param(&params, "schema_name"));
    let payload = |volume: &Volume| volume.payload(metastore.within(state.deleted_owners()));
    let all: Vec<Value> = metastore.volumes_of(&schema)?.map(payload).collect();
    page(asked.of("volumes", &all, size))
}

pub async fn get(State(state): State<Unity>, Path(name): Path<String>) -> Answer {
    let metastore = state.metastore.lock();
    Ok(Json(metastore.volume(&name)?.payload(metastore.within(state.deleted_owners()))))
}

pub async fn create(State(state): State<Unity>, caller: Caller, fields: Fields) -> Answer {
    if fields.text("volume_type")? == Some("EXTERNAL") {
        return Err(Refusal::unity(400, "INVALID_PARAMETER_VALUE", "The sandbox has managed volumes only."));
    }
    let schema = format!("{}.{}", fields.must_text("catalog_name")?, fields.must_text("schema_name")?);
    let details = Details {
        owner: &caller,
        id: state.common.ids.uuid(),
        now: state.common.now(),
        comment: fields.text("comment")?.map(str::to_owned),
        properties: BTreeMap::new(),
    };
    let mut metastore = state.metastore.lock();
    let full_name = metastore.add_volume(&schema, fields.must_text("name")?, details)?;
    Ok(Json(metastore.volume(&full_name)?.payload(metastore.within(state.deleted_owners()))))
}

pub async fn delete(State(state): State<Unity>, caller: Caller, Path(name): Path<String>) -> Answer {
    let mut metastore = state.metastore.lock();
    let securable = Securable::new(Kind::Volume, &name);
    metastore.exists(&securable)?;
    metastore.must_manage(&caller, &securable)?;
    metastore.volumes.remove(&securable.name);
    state.folder.remove_volume(&securable.name)?;
    done()
}
