//! The Files API on volumes.

mod directories;
mod download;
mod place;
mod upload;

use crate::web::SandboxState;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};

pub fn routes() -> Router<SandboxState> {
    Router::new()
        .route(
            "/api/2.0/fs/files/{*path}",
            put(upload::put).get(download::get).delete(upload::delete).layer(DefaultBodyLimit::disable()),
        )
        .route(
            "/api/2.0/fs/directories/{*path}",
            put(directories::put).get(directories::get).delete(directories::delete),
        )
        .route("/api/2.0/fs/create-download-url", post(download::presign))
}

/// Where a presigned address leads. The token in it is the only credential.
pub fn open_routes() -> Router<SandboxState> {
    Router::new().route("/storage/{token}", get(download::presigned))
}
