//! Unity Catalog's Iceberg REST endpoint: managed Iceberg tables made, loaded and committed to from outside, behind the
//! governance gate. Tables lie in the warehouse in the layout of Spark's file catalog, so that jobs and clients see the same.

mod namespaces;
mod tables;

use crate::web::SandboxState;
use axum::Router;
use axum::routing::{get, post};

pub fn routes() -> Router<SandboxState> {
    let catalog = Router::new()
        .route("/namespaces", get(namespaces::list).post(namespaces::create))
        .route("/namespaces/{schema}", get(namespaces::load))
        .route("/namespaces/{schema}/tables", get(tables::list).post(tables::create))
        .route("/namespaces/{schema}/tables/{table}", get(tables::load).post(tables::commit).delete(tables::drop))
        .route("/namespaces/{schema}/tables/{table}/credentials", get(tables::credentials))
        .route("/namespaces/{schema}/tables/{table}/metrics", post(tables::metrics));
    Router::new()
        .route("/api/2.1/unity-catalog/iceberg-rest/v1/config", get(namespaces::config))
        .nest("/api/2.1/unity-catalog/iceberg-rest/v1/catalogs/{catalog}", catalog)
}
