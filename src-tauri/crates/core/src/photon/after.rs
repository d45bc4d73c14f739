//! After a copy: what a table had besides its rows, put on the target again. The difference is a pure function; what it says
//! can be shown before it is done.

use super::warehouse;
use futures::{StreamExt, TryStreamExt, stream};
use icebridge_databricks::Client;
use icebridge_databricks::optimization::{self, Level};
use icebridge_databricks::unity::{
    Assignment, PredictiveOptimization, Securable, Tag, quoted, quoted_principal, same_privilege,
};
use icebridge_model::after::NotDone;
use icebridge_model::{Code, Error, Result, TableIdent};
use std::collections::{BTreeMap, BTreeSet};
use tokio_util::sync::CancellationToken;

/// What is known of a table in Unity Catalog besides its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Governance {
    pub owner: Option<String>,
    /// Principal to privileges, as they were granted on the table itself.
    pub grants: BTreeMap<String, BTreeSet<String>>,
    pub comment: Option<String>,
    pub column_comments: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    pub column_tags: BTreeMap<String, BTreeMap<String, String>>,
}

impl Governance {
    pub fn with_grants(mut self, grants: &[Assignment]) -> Self {
        for one in grants {
            self.grants.entry(one.principal.clone()).or_default().extend(one.privileges.iter().cloned());
        }
        self
    }
}

/// Columns whose tags are asked for at the same time.
const COLUMNS_AT_ONCE: usize = 8;

/// As the workspace tells it today. Tags are asked for only where they are wanted: each column's is a call.
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

fn full_name(table: &TableIdent) -> String {
    table.namespace.iter().chain([&table.name]).cloned().collect::<Vec<_>>().join(".")
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Comment(String),
    ColumnComment {
        column: String,
        comment: String,
    },
    Tags(BTreeMap<String, String>),
    ColumnTags {
        column: String,
        tags: BTreeMap<String, String>,
    },
    Grant {
        principal: String,
        privileges: Vec<String>,
    },
    /// Last: who gives a table away may do nothing more with it.
    Owner(String),
}

/// Privileges that mean nothing on a managed table, or are the gate's own affair.
const NOT_CARRIED: &[&str] = &["EXTERNAL USE SCHEMA", "EXTERNAL USE LOCATION"];

/// What `target` lacks of `source`. `principals` renames those of another workspace; one that maps to nothing is left out.
/// Nothing is ever taken away.
pub fn difference(
    source: &Governance,
    target: &Governance,
    principals: &BTreeMap<String, Option<String>>,
) -> Vec<Action> {
    let here = |name: &str| match principals.get(name) {
        Some(other) => other.clone(),
        None => Some(name.to_owned()),
    };
    let mut actions = Vec::new();
    let new = |own: &Option<String>, other: &Option<String>| {
        own.clone().filter(|text| !text.is_empty() && other.as_ref() != Some(text))
    };
    actions.extend(new(&source.comment, &target.comment).map(Action::Comment));
    for (column, comment) in &source.column_comments {
        let there = target.column_comments.get(column).cloned();
        let own = new(&Some(comment.clone()), &there);
        actions.extend(own.map(|comment| Action::ColumnComment { column: column.clone(), comment }));
    }
    let missing =
        |own: &BTreeMap<String, String>, other: Option<&BTreeMap<String, String>>| -> BTreeMap<String, String> {
            let lacks = |(key, value): &(&String, &String)| other.and_then(|other| other.get(*key)) != Some(*value);
            own.iter().filter(lacks).map(|(key, value)| (key.clone(), value.clone())).collect()
        };
    let tags = missing(&source.tags, Some(&target.tags));
    if !tags.is_empty() {
        actions.push(Action::Tags(tags));
    }
    for (column, own) in &source.column_tags {
        let tags = missing(own, target.column_tags.get(column));
        if !tags.is_empty() {
            actions.push(Action::ColumnTags { column: column.clone(), tags });
        }
    }
    // Two that are renamed to one have what both had.
    let mut grants: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (principal, privileges) in &source.grants {
        if let Some(principal) = here(principal) {
            grants.entry(principal).or_default().extend(privileges.iter().cloned());
        }
    }
    for (principal, privileges) in grants {
        let has = target.grants.get(&principal);
        let lacks = |one: &String| {
            !NOT_CARRIED.iter().any(|other| same_privilege(one, other))
                && !has.is_some_and(|has| has.iter().any(|other| same_privilege(one, other)))
        };
        let privileges: Vec<String> = privileges.into_iter().filter(lacks).collect();
        if !privileges.is_empty() {
            actions.push(Action::Grant { principal, privileges });
        }
    }
    if let Some(owner) = source.owner.as_deref().and_then(here).filter(|owner| target.owner.as_ref() != Some(owner)) {
        actions.push(Action::Owner(owner));
    }
    actions
}

/// As text in single quotes; the backslash too is special in the workspace's SQL.
fn text(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn name(table: &TableIdent) -> String {
    quoted(table.namespace.iter().map(String::as_str).chain([table.name.as_str()]))
}

impl Action {
    /// Repeatable: each says what shall be.
    pub fn statement(&self, table: &TableIdent) -> String {
        let name = name(table);
        let pairs = |tags: &BTreeMap<String, String>| {
            tags.iter().map(|(key, value)| format!("{} = {}", text(key), text(value))).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Comment(comment) => format!("COMMENT ON TABLE {name} IS {}", text(comment)),
            Self::ColumnComment { column, comment } => {
                format!("ALTER TABLE {name} ALTER COLUMN {} COMMENT {}", quoted([column.as_str()]), text(comment))
            }
            Self::Tags(tags) => format!("ALTER TABLE {name} SET TAGS ({})", pairs(tags)),
            Self::ColumnTags { column, tags } => {
                format!("ALTER TABLE {name} ALTER COLUMN {} SET TAGS ({})", quoted([column.as_str()]), pairs(tags))
            }
            Self::Grant { principal, privileges } => {
                let privileges: Vec<String> = privileges.iter().map(|one| one.replace('_', " ")).collect();
                format!("GRANT {} ON TABLE {name} TO {}", privileges.join(", "), quoted_principal(principal))
            }
            Self::Owner(owner) => format!("ALTER TABLE {name} SET OWNER TO {}", quoted_principal(owner)),
        }
    }
}

/// Does what it can, in order, and says what it could not. One that fails stops only a change of the owner: after that, the
/// rest could not be done any more.
pub async fn apply(
    client: &Client,
    named_warehouse: Option<&str>,
    table: &TableIdent,
    actions: &[Action],
    cancel: &CancellationToken,
) -> Result<Vec<NotDone>> {
    let mut not_done = Vec::new();
    let needs_sql = actions.iter().any(|action| !matches!(action, Action::Grant { .. } | Action::Owner(_)));
    let warehouse = if needs_sql { warehouse::choose(client, named_warehouse).await? } else { None };
    let full_name = full_name(table);
    for action in actions {
        if cancel.is_cancelled() {
            return Err(super::patience::cancelled());
        }
        let done = match (action, &warehouse) {
            // These need no warehouse.
            (Action::Grant { principal, privileges }, _) => {
                let add = [Assignment { principal: principal.clone(), privileges: privileges.clone() }];
                client.change_permissions(Securable::Table, &full_name, &add, &[]).await
            }
            (Action::Owner(_), _) if !not_done.is_empty() => {
                let words = "the owner stays as it is, because something before it could not be done";
                Err(Error::new(Code::WorkspaceRefused, words).with_hint("Run the other statements, and then this one."))
            }
            (Action::Owner(owner), _) => client.set_owner(Securable::Table, &full_name, owner).await,
            (other, Some(warehouse)) => {
                warehouse::change(client, warehouse, &other.statement(table), &[], true, cancel).await
            }
            (_, None) => Err(Error::new(Code::Unsupported, "the workspace has no SQL warehouse to do this with")
                .with_hint("Run the statement yourself, or name a warehouse in the settings.")),
        };
        match done {
            Ok(()) => {}
            Err(error) if error.code == Code::Cancelled => return Err(error),
            Err(error) => not_done.push(NotDone { statement: action.statement(table), error: error.about(table) }),
        }
    }
    Ok(not_done)
}

/// Catalogs and schemas without a warehouse, tables by a statement.
pub async fn optimize(
    client: &Client,
    named_warehouse: Option<&str>,
    level: &Level,
    wanted: &PredictiveOptimization,
    cancel: &CancellationToken,
) -> Result<()> {
    if !matches!(level, Level::Table { .. }) {
        return client.set_predictive_optimization(level, wanted).await;
    }
    let statement = optimization::statement(level, wanted)?;
    match warehouse::choose(client, named_warehouse).await? {
        Some(warehouse) => warehouse::change(client, &warehouse, &statement, &[], true, cancel).await,
        None => Err(Error::new(
            Code::Unsupported,
            "a table's predictive optimization is set by a statement, and there is no SQL warehouse",
        )
        .with_hint(format!("Run it yourself: {statement}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    fn grants(pairs: &[(&str, &str)]) -> BTreeMap<String, BTreeSet<String>> {
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (principal, privilege) in pairs {
            all.entry((*principal).to_owned()).or_default().insert((*privilege).to_owned());
        }
        all
    }

    #[test]
    fn only_what_is_missing_is_done_and_the_owner_last() {
        let source = Governance {
            owner: Some("ada".into()),
            grants: grants(&[
                ("old", "SELECT"),
                ("gone", "SELECT"),
                ("both", "MODIFY"),
                ("both", "SELECT"),
                ("x", "EXTERNAL_USE_SCHEMA"),
            ]),
            comment: Some("it's".into()),
            column_comments: map(&[("id", "key"), ("at", "")]),
            tags: map(&[("pii", "no"), ("team", "lake")]),
            column_tags: BTreeMap::from([("id".to_owned(), map(&[("k", "")]))]),
        };
        let target = Governance {
            grants: grants(&[("both", "SELECT")]),
            tags: map(&[("team", "lake")]),
            ..Governance::default()
        };
        let principals = BTreeMap::from([("old".to_owned(), Some("new".to_owned())), ("gone".to_owned(), None)]);
        let actions = difference(&source, &target, &principals);
        let table = TableIdent::new(["main", "s"], "t`x");
        let statements: Vec<_> = actions.iter().map(|action| action.statement(&table)).collect();
        assert_eq!(
            statements,
            [
                r"COMMENT ON TABLE `main`.`s`.`t``x` IS 'it\'s'",
                "ALTER TABLE `main`.`s`.`t``x` ALTER COLUMN `id` COMMENT 'key'",
                "ALTER TABLE `main`.`s`.`t``x` SET TAGS ('pii' = 'no')",
                "ALTER TABLE `main`.`s`.`t``x` ALTER COLUMN `id` SET TAGS ('k' = '')",
                "GRANT MODIFY ON TABLE `main`.`s`.`t``x` TO `both`",
                "GRANT SELECT ON TABLE `main`.`s`.`t``x` TO `new`",
                "ALTER TABLE `main`.`s`.`t``x` SET OWNER TO `ada`",
            ]
        );
        assert!(difference(&source, &source, &BTreeMap::new()).is_empty());
    }

    #[test]
    fn a_text_cannot_leave_its_quotes() {
        assert_eq!(text(r"a\'; DROP"), r"'a\\\'; DROP'");
    }
}
