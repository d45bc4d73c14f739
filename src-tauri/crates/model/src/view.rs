//! Views: which tables, in which order, and what is counted over them.
//!
//! The backend keeps the rows and answers one page at a time, so that neither the window nor a script holds every table.
//! A column means the same in every view that has it: [`columns`] is the one place where that is said.

pub mod columns;
pub mod filter;
pub mod measures;
pub mod memory;
pub mod rows;
mod scope_kind;

pub use columns::{Column, Kind};
pub use filter::Filter;
pub use scope_kind::ScopeKind;

use crate::ids::{PlanHash, RunId};
use crate::mapping::Mapping;
use crate::route::Route;
use crate::{Error, Result, TableIdent};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The most rows that one page holds, whatever is asked for.
pub const PAGE_LIMIT: usize = 1000;
/// The most groups and the most values of a facet that are listed; the largest come first.
pub const GROUP_LIMIT: usize = 500;

/// What a view lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Scope {
    /// The tables of a source's last inventory.
    Inventory { source: String },
    /// A mapping applied to the inventory: the given one, or the one that is saved.
    Mapping {
        route: Route,
        #[serde(default)]
        mapping: Option<Mapping>,
    },
    /// The last pre-flight of a route.
    Preflight { route: Route },
    /// A plan, with the tables it leaves out.
    Plan { plan_hash: PlanHash },
    /// The tables of a run (empty: the latest).
    Run { run_id: RunId },
}

impl Scope {
    pub fn kind(&self) -> ScopeKind {
        match self {
            Self::Inventory { .. } => ScopeKind::Inventory,
            Self::Mapping { .. } => ScopeKind::Mapping,
            Self::Preflight { .. } => ScopeKind::Preflight,
            Self::Plan { .. } => ScopeKind::Plan,
            Self::Run { .. } => ScopeKind::Run,
        }
    }
}

impl ScopeKind {
    /// The column of this name, or an error that lists those there are.
    pub fn column(self, name: &str) -> Result<&'static Column> {
        let columns = columns::of(self);
        columns.iter().copied().find(|column| column.name == name).ok_or_else(|| {
            let known: Vec<&str> = columns.iter().map(|column| column.name).collect();
            Error::invalid("there is no such column").about(name).with_hint(format!("Columns: {}.", known.join(", ")))
        })
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewRequest {
    pub scope: Scope,
    /// Every word must occur in the name of the source or of the target; case does not matter.
    #[serde(default)]
    pub search: String,
    /// See [`Filter`]; empty: all.
    #[serde(default, rename = "where")]
    pub filter: String,
    /// The first counts most; the name decides last.
    #[serde(default)]
    pub sort: Vec<Sort>,
    /// Counts and sums for each value of this column.
    #[serde(default)]
    pub group: Option<String>,
    /// How often each value of these columns occurs in the whole view, whatever is searched for.
    #[serde(default)]
    pub facets: Vec<String>,
    /// Columns of the rows; none: all.
    #[serde(default)]
    pub columns: Vec<String>,
    #[serde(default)]
    pub offset: usize,
    /// At most [`PAGE_LIMIT`]; 0: counts without rows.
    #[serde(default)]
    pub limit: usize,
    /// Add up what can be added up over the matching tables, and over each group.
    #[serde(default)]
    pub sums: bool,
    /// Put all that is known of a table of a pre-flight or a plan into its row, as `content`.
    #[serde(default)]
    pub full: bool,
    /// Say where in this order the table stands.
    #[serde(default)]
    pub locate: Option<TableIdent>,
}

impl ViewRequest {
    pub fn of(scope: Scope) -> Self {
        Self {
            scope,
            search: String::new(),
            filter: String::new(),
            sort: Vec::new(),
            group: None,
            facets: Vec::new(),
            columns: Vec::new(),
            offset: 0,
            limit: 0,
            sums: false,
            full: false,
            locate: None,
        }
    }

    /// With every name of a column looked up and the filter read.
    pub fn checked(&self) -> Result<Query> {
        let kind = self.scope.kind();
        let column = |name: &String| kind.column(name);
        let wanted = self.columns.iter().map(column).collect::<Result<Vec<_>>>()?;
        Ok(Query {
            words: self.search.to_lowercase().split_whitespace().map(str::to_string).collect(),
            filter: Filter::parse(&self.filter, kind)?,
            sort: self
                .sort
                .iter()
                .map(|sort| Ok((kind.column(&sort.column)?, sort.descending)))
                .collect::<Result<_>>()?,
            group: self.group.as_ref().map(column).transpose()?,
            facets: self.facets.iter().map(column).collect::<Result<_>>()?,
            columns: if wanted.is_empty() { columns::of(kind).to_vec() } else { wanted },
            summed: columns::of(kind).iter().copied().filter(|column| self.sums && column.summed).collect(),
            offset: self.offset,
            limit: self.limit.min(PAGE_LIMIT),
            full: self.full,
            locate: self.locate.clone(),
        })
    }
}

/// A request that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// In small letters.
    pub words: Vec<String>,
    pub filter: Option<Filter>,
    /// True: descending.
    pub sort: Vec<(&'static Column, bool)>,
    pub group: Option<&'static Column>,
    pub facets: Vec<&'static Column>,
    pub columns: Vec<&'static Column>,
    pub summed: Vec<&'static Column>,
    pub offset: usize,
    pub limit: usize,
    pub full: bool,
    pub locate: Option<TableIdent>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sort {
    pub column: String,
    #[serde(default)]
    pub descending: bool,
}

impl Sort {
    /// `bytes`, `bytes:asc` or `bytes:desc`.
    pub fn parse(text: &str) -> Result<Self> {
        let (column, order) = text.split_once(':').unwrap_or((text, "asc"));
        let descending = match order {
            "asc" => false,
            "desc" => true,
            _ => return Err(Error::invalid("an order is asc or desc").about(text).with_hint("Write bytes:desc.")),
        };
        Ok(Self { column: column.trim().to_string(), descending })
    }

    /// A click on a column's head: first ascending, then descending.
    pub fn clicked(current: Option<&Self>, column: &str) -> Self {
        let descending = current.is_some_and(|sort| sort.column == column && !sort.descending);
        Self { column: column.to_string(), descending }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ViewPage {
    /// Tables of the view.
    pub total: usize,
    /// Tables that the search and the filter leave.
    pub matching: usize,
    pub offset: usize,
    pub rows: Vec<ViewRow>,
    /// By column; empty if they were not asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sums: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// By column: each value and how many tables of the whole view have it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facets: BTreeMap<String, Vec<(String, usize)>>,
    /// The place of the table that was asked for, from 0; none if it is not among the matching ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub located: Option<usize>,
}

impl ViewPage {
    /// How many tables of the whole view have this value; its facet must have been asked for.
    pub fn count(&self, column: &str, value: &str) -> usize {
        let values = self.facets.get(column).into_iter().flatten();
        values.filter(|(known, _)| known == value).map(|(_, count)| count).sum()
    }

    pub fn sum(&self, column: &str) -> u64 {
        self.sums.get(column).copied().unwrap_or(0)
    }

    pub fn row(&self, at: usize) -> Option<&ViewRow> {
        self.rows.get(at.checked_sub(self.offset)?)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Empty: the tables without a value.
    pub value: String,
    pub tables: usize,
    pub sums: BTreeMap<String, u64>,
}

/// One table in a view: its columns by name. A column without a value is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ViewRow(pub Map<String, Value>);

impl ViewRow {
    pub fn text(&self, column: &str) -> &str {
        self.0.get(column).and_then(Value::as_str).unwrap_or("")
    }

    pub fn number(&self, column: &str) -> Option<u64> {
        self.0.get(column).and_then(Value::as_u64)
    }

    /// Zero where there is no value.
    pub fn amount(&self, column: &str) -> u64 {
        self.number(column).unwrap_or(0)
    }

    pub fn set(&mut self, column: &str, value: impl Into<Value>) {
        self.0.insert(column.to_string(), value.into());
    }

    /// All that is known of the table, where it was asked for.
    pub fn content<T: DeserializeOwned>(&self) -> Option<T> {
        T::deserialize(self.0.get("content")?).ok()
    }

    /// As people read it.
    pub fn display(&self, column: &Column) -> String {
        match self.0.get(column.name) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.as_i64().map(|number| column.kind.display(number)).unwrap_or_default(),
            None => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_only_columns_that_its_view_has() {
        let mut request = ViewRequest::of(Scope::Inventory { source: "lake".into() });
        request.sort = vec![Sort::parse("bytes:desc").unwrap(), Sort::parse("name").unwrap()];
        request.group = Some("namespace".into());
        request.limit = 1_000_000;
        let query = request.checked().unwrap();
        assert_eq!(
            query.sort.iter().map(|(c, d)| (c.name, *d)).collect::<Vec<_>>(),
            [("bytes", true), ("name", false)]
        );
        assert_eq!(query.limit, PAGE_LIMIT);
        request.group = Some("colour".into());
        let error = request.checked().unwrap_err();
        assert!(error.hint.as_ref().unwrap().contains("namespace, "), "{error:?}");
        assert!(Sort::parse("bytes:down").is_err());
    }

    #[test]
    fn a_click_sorts_and_a_second_one_turns_round() {
        let first = Sort::clicked(None, "rows");
        assert!(!first.descending);
        let second = Sort::clicked(Some(&first), "rows");
        assert!(second.descending);
        assert!(!Sort::clicked(Some(&second), "rows").descending);
        assert!(!Sort::clicked(Some(&second), "bytes").descending);
    }

    #[test]
    fn a_scope_survives_its_json() {
        let scopes = [
            Scope::Inventory { source: "s".into() },
            Scope::Mapping { route: Route::default(), mapping: Some(Mapping::standard()) },
            Scope::Run { run_id: RunId::default() },
        ];
        for scope in scopes {
            let text = serde_json::to_string(&scope).unwrap();
            assert_eq!(serde_json::from_str::<Scope>(&text).unwrap(), scope, "{text}");
        }
    }
}
