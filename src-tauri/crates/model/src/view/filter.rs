//! The filter of a view: `state=failed and (bytes>1GB or name~orders)`.
//!
//! ```text
//! filter = all { "or" all }
//! all    = one { "and" one }
//! one    = "not" one | "(" filter ")" | column op value { "," value }
//! op     = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" (holds this text; case does not matter)
//! value  = a word, or any text in double quotes with `""` for a quote
//! ```
//!
//! Numbers may have `_` between digits; sizes take `B kB MB GB TB PB` (of 1000) and `KiB MiB GiB TiB` (of 1024); times are
//! days, `updated>2026-01-31`. Several values after `=` mean any of them, after `!=` none of them. A table without a value
//! passes no test but `!=`.

use super::columns::{Column, Kind};
use super::scope_kind::ScopeKind;
use crate::{Error, Result};
use std::fmt;

/// Longer ones are no longer written by hand.
const MAX_LENGTH: usize = 10_000;
const MAX_DEPTH: usize = 30;

#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    Any(Vec<Filter>),
    All(Vec<Filter>),
    Not(Box<Filter>),
    Test(Test),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    pub column: &'static Column,
    pub op: Op,
    /// More than one only after `=` and `!=`.
    pub values: Vec<Operand>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Contains,
}

/// From the longest, so that `<=` is not read as `<`.
const OPS: [(&str, Op); 7] = [
    ("!=", Op::NotEqual),
    ("<=", Op::AtMost),
    (">=", Op::AtLeast),
    ("=", Op::Equal),
    ("<", Op::Less),
    (">", Op::Greater),
    ("~", Op::Contains),
];

#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    Text(String),
    Number(i64),
}

impl Filter {
    /// None of an empty text. An unknown column, choice or sign is an error that says what there is.
    pub fn parse(text: &str, kind: ScopeKind) -> Result<Option<Self>> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        if text.len() > MAX_LENGTH {
            return Err(Error::invalid(format!("a filter has at most {MAX_LENGTH} characters")));
        }
        let mut parser = Parser { rest: text, text, kind };
        let filter = parser.any(0)?;
        match parser.peek() {
            "" => Ok(Some(filter)),
            _ => Err(parser.expected("and, or, or the end")),
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    text: &'a str,
    kind: ScopeKind,
}

impl<'a> Parser<'a> {
    fn any(&mut self, depth: usize) -> Result<Filter> {
        let mut parts = vec![self.all(depth)?];
        while self.keyword("or") {
            parts.push(self.all(depth)?);
        }
        Ok(one_or(parts, Filter::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Filter> {
        let mut parts = vec![self.one(depth)?];
        while self.keyword("and") {
            parts.push(self.one(depth)?);
        }
        Ok(one_or(parts, Filter::All))
    }

    fn one(&mut self, depth: usize) -> Result<Filter> {
        if depth > MAX_DEPTH {
            return Err(Error::invalid("the filter is nested too deeply").about(self.text));
        }
        if self.keyword("not") {
            return Ok(Filter::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.sign("(") {
            let inner = self.any(depth + 1)?;
            return if self.sign(")") { Ok(inner) } else { Err(self.expected("a closing parenthesis")) };
        }
        self.test()
    }

    fn test(&mut self) -> Result<Filter> {
        let name = self.word();
        if name.is_empty() {
            return Err(self.expected("a column"));
        }
        let column = self.kind.column(name)?;
        let Some(op) = OPS.iter().find_map(|(sign, op)| self.sign(sign).then_some(*op)) else {
            return Err(self.expected("one of = != < <= > >= ~"));
        };
        let mut values = vec![self.operand(column, op)?];
        while matches!(op, Op::Equal | Op::NotEqual) && self.sign(",") {
            values.push(self.operand(column, op)?);
        }
        Ok(Filter::Test(Test { column, op, values }))
    }

    fn operand(&mut self, column: &'static Column, op: Op) -> Result<Operand> {
        let value = self.value()?;
        if column.kind.is_text() {
            let compares = matches!(op, Op::Less | Op::AtMost | Op::Greater | Op::AtLeast);
            return match column.kind {
                _ if compares => Err(no_such_op(column, "=, != and ~")),
                Kind::Choice(choices) if op != Op::Contains && !choices.contains(&value.as_str()) => {
                    Err(Error::invalid(format!("{} has no such value", column.name))
                        .about(value)
                        .with_hint(format!("Its values: {}.", choices.join(", "))))
                }
                Kind::Codes if op != Op::Contains && (value.is_empty() || value.contains(' ')) => {
                    Err(Error::invalid(format!("{} is compared with one code", column.name)).about(value))
                }
                _ => Ok(Operand::Text(value)),
            };
        }
        if op == Op::Contains {
            return Err(no_such_op(column, "=, !=, <, <=, > and >="));
        }
        let number = match column.kind {
            Kind::Bytes => bytes(&value),
            Kind::Time => day(&value),
            _ => digits(&value),
        };
        let example = match column.kind {
            Kind::Bytes => "a size, such as 1.5GB",
            Kind::Time => "a day, such as 2026-01-31",
            _ => "a whole number",
        };
        let wrong = || Error::invalid(format!("{} is compared with {example}", column.name)).about(value.clone());
        number.map(Operand::Number).ok_or_else(wrong)
    }

    fn value(&mut self) -> Result<String> {
        if !self.sign("\"") {
            let word = self.word();
            return if word.is_empty() { Err(self.expected("a value")) } else { Ok(word.to_string()) };
        }
        let mut out = String::new();
        loop {
            let Some(end) = self.rest.find('"') else { return Err(self.expected("a closing quote")) };
            out.push_str(&self.rest[..end]);
            self.rest = &self.rest[end + 1..];
            match self.rest.strip_prefix('"') {
                Some(rest) => {
                    out.push('"');
                    self.rest = rest;
                }
                None => return Ok(out),
            }
        }
    }

    fn peek(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        self.rest
    }

    /// Up to a blank, a sign or a parenthesis.
    fn word(&mut self) -> &'a str {
        let rest = self.peek();
        let end = rest.find(|c: char| c.is_whitespace() || "=!<>~,()\"".contains(c)).unwrap_or(rest.len());
        self.rest = &rest[end..];
        &rest[..end]
    }

    fn keyword(&mut self, word: &str) -> bool {
        let before = self.peek();
        let found = self.word().eq_ignore_ascii_case(word);
        if !found {
            self.rest = before;
        }
        found
    }

    fn sign(&mut self, sign: &str) -> bool {
        match self.peek().strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expected(&self, what: &str) -> Error {
        let at = self.text.len() - self.rest.len() + 1;
        Error::invalid(format!("the filter has something else than {what} at character {at}"))
            .about(self.text)
            .with_hint("Write for example: state=failed and bytes>1GB")
    }
}

fn one_or(mut parts: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.len() {
        1 => parts.remove(0),
        _ => many(parts),
    }
}

fn no_such_op(column: &Column, ops: &str) -> Error {
    Error::invalid(format!("{} is compared by {ops}", column.name))
}

fn digits(text: &str) -> Option<i64> {
    text.replace('_', "").parse().ok()
}

fn bytes(text: &str) -> Option<i64> {
    const UNITS: [(&str, u64); 10] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("PB", 1_000_000_000_000_000),
        ("B", 1),
    ];
    let unit = |(name, _): &&(&str, u64)| {
        let tail = text.len().checked_sub(name.len()).and_then(|at| text.get(at..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(name))
    };
    let Some((name, size)) = UNITS.iter().find(unit) else { return digits(text) };
    let number = text.get(..text.len() - name.len())?.trim().replace('_', "");
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    if whole.is_empty() || fraction.len() > 9 || (number.contains('.') && fraction.is_empty()) {
        return None;
    }
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let all: u128 = format!("{whole}{fraction}").parse().ok()?;
    i64::try_from(all * u128::from(*size) / scale).ok()
}

/// The first millisecond of a day, in UTC.
fn day(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(0..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Counted from 1 March of year 0, so that the leap day comes last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some((days + (153 * month + 2) / 5 + day - 1 - 719_468) * 86_400_000)
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |parts: &[Filter], word: &str| {
            let parts: Vec<String> = parts.iter().map(|part| format!("({part})")).collect();
            parts.join(&format!(" {word} "))
        };
        match self {
            Self::Any(parts) => f.write_str(&join(parts, "or")),
            Self::All(parts) => f.write_str(&join(parts, "and")),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::Test(test) => {
                let sign = OPS.iter().find(|(_, op)| *op == test.op).map_or("=", |(sign, _)| sign);
                let values: Vec<String> = test.values.iter().map(|value| test.written(value)).collect();
                write!(f, "{}{sign}{}", test.column.name, values.join(","))
            }
        }
    }
}

impl Test {
    fn written(&self, value: &Operand) -> String {
        match value {
            Operand::Text(text) => quoted(text),
            Operand::Number(ms) if self.column.kind == Kind::Time => {
                crate::format::epoch_ms(*ms).get(..10).unwrap_or_default().to_string()
            }
            Operand::Number(number) => number.to_string(),
        }
    }
}

/// A value that is read back as it is, whatever it holds.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
