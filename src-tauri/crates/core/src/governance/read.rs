//! Reads what a table has in Unity Catalog.

use super::difference::Governance;
use super::names::full_name;
use super::tags::TagReader;
use icebridge_databricks::Client;
use icebridge_databricks::identity::Me;
use icebridge_databricks::unity::Securable;
use icebridge_model::{Code, Error, Result, TableIdent};

/// What shall be read besides owner and comments.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// None: tags are not wanted.
    pub tags: Option<TagReader<'a>>,
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
    if let Some(reader) = wanted.tags {
        let columns: Vec<String> = found.columns.iter().map(|column| column.name.clone()).collect();
        match reader.of_table(client, table, &columns).await? {
            Some(tags) => (read.tags, read.column_tags) = (tags.own, tags.columns),
            None => read.tags_unknown = true,
        }
    }
    Ok(read)
}
