//! Any Iceberg REST catalog.

mod advance;
mod client;
mod credentials;
mod empty;
mod later_state;
mod service;
mod target;
mod updates;
mod vending;

use super::common::local_files;
use super::{Bearer, Catalog, Secrets, Staged, no_such_table};
use crate::metadata::TableMetadata;
use crate::storage::Storage;
use crate::table::Table;
use async_trait::async_trait;
use client::{Page, RestClient, usual_retry};
use futures::{StreamExt, TryStreamExt};
use icebridge_http::{Failure, RetryPolicy, segment};
use icebridge_model::catalog::CatalogSpec;
use icebridge_model::{Code, Error, Result, TableIdent};
use serde::Deserialize;
use service::RefusalKind;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use url::Url;
use vending::{Loaded, Origin, Vending};

/// A property of a target: staging is not tried.
const CREATE_EMPTY: &str = "create-empty";
const AT_ONCE: usize = 8;
/// Deeper and more than any catalog has; ends a hostile one.
const MAX_LEVELS: usize = 32;
const MAX_NAMESPACES: usize = 200_000;

#[derive(Debug)]
pub(super) struct RestCatalog {
    spec: CatalogSpec,
    client: Arc<RestClient>,
    vending: Vending,
    /// Ids the server gave to tables it staged for us: it wants them back at the commit.
    staged_ids: Mutex<HashMap<TableIdent, String>>,
    /// Places of tables staged for a plan's token. A server does not stage a name that another client has taken meanwhile,
    /// and the place has to be cleared then.
    staged_places: Mutex<HashMap<(TableIdent, String), Staged>>,
    /// Tables that were made empty and are to be filled, as the server has them.
    empty: Mutex<HashMap<TableIdent, Arc<TableMetadata>>>,
    /// Staging was refused, or the person says that it is not to be tried: tables are made empty.
    makes_empty: AtomicBool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct NamespacePage {
    #[serde(default)]
    namespaces: Option<Vec<Vec<String>>>,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct TablePage {
    #[serde(default)]
    identifiers: Option<Vec<Identifier>>,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Identifier {
    namespace: Vec<String>,
    name: String,
}

impl Page for NamespacePage {
    type Item = Vec<String>;
    fn split(self) -> (Vec<Self::Item>, Option<String>) {
        (self.namespaces.unwrap_or_default(), self.next_page_token)
    }
}

impl Page for TablePage {
    type Item = TableIdent;
    fn split(self) -> (Vec<Self::Item>, Option<String>) {
        let idents =
            self.identifiers.into_iter().flatten().map(|i| TableIdent { namespace: i.namespace, name: i.name });
        (idents.collect(), self.next_page_token)
    }
}

impl RestCatalog {
    pub(super) async fn open(spec: &CatalogSpec, secrets: &Secrets, bearer: Option<Arc<dyn Bearer>>) -> Result<Self> {
        Self::open_with(spec, secrets, bearer, usual_retry()).await
    }

    /// One that takes new tables, as far as its server says what it offers.
    pub(super) async fn open_target(
        spec: &CatalogSpec,
        secrets: &Secrets,
        bearer: Option<Arc<dyn Bearer>>,
    ) -> Result<Self> {
        let catalog = Self::open(spec, secrets, bearer).await?;
        catalog.refuse_read_only()?;
        Ok(catalog)
    }

    async fn open_with(
        spec: &CatalogSpec,
        secrets: &Secrets,
        bearer: Option<Arc<dyn Bearer>>,
        retry: RetryPolicy,
    ) -> Result<Self> {
        let client = Arc::new(RestClient::connect(spec, secrets, bearer, retry).await?);
        let local_files =
            Url::parse(&spec.uri).is_ok_and(|uri| local_files::allowed(spec, uri.host_str().unwrap_or("?")));
        let shared = Storage::scoped(&client.network, &client.properties, &spec.properties, secrets, Vec::new())?;
        let vending = Vending {
            client: client.clone(),
            given: spec.properties.clone(),
            secrets: secrets.clone(),
            shared: shared.allowing_local_files(local_files).of_catalog(spec)?,
            local_files,
        };
        let makes_empty = spec.properties.get(CREATE_EMPTY).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        Ok(Self {
            spec: spec.clone(),
            client,
            vending,
            staged_ids: Mutex::default(),
            staged_places: Mutex::default(),
            empty: Mutex::default(),
            makes_empty: makes_empty.into(),
        })
    }

    async fn children(&self, parent: &[String]) -> Result<Vec<Vec<String>>> {
        let text = self.client.namespace_text(parent);
        match self.client.pages::<NamespacePage>(&self.client.namespaces_path(), Some(&text)).await {
            // Servers without nesting answer with everything again, or refuse the question.
            Ok(found) => {
                Ok(found.into_iter().filter(|n| n.len() == parent.len() + 1 && n.starts_with(parent)).collect())
            }
            Err(Failure::Refused(refusal)) if refusal.is_unsupported() || matches!(refusal.status, 403 | 404) => {
                Ok(Vec::new())
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn tables_of(&self, namespace: &[String], every: Every) -> Result<Vec<TableIdent>> {
        let path = self.client.namespace_path(namespace)?;
        let mut tables = match self.client.pages::<TablePage>(&format!("{path}/tables"), None).await {
            Ok(tables) => addressable(tables),
            Err(Failure::Refused(refusal)) if every == Every::Seen && matches!(refusal.status, 403 | 404) => {
                // Dropped in the meantime, or hidden from us.
                tracing::warn!(namespace = namespace.join("."), status = refusal.status, "a namespace is left out");
                return Ok(Vec::new());
            }
            Err(failure) => return Err(failure.into()),
        };
        // Where there are views, some servers list them among the tables.
        if !tables.is_empty() && self.client.offers("GET /v1/{prefix}/namespaces/{namespace}/views", false) {
            match self.client.pages::<TablePage>(&format!("{path}/views"), None).await {
                Ok(views) => {
                    let views: BTreeSet<_> = views.into_iter().collect();
                    tables.retain(|t| !views.contains(t));
                }
                Err(Failure::Refused(refusal)) => tracing::debug!(status = refusal.status, "views cannot be listed"),
                Err(failure) => return Err(failure.into()),
            }
        }
        Ok(tables)
    }

    async fn list(&self, every: Every) -> Result<Vec<TableIdent>> {
        let namespaces = self.namespaces().await?;
        let asked = namespaces.into_iter().map(|namespace| async move { self.tables_of(&namespace, every).await });
        let listed = futures::stream::iter(asked);
        let tables: BTreeSet<_> =
            listed.buffered(AT_ONCE).try_collect::<Vec<_>>().await?.concat().into_iter().collect();
        Ok(tables.into_iter().collect())
    }

    fn table(&self, ident: &TableIdent, loaded: Loaded) -> Result<Table> {
        let storage = self.vending.storage(&loaded, &Origin::Table(ident.clone()))?;
        let metadata_location = loaded.metadata_location.unwrap_or_default();
        let about = if metadata_location.is_empty() { ident.to_string() } else { metadata_location.clone() };
        let metadata = TableMetadata::from_value(loaded.metadata, &about)?;
        Ok(Table { ident: ident.clone(), metadata_location, metadata: Arc::new(metadata), storage, unconfirmed: None })
    }
}

/// Which tables are listed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Every {
    /// Those of the namespaces that this user may see.
    Seen,
    /// All of them, or it is an error.
    Table,
}

/// Whether requests can name it. One name that they cannot must not hide the others.
fn is_addressable(namespace: &[String]) -> bool {
    let fine = !namespace.is_empty() && namespace.iter().all(|level| segment(level).is_ok());
    if !fine {
        tracing::warn!(?namespace, "a namespace is left out: its name cannot be part of an address");
    }
    fine
}

fn addressable(mut tables: Vec<TableIdent>) -> Vec<TableIdent> {
    tables.retain(|table| {
        let fine = segment(&table.name).is_ok() && is_addressable(&table.namespace);
        if !fine {
            tracing::warn!(%table, "a table is left out: its name cannot be part of an address");
        }
        fine
    });
    tables
}

#[async_trait]
impl Catalog for RestCatalog {
    fn spec(&self) -> &CatalogSpec {
        &self.spec
    }

    async fn namespaces(&self) -> Result<Vec<Vec<String>>> {
        let mut level = self.client.pages::<NamespacePage>(&self.client.namespaces_path(), None).await?;
        let mut all = BTreeSet::new();
        for _ in 0..MAX_LEVELS {
            level.retain(|namespace| is_addressable(namespace) && all.insert(namespace.clone()));
            if all.len() > MAX_NAMESPACES {
                return Err(Error::new(Code::CatalogRefused, "the catalog lists more namespaces than any real one")
                    .about(&self.spec.uri));
            }
            if level.is_empty() {
                break;
            }
            let asked = level.into_iter().map(|namespace| async move { self.children(&namespace).await });
            let children = futures::stream::iter(asked);
            level = children.buffered(AT_ONCE).try_collect::<Vec<_>>().await?.concat();
        }
        Ok(all.into_iter().collect())
    }

    async fn tables(&self) -> Result<Vec<TableIdent>> {
        self.list(Every::Seen).await
    }

    async fn every_table(&self) -> Result<Vec<TableIdent>> {
        self.list(Every::Table).await
    }

    async fn load(&self, table: &TableIdent) -> Result<Table> {
        if table.namespace.is_empty() {
            return Err(no_such_table(table, &self.spec.name));
        }
        match self.vending.load(table).await {
            Ok(loaded) => self.table(table, loaded).map_err(|e| e.about(table)),
            Err(Failure::Refused(refusal)) if refusal.is_missing() => {
                Err(no_such_table(table, &self.spec.name).with_cause(refusal.into_error()))
            }
            Err(failure) => Err(Error::from(failure).about(table)),
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_empty;
#[cfg(test)]
mod tests_hostile;
#[cfg(test)]
mod tests_later_state;
#[cfg(test)]
mod tests_places;
