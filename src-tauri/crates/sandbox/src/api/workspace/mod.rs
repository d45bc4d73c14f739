//! Workspace files and notebooks.

mod files;
mod import;

use crate::web::SandboxState;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

pub fn routes() -> Router<SandboxState> {
    let workspace = Router::new()
        .route("/import", post(import::import).layer(DefaultBodyLimit::max(32 << 20)))
        .route("/mkdirs", post(files::mkdirs))
        .route("/get-status", get(files::status))
        .route("/list", get(files::list))
        .route("/export", get(files::export))
        .route("/delete", post(files::delete));
    Router::new().nest("/api/2.0/workspace", workspace)
}
