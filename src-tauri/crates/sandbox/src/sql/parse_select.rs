//! SELECT.

use super::ast::{Expression, Item, Query, Source, Version};
use super::cursor::Cursor;
use super::error::SqlError;
use super::lexer::Token;
use super::parse_expression::expression;
use crate::base::plain;

/// Words that end an item or a table, so that they are no alias.
const CLAUSES: [&str; 8] = ["FROM", "WHERE", "GROUP", "ORDER", "ON", "LIMIT", "VERSION", "TIMESTAMP"];
const JOINS: [&str; 2] = ["JOIN", "INNER"];
/// Clauses of the real SQL that the sandbox does not run.
const REFUSED: [&str; 9] = ["HAVING", "LEFT", "RIGHT", "FULL", "CROSS", "UNION", "EXCEPT", "INTERSECT", "LATERAL"];

/// What follows the word SELECT.
pub fn query(cursor: &mut Cursor) -> Result<Query, SqlError> {
    if cursor.words("DISTINCT") {
        return Err(SqlError::unsupported("DISTINCT"));
    }
    let mut query = Query { items: cursor.separated(item)?, ..Query::default() };
    if cursor.words("FROM") {
        query.from.push(source(cursor, false)?);
        while cursor.words("INNER JOIN") || cursor.words("JOIN") {
            query.from.push(source(cursor, true)?);
        }
        if cursor.sees(",") {
            return Err(SqlError::unsupported("a join without ON"));
        }
    }
    if cursor.words("WHERE") {
        query.condition = Some(expression(cursor)?);
    }
    if cursor.words("GROUP BY") {
        query.group = cursor.separated(expression)?;
    }
    if cursor.words("ORDER BY") {
        query.order = cursor.separated(|cursor| {
            let by = expression(cursor)?;
            let descending = cursor.words("DESC");
            let _ = descending || cursor.words("ASC");
            Ok((by, descending))
        })?;
    }
    if cursor.words("LIMIT") {
        query.limit = Some(count(cursor)?);
    }
    match cursor.keyword().filter(|word| REFUSED.contains(&word.as_str())) {
        Some(word) => Err(SqlError::unsupported(&word)),
        None => Ok(query),
    }
}

fn count(cursor: &mut Cursor) -> Result<usize, SqlError> {
    match cursor.take() {
        Some(Token::Number(number)) => number.parse().map_err(|_| SqlError::syntax(&number)),
        _ => Err(cursor.error()),
    }
}

/// `VERSION AS OF 3`, `TIMESTAMP AS OF '2026-01-01'`.
pub fn version(cursor: &mut Cursor) -> Result<Option<Version>, SqlError> {
    if cursor.words("VERSION AS OF") {
        return match cursor.take() {
            Some(Token::Number(text) | Token::Text(text)) => {
                let number = text.parse().map_err(|_| SqlError::syntax(&text))?;
                Ok(Some(Version::Number(number)))
            }
            _ => Err(cursor.error()),
        };
    }
    if cursor.words("TIMESTAMP AS OF") {
        return expression(cursor).map(|at| Some(Version::Time(at)));
    }
    Ok(None)
}

/// A name after AS, or without it a word that begins no clause.
fn alias(cursor: &mut Cursor) -> Result<Option<String>, SqlError> {
    let ends = |word: &str| [&CLAUSES[..], &JOINS, &REFUSED].iter().any(|all| all.contains(&word));
    let named = cursor.words("AS")
        || matches!(cursor.peek(), Some(Token::Quoted(_)))
        || cursor.keyword().is_some_and(|word| !ends(&word));
    if named { cursor.exact().map(Some) } else { Ok(None) }
}

fn item(cursor: &mut Cursor) -> Result<Item, SqlError> {
    if cursor.symbol("*") {
        return Ok(Item { value: Expression::Column(vec!["*".to_owned()]), name: "*".to_owned() });
    }
    if let Some(alias) = cursor.all_of() {
        return Ok(Item { value: Expression::Column(vec![alias, "*".to_owned()]), name: "*".to_owned() });
    }
    let value = expression(cursor)?;
    let name = alias(cursor)?.unwrap_or_else(|| title(&value));
    Ok(Item { value, name })
}

fn source(cursor: &mut Cursor, joined: bool) -> Result<Source, SqlError> {
    if cursor.sees("(") {
        return Err(SqlError::unsupported("a subquery"));
    }
    let name = cursor.name()?;
    let version = version(cursor)?;
    let alias = alias(cursor)?.or_else(|| name.last().cloned()).unwrap_or_default().to_lowercase();
    if joined {
        cursor.must_words("ON")?;
    }
    let on = if joined { Some(expression(cursor)?) } else { None };
    Ok(Source { name, alias, version, on })
}

/// The name of a column that was given none.
fn title(value: &Expression) -> String {
    match value {
        Expression::Literal(value) => plain(value),
        Expression::Column(parts) => parts.last().cloned().unwrap_or_default(),
        _ => "expression".to_owned(),
    }
}
