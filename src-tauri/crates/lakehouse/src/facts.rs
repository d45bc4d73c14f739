//! What the inventory needs to know of a table, from its metadata and manifests alone.

use crate::table::Table;
use icebridge_model::facts::TableFacts;
use icebridge_model::{Error, Result};

pub async fn facts(table: &Table) -> Result<TableFacts> {
    Err(Error::internal("not built yet").about(&table.ident))
}
