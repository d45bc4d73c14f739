//! Expressions of SELECT and VALUES.

use super::engine::Wrong;
use super::lexer::Token;
use super::parser::Parser;
use serde_json::Value;

#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    Literal(Value),
    Parameter(String),
    /// `a.b.c`: an alias, a column, fields of it.
    Column(Vec<String>),
    Binary(&'static str, Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    IsNull(Box<Expression>),
    In(Box<Expression>, Vec<Expression>),
    Call(String, Vec<Expression>),
    Cast(Box<Expression>, String),
    /// `*` inside count.
    Star,
}

/// How deep brackets may go: a statement is text from outside, and the stack is not endless.
const DEEPEST: usize = 64;

pub fn parse(parser: &mut Parser) -> Result<Expression, Wrong> {
    level(parser, 0, DEEPEST)
}

const LEVELS: [&[&str]; 6] =
    [&["OR"], &["AND"], &["=", "<>", "!=", "<", ">", "<=", ">=", "<=>"], &["||"], &["+", "-"], &["*", "/", "%"]];

fn level(parser: &mut Parser, at: usize, deep: usize) -> Result<Expression, Wrong> {
    let Some(operators) = LEVELS.get(at) else { return unary(parser, deep) };
    if at == 2 && parser.word("NOT") {
        let deep = deep.checked_sub(1).ok_or_else(|| Wrong::syntax("an expression nested too deeply"))?;
        return Ok(Expression::Not(Box::new(level(parser, 2, deep)?)));
    }
    let mut left = level(parser, at + 1, deep)?;
    loop {
        let found = operators.iter().find(|one| if at < 2 { parser.word(one) } else { parser.symbol(one) });
        if let Some(operator) = found {
            let right = level(parser, at + 1, deep)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        } else if at == 2
            && let Some(made) = tail(parser, &left, deep)?
        {
            left = made;
        } else {
            return Ok(left);
        }
    }
}

/// What follows a value in a condition: IS NULL, IN, LIKE, BETWEEN.
fn tail(parser: &mut Parser, left: &Expression, deep: usize) -> Result<Option<Expression>, Wrong> {
    let boxed = || Box::new(left.clone());
    if parser.word("IS") {
        let not = parser.word("NOT");
        parser.must_word("NULL")?;
        let is = Expression::IsNull(boxed());
        return Ok(Some(if not { Expression::Not(Box::new(is)) } else { is }));
    }
    let start = parser.place();
    let not = parser.word("NOT");
    let made = if parser.word("IN") {
        parser.must_symbol("(")?;
        Expression::In(boxed(), list(parser, deep)?)
    } else if parser.word("LIKE") {
        let pattern = level(parser, 3, deep)?;
        Expression::Call("like".to_owned(), vec![left.clone(), pattern])
    } else if parser.word("BETWEEN") {
        let low = level(parser, 3, deep)?;
        parser.must_word("AND")?;
        let high = level(parser, 3, deep)?;
        let at_least = Expression::Binary(">=", boxed(), Box::new(low));
        let at_most = Expression::Binary("<=", boxed(), Box::new(high));
        Expression::Binary("AND", Box::new(at_least), Box::new(at_most))
    } else {
        parser.back(start);
        return Ok(None);
    };
    Ok(Some(if not { Expression::Not(Box::new(made)) } else { made }))
}

/// Up to the closing bracket.
fn list(parser: &mut Parser, deep: usize) -> Result<Vec<Expression>, Wrong> {
    let mut all = Vec::new();
    if parser.symbol(")") {
        return Ok(all);
    }
    loop {
        if parser.symbol("*") {
            all.push(Expression::Star);
        } else {
            all.push(level(parser, 0, deep)?);
        }
        if parser.symbol(")") {
            return Ok(all);
        }
        parser.must_symbol(",")?;
    }
}

fn unary(parser: &mut Parser, deep: usize) -> Result<Expression, Wrong> {
    let deep = deep.checked_sub(1).ok_or_else(|| Wrong::syntax("an expression nested too deeply"))?;
    if parser.symbol("-") {
        return Ok(Expression::Negative(Box::new(unary(parser, deep)?)));
    }
    if parser.symbol("(") {
        let inner = level(parser, 0, deep)?;
        parser.must_symbol(")")?;
        return Ok(inner);
    }
    for (word, value) in [("NULL", Value::Null), ("TRUE", true.into()), ("FALSE", false.into())] {
        if parser.word(word) {
            return Ok(Expression::Literal(value));
        }
    }
    if parser.word("CAST") {
        parser.must_symbol("(")?;
        let inner = level(parser, 0, deep)?;
        parser.must_word("AS")?;
        let kind = type_name(parser)?;
        parser.must_symbol(")")?;
        return Ok(Expression::Cast(Box::new(inner), kind));
    }
    let start = parser.place();
    match parser.peek().cloned() {
        Some(Token::Text(text)) => {
            parser.take();
            Ok(Expression::Literal(text.into()))
        }
        Some(Token::Number(text)) => {
            parser.take();
            let whole = text.parse::<i64>().map(Value::from);
            let value = whole.or_else(|_| text.parse::<f64>().map(Value::from));
            value.map(Expression::Literal).map_err(|_| Wrong::syntax(&text))
        }
        Some(Token::Parameter(name)) => {
            parser.take();
            Ok(Expression::Parameter(name))
        }
        Some(Token::Word(word)) if ["DATE", "TIMESTAMP"].contains(&word.to_uppercase().as_str()) => {
            parser.take();
            // A literal with its type, or a column of that name.
            if let Ok(text) = parser.text() {
                return Ok(Expression::Literal(text.into()));
            }
            parser.back(start);
            call_or_column(parser, deep)
        }
        Some(Token::Word(_) | Token::Quoted(_)) => call_or_column(parser, deep),
        _ => Err(parser.wrong()),
    }
}

fn call_or_column(parser: &mut Parser, deep: usize) -> Result<Expression, Wrong> {
    let name = parser.name()?;
    if let [function] = name.as_slice()
        && parser.symbol("(")
    {
        return Ok(Expression::Call(function.clone(), list(parser, deep)?));
    }
    Ok(Expression::Column(name))
}

fn type_name(parser: &mut Parser) -> Result<String, Wrong> {
    let mut name = parser.identifier()?;
    if matches!(parser.peek(), Some(Token::Symbol("("))) {
        let numbers: Vec<String> = parser
            .brackets()?
            .into_iter()
            .filter_map(|token| if let Token::Number(number) = token { Some(number) } else { None })
            .collect();
        name = format!("{name}({})", numbers.join(","));
    }
    Ok(name)
}

/// What a column is called that was given no name: the words it was written in.
pub fn title(expression: &Expression) -> String {
    match expression {
        Expression::Literal(value) => crate::body::plain(value),
        Expression::Parameter(name) => format!(":{name}"),
        Expression::Column(parts) => parts.last().cloned().unwrap_or_default(),
        Expression::Binary(operator, left, right) => format!("({} {operator} {})", title(left), title(right)),
        Expression::Not(inner) => format!("(NOT {})", title(inner)),
        Expression::Negative(inner) => format!("(- {})", title(inner)),
        Expression::IsNull(inner) => format!("({} IS NULL)", title(inner)),
        Expression::In(inner, _) => format!("({} IN (...))", title(inner)),
        Expression::Call(name, all) => format!("{name}({})", all.iter().map(title).collect::<Vec<_>>().join(", ")),
        Expression::Cast(inner, kind) => format!("CAST({} AS {})", title(inner), kind.to_uppercase()),
        Expression::Star => "1".to_owned(),
    }
}
