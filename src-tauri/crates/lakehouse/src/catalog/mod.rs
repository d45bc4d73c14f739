//! Catalogs: what lists and loads tables, and what can take new ones.

mod adoption;
mod embedded;
mod files;
mod places;
mod rest;
mod sql;

use crate::storage::{Network, Storage};
use crate::table::Table;
use async_trait::async_trait;
use icebridge_model::catalog::{CatalogKind, CatalogSpec, SECRET_KEYS};
use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result, TableIdent};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

pub type Secrets = BTreeMap<String, Secret>;

/// By which certificates and proxy to get out.
#[derive(Debug)]
pub struct WayOut {
    /// A client about to be made: the name that we go by is said too, limits of time are not.
    pub http: reqwest::ClientBuilder,
    /// To the files that the catalog names.
    pub storage: Network,
}

/// A sign-in that somebody else looks after, such as a workspace's: it gives a token for each request.
#[async_trait]
pub trait Bearer: Debug + Send + Sync {
    async fn token(&self) -> Result<Secret>;
    /// Told that the catalog refused `stale`. True if there is another one to try.
    async fn renew(&self, stale: &Secret) -> Result<bool>;
    /// As whoever is signed in gets out.
    fn way_out(&self) -> Result<WayOut>;
}

/// Reading. Nothing here writes, so a source cannot be harmed by construction.
#[async_trait]
pub trait Catalog: Debug + Send + Sync {
    fn spec(&self) -> &CatalogSpec;
    async fn namespaces(&self) -> Result<Vec<Vec<String>>>;
    /// All tables (not views), sorted by name.
    async fn tables(&self) -> Result<Vec<TableIdent>>;
    /// `table-not-found` if there is none.
    async fn load(&self, table: &TableIdent) -> Result<Table>;
}

/// Where the files of a table about to be made go.
#[derive(Clone, Debug)]
pub struct Staged {
    /// The table's future location, no slash at its end. Its own: nobody else writes below it.
    pub location: String,
    pub storage: Storage,
}

/// How a finished copy becomes visible. Both are atomic.
#[derive(Clone, Debug)]
pub enum Publication {
    /// The metadata.json is in place; the catalog adopts it as it is.
    Register { metadata_location: String },
    /// A whole metadata document with one snapshot (or none), to be written to `metadata_location` where the catalog
    /// leaves metadata to its clients, and sent as updates where it does not.
    Create { metadata: Value, metadata_location: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    pub register: bool,
}

#[async_trait]
pub trait TargetCatalog: Catalog {
    fn abilities(&self) -> Abilities;
    async fn ensure_namespace(&self, namespace: &[String]) -> Result<()>;
    /// Decides where the table's files go. `token` (from the plan) makes the place the same at every resume and different
    /// for every plan. `draft` is a metadata document with schema, spec, sort order and properties.
    async fn stage(&self, table: &TableIdent, token: &str, draft: &Value) -> Result<Staged>;
    /// `table-exists` if another table has the name by then; `commit-unknown` if the answer was lost and asking does not
    /// help. Returns the table as the catalog has it now. Retries conflicts and throttling by itself, each time in its turn.
    async fn publish(&self, table: &TableIdent, publication: &Publication, turns: &mut dyn Turns) -> Result<Table>;
}

/// Asked before every attempt of a commit, the first one too: whoever limits commits counts attempts, not successes.
#[async_trait]
pub trait Turns: Send {
    async fn next(&mut self);
}

/// No limit, and a count.
#[async_trait]
impl Turns for u32 {
    async fn next(&mut self) {
        *self += 1;
    }
}

/// Opens a source. Connects lazily where it can; wrong input is refused here.
/// `bearer`: who is signed in, for a REST catalog that has no credentials of its own.
pub async fn open(spec: &CatalogSpec, secrets: &Secrets, bearer: Option<Arc<dyn Bearer>>) -> Result<Arc<dyn Catalog>> {
    refuse_secrets(spec)?;
    let opened: Result<Arc<dyn Catalog>> = match spec.kind {
        CatalogKind::Rest | CatalogKind::Unity => {
            rest::RestCatalog::open(spec, secrets, bearer).await.map(|c| Arc::new(c) as _)
        }
        CatalogKind::Sql => sql::SqlCatalog::source(spec, secrets).await.map(|c| Arc::new(c) as _),
        CatalogKind::Files => files::FilesCatalog::open(spec, secrets).map(|c| Arc::new(c) as _),
        CatalogKind::Embedded => embedded::source(spec, secrets).await.map(|c| Arc::new(c) as _),
    };
    opened.map_err(|e| e.about(&spec.name))
}

/// Opens a target; the embedded catalog is made if it is not there.
pub async fn open_target(
    spec: &CatalogSpec,
    secrets: &Secrets,
    bearer: Option<Arc<dyn Bearer>>,
) -> Result<Arc<dyn TargetCatalog>> {
    refuse_secrets(spec)?;
    let opened: Result<Arc<dyn TargetCatalog>> = match spec.kind {
        CatalogKind::Rest | CatalogKind::Unity => {
            rest::RestCatalog::open_target(spec, secrets, bearer).await.map(|c| Arc::new(c) as _)
        }
        CatalogKind::Sql => sql::SqlCatalog::target(spec, secrets).await.map(|c| Arc::new(c) as _),
        CatalogKind::Embedded => embedded::target(spec, secrets).await.map(|c| Arc::new(c) as _),
        CatalogKind::Files => Err(Error::invalid("a bare folder is no target: nothing in it commits atomically")
            .with_hint("Use kind `embedded` for a folder with a catalog that PyIceberg and Spark open.")),
    };
    opened.map_err(|e| e.about(&spec.name))
}

/// A spec is shown, logged and bundled, so nothing in it may be secret.
fn refuse_secrets(spec: &CatalogSpec) -> Result<()> {
    let is_secret = |key: &str| {
        SECRET_KEYS.contains(&key)
            || key.eq_ignore_ascii_case("header.authorization")
            || ["password", "secret", "session-token"].iter().any(|part| key.to_ascii_lowercase().contains(part))
    };
    if let Some(key) = spec.properties.keys().find(|key| is_secret(key)) {
        return Err(Error::invalid(format!("`{key}` is a secret and may not be among a catalog's properties"))
            .about(&spec.name)
            .with_hint("Hand it over as a secret: it is kept in the keychain."));
    }
    let in_address = url::Url::parse(&spec.uri).is_ok_and(|u| u.password().is_some())
        || spec.uri.to_ascii_lowercase().contains("password=");
    if in_address {
        return Err(Error::invalid("the catalog's address has a password in it")
            .about(&spec.name)
            .with_hint("Take it out of the address and hand it over as the secret `password`."));
    }
    Ok(())
}

fn no_such_table(table: &TableIdent, catalog: &str) -> Error {
    Error::new(icebridge_model::Code::TableNotFound, format!("the catalog `{catalog}` has no such table"))
        .about(table)
        .with_hint("List the catalog again: the table may have been renamed or dropped.")
}
