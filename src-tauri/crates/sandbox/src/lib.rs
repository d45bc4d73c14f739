//! A Databricks-shaped workspace on loopback, to try the product with and to test it against.
//!
//! It knows the API from its public description alone, and nothing of our client: a client's mistake must not be made here
//! a second time. `docs/sandbox.md` says what it simulates and what not.

mod admin;
mod answer;
mod body;
mod caller;
mod clusters;
mod config;
mod counts;
mod faults;
mod files;
mod iam;
mod iceberg;
mod jobs;
mod oidc;
mod page;
mod people;
mod secrets;
mod server;
mod sql;
mod unity;
mod workspace;
mod world;

pub use config::{Config, Spark};

use answer::Refusal;
use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware::from_fn_with_state;
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use world::{Shared, World, locked};

/// A running sandbox. It ends when stopped or dropped, with every process it started.
pub struct Sandbox {
    world: Shared,
    address: SocketAddr,
    stop: CancellationToken,
}

/// How to get in.
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
        let folder = files::Store::open(config.folder.as_deref())?;
        jobs::write_runtime(&folder).map_err(|error| {
            Error::new(Code::StorageFailed, "the sandbox's folder cannot be written").with_cause(error)
        })?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await.map_err(|error| {
            Error::invalid(format!("the sandbox cannot listen on port {} of 127.0.0.1", config.port))
                .with_cause(error)
                .with_hint("Choose another port with --port; 0 takes any that is free.")
        })?;
        let address = listener
            .local_addr()
            .map_err(|error| Error::invalid("the sandbox's port cannot be told").with_cause(error))?;
        let world = Arc::new(World::new(config, folder));
        // Set once, here: it cannot have been set.
        let _ = world.url.set(format!("http://{address}"));
        let stop = CancellationToken::new();
        tokio::spawn(server::serve(listener, router(world.clone()), stop.clone()));
        Ok(Self { world, address, stop })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn folder(&self) -> PathBuf {
        self.world.folder.root().to_owned()
    }

    pub fn sign_in(&self) -> SignIn {
        let oidc = locked(&self.world.oidc);
        SignIn {
            pilot: people::PILOT,
            pilot_token: Secret::new(oidc.pilot_token.clone()),
            admin: people::ADMIN,
            admin_token: Secret::new(oidc.admin_token.clone()),
            client_id: people::ROBOT,
            client_secret: Secret::new(oidc.robot_secret.clone()),
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.cancel();
        // Cancelled runs kill their processes.
        for run in locked(&self.world.jobs).runs.values() {
            run.cancel.cancel();
        }
    }
}

fn router(world: Shared) -> Router {
    let api = Router::new()
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
        .route_layer(from_fn_with_state(world.clone(), caller::gate));
    Router::new()
        .merge(api)
        .merge(oidc::open_routes())
        .merge(files::open_routes())
        .merge(admin::routes())
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(from_fn_with_state(world.clone(), faults::front))
        .with_state(world)
}

async fn unknown(method: Method, uri: Uri) -> Refusal {
    Refusal::new(404, "ENDPOINT_NOT_FOUND", format!("No API found for '{method} {}'", uri.path()))
}

#[cfg(test)]
mod tests;
