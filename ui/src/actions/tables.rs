//! Inventory and mapping.

use super::work::{Handle, begin};
use crate::backend::{self, call};
use crate::state::{Action, Work};
use icebridge_model::mapping::Mapping;
use icebridge_model::ops::{InventoryRequest, MappingRequest, Route, SheetRequest, op};
use icebridge_model::view::{Scope, ViewPage, ViewRequest};
use icebridge_model::{Code, Result};
use wasm_bindgen_futures::spawn_local;

pub fn read_inventory(session: &Handle) {
    let route = session.route().clone();
    begin(session, Work::ReadInventory, |handle| async move {
        let all = inventory_in_numbers(&route).await?;
        handle.dispatch(Action::Inventory(route, all));
        Ok(())
    });
}

/// Counts and sums, whatever the number of tables.
async fn inventory_in_numbers(route: &Route) -> Result<ViewPage> {
    let scope = Scope::Inventory { source: route.source.clone() };
    let facets = vec!["state".into(), "has_deletes".into()];
    call::<op::tables_view>(ViewRequest { sums: true, facets, ..ViewRequest::of(scope) }).await
}

pub fn refresh_inventory(session: &Handle) {
    let route = session.route().clone();
    begin(session, Work::Inventory, |handle| async move {
        let request = InventoryRequest { source: route.source.clone(), ..InventoryRequest::default() };
        let refreshed = call::<op::inventory_refresh>(request).await;
        // What was read before somebody stopped it, or before it failed, is kept.
        let all = inventory_in_numbers(&route).await?;
        handle.dispatch(Action::Inventory(route, all));
        handle.dispatch(Action::InventoryChanged { whole: refreshed.is_ok() });
        match refreshed {
            Err(error) if error.code != Code::Cancelled => Err(error),
            _ => Ok(()),
        }
    });
}

pub fn stop_inventory(session: &Handle) {
    let handle = session.clone();
    spawn_local(async move {
        if let Err(error) = backend::abandon::<op::inventory_refresh>().await {
            handle.dispatch(Action::Fail(Work::Inventory, error));
        }
    });
}

pub fn read_mapping(session: &Handle) {
    let route = session.route().clone();
    begin(session, Work::ReadMapping, |handle| async move {
        let mapping = call::<op::mapping_get>(route.clone()).await?;
        let counts = mapping_counts(&route, mapping.clone()).await?;
        handle.dispatch(Action::MappingRead(route, mapping, counts));
        Ok(())
    });
}

/// How many tables are in which state.
async fn mapping_counts(route: &Route, mapping: Mapping) -> Result<ViewPage> {
    let scope = Scope::Mapping { route: route.clone(), mapping: Some(mapping) };
    call::<op::tables_view>(ViewRequest { facets: vec!["state".into()], ..ViewRequest::of(scope) }).await
}

/// Counts the states of the draft. The page calls it when the person pauses.
pub fn count_mapping(session: &Handle, generation: u64) {
    let Some(draft) = &session.mapping else { return };
    if draft.error.is_some() || draft.generation != generation {
        return;
    }
    let (route, mapping) = (session.route().clone(), (*draft.draft).clone());
    let handle = session.clone();
    // Not through `begin`: a newer draft must be asked about while an older answer is still on its way.
    spawn_local(async move {
        match mapping_counts(&route, mapping).await {
            Ok(counts) => handle.dispatch(Action::MappingCounts(generation, counts)),
            Err(error) => handle.dispatch(Action::Fail(Work::Preview, error)),
        }
    });
}

pub fn save_mapping(session: &Handle, mapping: Mapping) {
    let route = session.route().clone();
    begin(session, Work::SaveMapping, |handle| async move {
        let request = MappingRequest { route, mapping: mapping.clone() };
        call::<op::mapping_save>(request).await?;
        handle.dispatch(Action::MappingSaved(mapping));
        Ok(())
    });
}

/// The draft as a sheet.
pub fn write_sheet(session: &Handle, mapping: Mapping, done: impl FnOnce(String) + 'static) {
    let route = session.route().clone();
    begin(session, Work::TransferMapping, |_| async move {
        done(call::<op::mapping_sheet>(MappingRequest { route, mapping }).await?.text);
        Ok(())
    });
}

/// The draft with what a sheet changes in it; nothing is saved.
pub fn read_sheet(session: &Handle, mapping: Mapping, csv: String, done: impl FnOnce(Mapping) + 'static) {
    let route = session.route().clone();
    begin(session, Work::TransferMapping, |_| async move {
        done(call::<op::mapping_with_sheet>(SheetRequest { route, mapping, csv }).await?);
        Ok(())
    });
}
