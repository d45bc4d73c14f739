//! Unity Catalog.

mod catalogs;
mod connections;
mod credentials;
mod dropped;
mod grants;
mod metastore;
mod policies;
mod schemas;
mod summaries;
mod tables;
mod tag_policies;
mod tags;
mod volumes;

use crate::web::SandboxState;
use axum::Router;
use axum::routing::{get, post};

pub fn routes() -> Router<SandboxState> {
    let unity = Router::new()
        .route("/metastore_summary", get(metastore::summary))
        .route("/current-metastore-assignment", get(metastore::assignment))
        .route("/metastores", get(metastore::list))
        .route("/metastores/{id}", get(metastore::get).patch(metastore::patch))
        .route("/catalogs", get(catalogs::list).post(catalogs::create))
        .route("/catalogs/{name}", get(catalogs::get).patch(catalogs::patch).delete(catalogs::delete))
        .route("/schemas", get(schemas::list).post(schemas::create))
        .route("/schemas/{name}", get(schemas::get).patch(schemas::patch).delete(schemas::delete))
        .route("/tables", get(tables::list).post(tables::create))
        .route("/tables/{name}", get(tables::get).patch(tables::patch).delete(tables::delete))
        .route("/tables/{name}/exists", get(tables::exists))
        .route("/table-summaries", get(summaries::list))
        .route("/volumes", get(volumes::list).post(volumes::create))
        .route("/volumes/{name}", get(volumes::get).delete(volumes::delete))
        .route("/permissions/{kind}/{name}", get(grants::direct).patch(grants::patch))
        .route("/effective-permissions/{kind}/{name}", get(grants::effective))
        .route("/privilege-assignments/{kind}/{name}", get(grants::direct))
        .route("/effective-privilege-assignments/{kind}/{name}", get(grants::effective_assignments))
        .route("/entity-tag-assignments", post(tags::create))
        .route("/entity-tag-assignments/{kind}/{name}/tags", get(tags::list))
        .route(
            "/entity-tag-assignments/{kind}/{name}/tags/{key}",
            get(tags::get).patch(tags::patch).delete(tags::delete),
        )
        .merge(policies::routes())
        .route("/connections", get(connections::list))
        .route("/connections/{name}", get(connections::get))
        .route("/external-locations", get(connections::locations))
        .route("/external-locations/{name}", get(connections::location))
        .route("/storage-credentials", get(connections::credentials));
    Router::new()
        .nest("/api/2.1/unity-catalog", unity)
        .nest("/api/2.1/tag-policies", tag_policies::routes())
        .route("/api/2.0/preview/accounts/access-control/rule-sets", get(tag_policies::rules))
        .route("/api/2.0/unity-catalog/temporary-table-credentials", post(credentials::table))
        .route("/api/2.1/unity-catalog/temporary-table-credentials", post(credentials::table))
}
