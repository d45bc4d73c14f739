//! SQL warehouses and the Statement Execution API.

mod statements;
mod warehouses;

use crate::web::SandboxState;
use axum::Router;
use axum::routing::{get, post};

pub fn routes() -> Router<SandboxState> {
    Router::new()
        .route("/api/2.0/sql/statements", post(statements::execute))
        .route("/api/2.0/sql/statements/{id}", get(statements::get))
        .route("/api/2.0/sql/statements/{id}/cancel", post(statements::cancel))
        .route("/api/2.0/sql/statements/{id}/result/chunks/{chunk}", get(statements::chunk))
        .route("/api/2.0/sql/warehouses", get(warehouses::list))
        .route("/api/2.0/sql/warehouses/{id}", get(warehouses::get))
        .route("/api/2.0/sql/warehouses/{id}/start", post(warehouses::start))
        .route("/api/2.0/sql/warehouses/{id}/stop", post(warehouses::stop))
}
