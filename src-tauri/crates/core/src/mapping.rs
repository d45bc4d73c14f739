//! The mapping of a route, applied to what the inventory and the target really hold.

use crate::LocalState;
use icebridge_model::mapping::{self, Mapping, MappingPreview, fold};
use icebridge_model::ops::Route;
use icebridge_model::{Result, TableIdent};
use serde_json::json;
use std::collections::HashSet;

/// The saved mapping, or the standard one until another is saved.
pub async fn get(local: &LocalState, route: &Route) -> Result<Mapping> {
    let saved = local.store.mapping(route).await?;
    Ok(if saved == Mapping::default() { Mapping::standard() } else { saved })
}

pub async fn preview(local: &LocalState, route: &Route, mapping: &Mapping) -> Result<MappingPreview> {
    let existing = existing_targets(local, route).await?;
    resolve(mapping, &sources(local, route).await?, &existing)
}

/// Refuses a mapping that cannot be understood; one with conflicts is saved, because a person mends them one by one.
pub async fn save(local: &LocalState, route: &Route, mapping: &Mapping) -> Result<MappingPreview> {
    let preview = preview(local, route, mapping).await?;
    local.store.save_mapping(route, mapping).await?;
    local.store.append("", "", "mapping.saved", json!({ "route": route, "mapping": mapping })).await?;
    Ok(preview)
}

pub async fn export(local: &LocalState, route: &Route) -> Result<String> {
    mapping::to_csv(&preview(local, route, &get(local, route).await?).await?)
}

/// The sheet of a mapping that need not be saved.
pub async fn sheet(local: &LocalState, route: &Route, mapping: &Mapping) -> Result<String> {
    mapping::to_csv(&preview(local, route, mapping).await?)
}

/// The mapping with what a sheet changes in it; nothing is saved.
pub async fn with_sheet(local: &LocalState, route: &Route, mapping: &Mapping, csv: &str) -> Result<Mapping> {
    mapping::from_csv(mapping, &sources(local, route).await?, csv)
}

pub async fn import(local: &LocalState, route: &Route, csv: &str) -> Result<MappingPreview> {
    let known = sources(local, route).await?;
    let mapping = mapping::from_csv(&get(local, route).await?, &known, csv)?;
    save(local, route, &mapping).await
}

pub(crate) fn resolve(
    mapping: &Mapping,
    sources: &[TableIdent],
    existing: &HashSet<TableIdent>,
) -> Result<MappingPreview> {
    mapping::resolve(mapping, sources, &|target| existing.contains(&fold(target)))
}

pub(crate) async fn sources(local: &LocalState, route: &Route) -> Result<Vec<TableIdent>> {
    local.store.catalog(&route.source).await?;
    local.store.inventory_names(&route.source).await
}

/// The target's tables, folded: a name that differs in case alone is taken too.
pub(crate) async fn existing_targets(local: &LocalState, route: &Route) -> Result<HashSet<TableIdent>> {
    let target = local.open_target(&route.target).await?;
    let tables = target.tables().await.map_err(|e| e.about(&route.target))?;
    Ok(tables.iter().map(fold).collect())
}
