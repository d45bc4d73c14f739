//! A Databricks-shaped workspace on loopback, to try the product with and to test it against.
//!
//! It knows the API from its public description alone, and nothing of our client: a client's mistake must not be made here
//! a second time. `docs/sandbox.md` says what it simulates and what not.
//!
//! Data flows one way. `base` has what everything stands on; `state`, `unity`, `jobs`, `iceberg` and `sql` are pure state and its
//! rules; `runner` carries runs out; `web` is what handlers use of HTTP, each with its own part of the state; `api` has the
//! handlers and `server` the layers around them.

mod api;
mod base;
mod config;
mod iceberg;
mod jobs;
mod runner;
mod server;
mod sql;
mod state;
mod unity;
mod web;

pub use config::{Config, Spark};

use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware::from_fn_with_state;
use base::Refusal;
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use state::Folder;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use web::SandboxState;

/// A running sandbox. It ends when dropped, with every process it started.
pub struct Sandbox {
    state: SandboxState,
    address: SocketAddr,
    stop: CancellationToken,
}

/// How to sign in.
pub struct SignIn {
    pub pilot: &'static str,
    pub pilot_token: Secret,
    pub admin: &'static str,
    pub admin_token: Secret,
    pub client_id: &'static str,
    pub client_secret: Secret,
}

impl Sandbox {
    /// Listens on 127.0.0.1 when this returns.
    pub async fn start(config: Config) -> Result<Self> {
        let folder = Folder::open(config.folder.as_deref())?;
        runner::write_runtime(&folder).map_err(|error| {
            Error::new(Code::StorageFailed, "the sandbox's folder cannot be written").with_cause(error)
        })?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await.map_err(|error| {
            Error::invalid(format!("the sandbox cannot listen on port {} of 127.0.0.1", config.port))
                .with_cause(error)
                .with_hint("Choose another port with --port; 0 takes any that is free.")
        })?;
        let address = listener
            .local_addr()
            .map_err(|error| Error::invalid("the sandbox's port is not known").with_cause(error))?;
        let state = SandboxState::new(&config, folder);
        // Set once, here: it cannot have been set.
        let _ = state.common.url.set(format!("http://{address}"));
        let stop = CancellationToken::new();
        tokio::spawn(server::serve(listener, router(state.clone()), stop.clone()));
        Ok(Self { state, address, stop })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn folder(&self) -> PathBuf {
        self.state.folder.root().to_owned()
    }

    pub fn sign_in(&self) -> SignIn {
        let tokens = self.state.tokens.lock();
        SignIn {
            pilot: state::PILOT,
            pilot_token: Secret::new(tokens.pilot_token.clone()),
            admin: state::ADMIN,
            admin_token: Secret::new(tokens.admin_token.clone()),
            client_id: state::SERVICE_PRINCIPAL,
            client_secret: Secret::new(tokens.service_secret.clone()),
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.cancel();
        // Cancelled runs kill their processes.
        for run in self.state.jobs.lock().runs.values() {
            run.cancel.cancel();
        }
    }
}

fn router(state: SandboxState) -> Router {
    let api = api::routes().route_layer(from_fn_with_state(state.clone(), server::gate));
    Router::new()
        .merge(api)
        .merge(api::open_routes())
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(from_fn_with_state(state.clone(), server::front))
        .with_state(state)
}

async fn unknown(method: Method, uri: Uri) -> Refusal {
    Refusal::new(404, "ENDPOINT_NOT_FOUND", format!("No API found for '{method} {}'", uri.path()))
}

#[cfg(test)]
mod tests;
