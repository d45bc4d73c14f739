//! All tables of a catalog in one listing, but only names and types.

use crate::base::{Page, Params, like, param, required};
use crate::unity::objects::parts;
use crate::web::{Answer, Unity, page};
use axum::extract::{Query, State};
use regex::Regex;
use serde_json::Value;

const MAX_PAGE: usize = 10_000;

pub async fn list(State(state): State<Unity>, Query(params): Query<Params>, asked: Page) -> Answer {
    let catalog = required(&params, "catalog_name")?;
    let pattern = |name: &str| {
        let text = Some(param(&params, name)).filter(|text| !text.is_empty());
        text.map(|text| like(text, true)).transpose()
    };
    let (schemas, tables) = (pattern("schema_name_pattern")?, pattern("table_name_pattern")?);
    let fits = |pattern: &Option<Regex>, name: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(name));
    let manifest = param(&params, "include_manifest_capabilities") == "true";
    let metastore = state.metastore.lock();
    // (schema, place in it), so that a page makes only its own tables.
    let mut places = Vec::new();
    for schema in metastore.schemas_of(catalog)?.filter(|one| fits(&schemas, parts(&one.full_name).1)) {
        let (total, at) = metastore.tables_of(&schema.full_name);
        let wanted = |place: usize| at(place).is_some_and(|table| fits(&tables, parts(&table.full_name).2));
        let all = (0..total).filter(|place| tables.is_none() || wanted(*place));
        places.extend(all.map(|place| (&schema.full_name, place)));
    }
    let item = |place: usize| {
        let Some((schema, at)) = places.get(place) else { return Value::Null };
        metastore.tables_of(schema).1(*at).map_or(Value::Null, |table| table.summary(manifest))
    };
    page(asked.cut("tables", places.len(), asked.unity(MAX_PAGE).min(MAX_PAGE), item))
}
