//! Catalogs.

use crate::base::{Fields, Page, Refusal};
use crate::unity::objects::Catalog;
use crate::unity::{Kind, Metastore, Securable, connections, valid_name};
use crate::web::{Answer, Caller, Unity, done, page};
use axum::Json;
use axum::extract::{Path, State};
use serde_json::Value;

fn payload(state: &Unity, metastore: &Metastore, catalog: &Catalog) -> Value {
    let within = metastore.within(state.deleted_owners());
    catalog.payload(within, metastore.optimization(&Securable::new(Kind::Catalog, &catalog.name)))
}

pub async fn list(State(state): State<Unity>, asked: Page) -> Answer {
    let size = asked.unity(state.common.settings.lock().page_size);
    let metastore = state.metastore.lock();
    let all: Vec<Value> = metastore.catalogs.values().map(|catalog| payload(&state, &metastore, catalog)).collect();
    page(asked.of("catalogs", &all, size))
}

pub async fn get(State(state): State<Unity>, Path(name): Path<String>) -> Answer {
    let metastore = state.metastore.lock();
    Ok(Json(payload(&state, &metastore, metastore.catalog(&name)?)))
}

pub async fn create(State(state): State<Unity>, caller: Caller, fields: Fields) -> Answer {
    let name = valid_name(fields.must_text("name")?)?;
    let connection = fields.text("connection_name")?;
    if let Some(connection) = connection {
        connections::connection(connection)?;
    }
    let mut metastore = state.metastore.lock();
    if metastore.catalogs.contains_key(&name) {
        return Err(Refusal::unity(409, "CATALOG_ALREADY_EXISTS", format!("Catalog '{name}' already exists")));
    }
    let catalog = Catalog {
        name: name.clone(),
        kind: if connection.is_some() { "FOREIGN_CATALOG" } else { "MANAGED_CATALOG" },
        connection: connection.map(str::to_owned),
        options: fields.map("options"),
        properties: fields.map("properties"),
        storage_root: fields.text("storage_root")?.map(str::to_owned),
        default_storage: false,
        owner: caller.name.clone(),
        comment: fields.text("comment")?.map(str::to_owned),
        optimization: "INHERIT".to_owned(),
        created: state.common.now(),
    };
    metastore.catalogs.insert(name.clone(), catalog);
    Ok(Json(payload(&state, &metastore, metastore.catalog(&name)?)))
}

pub async fn patch(State(state): State<Unity>, caller: Caller, Path(name): Path<String>, fields: Fields) -> Answer {
    let mut metastore = state.metastore.lock();
    let securable = Securable::new(Kind::Catalog, &name);
    change(&state, &mut metastore, &caller, &securable, &fields)?;
    if let Some(catalog) = metastore.catalogs.get_mut(&securable.name) {
        catalog.properties.extend(fields.map("properties"));
    }
    Ok(Json(payload(&state, &metastore, metastore.catalog(&name)?)))
}

/// What a PATCH may change of any object: its owner, comment and predictive optimization, as far as they are named.
pub fn change(
    state: &Unity,
    metastore: &mut Metastore,
    caller: &Caller,
    securable: &Securable,
    fields: &Fields,
) -> Result<(), Refusal> {
    metastore.exists(securable)?;
    metastore.must_manage(caller, securable)?;
    if let Some(setting) = fields.text("enable_predictive_optimization")? {
        metastore.set_optimization(caller, securable, setting)?;
    }
    if let Some(comment) = fields.text("comment")? {
        metastore.set_comment(caller, securable, Some(comment.to_owned()))?;
    }
    if let Some(owner) = fields.text("owner")? {
        metastore.set_owner(caller, &state.common.principals.lock(), securable, owner)?;
    }
    Ok(())
}

pub async fn delete(State(state): State<Unity>, caller: Caller, Path(name): Path<String>) -> Answer {
    state.metastore.lock().drop_catalog(&caller, &name)?;
    done()
}
