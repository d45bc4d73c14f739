//! A view over rows in memory: for what is computed while a person types, and as the measure of the one in SQLite.

use super::columns::{self, Column, Kind, rank};
use super::filter::{Filter, Op, Operand, Test};
use super::{GROUP_LIMIT, Group, Query, ViewPage, ViewRow};
use crate::TableIdent;
use serde_json::Value;
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

/// What a view can be made of.
pub trait Cells {
    fn value(&self, column: &str) -> Option<Value>;

    fn text(&self, column: &str) -> String {
        match self.value(column) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        }
    }
}

impl Cells for ViewRow {
    fn value(&self, column: &str) -> Option<Value> {
        self.0.get(column).cloned()
    }
}

/// Puts names in the order of [`TableIdent`], by comparing text.
pub fn sort_key(name: &TableIdent) -> String {
    let mut key = String::new();
    for level in &name.namespace {
        key.push_str(level);
        key.push('\u{2}');
    }
    key.push('\u{1}');
    key.push_str(&name.name);
    key
}

/// What [`Query::words`] are looked for in.
pub fn search_text(row: &impl Cells) -> String {
    format!("{}\n{}", row.text("name"), row.text("target")).to_lowercase()
}

pub fn answer<R: Cells>(rows: &[R], query: &Query) -> ViewPage {
    let mut kept: Vec<(Vec<Key>, &R)> =
        rows.iter().filter(|row| matches(*row, query)).map(|row| (keys(row, query), row)).collect();
    kept.sort_by(|a, b| compare(&a.0, &b.0, query));
    let kept: Vec<&R> = kept.into_iter().map(|(_, row)| row).collect();
    let wanted = query.locate.as_ref().map(ToString::to_string);
    ViewPage {
        total: rows.len(),
        matching: kept.len(),
        offset: query.offset,
        rows: kept.iter().skip(query.offset).take(query.limit).map(|row| picked(*row, &query.columns)).collect(),
        sums: sums(&kept, &query.summed),
        groups: query.group.map(|column| groups(&kept, column, &query.summed)).unwrap_or_default(),
        facets: query.facets.iter().map(|column| (column.name.to_string(), facet(rows, column))).collect(),
        located: wanted.and_then(|name| kept.iter().position(|row| row.text("name") == name)),
    }
}

fn matches(row: &impl Cells, query: &Query) -> bool {
    let found = query.words.is_empty() || {
        let text = search_text(row);
        query.words.iter().all(|word| text.contains(word.as_str()))
    };
    found && query.filter.as_ref().is_none_or(|filter| holds(filter, row))
}

fn holds(filter: &Filter, row: &impl Cells) -> bool {
    match filter {
        Filter::Any(parts) => parts.iter().any(|part| holds(part, row)),
        Filter::All(parts) => parts.iter().all(|part| holds(part, row)),
        Filter::Not(inner) => !holds(inner, row),
        Filter::Test(test) => match row.value(test.column.name) {
            Some(value) => passes(test, &value),
            None => test.op == Op::NotEqual,
        },
    }
}

fn passes(test: &Test, value: &Value) -> bool {
    let any = |held: &dyn Fn(&Operand) -> bool| test.values.iter().any(held);
    let ordered = |op: fn(Ordering) -> bool| any(&|operand| order(value, operand).is_some_and(op));
    match test.op {
        Op::Equal if test.column.kind == Kind::Codes => any(&|code| has_code(value, code)),
        Op::NotEqual if test.column.kind == Kind::Codes => !any(&|code| has_code(value, code)),
        Op::Equal => ordered(Ordering::is_eq),
        Op::NotEqual => !ordered(Ordering::is_eq),
        Op::Less => ordered(Ordering::is_lt),
        Op::AtMost => ordered(Ordering::is_le),
        Op::Greater => ordered(Ordering::is_gt),
        Op::AtLeast => ordered(Ordering::is_ge),
        Op::Contains => any(&|operand| match (value, operand) {
            (Value::String(text), Operand::Text(part)) => {
                text.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
            }
            _ => false,
        }),
    }
}

fn order(value: &Value, operand: &Operand) -> Option<Ordering> {
    match (value, operand) {
        (Value::String(text), Operand::Text(other)) => Some(text.as_str().cmp(other)),
        (Value::Number(number), Operand::Number(other)) => Some(number.as_i64()?.cmp(other)),
        _ => None,
    }
}

fn has_code(value: &Value, code: &Operand) -> bool {
    match (value, code) {
        (Value::String(codes), Operand::Text(code)) => codes.split(' ').any(|known| known == code),
        _ => false,
    }
}

/// What a row is ordered by in one column; nothing comes first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    None,
    Number(i64),
    Text(String),
}

/// One for each column of the order, and the name last.
fn keys(row: &impl Cells, query: &Query) -> Vec<Key> {
    query.sort.iter().map(|(column, _)| *column).chain([&columns::NAME]).map(|column| key(row, column)).collect()
}

fn key(row: &impl Cells, column: &Column) -> Key {
    match row.value(column.name) {
        Some(Value::String(text)) if column.name == "name" => {
            Key::Text(TableIdent::parse(&text).map_or(text, |name| sort_key(&name)))
        }
        Some(Value::String(text)) => match rank(column, &text) {
            Some(rank) => Key::Number(i64::try_from(rank).unwrap_or(i64::MAX)),
            None => Key::Text(text),
        },
        Some(Value::Number(number)) => number.as_i64().map_or(Key::None, Key::Number),
        _ => Key::None,
    }
}

/// The name goes the way of the column before it.
fn compare(a: &[Key], b: &[Key], query: &Query) -> Ordering {
    let last = query.sort.last().is_some_and(|(_, descending)| *descending);
    let ways = query.sort.iter().map(|(_, descending)| *descending).chain([last]);
    let orders = a.iter().zip(b).zip(ways).map(|((a, b), descending)| {
        let order = a.cmp(b);
        if descending { order.reverse() } else { order }
    });
    orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn picked(row: &impl Cells, columns: &[&'static Column]) -> ViewRow {
    let picked = columns.iter().filter_map(|column| Some((column.name.to_string(), row.value(column.name)?)));
    ViewRow(picked.collect())
}

fn sums<R: Cells>(rows: &[&R], summed: &[&'static Column]) -> BTreeMap<String, u64> {
    let amount = |row: &R, column: &Column| row.value(column.name).and_then(|value| value.as_u64()).unwrap_or(0);
    let sum = |column: &Column| rows.iter().fold(0_u64, |all, row| all.saturating_add(amount(row, column)));
    summed.iter().map(|column| (column.name.to_string(), sum(column))).collect()
}

fn value_of(row: &impl Cells, column: &Column) -> Option<String> {
    match row.value(column.name)? {
        Value::String(text) => Some(text),
        value => Some(value.to_string()),
    }
}

/// The largest first, those of one size in the order of their values.
fn groups<R: Cells>(rows: &[&R], column: &Column, summed: &[&'static Column]) -> Vec<Group> {
    let mut by_value: BTreeMap<String, Vec<&R>> = BTreeMap::new();
    for row in rows {
        by_value.entry(value_of(*row, column).unwrap_or_default()).or_default().push(row);
    }
    let group = |(value, rows): (String, Vec<&R>)| Group { value, tables: rows.len(), sums: sums(&rows, summed) };
    let mut groups: Vec<Group> = by_value.into_iter().map(group).collect();
    groups.sort_by_key(|group| Reverse(group.tables));
    groups.truncate(GROUP_LIMIT);
    groups
}

fn facet<R: Cells>(rows: &[R], column: &Column) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for value in rows.iter().filter_map(|row| value_of(row, column)) {
        *counts.entry(value).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| Reverse(*count));
    counts.truncate(GROUP_LIMIT);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_put_names_in_the_order_of_names() {
        let texts = ["a.b", "a-b.c", "a.b.c", "t", "a.`b.c`", "b.a", "a.b-c", "a.ä"];
        let mut names: Vec<TableIdent> = texts.iter().map(|text| TableIdent::parse(text).unwrap()).collect();
        let mut by_key = names.clone();
        names.sort();
        by_key.sort_by_key(sort_key);
        assert_eq!(names, by_key);
    }
}
