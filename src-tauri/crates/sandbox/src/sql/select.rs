//! SELECT over what the sandbox knows.

use super::ast::{Expression, Item, Query, Source};
use super::error::SqlError;
use super::evaluate::{Row, Scope, compare};
use super::session::Session;
use super::sources;
use super::table::Table;
use crate::base::plain;
use serde_json::Value;
use std::cmp::Ordering;

/// Pairs of rows that a join may look at.
const MAX_PAIRS: usize = 5_000_000;

pub fn run(session: &Session<'_>, query: &Query) -> Result<Table, SqlError> {
    let mut rows: Vec<Row> = vec![Vec::new()];
    let (mut is_closed, mut all_columns) = (false, Vec::new());
    for source in &query.from {
        let table = sources::read(session, &session.full(&source.name)?, source.version.as_ref())?;
        is_closed |= table.is_closed;
        all_columns.extend(table.columns.into_iter().map(|name| vec![source.alias.clone(), name]));
        rows = joined(session, &rows, source, &table.rows)?;
    }
    let query = &with_all(query, &all_columns)?;
    if let Some(name) = is_closed.then(|| first_column(query)).flatten() {
        return Err(SqlError::unsupported(&format!("reading {}, whose data is in files", name.join("."))));
    }
    if let Some(condition) = &query.condition {
        rows = filtered(session, rows, condition)?;
    }
    answer(session, query, rows)
}

/// With `*` as the columns that it stands for.
fn with_all(query: &Query, columns: &[Vec<String>]) -> Result<Query, SqlError> {
    let star = |path: &Vec<String>| Item {
        name: path.last().cloned().unwrap_or_default(),
        value: Expression::Column(path.clone()),
    };
    let mut whole = query.clone();
    whole.items.clear();
    for item in &query.items {
        match &item.value {
            Expression::Column(path) if path.as_slice() == ["*"] => {
                if query.from.is_empty() {
                    return Err(SqlError::syntax("*"));
                }
                whole.items.extend(columns.iter().map(star));
            }
            Expression::Column(path) if path.len() == 2 && path[1] == "*" => {
                let own = columns.iter().filter(|column| column.first() == path.first());
                whole.items.extend(own.map(star));
            }
            _ => whole.items.push(item.clone()),
        }
    }
    Ok(whole)
}

/// The first column whose values the answer depends on.
fn first_column(query: &Query) -> Option<&Vec<String>> {
    if query.limit == Some(0) {
        return None;
    }
    let items = query.items.iter().map(|item| &item.value);
    let joins = query.from.iter().filter_map(|source| source.on.as_ref());
    let orders = query.order.iter().map(|(by, _)| by);
    items.chain(joins).chain(&query.condition).chain(&query.group).chain(orders).find_map(Expression::column)
}

/// Each row so far with each row of the next table that meets the condition.
fn joined(session: &Session<'_>, rows: &[Row], source: &Source, table: &[Value]) -> Result<Vec<Row>, SqlError> {
    if rows.len().saturating_mul(table.len()) > MAX_PAIRS {
        return Err(SqlError::unsupported("a join of so many rows"));
    }
    let mut all = Vec::with_capacity(rows.len() * table.len());
    for row in rows {
        for other in table {
            let mut whole = row.clone();
            whole.push((source.alias.clone(), other.clone()));
            all.push(whole);
        }
    }
    match &source.on {
        Some(on) => filtered(session, all, on),
        None => Ok(all),
    }
}

fn scope<'a>(session: &'a Session<'_>, row: &'a Row) -> Scope<'a> {
    Scope { environment: &session.environment, rows: std::slice::from_ref(row), grouped: false }
}

fn filtered(session: &Session<'_>, rows: Vec<Row>, condition: &Expression) -> Result<Vec<Row>, SqlError> {
    let mut kept = Vec::new();
    for row in rows {
        if scope(session, &row).is_true(condition)? {
            kept.push(row);
        }
    }
    Ok(kept)
}

/// In GROUP BY and ORDER BY a number or the name of an item means the item.
fn meant(by: &Expression, items: &[Item]) -> Expression {
    let item = match by {
        Expression::Literal(Value::Number(at)) => {
            let at = at.as_u64().and_then(|at| usize::try_from(at).ok()?.checked_sub(1));
            at.and_then(|at| items.get(at))
        }
        Expression::Column(path) => {
            items.iter().find(|item| path.len() == 1 && item.name.eq_ignore_ascii_case(&path[0]))
        }
        _ => None,
    };
    item.map_or_else(|| by.clone(), |item| item.value.clone())
}

fn answer(session: &Session<'_>, query: &Query, rows: Vec<Row>) -> Result<Table, SqlError> {
    let items = &query.items;
    let group: Vec<Expression> = query.group.iter().map(|by| meant(by, items)).collect();
    let order: Vec<(Expression, bool)> = query.order.iter().map(|(by, down)| (meant(by, items), *down)).collect();
    let grouped = !group.is_empty() || items.iter().any(|item| item.value.has_aggregate());
    let groups: Vec<Vec<Row>> = match (grouped, group.is_empty()) {
        (false, _) => rows.into_iter().map(|row| vec![row]).collect(),
        (true, true) => vec![rows],
        (true, false) => by_key(session, rows, &group)?,
    };
    let mut found: Vec<(Vec<Value>, Vec<Value>)> = Vec::new();
    // Without an order any rows will do: no more are worked out than are wanted.
    let enough = query.limit.filter(|_| order.is_empty()).unwrap_or(usize::MAX);
    for rows in groups.iter().take(enough) {
        let scope = Scope { environment: &session.environment, rows, grouped };
        let keys = order.iter().map(|(by, _)| scope.value(by)).collect::<Result<_, _>>()?;
        found.push((keys, items.iter().map(|item| scope.value(&item.value)).collect::<Result<_, _>>()?));
    }
    found.sort_by(|(left, _), (right, _)| {
        let each = order.iter().zip(left.iter().zip(right)).map(|((_, down), (left, right))| {
            // NULL comes first.
            let order = compare(left, right).unwrap_or_else(|| right.is_null().cmp(&left.is_null()));
            if *down { order.reverse() } else { order }
        });
        each.fold(Ordering::Equal, Ordering::then)
    });
    let values: Vec<Vec<Value>> =
        found.into_iter().map(|(_, values)| values).take(query.limit.unwrap_or(usize::MAX)).collect();
    let columns = items.iter().enumerate().map(|(at, item)| (item.name.clone(), kind(&values, at))).collect();
    let text = |value: Value| (!value.is_null()).then(|| plain(&value));
    Ok(Table { columns, rows: values.into_iter().map(|row| row.into_iter().map(text).collect()).collect() })
}

fn by_key(session: &Session<'_>, rows: Vec<Row>, group: &[Expression]) -> Result<Vec<Vec<Row>>, SqlError> {
    let mut groups: Vec<(Vec<Value>, Vec<Row>)> = Vec::new();
    for row in rows {
        let key = group.iter().map(|by| scope(session, &row).value(by)).collect::<Result<Vec<_>, _>>()?;
        match groups.iter_mut().find(|(own, _)| *own == key) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((key, vec![row])),
        }
    }
    Ok(groups.into_iter().map(|(_, rows)| rows).collect())
}

/// A column's type by the values in it.
fn kind(rows: &[Vec<Value>], at: usize) -> &'static str {
    let mut kind = None;
    for value in rows.iter().filter_map(|row| row.get(at)) {
        let own = match value {
            Value::Null => continue,
            Value::Bool(_) => "BOOLEAN",
            Value::Number(number) if number.is_f64() => "DOUBLE",
            Value::Number(_) => "LONG",
            Value::Object(_) => "STRUCT",
            Value::Array(_) => "ARRAY",
            Value::String(_) => "STRING",
        };
        kind = match (kind, own) {
            (None, own) => Some(own),
            (Some("LONG"), "DOUBLE") | (Some("DOUBLE"), "LONG") => Some("DOUBLE"),
            (Some(old), own) if old == own => Some(own),
            _ => Some("STRING"),
        };
    }
    kind.unwrap_or("STRING")
}
