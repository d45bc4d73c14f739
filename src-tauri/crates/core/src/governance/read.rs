//! Reads what a table has in Unity Catalog.

use super::difference::Governance;
use super::names::full_name;
use futures::{StreamExt, TryStreamExt, stream};
use icebridge_databricks::Client;
use icebridge_databricks::identity::Me;
use icebridge_databricks::unity::{Securable, Tag};
use icebridge_model::{Code, Error, Result, TableIdent};
use std::collections::BTreeMap;

/// Columns whose tags are asked for at the same time.
const COLUMNS_AT_ONCE: usize = 8;

/// What shall be read besides owner and comments.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Each column's are a call.
    pub tags: bool,
    /// Not everybody may see them.
    pub grants: bool,
    /// What keeps this principal from seeing all of the table.
    pub restrictions_for: Option<&'a Me>,
}

/// As the workspace has it today.
pub async fn read(client: &Client, table: &TableIdent, wanted: Wanted<'_>) -> Result<Governance> {
    let full_name = full_name(table);
    let mut found = client.table(&full_name).await?.ok_or_else(|| {
        Error::new(Code::TableNotFound, "Unity Catalog does not have this table, or does not show it").about(table)
    })?;
    found.full_name.get_or_insert_with(|| full_name.clone());
    let text = |comment: Option<String>| comment.filter(|text| !text.is_empty());
    let own_tags = |tags: Option<Vec<Tag>>| -> BTreeMap<String, String> {
        tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect()
    };
    let (owner, comment) = (found.owner.clone(), text(found.comment.clone()));
    let mut read = Governance { owner, comment, ..Governance::default() };
    if wanted.grants {
        read = read.with_grants(&client.permissions(Securable::Table, &full_name).await?);
    }
    if let Some(me) = wanted.restrictions_for {
        read.restrictions = client.restrictions(&found, me).await?;
    }
    for column in &found.columns {
        if let Some(comment) = text(column.comment.clone()) {
            read.column_comments.insert(column.name.clone(), comment);
        }
    }
    if wanted.tags {
        read.tags = own_tags(client.tags(Securable::Table, &full_name).await?);
        let columns: Vec<String> = found.columns.iter().map(|column| column.name.clone()).collect();
        let each = columns.into_iter().map({
            let (client, full_name) = (client.clone(), full_name.clone());
            move |column| {
                let (client, full_name) = (client.clone(), full_name.clone());
                async move { Ok::<_, Error>((client.column_tags(&full_name, &column).await?, column)) }
            }
        });
        let mut tags = stream::iter(each).buffered(COLUMNS_AT_ONCE);
        while let Some((tags, column)) = tags.try_next().await? {
            let tags = own_tags(tags);
            if !tags.is_empty() {
                read.column_tags.insert(column, tags);
            }
        }
    }
    Ok(read)
}
