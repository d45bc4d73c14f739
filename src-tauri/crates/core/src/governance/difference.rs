//! What a table has in Unity Catalog besides its rows, and the difference between source and target. A pure function: its
//! statements can be shown before they are run.

use icebridge_databricks::unity::{Assignment, quoted, quoted_principal, same_privilege};
use icebridge_model::TableIdent;
use std::collections::{BTreeMap, BTreeSet};

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
    /// Last: a former owner may do nothing more with the table.
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
    let renamed = |name: &str| match principals.get(name) {
        Some(other) => other.clone(),
        None => Some(name.to_owned()),
    };
    let mut actions = comments(source, target);
    actions.extend(tags(source, target));
    actions.extend(grants(source, target, &renamed));
    let owner = source.owner.as_deref().and_then(renamed);
    actions.extend(owner.filter(|owner| target.owner.as_ref() != Some(owner)).map(Action::Owner));
    actions
}

fn comments(source: &Governance, target: &Governance) -> Vec<Action> {
    let new = |own: &String, other: Option<&String>| (!own.is_empty() && other != Some(own)).then(|| own.clone());
    let comment = source.comment.as_ref().and_then(|own| new(own, target.comment.as_ref()));
    let mut actions: Vec<Action> = comment.map(Action::Comment).into_iter().collect();
    for (column, own) in &source.column_comments {
        let comment = new(own, target.column_comments.get(column));
        actions.extend(comment.map(|comment| Action::ColumnComment { column: column.clone(), comment }));
    }
    actions
}

fn tags(source: &Governance, target: &Governance) -> Vec<Action> {
    let missing = |own: &BTreeMap<String, String>, other: Option<&BTreeMap<String, String>>| {
        let lacks = |(key, value): &(&String, &String)| other.and_then(|other| other.get(*key)) != Some(*value);
        let tags: BTreeMap<String, String> =
            own.iter().filter(lacks).map(|(key, value)| (key.clone(), value.clone())).collect();
        Some(tags).filter(|tags| !tags.is_empty())
    };
    let mut actions: Vec<Action> = missing(&source.tags, Some(&target.tags)).map(Action::Tags).into_iter().collect();
    for (column, own) in &source.column_tags {
        let tags = missing(own, target.column_tags.get(column));
        actions.extend(tags.map(|tags| Action::ColumnTags { column: column.clone(), tags }));
    }
    actions
}

fn grants(source: &Governance, target: &Governance, renamed: &dyn Fn(&str) -> Option<String>) -> Vec<Action> {
    // Two that are renamed to one have what both had.
    let mut wanted: BTreeMap<String, BTreeSet<&String>> = BTreeMap::new();
    for (principal, privileges) in &source.grants {
        if let Some(principal) = renamed(principal) {
            wanted.entry(principal).or_default().extend(privileges);
        }
    }
    let mut actions = Vec::new();
    for (principal, privileges) in wanted {
        let has = target.grants.get(&principal);
        let lacks = |one: &&String| {
            !NOT_CARRIED.iter().any(|other| same_privilege(one, other))
                && !has.is_some_and(|has| has.iter().any(|other| same_privilege(one, other)))
        };
        let privileges: Vec<String> = privileges.into_iter().filter(lacks).cloned().collect();
        if !privileges.is_empty() {
            actions.push(Action::Grant { principal, privileges });
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    fn granted(pairs: &[(&str, &str)]) -> BTreeMap<String, BTreeSet<String>> {
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
            grants: granted(&[
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
            grants: granted(&[("both", "SELECT")]),
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
