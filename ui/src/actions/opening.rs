//! Opening the window and its pages.

use super::catalogs::sample;
use super::metrics;
use super::plan::{preflight, read_plan};
use super::runs::{read_latest_run, read_runs};
use super::tables::{read_inventory, read_mapping};
use super::work::{Handle, begin};
use super::workspaces;
use crate::backend::{self, call};
use crate::state::{Action, Page, Work};
use icebridge_model::ops::{Nothing, op};

/// Opens the state and restores what the last session left.
pub fn open(session: &Handle) {
    begin(session, Work::Open, |handle| async move {
        // A window without its preferences is still a window.
        match backend::read_preferences().await {
            Ok(prefs) => handle.dispatch(Action::Prefs(Box::new(prefs))),
            Err(error) => web_sys::console::warn_1(&error.to_string().into()),
        }
        let about = match call::<op::about>(Nothing {}).await {
            Ok(about) => about,
            Err(error) => {
                handle.dispatch(Action::OpenFailed(error));
                return Ok(());
            }
        };
        let catalogs = call::<op::catalog_list>(Nothing {}).await;
        handle.dispatch(Action::Opened(about));
        handle.dispatch(Action::Catalogs(catalogs?));
        let launch = backend::launch().await?;
        metrics::restore(&handle, &launch);
        if launch.sample {
            sample(&handle);
        }
        read_latest_run(&handle);
        read_plan(&handle);
        Ok(())
    });
}

/// Loads what a page shows when it is not there yet.
pub fn arrive(session: &Handle, page: Page) {
    let ready = session.has_route() && session.has_inventory();
    if !session.route().source.is_empty() && session.inventory.is_none() {
        read_inventory(session);
    }
    if ready && session.mapping.is_none() {
        read_mapping(session);
    }
    match page {
        // With settings that are not complete it would only say so.
        Page::Preflight
            if ready
                && session.settings_problem().is_none()
                && session.preflight.as_ref().is_none_or(|report| report.stale) =>
        {
            preflight(session);
        }
        Page::History => read_runs(session),
        Page::Workspaces => workspaces::read(session),
        _ => {}
    }
}
