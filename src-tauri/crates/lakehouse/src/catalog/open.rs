//! From a saved spec to a catalog.

use super::common::contract::{Bearer, Catalog, Secrets, TargetCatalog};
use super::{embedded, files, rest, sql};
use icebridge_model::catalog::{CatalogKind, CatalogSpec, is_secret_key};
use icebridge_model::secret::holds_credentials;
use icebridge_model::{Error, Result};
use std::sync::Arc;

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

/// A spec is shown, logged and bundled, so nothing in it may be secret. Asked before one is stored, and before one is used.
pub fn refuse_secrets(spec: &CatalogSpec) -> Result<()> {
    let is_secret = |key: &str| {
        is_secret_key(key)
            || key.eq_ignore_ascii_case("header.authorization")
            || ["password", "secret", "session-token"].iter().any(|part| key.to_ascii_lowercase().contains(part))
    };
    if let Some(key) = spec.properties.keys().find(|key| is_secret(key)) {
        return Err(Error::invalid(format!("`{key}` is a secret and may not be among a catalog's properties"))
            .about(&spec.name)
            .with_hint("Hand it over as a secret: it is kept in the keychain."));
    }
    let places = [&spec.uri, &spec.warehouse];
    if places.into_iter().chain(spec.properties.values()).any(|text| holds_credentials(text)) {
        // Not with the address, which holds them.
        return Err(Error::invalid("an address in the catalog's settings holds a key or password")
            .about(&spec.name)
            .with_hint("Take it out of the address. Secrets go to the keychain: use `--secret` (or the window's field for it)."));
    }
    Ok(())
}
