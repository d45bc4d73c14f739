//! Tags of tables and columns: read by one statement where there is a SQL warehouse, and by a call for each column where not; and
//! what tag policies will refuse of them.

use super::names::full_name;
use super::warehouse;
use futures::{StreamExt, TryStreamExt, stream};
use icebridge_databricks::Client;
use icebridge_databricks::identity::Me;
use icebridge_databricks::sql::SqlRow;
use icebridge_databricks::unity::{Securable, Tag, TagPolicy};
use icebridge_model::{Code, Error, Result, TableIdent};
use std::collections::{BTreeMap, BTreeSet};
use tokio_util::sync::CancellationToken;

/// Columns whose tags are asked for at the same time.
const COLUMNS_AT_ONCE: usize = 8;
/// Keys that a statement names; with more of them it asks for all.
const KEYS_NAMED: usize = 100;

type Tags = BTreeMap<String, String>;

/// By what tags are read.
#[derive(Clone, Copy, Debug)]
pub struct TagReader<'a> {
    /// None: the workspace has none for us.
    pub warehouse: Option<&'a str>,
    pub cancel: &'a CancellationToken,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TableTags {
    pub own: Tags,
    pub columns: BTreeMap<String, Tags>,
}

impl TagReader<'_> {
    /// None: the workspace shows them in no way. That is not the same as having none.
    pub(super) async fn of_table(
        &self,
        client: &Client,
        table: &TableIdent,
        columns: &[String],
    ) -> Result<Option<TableTags>> {
        let full_name = full_name(table);
        let own = match client.tags(Securable::Table, &full_name).await? {
            Some(tags) => Some(by_key(tags)),
            None => self.own_by_statement(client, table).await?,
        };
        let of_columns = match self.columns_by_statement(client, table, columns).await? {
            Some(tags) => Some(tags),
            None => by_calls(client, &full_name, columns).await?,
        };
        Ok(own.zip(of_columns).map(|(own, columns)| TableTags { own, columns }))
    }

    async fn own_by_statement(&self, client: &Client, table: &TableIdent) -> Result<Option<Tags>> {
        let rows = self.rows(client, "tag_name, tag_value", "table_tags", table).await?;
        Ok(rows.map(|rows| rows.iter().map(|row| (text(row, 0), text(row, 1))).collect()))
    }

    async fn columns_by_statement(
        &self,
        client: &Client,
        table: &TableIdent,
        columns: &[String],
    ) -> Result<Option<BTreeMap<String, Tags>>> {
        let rows = self.rows(client, "column_name, tag_name, tag_value", "column_tags", table).await?;
        let Some(rows) = rows else { return Ok(None) };
        let mut found: BTreeMap<String, Tags> = BTreeMap::new();
        for row in &rows {
            let named = text(row, 0);
            // As the table spells it, whatever the view does.
            let column = columns.iter().find(|column| column.eq_ignore_ascii_case(&named));
            found.entry(column.cloned().unwrap_or(named)).or_default().insert(text(row, 1), text(row, 2));
        }
        Ok(Some(found))
    }

    async fn rows(&self, client: &Client, what: &str, view: &str, table: &TableIdent) -> Result<Option<Vec<SqlRow>>> {
        let (Some(warehouse), [catalog, schema]) = (self.warehouse, table.namespace.as_slice()) else {
            return Ok(None);
        };
        let statement = format!(
            "SELECT {what} FROM system.information_schema.{view} \
             WHERE catalog_name = :catalog AND schema_name = :schema AND table_name = :table"
        );
        let lower = [catalog, schema, &table.name].map(|name| name.to_lowercase());
        let values: Vec<(&str, &str)> =
            ["catalog", "schema", "table"].into_iter().zip(lower.iter().map(String::as_str)).collect();
        answered(warehouse::rows(client, warehouse, &statement, &values, self.cancel).await)
    }
}

/// What a statement failed with leaves the other way; but no workspace that is out of reach has one.
fn answered<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.code, Code::Cancelled | Code::WorkspaceUnreachable | Code::RateLimited) => {
            Err(error)
        }
        Err(error) => {
            tracing::info!(%error, "tags cannot be read by a statement");
            Ok(None)
        }
    }
}

fn text(row: &SqlRow, at: usize) -> String {
    row.get(at).cloned().flatten().unwrap_or_default()
}

fn by_key(tags: Vec<Tag>) -> Tags {
    tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect()
}

async fn by_calls(client: &Client, full_name: &str, columns: &[String]) -> Result<Option<BTreeMap<String, Tags>>> {
    // Owned: a stream over what is borrowed cannot be sent to another thread.
    let columns: Vec<String> = columns.to_vec();
    let each = columns.into_iter().map({
        let (client, full_name) = (client.clone(), full_name.to_owned());
        move |column| {
            let (client, full_name) = (client.clone(), full_name.clone());
            async move { Ok::<_, Error>((client.column_tags(&full_name, &column).await?, column)) }
        }
    });
    let mut asked = stream::iter(each).buffered(COLUMNS_AT_ONCE);
    let mut found = BTreeMap::new();
    while let Some((tags, column)) = asked.try_next().await? {
        match tags.map(by_key) {
            None => return Ok(None),
            Some(tags) if tags.is_empty() => {}
            Some(tags) => {
                found.insert(column, tags);
            }
        }
    }
    Ok(Some(found))
}

/// What tag policies may refuse of the tags of these tables, in words. `tables`: each with its name in the workspace. What cannot
/// be looked up is left to the run, which names what was refused.
pub(crate) async fn may_be_refused(
    client: &Client,
    named_warehouse: Option<&str>,
    tables: &[(TableIdent, TableIdent)],
) -> Result<BTreeMap<TableIdent, Vec<String>>> {
    let policies = client.tag_policies().await?.unwrap_or_default();
    // Without a warehouse no tag is set at all, and the run says so.
    let (false, Some(warehouse)) = (policies.is_empty(), warehouse::choose(client, named_warehouse).await?) else {
        return Ok(BTreeMap::new());
    };
    let mut assigned = Vec::new();
    let schemas: BTreeSet<&Vec<String>> = tables.iter().map(|(_, name)| &name.namespace).collect();
    for schema in schemas {
        assigned.extend(governed_in(client, &warehouse, schema, &policies).await?);
    }
    let mut verdicts = Verdicts { client, policies: &policies, who: None, assignable: BTreeMap::new() };
    let mut found: BTreeMap<TableIdent, Vec<String>> = BTreeMap::new();
    for (source, name) in tables {
        for tag in assigned.iter().filter(|tag| same_table(tag, name)) {
            if let Some(why) = verdicts.of(tag).await? {
                found.entry(source.clone()).or_default().push(why);
            }
        }
    }
    Ok(found)
}

/// A governed tag on a table, or on a column of it.
struct Assigned {
    table: TableIdent,
    column: Option<String>,
    key: String,
    value: String,
}

fn same_table(tag: &Assigned, name: &TableIdent) -> bool {
    tag.table.namespace == name.namespace && tag.table.name.eq_ignore_ascii_case(&name.name)
}

async fn governed_in(
    client: &Client,
    warehouse: &str,
    namespace: &[String],
    policies: &[TagPolicy],
) -> Result<Vec<Assigned>> {
    let [catalog, schema] = namespace else { return Ok(Vec::new()) };
    let lower = [catalog, schema].map(|name| name.to_lowercase());
    let named: Vec<String> = (0..policies.len()).map(|at| format!("key{at}")).collect();
    let mut values: Vec<(&str, &str)> =
        ["catalog", "schema"].into_iter().zip(lower.iter().map(String::as_str)).collect();
    let mut among = String::new();
    if policies.len() <= KEYS_NAMED {
        values.extend(named.iter().map(String::as_str).zip(policies.iter().map(|policy| policy.key.as_str())));
        let keys: Vec<String> = named.iter().map(|name| format!(":{name}")).collect();
        among = format!(" AND tag_name IN ({})", keys.join(", "));
    }
    let mut found = Vec::new();
    for (view, column) in [("table_tags", "NULL"), ("column_tags", "column_name")] {
        let statement = format!(
            "SELECT table_name, {column}, tag_name, tag_value FROM system.information_schema.{view} \
             WHERE catalog_name = :catalog AND schema_name = :schema{among}"
        );
        let rows = warehouse::rows(client, warehouse, &statement, &values, &CancellationToken::new()).await;
        let rows = answered(rows)?.unwrap_or_default();
        found.extend(rows.iter().map(|row| Assigned {
            table: TableIdent::new(namespace.to_vec(), text(row, 0)),
            column: row.get(1).cloned().flatten(),
            key: text(row, 2),
            value: text(row, 3),
        }));
    }
    Ok(found)
}

/// Each policy's rules are read once, when a tag of it is met.
struct Verdicts<'a> {
    client: &'a Client,
    policies: &'a [TagPolicy],
    who: Option<(Me, Option<String>)>,
    assignable: BTreeMap<&'a str, Option<bool>>,
}

impl Verdicts<'_> {
    async fn of(&mut self, tag: &Assigned) -> Result<Option<String>> {
        let Some(policy) = self.policies.iter().find(|policy| policy.key == tag.key) else { return Ok(None) };
        let place = tag.column.as_ref().map(|column| format!(" of {column}")).unwrap_or_default();
        if !policy.takes(&tag.value) {
            let taken: Vec<&str> = policy.values.iter().map(|value| value.name.as_str()).collect();
            let taken = taken.join(", ");
            return Ok(Some(format!("{} = {}{place}: its policy takes {taken}", tag.key, tag.value)));
        }
        let may = match self.assignable.get(policy.key.as_str()) {
            Some(known) => *known,
            None => {
                let may = self.ask(policy).await?;
                self.assignable.insert(&policy.key, may);
                may
            }
        };
        Ok(match may {
            Some(true) => None,
            Some(false) => {
                Some(format!("{}{place}: its policy's rules do not let who is signed in assign it", tag.key))
            }
            None => Some(format!("{}{place}: the workspace does not show who may assign it", tag.key)),
        })
    }

    async fn ask(&mut self, policy: &TagPolicy) -> Result<Option<bool>> {
        if self.who.is_none() {
            self.who = Some((self.client.me().await?, self.client.account_id().await?));
        }
        match &self.who {
            Some((me, Some(account))) => self.client.may_assign(policy, account, me).await,
            _ => Ok(None),
        }
    }
}
