//! Files: where they lie on the disk, and the Files API on volumes.

mod directories;
mod download;
mod store;
mod upload;

pub use store::{Store, inside};

use crate::world::Shared;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};

pub fn routes() -> Router<Shared> {
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

/// What a presigned address leads to. The token in it is all the credential there is.
pub fn open_routes() -> Router<Shared> {
    Router::new().route("/storage/{token}", get(download::presigned))
}
