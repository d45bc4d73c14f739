//! SQL catalogs: the two tables that Java's JdbcCatalog and PyIceberg's SqlCatalog keep.

mod address;
mod database;
mod failures;
mod private_copy;
mod session;
mod target;

pub(super) use database::Database;

use super::common::local_files;
use super::{Catalog, Secrets, no_such_table};
use crate::storage::Storage;
use crate::table::Table;
use async_trait::async_trait;
use database::Layout;
use icebridge_model::catalog::CatalogSpec;
use icebridge_model::{Code, Error, Result, TableIdent};
use std::collections::BTreeSet;

#[derive(Debug)]
pub(super) struct SqlCatalog {
    spec: CatalogSpec,
    database: Database,
    storage: Storage,
    /// The value of the `catalog_name` columns; none in a database without any catalog yet.
    name: Option<String>,
    layout: Layout,
    /// Where new tables go; none for a source.
    warehouse: Option<String>,
}

impl SqlCatalog {
    pub(super) async fn source(spec: &CatalogSpec, secrets: &Secrets) -> Result<Self> {
        let database = Database::open(&spec.uri, secrets.get("password"), false)?;
        let storage = local_files::storage(spec, secrets, database.host())?;
        let layout = database.layout().await?;
        if layout == Layout::Absent {
            return Err(Error::new(
                Code::CatalogNotFound,
                "the database has no Iceberg catalog: no table `iceberg_tables`",
            )
            .about(&spec.uri)
            .with_hint("Check that this is the database the catalog's writers use, and its schema (search_path)."));
        }
        let there = database.catalog_names().await?;
        let name = match wanted_name(spec) {
            Some(name) if there.is_empty() || there.contains(&name) => Some(name),
            Some(name) => {
                return Err(Error::new(Code::CatalogNotFound, format!("the database has no catalog `{name}`"))
                    .about(&spec.uri)
                    .with_hint(format!("Name one of these as the warehouse: {}.", there.join(", "))));
            }
            None if there.len() > 1 => {
                return Err(Error::invalid("the database holds several catalogs, and none is named")
                    .about(&spec.uri)
                    .with_hint(format!("Name one of these as the warehouse: {}.", there.join(", "))));
            }
            None => there.into_iter().next(),
        };
        Ok(Self { spec: spec.clone(), database, storage, name, layout, warehouse: None })
    }

    pub(super) async fn target(spec: &CatalogSpec, secrets: &Secrets) -> Result<Self> {
        let warehouse = spec.properties.get("warehouse").map(|w| w.trim_end_matches('/')).filter(|w| !w.is_empty());
        let warehouse = warehouse.ok_or_else(|| {
            Error::invalid("a SQL target needs to know where new tables go")
                .about(&spec.uri)
                .with_hint("Set the property `warehouse` to a folder or to a prefix such as s3://bucket/warehouse.")
        })?;
        let name = wanted_name(spec).ok_or_else(|| {
            Error::invalid("a SQL target needs the catalog's name inside the database")
                .about(&spec.uri)
                .with_hint("Name it as the warehouse: the name under which Spark or PyIceberg open the catalog.")
        })?;
        let database = Database::open(&spec.uri, secrets.get("password"), true)?;
        let storage = local_files::storage(spec, secrets, database.host())?;
        Self::connect(spec.clone(), database, storage, name, Some(warehouse.to_string())).await
    }

    /// A catalog whose name is known. With a warehouse it is a target, and its tables are made if they are not there.
    pub(super) async fn connect(
        spec: CatalogSpec,
        database: Database,
        storage: Storage,
        name: String,
        warehouse: Option<String>,
    ) -> Result<Self> {
        let mut layout = database.layout().await?;
        if layout == Layout::Absent {
            if warehouse.is_none() {
                return Err(Error::new(Code::CatalogNotFound, "there is no Iceberg catalog").about(&spec.uri));
            }
            database.create_tables().await?;
            layout = database.layout().await?;
        }
        Ok(Self { spec, database, storage, name: Some(name), layout, warehouse })
    }

    fn missing(&self, table: &TableIdent) -> Error {
        no_such_table(table, &self.spec.name)
    }
}

fn wanted_name(spec: &CatalogSpec) -> Option<String> {
    let named = |text: &str| Some(text.trim()).filter(|t| !t.is_empty()).map(str::to_string);
    named(&spec.warehouse).or_else(|| spec.properties.get("sql.catalog-name").and_then(|n| named(n)))
}

/// Namespaces are dot-joined in the database, without quotes, by both writers.
fn to_column(namespace: &[String]) -> String {
    namespace.join(".")
}

/// A text with an empty part is one part: no part of a name can be empty, and joined again it is the same text.
fn from_column(text: &str) -> Vec<String> {
    let parts: Vec<String> = text.split('.').map(str::to_string).collect();
    match text {
        "" => Vec::new(),
        text if parts.iter().any(String::is_empty) => vec![text.to_string()],
        _ => parts,
    }
}

#[async_trait]
impl Catalog for SqlCatalog {
    fn spec(&self) -> &CatalogSpec {
        &self.spec
    }

    async fn namespaces(&self) -> Result<Vec<Vec<String>>> {
        let Some(name) = &self.name else { return Ok(Vec::new()) };
        let found: BTreeSet<_> = self.database.namespaces(name).await?.iter().map(|n| from_column(n)).collect();
        Ok(found.into_iter().collect())
    }

    async fn tables(&self) -> Result<Vec<TableIdent>> {
        let Some(name) = &self.name else { return Ok(Vec::new()) };
        let rows = self.database.tables(name, self.layout).await?;
        let (named, nameless): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(_, name)| !name.is_empty());
        if !nameless.is_empty() {
            // No name, no way to ask for it; and it must not hide the others.
            tracing::warn!(catalog = self.spec.name, rows = nameless.len(), "the catalog has tables without a name");
        }
        let ident = |(namespace, name): (String, String)| TableIdent { namespace: from_column(&namespace), name };
        let mut tables: Vec<_> = named.into_iter().map(ident).collect();
        tables.sort();
        Ok(tables)
    }

    async fn load(&self, table: &TableIdent) -> Result<Table> {
        let Some(name) = &self.name else { return Err(self.missing(table)) };
        let found = self.database.metadata_location(name, &to_column(&table.namespace), &table.name, self.layout).await;
        match found.map_err(|e| e.about(table))? {
            None => Err(self.missing(table)),
            Some(None) => {
                Err(Error::new(Code::MetadataBroken, "the catalog's row for the table has no metadata location")
                    .about(table))
            }
            Some(Some(location)) => Table::open(table.clone(), location, self.storage.clone()).await,
        }
    }
}

#[cfg(test)]
mod tests;
