//! Jobs and their runs.

mod definitions;
mod runs;
mod submit;

use crate::web::SandboxState;
use axum::Router;
use axum::routing::{get, post};

pub fn routes() -> Router<SandboxState> {
    let jobs = Router::new()
        .route("/create", post(definitions::create))
        .route("/get", get(definitions::get))
        .route("/list", get(definitions::list))
        .route("/reset", post(definitions::reset))
        .route("/delete", post(definitions::delete))
        .route("/run-now", post(submit::run_now))
        .route("/runs/submit", post(submit::submit))
        .route("/runs/get", get(runs::get))
        .route("/runs/list", get(runs::list))
        .route("/runs/get-output", get(runs::output))
        .route("/runs/cancel", post(runs::cancel))
        .route("/runs/cancel-all", post(runs::cancel_all))
        .route("/runs/delete", post(runs::delete));
    Router::new().nest("/api/2.0/jobs", jobs.clone()).nest("/api/2.1/jobs", jobs.clone()).nest("/api/2.2/jobs", jobs)
}
