//! The handlers, one folder or file for each family of the API.

mod admin;
mod clusters;
mod files;
mod iam;
mod iceberg;
mod jobs;
mod oidc;
mod secrets;
mod sql;
mod unity;
mod workspace;

use crate::web::SandboxState;
use axum::Router;

/// What wants a token.
pub fn routes() -> Router<SandboxState> {
    Router::new()
        .merge(clusters::routes())
        .merge(files::routes())
        .merge(iam::routes())
        .merge(iceberg::routes())
        .merge(jobs::routes())
        .merge(oidc::routes())
        .merge(secrets::routes())
        .merge(sql::routes())
        .merge(unity::routes())
        .merge(workspace::routes())
}

/// What wants none.
pub fn open_routes() -> Router<SandboxState> {
    Router::new().merge(oidc::open_routes()).merge(files::open_routes()).merge(admin::routes())
}
