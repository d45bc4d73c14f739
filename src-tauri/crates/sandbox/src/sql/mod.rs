//! SQL warehouses and the Statement Execution API, with a small honest part of SQL behind it: what the sandbox does not
//! run fails, and says so.

mod create;
mod describe;
mod engine;
mod evaluate;
mod expression;
mod grant;
mod lexer;
mod parser;
mod select;
mod show;
mod sources;
mod statements;
mod warehouses;

pub use create::is_the_engines;
pub use statements::Statements;

use crate::world::Shared;
use axum::Router;
use axum::routing::{get, post};

pub fn routes() -> Router<Shared> {
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
