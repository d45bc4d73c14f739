//! The mapping of a route, applied to what the inventory and the target really hold.

use crate::LocalState;
use icebridge_lakehouse::TargetCatalog;
use icebridge_model::mapping::{self, Mapping, MappingPreview, MappingState, fold};
use icebridge_model::ops::Route;
use icebridge_model::{Result, TableIdent};
use icebridge_store::EarlierMigrations;
use serde_json::json;
use std::collections::HashSet;

/// The saved mapping, or the standard one until another is saved.
pub async fn get(local: &LocalState, route: &Route) -> Result<Mapping> {
    let saved = local.store.mapping(route).await?;
    Ok(if saved == Mapping::default() { Mapping::standard() } else { saved })
}

pub async fn preview(local: &LocalState, route: &Route, mapping: &Mapping) -> Result<MappingPreview> {
    let existing = Existing::of_route(local, route).await?;
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

/// A table of the target's that an earlier run made of the same source is no stranger's.
pub(crate) fn resolve(mapping: &Mapping, sources: &[TableIdent], existing: &Existing) -> Result<MappingPreview> {
    let mut preview = mapping::resolve(mapping, sources, &|target| existing.tables.contains(&fold(target)))?;
    for row in preview.rows.iter_mut().filter(|row| row.state == MappingState::Exists) {
        let Some(target) = row.target.as_ref() else { continue };
        row.migrated_by = existing.earlier.get(&(row.source.clone(), fold(target))).cloned().map(Box::new);
        if row.migrated_by.is_some() {
            row.state = MappingState::Migrated;
        }
    }
    Ok(preview)
}

pub(crate) async fn sources(local: &LocalState, route: &Route) -> Result<Vec<TableIdent>> {
    local.store.catalog(&route.source).await?;
    local.store.inventory_names(&route.source).await
}

/// What the target has, and which of it earlier runs made. Names are folded: one that differs in case alone is taken too.
#[derive(Clone, Debug, Default)]
pub(crate) struct Existing {
    tables: HashSet<TableIdent>,
    earlier: EarlierMigrations,
}

impl Existing {
    pub(crate) async fn of_route(local: &LocalState, route: &Route) -> Result<Self> {
        let target = local.open_target(&route.target).await?;
        Self::of_target(local, route, target.as_ref()).await
    }

    pub(crate) async fn of_target(local: &LocalState, route: &Route, target: &dyn TargetCatalog) -> Result<Self> {
        let tables = target.tables().await.map_err(|e| e.about(&route.target))?;
        let earlier = local.store.earlier_migrations(route).await?;
        let earlier = earlier.into_iter().map(|((source, target), one)| ((source, fold(&target)), one)).collect();
        Ok(Self { tables: tables.iter().map(fold).collect(), earlier })
    }

    /// Names that are taken by what the target itself does not show, such as tables of another format, and views.
    pub(crate) fn take_names(&mut self, names: &[TableIdent]) {
        self.tables.extend(names.iter().map(fold));
    }
}
