//! A catalog of Unity Catalog as its own API shows it. Where clusters do all the work, nothing here reads or writes a file,
//! and the API needs neither external data access nor EXTERNAL USE SCHEMA, as the Iceberg endpoint does.

use super::reach::client;
use crate::LocalState;
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use icebridge_databricks::Client;
use icebridge_databricks::unity::{Table as UnityTable, TableDetail};
use icebridge_lakehouse::catalog::{Abilities, Draft, Publication, Staged, Turns};
use icebridge_lakehouse::{Catalog, Storage, Table, TableMetadata, TargetCatalog};
use icebridge_model::catalog::CatalogSpec;
use icebridge_model::{Code, Error, Result, TableIdent};
use serde_json::json;
use std::sync::Arc;

const SCHEMAS_AT_ONCE: usize = 8;

#[derive(Debug)]
struct ByApi {
    spec: CatalogSpec,
    client: Client,
}

/// A target that tables can be looked up in and that clusters write to. Nothing is staged or published through it.
pub(crate) async fn target(local: &LocalState, name: &str) -> Result<Arc<dyn TargetCatalog>> {
    let spec = local.store.catalog(name).await?;
    let client = client(local, &spec.uri).await.map_err(|e| e.about(name))?;
    Ok(Arc::new(ByApi { spec, client }))
}

/// Every table and view of a catalog, of whatever format: the Iceberg endpoint shows those of Iceberg alone. Empty where the API does not
/// tell: the run finds a name that is taken in any case.
pub(crate) async fn names(local: &LocalState, name: &str) -> Vec<TableIdent> {
    let listed = async { target(local, name).await?.tables().await };
    listed.await.unwrap_or_else(|error| {
        tracing::warn!(%error, "which names are taken in the target is known of Iceberg tables alone");
        Vec::new()
    })
}

impl ByApi {
    fn schema<'a>(&self, namespace: &'a [String]) -> Result<&'a str> {
        match namespace {
            [schema] => Ok(schema),
            _ => Err(Error::invalid("a table of Unity Catalog is in one schema").about(namespace.join("."))),
        }
    }

    async fn tables_of(&self, schema: &str) -> Result<Vec<TableIdent>> {
        let listed = self.client.tables(&self.spec.warehouse, schema, TableDetail::Brief);
        listed.map_ok(|table| TableIdent::new([schema.to_owned()], table.name)).try_collect().await
    }
}

#[async_trait]
impl Catalog for ByApi {
    fn spec(&self) -> &CatalogSpec {
        &self.spec
    }

    async fn namespaces(&self) -> Result<Vec<Vec<String>>> {
        let schemas = self.client.schemas(&self.spec.warehouse);
        let named = schemas.try_filter(|schema| std::future::ready(schema.name != "information_schema"));
        named.map_ok(|schema| vec![schema.name]).try_collect().await
    }

    async fn tables(&self) -> Result<Vec<TableIdent>> {
        let schemas = self.namespaces().await?.concat();
        let listed = stream::iter(schemas).map(|schema| async move { self.tables_of(&schema).await });
        let mut tables = listed.buffered(SCHEMAS_AT_ONCE).try_collect::<Vec<_>>().await?.concat();
        tables.sort();
        Ok(tables)
    }

    async fn load(&self, table: &TableIdent) -> Result<Table> {
        let name = format!("{}.{}.{}", self.spec.warehouse, self.schema(&table.namespace)?, table.name);
        match self.client.table(&name).await? {
            Some(found) => as_table(table, &found),
            None => Err(Error::new(Code::TableNotFound, "Unity Catalog has no such table").about(table)),
        }
    }
}

#[async_trait]
impl TargetCatalog for ByApi {
    fn abilities(&self) -> Abilities {
        Abilities { register: false }
    }

    async fn ensure_namespace(&self, namespace: &[String]) -> Result<()> {
        let schema = self.schema(namespace)?;
        if self.client.schema(&self.spec.warehouse, schema).await?.is_some() {
            return Ok(());
        }
        self.client.make_schema(&self.spec.warehouse, schema).await
    }

    async fn stage(&self, table: &TableIdent, _token: &str, _draft: Draft<'_>) -> Result<Staged> {
        Err(by_clusters_alone(table))
    }

    async fn publish(&self, table: &TableIdent, _publication: &Publication, _turns: &mut dyn Turns) -> Result<Table> {
        Err(by_clusters_alone(table))
    }
}

fn by_clusters_alone(table: &TableIdent) -> Error {
    Error::internal("a table is written from here to a target that was opened for clusters alone").about(table)
}

/// What the API says of a table, in the place of its metadata: what it is, where it lies, and its properties, which say whose
/// it is. Its columns and snapshots are not looked at.
fn as_table(ident: &TableIdent, found: &UnityTable) -> Result<Table> {
    let location = found.storage_location.clone().unwrap_or_default();
    let metadata = json!({
        "format-version": 2,
        "table-uuid": found.table_id.clone().unwrap_or_else(|| "00000000-0000-0000-0000-000000000000".into()),
        "location": location,
        "last-sequence-number": 0, "last-updated-ms": found.updated_at.unwrap_or(0), "last-column-id": 0,
        "schemas": [{"type": "struct", "schema-id": 0, "fields": []}], "current-schema-id": 0,
        "partition-specs": [{"spec-id": 0, "fields": []}], "default-spec-id": 0, "last-partition-id": 999,
        "sort-orders": [{"order-id": 0, "fields": []}], "default-sort-order-id": 0,
        "properties": found.properties,
    });
    Ok(Table {
        ident: ident.clone(),
        metadata_location: String::new(),
        metadata: Arc::new(TableMetadata::from_value(metadata, &ident.to_string())?),
        storage: Storage::local()?,
        unconfirmed: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_the_api_says_whose_it_is() {
        let found: UnityTable =
            serde_json::from_value(json!({"name": "t", "properties": {"icebridge.plan": "p"}})).unwrap();
        let table = as_table(&TableIdent::new(["s"], "t"), &found).unwrap();
        assert_eq!(table.metadata.properties.get("icebridge.plan").map(String::as_str), Some("p"));
        assert_eq!(table.metadata.current_snapshot_id, None);
    }
}
