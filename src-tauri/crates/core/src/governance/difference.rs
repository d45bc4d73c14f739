//! What a table has in Unity Catalog besides its rows, and the difference between source and target. A pure function: its
//! statements can be shown before they are run.

use icebridge_databricks::unity::{Assignment, Restriction, quoted, quoted_principal, same_privilege};
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
    /// The workspace shows tags in no way.
    pub tags_unknown: bool,
    /// Row filters, column masks and policies: who reads the table does not see all of it.
    pub restrictions: Vec<Restriction>,
    /// Grants to principals that are deleted, in words.
    pub grants_of_deleted: Vec<String>,
}

impl Governance {
    pub fn with_grants(mut self, grants: &[Assignment]) -> Self {
        for one in grants {
            if one.is_of_deleted_principal() {
                self.grants_of_deleted.push(format!("{} to {}", one.privileges.join(", "), one.principal_text()));
                continue;
            }
            self.grants.entry(one.principal.clone()).or_default().extend(one.privileges.iter().cloned());
        }
        self
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Comment(String),
    /// Of several columns, in one statement.
    ColumnComments(BTreeMap<String, String>),
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

/// Columns in one statement, so that a statement stays readable and far below the workspace's bound.
const COLUMNS_TOGETHER: usize = 50;

/// Users are the same whatever the case of their address; the names of groups are taken as they are.
fn same_principal(one: &str, other: &str) -> bool {
    one == other || (one.contains('@') && one.eq_ignore_ascii_case(other))
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
    let renamed = |name: &str| match principals.iter().find(|(from, _)| same_principal(from, name)) {
        Some((_, other)) => other.clone(),
        None => Some(name.to_owned()),
    };
    let mut actions = comments(source, target);
    actions.extend(tags(source, target));
    actions.extend(grants(source, target, &renamed));
    // The owner of a table may be deleted: then there is nobody to name.
    let owner = source.owner.as_deref().filter(|owner| !owner.is_empty()).and_then(renamed);
    let has_it = |owner: &String| target.owner.as_ref().is_some_and(|there| same_principal(there, owner));
    actions.extend(owner.filter(|owner| !has_it(owner)).map(Action::Owner));
    actions
}

fn comments(source: &Governance, target: &Governance) -> Vec<Action> {
    let new = |own: &String, other: Option<&String>| (!own.is_empty() && other != Some(own)).then(|| own.clone());
    let comment = source.comment.as_ref().and_then(|own| new(own, target.comment.as_ref()));
    let mut actions: Vec<Action> = comment.map(Action::Comment).into_iter().collect();
    let columns: Vec<(String, String)> = source
        .column_comments
        .iter()
        .filter_map(|(column, own)| Some((column.clone(), new(own, target.column_comments.get(column))?)))
        .collect();
    let together = columns.chunks(COLUMNS_TOGETHER).map(|some| Action::ColumnComments(some.iter().cloned().collect()));
    actions.extend(together);
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
        let has = target.grants.iter().find(|(there, _)| same_principal(there, &principal)).map(|(_, has)| has);
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

fn one_tag(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

/// As text in single quotes; the backslash too is special in the workspace's SQL. Spark puts variables, settings and the
/// environment in place of `${...}`, and that a warehouse never does is said nowhere.
fn text(value: &str) -> String {
    let quoted = value.replace('\\', "\\\\").replace('\'', "\\'");
    format!("'{}'", quoted.replace("${", "\\u0024{"))
}

fn name(table: &TableIdent) -> String {
    quoted(table.namespace.iter().map(String::as_str).chain([table.name.as_str()]))
}

impl Action {
    /// The same, one thing at a time: what fails is then named alone. None: it is one thing.
    pub fn parts(&self) -> Option<Vec<Self>> {
        let parts: Vec<Self> = match self {
            Self::ColumnComments(columns) => {
                let one = |(column, comment): (&String, &String)| {
                    Self::ColumnComments(BTreeMap::from([(column.clone(), comment.clone())]))
                };
                columns.iter().map(one).collect()
            }
            Self::Tags(tags) => tags.iter().map(|(key, value)| Self::Tags(one_tag(key, value))).collect(),
            Self::ColumnTags { column, tags } => tags
                .iter()
                .map(|(key, value)| Self::ColumnTags { column: column.clone(), tags: one_tag(key, value) })
                .collect(),
            Self::Grant { principal, privileges } => privileges
                .iter()
                .map(|one| Self::Grant { principal: principal.clone(), privileges: vec![one.clone()] })
                .collect(),
            Self::Comment(_) | Self::Owner(_) => return None,
        };
        (parts.len() > 1).then_some(parts)
    }

    /// Repeatable: each says what shall be.
    pub fn statement(&self, table: &TableIdent) -> String {
        let name = name(table);
        let pairs = |tags: &BTreeMap<String, String>| {
            tags.iter().map(|(key, value)| format!("{} = {}", text(key), text(value))).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Comment(comment) => format!("COMMENT ON TABLE {name} IS {}", text(comment)),
            Self::ColumnComments(columns) => {
                let each = columns
                    .iter()
                    .map(|(column, comment)| format!("{} COMMENT {}", quoted([column.as_str()]), text(comment)));
                format!("ALTER TABLE {name} ALTER COLUMN {}", each.collect::<Vec<_>>().join(", "))
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
            column_comments: map(&[("id", "key"), ("at", ""), ("n", "count")]),
            tags: map(&[("pii", "no"), ("team", "lake")]),
            column_tags: BTreeMap::from([("id".to_owned(), map(&[("k", "")]))]),
            ..Governance::default()
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
                "ALTER TABLE `main`.`s`.`t``x` ALTER COLUMN `id` COMMENT 'key', `n` COMMENT 'count'",
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
    fn users_are_told_apart_by_their_names_and_not_by_letter_case() {
        let owned = |owner: &str, principal: &str| Governance {
            owner: Some(owner.into()),
            grants: granted(&[(principal, "SELECT")]),
            ..Governance::default()
        };
        let (source, target) = (owned("Ada@x.example", "Bob@x.example"), owned("ada@X.example", "bob@x.example"));
        assert!(difference(&source, &target, &BTreeMap::new()).is_empty());
        let (source, target) = (owned("Admins", "Readers"), owned("admins", "readers"));
        assert_eq!(difference(&source, &target, &BTreeMap::new()).len(), 2);
        let nobody = Governance { owner: Some(String::new()), ..Governance::default() };
        assert!(difference(&nobody, &target, &BTreeMap::new()).is_empty());
    }

    #[test]
    fn grants_to_deleted_principals_are_told_and_not_carried() {
        let answer = serde_json::json!([{"principal_id": 7, "privileges": ["SELECT", "MODIFY"]},
            {"principal": "", "privileges": ["SELECT"]}, {"principal": "b", "privileges": ["SELECT"]}]);
        let grants: Vec<Assignment> = serde_json::from_value(answer).unwrap();
        let source = Governance::default().with_grants(&grants);
        assert_eq!(source.grants_of_deleted, ["SELECT, MODIFY to deleted principal 7", "SELECT to deleted principal"]);
        let actions = difference(&source, &Governance::default(), &BTreeMap::new());
        assert_eq!(actions, [Action::Grant { principal: "b".into(), privileges: vec!["SELECT".into()] }]);
    }

    #[test]
    fn a_text_cannot_leave_its_quotes() {
        assert_eq!(text(r"a\'; DROP"), r"'a\\\'; DROP'");
    }

    #[test]
    fn nothing_is_put_in_place_of_a_part_of_a_text() {
        assert_eq!(text("in ${env:HOME}, \\${a}, $ {b}"), r"'in \u0024{env:HOME}, \\\u0024{a}, $ {b}'");
    }
}
