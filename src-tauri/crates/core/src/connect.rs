//! Catalogs as the person names them: save, check, remove. Secrets go to the [`SecretStore`](crate::SecretStore) and
//! nowhere else; everything in a spec may be shown, logged and bundled.

use crate::LocalState;
use crate::place;
use crate::secrets::{blocking, change_secrets, is_name};
use icebridge_lakehouse::catalog::refuse_secrets;
use icebridge_lakehouse::storage::check_bounds;
use icebridge_lakehouse::{Catalog, TargetCatalog};
use icebridge_model::catalog::{CatalogCheck, CatalogKind, CatalogSpec, Role, SECRET_KEYS, is_secret_key};
use icebridge_model::ops::SaveCatalog;
use icebridge_model::secret::{Secret, names_a_secret};
use icebridge_model::{Code, Error, Result};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub async fn list(local: &LocalState) -> Result<Vec<CatalogSpec>> {
    local.store.catalogs().await
}

pub async fn save(local: &LocalState, request: SaveCatalog) -> Result<CatalogSpec> {
    let SaveCatalog { mut spec, secrets } = request;
    check_spec(&mut spec).map_err(|e| e.about(&spec.name))?;
    if spec.kind == CatalogKind::Unity {
        local.store.workspace(&spec.uri).await?;
    }
    let known = local.store.catalogs().await?.into_iter().find(|c| c.name == spec.name);
    if let Some(known) = &known
        && known.role != spec.role
    {
        return Err(Error::invalid("a catalog of this name exists in the other role")
            .about(&spec.name)
            .with_hint("Remove it first, or choose another name."));
    }
    let kept_before = known.map(|c| c.secrets).unwrap_or_default();
    spec.secrets = save_secrets(local, &spec, kept_before, secrets).await?;
    local.store.save_catalog(&spec).await?;
    local.store.append("", "", "catalog.saved", json!({ "catalog": spec })).await?;
    Ok(spec)
}

/// Opens and lists. What goes wrong is part of the answer, because a list of catalogs shows it beside each.
pub async fn check(local: &LocalState, name: &str) -> Result<CatalogCheck> {
    let spec = local.store.catalog(name).await?;
    let mut check = CatalogCheck {
        name: spec.name.clone(),
        reachable: false,
        namespaces: 0,
        tables: 0,
        abilities: Vec::new(),
        error: None,
    };
    let counted = match spec.role {
        Role::Source => match local.open_source(name).await {
            Ok(source) => count_source(source.as_ref()).await,
            Err(error) => Err(error),
        },
        Role::Target => match local.open_target(name).await {
            Ok(target) => {
                check.abilities.push("create".into());
                if target.abilities().register {
                    check.abilities.push("register".into());
                }
                count_target(local, &spec, target.as_ref()).await
            }
            Err(error) => Err(error),
        },
    };
    match counted {
        Ok((namespaces, tables)) => {
            check.reachable = true;
            check.namespaces = namespaces;
            check.tables = tables;
        }
        Err(error) => {
            check.abilities.clear();
            check.error = Some(error.about(name).or_usual_hint());
        }
    }
    Ok(check)
}

async fn count_source(source: &dyn Catalog) -> Result<(usize, usize)> {
    let (namespaces, tables) = (source.namespaces().await?, source.tables().await?);
    place::check_source(source, &tables).await?;
    Ok((namespaces.len(), tables.len()))
}

async fn count_target(local: &LocalState, spec: &CatalogSpec, target: &dyn TargetCatalog) -> Result<(usize, usize)> {
    let (namespaces, tables) = (target.namespaces().await?, target.tables().await?);
    let first = namespaces.first().cloned().unwrap_or_default();
    place::check_target(local, spec, target, &first).await?;
    Ok((namespaces.len(), tables.len()))
}

/// Its secrets go first: if the keychain refuses, the catalog stays, so that no secret is forgotten that still exists.
pub async fn remove(local: &LocalState, name: &str) -> Result<()> {
    let spec = local.store.catalog(name).await?;
    let removals = spec.secrets.iter().map(|key| (key.clone(), Secret::default())).collect();
    change_secrets(&local.secrets, name, removals).await?;
    local.store.remove_catalog(name).await?;
    local.store.append("", "", "catalog.removed", json!({ "catalog": name })).await?;
    Ok(())
}

/// Returns the keys the catalog has from now on.
async fn save_secrets(
    local: &LocalState,
    spec: &CatalogSpec,
    kept_before: Vec<String>,
    secrets: BTreeMap<String, Secret>,
) -> Result<Vec<String>> {
    let named = spec.secrets.iter().chain(secrets.keys());
    for key in named {
        if !is_secret_key(key) {
            return Err(Error::invalid(format!("`{key}` is not a secret a catalog can have"))
                .about(&spec.name)
                .with_hint(format!("The secrets are: {}.", SECRET_KEYS.join(", "))));
        }
    }
    let mut keys: BTreeSet<String> = kept_before.into_iter().collect();
    // A secret named but not given must be there already: from an earlier save, or from the environment.
    for key in spec.secrets.iter().filter(|key| !secrets.contains_key(*key) && !keys.contains(*key)) {
        let (store, name, key) = (Arc::clone(&local.secrets), spec.name.clone(), key.clone());
        let found = blocking(move || store.get(&name, &key)).await?;
        if found.is_none() {
            return Err(Error::new(Code::CredentialsMissing, "a secret was named but not given").about(&spec.name));
        }
    }
    keys.extend(spec.secrets.iter().cloned());
    for (key, secret) in &secrets {
        if secret.is_empty() {
            keys.remove(key);
        } else {
            keys.insert(key.clone());
        }
    }
    change_secrets(&local.secrets, &spec.name, secrets).await?;
    Ok(keys.into_iter().collect())
}

/// Refuses what cannot work and what would leak, and makes local paths absolute: a spec outlives the working directory.
fn check_spec(spec: &mut CatalogSpec) -> Result<()> {
    if !is_name(&spec.name) {
        return Err(Error::invalid("a catalog's name is made of letters, digits, - and _, at most 64")
            .with_hint("It names things on disk and in the keychain. Try `lake` or `prod-polaris`."));
    }
    for key in spec.properties.keys() {
        if names_a_secret(key) {
            return Err(Error::invalid(format!("the property `{key}` is a secret")).with_hint(
                "Secrets go to the keychain: use `--secret` (or the window's field for it), never a property.",
            ));
        }
    }
    refuse_secrets(spec)?;
    check_bounds(spec)?;
    spec.uri = spec.uri.trim().to_string();
    if spec.uri.is_empty() {
        return Err(Error::invalid("the catalog has no address").with_hint("Say where it is with --uri."));
    }
    match (spec.kind, spec.role) {
        (CatalogKind::Rest, _) => check_rest(&spec.uri),
        (CatalogKind::Unity, _) if spec.warehouse.trim().is_empty() => Err(Error::invalid("no catalog is named")
            .with_hint("Name the catalog of Unity Catalog with --warehouse; --uri names the workspace.")),
        // That the workspace is there is seen when it is saved.
        (CatalogKind::Unity, _) => Ok(()),
        (CatalogKind::Sql, _) => {
            spec.uri = checked_sql(&spec.uri)?;
            Ok(())
        }
        (CatalogKind::Files, Role::Source) => {
            spec.uri = absolute(&spec.uri)?;
            Ok(())
        }
        (CatalogKind::Files, Role::Target) => {
            Err(Error::invalid("a bare folder cannot be a target: it has no catalog to commit to")
                .with_hint("Use --kind embedded, which keeps a catalog beside the warehouse folder."))
        }
        (CatalogKind::Embedded, Role::Target) => {
            spec.uri = absolute(&spec.uri)?;
            Ok(())
        }
        (CatalogKind::Embedded, Role::Source) => Err(Error::invalid("an embedded catalog is a target")
            .with_hint("To read one as a source, use --kind sql --uri sqlite:FOLDER/catalog.db.")),
    }
}

fn check_rest(uri: &str) -> Result<()> {
    let url = url::Url::parse(uri).map_err(|e| {
        Error::invalid("the address is not a URL").with_cause(e).with_hint("For example https://host/api/catalog.")
    })?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(Error::invalid("a REST catalog's address begins with https:// or http://")
            .about(uri)
            .with_hint("For example https://host/api/catalog."));
    }
    refuse_password(&url)
}

const SQL_FORMS: &str = "For example sqlite:/lake/catalog.db or postgresql://user@host/db.";

fn checked_sql(uri: &str) -> Result<String> {
    if let Some(path) = uri.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return Ok(format!("sqlite:{}", absolute(path)?));
    }
    let url = url::Url::parse(uri)
        .map_err(|e| Error::invalid("the address is not a URL").about(uri).with_cause(e).with_hint(SQL_FORMS))?;
    if !matches!(url.scheme(), "postgresql" | "postgres") {
        return Err(Error::invalid("a SQL catalog's address begins with sqlite: or postgresql://").with_hint(SQL_FORMS));
    }
    refuse_password(&url)?;
    Ok(uri.to_string())
}

fn refuse_password(url: &url::Url) -> Result<()> {
    let in_query = url.query_pairs().any(|(key, _)| names_a_secret(&key));
    if url.password().is_some() || in_query {
        return Err(Error::invalid("the address holds a password")
            .with_hint("Leave it out of the address and give it with `--secret password`."));
    }
    Ok(())
}

fn absolute(path: &str) -> Result<String> {
    if path.contains("://") {
        return Ok(path.to_string());
    }
    let path = path.strip_prefix("file:").unwrap_or(path);
    let absolute =
        std::path::absolute(path).map_err(|e| Error::invalid("the path cannot be used").about(path).with_cause(e))?;
    let text = absolute.to_str().ok_or_else(|| Error::invalid("the path is not UTF-8").about(path))?;
    Ok(text.trim_end_matches('/').to_string())
}

#[cfg(test)]
mod tests;
