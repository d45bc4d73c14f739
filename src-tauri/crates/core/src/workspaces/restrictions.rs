//! What keeps a reader from seeing all of a table through Databricks: row filters, column masks, policies.

use super::reach::client;
use crate::LocalState;
use futures::{FutureExt, StreamExt, stream};
use icebridge_databricks::Client;
use icebridge_databricks::identity::Me;
use icebridge_databricks::unity::Restriction;
use icebridge_model::{Code, Result, TableIdent};
use std::collections::BTreeMap;

/// The client's limiter has the last word.
const AT_ONCE: usize = 32;

/// What is known of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// In words.
    pub restrictions: Vec<String>,
    /// Why it is not known which policies apply.
    pub policies_unknown: Option<String>,
}

/// By table; tables without any, of which all is known, are left out. `reader`: who reads
/// them there, if it is not who is signed in. `tables`: each with its name in the workspace.
pub(crate) async fn of_tables(
    local: &LocalState,
    workspace: &str,
    reader: Option<&str>,
    tables: Vec<(TableIdent, TableIdent)>,
) -> Result<BTreeMap<TableIdent, Known>> {
    if tables.is_empty() {
        return Ok(BTreeMap::new());
    }
    let client = client(local, workspace).await?;
    let me = client.me().await?.named(reader);
    // Boxed: the compiler cannot prove a stream of borrowed futures to be Send.
    let asked: Vec<_> = tables.iter().map(|(source, name)| named(&client, &me, source, name).boxed()).collect();
    let mut asked = stream::iter(asked).buffer_unordered(AT_ONCE);
    let mut found = BTreeMap::new();
    while let Some(next) = asked.next().await {
        let (source, known) = next?;
        if known != Known::default() {
            found.insert(source.clone(), known);
        }
    }
    Ok(found)
}

async fn named<'a>(
    client: &Client,
    me: &Me,
    source: &'a TableIdent,
    name: &TableIdent,
) -> Result<(&'a TableIdent, Known)> {
    Ok((source, of_table(client, me, name).await?))
}

/// Of a table that the workspace does not have, or does not show, none: that it cannot be read is said elsewhere.
pub(crate) async fn of_table(client: &Client, me: &Me, table: &TableIdent) -> Result<Known> {
    let name = table.namespace.iter().chain([&table.name]).cloned().collect::<Vec<_>>().join(".");
    let found = match client.table(&name).await {
        Ok(found) => found,
        Err(error) if matches!(error.code, Code::AccessDenied | Code::CatalogNotFound) => None,
        Err(error) => return Err(error),
    };
    let Some(mut found) = found else { return Ok(Known::default()) };
    found.full_name.get_or_insert(name);
    let found = client.restrictions(&found, me).await?;
    Ok(Known {
        restrictions: found.known.iter().map(Restriction::text).collect(),
        policies_unknown: found.policies_unknown.map(|error| error.causes.first().cloned().unwrap_or(error.message)),
    })
}
