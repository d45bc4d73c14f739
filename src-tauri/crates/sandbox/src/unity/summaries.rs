//! All tables of a catalog in one walk, but only names and types.

use super::objects::parts;
use crate::answer::{Answer, Refusal};
use crate::page::Page;
use crate::world::{Shared, locked};
use axum::Json;
use axum::extract::{Query, State};
use regex::Regex;
use serde_json::Value;
use std::collections::HashMap;

const MOST: usize = 10_000;

/// A LIKE pattern, as SQL has them: `%` and `_`.
pub fn like(pattern: &str, any_case: bool) -> Result<Regex, Refusal> {
    let mut text = String::from(if any_case { "(?is)^" } else { "(?s)^" });
    for letter in pattern.chars() {
        match letter {
            '%' => text.push_str(".*"),
            '_' => text.push('.'),
            other => text.push_str(&regex::escape(&other.to_string())),
        }
    }
    text.push('$');
    Regex::new(&text).map_err(|_| Refusal::invalid(format!("'{pattern}' is not a pattern")))
}

pub async fn list(State(world): State<Shared>, Query(asked): Query<HashMap<String, String>>, page: Page) -> Answer {
    let catalog = asked.get("catalog_name").filter(|name| !name.is_empty());
    let catalog = catalog.ok_or_else(|| Refusal::invalid("Missing required field: catalog_name"))?;
    let pattern = |name: &str| asked.get(name).filter(|text| !text.is_empty()).map(|text| like(text, true)).transpose();
    let (schemas, tables) = (pattern("schema_name_pattern")?, pattern("table_name_pattern")?);
    let manifest = asked.get("include_manifest_capabilities").is_some_and(|value| value == "true");
    let metastore = locked(&world.unity);
    let start = format!("{}.", metastore.catalog(catalog)?.name);
    let own: Vec<&String> = metastore
        .schemas
        .keys()
        .filter(|name| name.starts_with(&start))
        .filter(|name| schemas.as_ref().is_none_or(|pattern| pattern.is_match(parts(name).1)))
        .collect();
    // (schema, place in it), so that a page makes only its own tables.
    let mut places = Vec::new();
    for schema in &own {
        let (total, at) = metastore.tables_of(schema);
        for place in 0..total {
            let wanted = |pattern: &Regex| at(place).is_some_and(|table| pattern.is_match(parts(&table.full_name).2));
            if tables.as_ref().is_none_or(wanted) {
                places.push((*schema, place));
            }
        }
    }
    let size = page.unity(MOST).min(MOST);
    let item = |place: usize| {
        let Some((schema, at)) = places.get(place) else { return Value::Null };
        metastore.tables_of(schema).1(*at).map_or(Value::Null, |table| table.summary(manifest))
    };
    Ok(Json(Value::Object(page.cut("tables", places.len(), size, item))))
}
