//! What earlier work left behind: listed first, and removed on request. Only what this state made, and what nothing else was put
//! into, is removed; whatever cannot be told stays, with the reason.

mod bundles;
mod folder;
mod found;
mod rehearsals;
mod staged;
mod workspace;

use crate::LocalState;
use found::Found;
use icebridge_model::Result;
use icebridge_model::tidy::{TidyRequest, TidyView};
use tokio_util::sync::CancellationToken;

/// A place that cannot be looked into is named, and the others are looked into. Removing wants the state to itself.
pub async fn tidy(local: &LocalState, request: &TidyRequest, cancel: &CancellationToken) -> Result<TidyView> {
    let _lock = match request.remove {
        true => Some(local.store.lock().await?),
        false => None,
    };
    let is_at_work = !request.remove && local.store.is_locked().await?;
    let mut found = Found::new(*request, cancel);
    staged::tidy(local, is_at_work, &mut found).await?;
    for workspace in local.store.workspaces().await? {
        workspace::tidy(local, &workspace.name, is_at_work, &mut found).await?;
    }
    workspace::without_catalog(local, &mut found).await?;
    rehearsals::tidy(local, &mut found)?;
    bundles::tidy(local, &mut found).await?;
    Ok(found.view)
}
