//! SELECT over what the sandbox knows.

use super::engine::{Session, Table, Wrong};
use super::evaluate::{AGGREGATES, Row, Scope, compare, has_aggregate, usual_alias};
use super::expression::{self, Expression, title};
use super::lexer::Token;
use super::parser::Parser;
use super::sources;
use serde_json::Value;
use std::cmp::Ordering;

/// Rows that a join may look at.
const MOST: usize = 5_000_000;

#[derive(Default)]
struct Query {
    distinct: bool,
    /// None is `*`.
    items: Vec<Option<(Expression, String)>>,
    conditions: Vec<Expression>,
    group: Vec<Expression>,
    having: Option<Expression>,
    order: Vec<(Expression, bool)>,
    limit: Option<usize>,
}

pub fn run(session: &Session<'_>, parser: &mut Parser) -> Result<Table, Wrong> {
    let mut query = Query { distinct: parser.word("DISTINCT"), ..Query::default() };
    loop {
        query.items.push(item(parser)?);
        if !parser.symbol(",") {
            break;
        }
    }
    let mut rows: Vec<Row> = vec![Vec::new()];
    let mut stars: Vec<(String, Vec<String>)> = Vec::new();
    if parser.word("FROM") {
        rows = source(session, parser, rows, &mut stars)?;
        loop {
            let left = parser.words(&["LEFT", "OUTER", "JOIN"]) || parser.words(&["LEFT", "JOIN"]);
            if left || parser.words(&["INNER", "JOIN"]) || parser.word("JOIN") {
                let before = rows.clone();
                let joined = source(session, parser, rows, &mut stars)?;
                parser.must_word("ON")?;
                let on = expression::parse(parser)?;
                rows = filtered(session, joined, &on)?;
                if left {
                    rows = kept(before, rows, stars.last());
                }
            } else if parser.words(&["CROSS", "JOIN"]) || parser.symbol(",") {
                rows = source(session, parser, rows, &mut stars)?;
            } else {
                break;
            }
        }
    }
    clauses(parser, &mut query)?;
    parser.end()?;
    for condition in &query.conditions {
        rows = filtered(session, rows, condition)?;
    }
    answer(session, &query, rows, &stars)
}

fn item(parser: &mut Parser) -> Result<Option<(Expression, String)>, Wrong> {
    if parser.symbol("*") {
        return Ok(None);
    }
    let expression = expression::parse(parser)?;
    let start = parser.place();
    let name = if parser.word("AS") {
        parser.exact()?
    } else {
        match parser.peek().cloned() {
            Some(Token::Quoted(_)) => parser.exact()?,
            Some(Token::Word(word)) if !is_clause(&word) => parser.exact()?,
            _ => {
                parser.back(start);
                title(&expression)
            }
        }
    };
    Ok(Some((expression, name)))
}

fn is_clause(word: &str) -> bool {
    const CLAUSES: [&str; 14] = [
        "FROM", "WHERE", "GROUP", "ORDER", "LIMIT", "JOIN", "LEFT", "INNER", "CROSS", "ON", "HAVING", "RIGHT", "FULL",
        "UNION",
    ];
    CLAUSES.contains(&word.to_uppercase().as_str())
}

/// Each row so far with each row of the next table.
fn source(
    session: &Session<'_>,
    parser: &mut Parser,
    rows: Vec<Row>,
    stars: &mut Vec<(String, Vec<String>)>,
) -> Result<Vec<Row>, Wrong> {
    if matches!(parser.peek(), Some(Token::Symbol("("))) {
        return Err(Wrong::unsupported("a subquery"));
    }
    let full_name = session.full(&parser.name()?)?;
    let alias = if parser.word("AS") {
        parser.identifier()?
    } else {
        match parser.peek() {
            Some(Token::Word(word)) if !is_clause(word) => parser.identifier()?,
            _ => usual_alias(&full_name),
        }
    };
    let (columns, table) = sources::read(session, &full_name)?;
    if rows.len().saturating_mul(table.len()) > MOST {
        return Err(Wrong::unsupported("a join of so many rows"));
    }
    stars.push((alias.clone(), columns));
    let mut joined = Vec::with_capacity(rows.len() * table.len());
    for row in &rows {
        for other in &table {
            let mut whole = row.clone();
            whole.push((alias.clone(), other.clone()));
            joined.push(whole);
        }
    }
    Ok(joined)
}

fn filtered(session: &Session<'_>, rows: Vec<Row>, condition: &Expression) -> Result<Vec<Row>, Wrong> {
    let mut kept = Vec::new();
    for row in rows {
        let scope = Scope { session, rows: std::slice::from_ref(&row), grouped: false };
        if scope.is_true(condition)? {
            kept.push(row);
        }
    }
    Ok(kept)
}

/// A left join: what found no partner stays, with nothing at its side.
fn kept(before: Vec<Row>, mut joined: Vec<Row>, last: Option<&(String, Vec<String>)>) -> Vec<Row> {
    let Some((alias, columns)) = last else { return joined };
    let empty: Value = columns.iter().map(|name| (name.clone(), Value::Null)).collect::<serde_json::Map<_, _>>().into();
    for row in before {
        let found = joined.iter().any(|one| one.get(..row.len()) == Some(row.as_slice()));
        if !found {
            let mut whole = row;
            whole.push((alias.clone(), empty.clone()));
            joined.push(whole);
        }
    }
    joined
}

fn clauses(parser: &mut Parser, query: &mut Query) -> Result<(), Wrong> {
    if parser.word("WHERE") {
        query.conditions.push(expression::parse(parser)?);
    }
    if parser.words(&["GROUP", "BY"]) {
        query.group = separated(parser)?;
    }
    if parser.word("HAVING") {
        query.having = Some(expression::parse(parser)?);
    }
    if parser.words(&["ORDER", "BY"]) {
        loop {
            let by = expression::parse(parser)?;
            let down = parser.word("DESC");
            if !down {
                parser.word("ASC");
            }
            query.order.push((by, down));
            if !parser.symbol(",") {
                break;
            }
        }
    }
    if parser.word("LIMIT") {
        match parser.take() {
            Some(Token::Number(number)) => query.limit = number.parse().ok(),
            _ => return Err(parser.wrong()),
        }
    }
    Ok(())
}

fn separated(parser: &mut Parser) -> Result<Vec<Expression>, Wrong> {
    let mut all = vec![expression::parse(parser)?];
    while parser.symbol(",") {
        all.push(expression::parse(parser)?);
    }
    Ok(all)
}

fn answer(
    session: &Session<'_>,
    query: &Query,
    rows: Vec<Row>,
    stars: &[(String, Vec<String>)],
) -> Result<Table, Wrong> {
    let mut items: Vec<(Expression, String)> = Vec::new();
    for item in &query.items {
        match item {
            Some(item) => items.push(item.clone()),
            None => items.extend(stars.iter().flat_map(|(alias, columns)| {
                columns.iter().map(move |name| (Expression::Column(vec![alias.clone(), name.clone()]), name.clone()))
            })),
        }
    }
    // `GROUP BY 1` and a new name in HAVING or ORDER BY mean the item.
    let meant = |by: &Expression| match by {
        Expression::Literal(Value::Number(at)) => {
            let at = at.as_u64().and_then(|at| usize::try_from(at).ok()?.checked_sub(1));
            at.and_then(|at| items.get(at)).map_or_else(|| by.clone(), |(own, _)| own.clone())
        }
        other => renamed(other, &items),
    };
    let group: Vec<Expression> = query.group.iter().map(meant).collect();
    let grouped = !group.is_empty() || items.iter().any(|(item, _)| has_aggregate(item));
    let mut groups: Vec<Vec<Row>> = match (grouped, group.is_empty()) {
        (false, _) => rows.into_iter().map(|row| vec![row]).collect(),
        (true, true) => vec![rows],
        (true, false) => by_key(session, rows, &group)?,
    };
    if let Some(having) = query.having.as_ref().map(meant) {
        let mut left = Vec::new();
        for rows in groups {
            if (Scope { session, rows: &rows, grouped }).is_true(&having)? {
                left.push(rows);
            }
        }
        groups = left;
    }
    let order: Vec<(Expression, bool)> = query.order.iter().map(|(by, down)| (meant(by), *down)).collect();
    let mut found: Vec<(Vec<Value>, Vec<Value>)> = Vec::new();
    for rows in &groups {
        let scope = Scope { session, rows, grouped };
        let values = items.iter().map(|(item, _)| scope.value(item)).collect::<Result<Vec<_>, _>>()?;
        let keys = order.iter().map(|(by, _)| scope.value(by)).collect::<Result<Vec<_>, _>>()?;
        if !query.distinct || !found.iter().any(|(_, own)| *own == values) {
            found.push((keys, values));
        }
    }
    found.sort_by(|(left, _), (right, _)| {
        let each = order.iter().zip(left.iter().zip(right)).map(|((_, down), (left, right))| {
            // Nothing comes first.
            let order = compare(left, right).unwrap_or_else(|| right.is_null().cmp(&left.is_null()));
            if *down { order.reverse() } else { order }
        });
        each.fold(Ordering::Equal, Ordering::then)
    });
    found.truncate(query.limit.unwrap_or(usize::MAX));
    let values: Vec<Vec<Value>> = found.into_iter().map(|(_, values)| values).collect();
    let columns = items.iter().enumerate().map(|(at, (_, name))| (name.clone(), kind(&values, at))).collect();
    let text = |value: Value| (!value.is_null()).then(|| crate::body::plain(&value));
    Ok(Table { columns, rows: values.into_iter().map(|row| row.into_iter().map(text).collect()).collect() })
}

/// With what stands behind a new name put in its place, however deep.
fn renamed(expression: &Expression, items: &[(Expression, String)]) -> Expression {
    let boxed = |inner: &Expression| Box::new(renamed(inner, items));
    let each = |all: &[Expression]| all.iter().map(|one| renamed(one, items)).collect();
    match expression {
        Expression::Column(path) => match path.as_slice() {
            [name] => {
                let item = items.iter().find(|(_, own)| own.eq_ignore_ascii_case(name));
                item.map_or_else(|| expression.clone(), |(own, _)| own.clone())
            }
            _ => expression.clone(),
        },
        Expression::Binary(operator, left, right) => Expression::Binary(operator, boxed(left), boxed(right)),
        Expression::Not(inner) => Expression::Not(boxed(inner)),
        Expression::Negative(inner) => Expression::Negative(boxed(inner)),
        Expression::IsNull(inner) => Expression::IsNull(boxed(inner)),
        Expression::In(inner, all) => Expression::In(boxed(inner), each(all)),
        // Inside an aggregate a name is a column of the tables.
        Expression::Call(name, all) if !AGGREGATES.contains(&name.as_str()) => {
            Expression::Call(name.clone(), each(all))
        }
        Expression::Cast(inner, kind) => Expression::Cast(boxed(inner), kind.clone()),
        other => other.clone(),
    }
}

fn by_key(session: &Session<'_>, rows: Vec<Row>, group: &[Expression]) -> Result<Vec<Vec<Row>>, Wrong> {
    let mut groups: Vec<(Vec<Value>, Vec<Row>)> = Vec::new();
    for row in rows {
        let scope = Scope { session, rows: std::slice::from_ref(&row), grouped: false };
        let key = group.iter().map(|by| scope.value(by)).collect::<Result<Vec<_>, _>>()?;
        match groups.iter_mut().find(|(own, _)| *own == key) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((key, vec![row])),
        }
    }
    Ok(groups.into_iter().map(|(_, rows)| rows).collect())
}

/// A column's type by what is in it.
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
