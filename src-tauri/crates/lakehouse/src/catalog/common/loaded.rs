//! Every table of a catalog, to find whose files lie in a folder.

use super::contract::Catalog;
use crate::table::Table;
use futures::stream::{self, StreamExt};
use icebridge_model::{Code, Result, TableIdent};
use std::collections::HashSet;

const AT_ONCE: usize = 16;

/// Each with why it cannot be read, if it cannot. One that is gone in the meantime is left out; one that is listed still though it
/// is said not to be there may be hidden from us.
pub async fn every_table_loaded<C: Catalog + ?Sized>(catalog: &C) -> Result<Vec<(TableIdent, Result<Table>)>> {
    let idents = catalog.every_table().await?;
    let load = |ident: TableIdent| async move {
        let table = catalog.load(&ident).await;
        (ident, table)
    };
    let mut loaded: Vec<_> = stream::iter(idents).map(load).buffer_unordered(AT_ONCE).collect().await;
    let is_gone = |table: &Result<Table>| table.as_ref().is_err_and(|error| error.code == Code::TableNotFound);
    if loaded.iter().any(|(_, table)| is_gone(table)) {
        let listed: HashSet<TableIdent> = catalog.every_table().await?.into_iter().collect();
        loaded.retain(|(ident, table)| !is_gone(table) || listed.contains(ident));
    }
    Ok(loaded)
}
