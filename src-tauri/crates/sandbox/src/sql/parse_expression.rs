//! Expressions of SELECT and VALUES.

use super::ast::{Aggregate, Expression, Operator};
use super::cursor::Cursor;
use super::error::SqlError;
use super::lexer::Token;
use serde_json::Value;

/// How deep brackets may go: a statement is text from outside, and the stack has an end.
const MAX_DEPTH: usize = 64;

type Parsed = Result<Expression, SqlError>;

/// Loosest first. Words bind as AND and OR, all others are symbols.
const LEVELS: [&[(&str, Operator)]; 6] = [
    &[("OR", Operator::Or)],
    &[("AND", Operator::And)],
    &[
        ("=", Operator::Equal),
        ("<>", Operator::NotEqual),
        ("!=", Operator::NotEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
    ],
    &[("||", Operator::Concat)],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Remainder)],
];
const COMPARISON: usize = 2;

pub fn expression(cursor: &mut Cursor) -> Parsed {
    level(cursor, 0, MAX_DEPTH)
}

fn deeper(depth: usize) -> Result<usize, SqlError> {
    depth.checked_sub(1).ok_or_else(|| SqlError::syntax("an expression nested too deeply"))
}

fn level(cursor: &mut Cursor, at: usize, depth: usize) -> Parsed {
    let Some(operators) = LEVELS.get(at) else { return unary(cursor, depth) };
    if at == COMPARISON && cursor.words("NOT") {
        return Ok(Expression::Not(Box::new(level(cursor, COMPARISON, deeper(depth)?)?)));
    }
    let mut left = level(cursor, at + 1, depth)?;
    loop {
        let taken = |(text, _): &&(&str, Operator)| {
            if at < COMPARISON { cursor.words(text) } else { cursor.symbol(text) }
        };
        if let Some((_, operator)) = operators.iter().find(taken) {
            let right = level(cursor, at + 1, depth)?;
            left = Expression::Binary(*operator, Box::new(left), Box::new(right));
        } else if at == COMPARISON {
            return condition(cursor, left, depth);
        } else {
            return Ok(left);
        }
    }
}

/// What may follow a value in a condition: IS NULL, IN, LIKE.
fn condition(cursor: &mut Cursor, left: Expression, depth: usize) -> Parsed {
    let negate = |not: bool, made: Expression| if not { Expression::Not(Box::new(made)) } else { made };
    if cursor.words("IS") {
        let not = cursor.words("NOT");
        cursor.must_words("NULL")?;
        return Ok(negate(not, Expression::IsNull(Box::new(left))));
    }
    let not = cursor.words("NOT");
    if cursor.words("IN") {
        let all = cursor.bracketed(|cursor| level(cursor, 0, deeper(depth)?))?;
        Ok(negate(not, Expression::In(Box::new(left), all)))
    } else if cursor.words("LIKE") {
        let pattern = level(cursor, COMPARISON + 1, depth)?;
        Ok(negate(not, Expression::Like(Box::new(left), Box::new(pattern))))
    } else if cursor.words("BETWEEN") {
        let least = level(cursor, COMPARISON + 1, depth)?;
        cursor.must_words("AND")?;
        let most = level(cursor, COMPARISON + 1, depth)?;
        let side = |operator, bound| Box::new(Expression::Binary(operator, Box::new(left.clone()), Box::new(bound)));
        let both = (side(Operator::GreaterOrEqual, least), side(Operator::LessOrEqual, most));
        Ok(negate(not, Expression::Binary(Operator::And, both.0, both.1)))
    } else if not {
        Err(cursor.error())
    } else {
        Ok(left)
    }
}

fn unary(cursor: &mut Cursor, depth: usize) -> Parsed {
    let depth = deeper(depth)?;
    if cursor.symbol("-") {
        return Ok(Expression::Negative(Box::new(unary(cursor, depth)?)));
    }
    if cursor.symbol("(") {
        if cursor.keyword().is_some_and(|word| word == "SELECT") {
            return Err(SqlError::unsupported("a subquery"));
        }
        let inner = level(cursor, 0, depth)?;
        cursor.must_symbol(")")?;
        return Ok(inner);
    }
    if cursor.words("CASE") {
        return case(cursor, depth);
    }
    for (word, value) in [("NULL", Value::Null), ("TRUE", true.into()), ("FALSE", false.into())] {
        if cursor.words(word) {
            return Ok(Expression::Literal(value));
        }
    }
    match cursor.peek().cloned() {
        Some(Token::Text(text)) => {
            cursor.take();
            Ok(Expression::Literal(text.into()))
        }
        Some(Token::Number(text)) => {
            cursor.take();
            let whole = text.parse::<i64>().map(Value::from);
            let value = whole.or_else(|_| text.parse::<f64>().map(Value::from));
            value.map(Expression::Literal).map_err(|_| SqlError::syntax(&text))
        }
        Some(Token::Parameter(name)) => {
            cursor.take();
            Ok(Expression::Parameter(name))
        }
        Some(Token::Word(_) | Token::Quoted(_)) => call_or_column(cursor, depth),
        _ => Err(cursor.error()),
    }
}

/// What follows the word CASE.
fn case(cursor: &mut Cursor, depth: usize) -> Parsed {
    let subject = if cursor.keyword().as_deref() == Some("WHEN") { None } else { Some(level(cursor, 0, depth)?) };
    let mut branches = Vec::new();
    while cursor.words("WHEN") {
        let mut when = level(cursor, 0, depth)?;
        if let Some(subject) = &subject {
            when = Expression::Binary(Operator::Equal, Box::new(subject.clone()), Box::new(when));
        }
        cursor.must_words("THEN")?;
        branches.push((when, level(cursor, 0, depth)?));
    }
    let otherwise = if cursor.words("ELSE") { Some(Box::new(level(cursor, 0, depth)?)) } else { None };
    cursor.must_words("END")?;
    if branches.is_empty() { Err(cursor.error()) } else { Ok(Expression::Case(branches, otherwise)) }
}

fn call_or_column(cursor: &mut Cursor, depth: usize) -> Parsed {
    let name = cursor.name()?;
    let [function] = name.as_slice() else { return Ok(Expression::Column(name)) };
    if !cursor.symbol("(") {
        return Ok(Expression::Column(name));
    }
    if function == "cast" {
        let inner = level(cursor, 0, depth)?;
        cursor.must_words("AS")?;
        let kind = cursor.identifier()?;
        cursor.must_symbol(")")?;
        return Ok(Expression::Cast(Box::new(inner), kind));
    }
    if function == "count" && cursor.symbol("*") {
        cursor.must_symbol(")")?;
        return Ok(Expression::CountRows);
    }
    let mut all = Vec::new();
    if !cursor.symbol(")") {
        all = cursor.separated(|cursor| level(cursor, 0, depth))?;
        cursor.must_symbol(")")?;
    }
    let aggregate = match function.as_str() {
        "count" => Aggregate::Count,
        "sum" => Aggregate::Sum,
        "min" => Aggregate::Min,
        "max" => Aggregate::Max,
        _ => return Ok(Expression::Call(function.clone(), all)),
    };
    match <[Expression; 1]>::try_from(all) {
        Ok([argument]) => Ok(Expression::Aggregate(aggregate, Box::new(argument))),
        Err(all) => {
            let message = format!("The function `{function}` cannot have {} arguments.", all.len());
            Err(SqlError::new("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "42605", message))
        }
    }
}
