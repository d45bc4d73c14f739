//! Reads what a table has in Unity Catalog.

use super::difference::Governance;
use super::names::full_name;
use futures::{StreamExt, TryStreamExt, stream};
use icebridge_databricks::Client;
use icebridge_databricks::unity::{Securable, Tag};
use icebridge_model::{Code, Error, Result, TableIdent};
use std::collections::BTreeMap;

/// Columns whose tags are asked for at the same time.
const COLUMNS_AT_ONCE: usize = 8;

/// As the workspace has it today. Tags are asked for only where they are wanted: each column's is a call.
pub async fn read(client: &Client, table: &TableIdent, with_tags: bool) -> Result<Governance> {
    let full_name = full_name(table);
    let found = client.table(&full_name).await?.ok_or_else(|| {
        Error::new(Code::TableNotFound, "Unity Catalog does not have this table, or does not show it").about(table)
    })?;
    let text = |comment: Option<String>| comment.filter(|text| !text.is_empty());
    let own_tags = |tags: Option<Vec<Tag>>| -> BTreeMap<String, String> {
        tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect()
    };
    let mut read = Governance { owner: found.owner, comment: text(found.comment), ..Governance::default() }
        .with_grants(&client.permissions(Securable::Table, &full_name).await?);
    for column in &found.columns {
        if let Some(comment) = text(column.comment.clone()) {
            read.column_comments.insert(column.name.clone(), comment);
        }
    }
    if with_tags {
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
