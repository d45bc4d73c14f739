//! Reads what a table has in Unity Catalog.

use super::difference::Governance;
use super::names::full_name;
use super::tags::TagReader;
use icebridge_databricks::Client;
use icebridge_databricks::identity::Me;
use icebridge_databricks::unity::Securable;
use icebridge_model::{Code, Error, Result, TableIdent};
use tokio_util::sync::CancellationToken;

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
#[derive(Debug, Default)]
pub struct Found {
    pub governance: Governance,
    /// What could not be read, each with why. The rest is there all the same.
    pub unread: Vec<(&'static str, Error)>,
    /// Why it is not known what keeps this principal from seeing all of the table.
    pub policies_unknown: Option<Error>,
}

/// An error: the table is not there, or the run was cancelled. Everything else fails for itself.
pub async fn read(
    client: &Client,
    table: &TableIdent,
    wanted: Wanted<'_>,
    cancel: &CancellationToken,
) -> Result<Found> {
    let full_name = full_name(table);
    let mut there = client.table(&full_name).await?.ok_or_else(|| {
        Error::new(Code::TableNotFound, "Unity Catalog does not have this table, or does not show it").about(table)
    })?;
    there.full_name.get_or_insert_with(|| full_name.clone());
    let text = |comment: Option<String>| comment.filter(|text| !text.is_empty());
    let mut found = Found::default();
    found.governance.owner.clone_from(&there.owner);
    found.governance.comment = text(there.comment.clone());
    if wanted.grants {
        match client.permissions(Securable::Table, &full_name).await {
            Ok(grants) => found.governance = found.governance.with_grants(&grants),
            Err(error) => found.failed("grants", error, cancel)?,
        }
    }
    if let Some(me) = wanted.restrictions_for {
        match client.restrictions(&there, me).await {
            Ok(all) => (found.governance.restrictions, found.policies_unknown) = (all.known, all.policies_unknown),
            Err(error) => found.failed("row filters, masks and policies", error, cancel)?,
        }
    }
    for column in &there.columns {
        if let Some(comment) = text(column.comment.clone()) {
            found.governance.column_comments.insert(column.name.clone(), comment);
        }
    }
    if let Some(reader) = wanted.tags {
        let columns: Vec<String> = there.columns.iter().map(|column| column.name.clone()).collect();
        match reader.of_table(client, table, &columns).await {
            Ok(Some(tags)) => (found.governance.tags, found.governance.column_tags) = (tags.own, tags.columns),
            Ok(None) => found.governance.tags_unknown = true,
            Err(error) => found.failed("tags", error, cancel)?,
        }
    }
    Ok(found)
}

impl Found {
    fn failed(&mut self, what: &'static str, error: Error, cancel: &CancellationToken) -> Result<()> {
        if cancel.is_cancelled() {
            return Err(error);
        }
        self.unread.push((what, error));
        Ok(())
    }
}
