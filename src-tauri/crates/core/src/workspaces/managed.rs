//! Where Unity Catalog keeps the files of managed tables, as far as it says.

use super::reach::client;
use crate::LocalState;
use icebridge_model::Result;
use icebridge_model::catalog::CatalogSpec;

/// The root of the schema, else of the catalog. None if the workspace does not say, or cannot be asked.
pub(crate) async fn managed_place(local: &LocalState, spec: &CatalogSpec, namespace: &[String]) -> Option<String> {
    match found(local, spec, namespace).await {
        Ok(place) => place,
        Err(error) => {
            tracing::debug!(%error, "the workspace does not say where the files of managed tables go");
            None
        }
    }
}

async fn found(local: &LocalState, spec: &CatalogSpec, namespace: &[String]) -> Result<Option<String>> {
    let client = client(local, &spec.uri).await?;
    if let [schema] = namespace
        && let Some(schema) = client.schema(&spec.warehouse, schema).await?
        && let Some(place) = schema.storage_root.or(schema.storage_location)
    {
        return Ok(Some(place));
    }
    let catalog = client.catalog(&spec.warehouse).await?;
    Ok(catalog.and_then(|catalog| catalog.storage_root.or(catalog.storage_location)))
}
