//! What an expression is for a row, or for a group of rows.

use super::engine::{Session, Wrong};
use super::expression::Expression;
use crate::unity::objects::parts;
use serde_json::{Value, json};
use std::cmp::Ordering;

/// One row of each table in FROM, under the name it has there.
pub type Row = Vec<(String, Value)>;

pub const AGGREGATES: [&str; 5] = ["count", "sum", "min", "max", "avg"];

pub struct Scope<'a> {
    pub session: &'a Session<'a>,
    /// The rows of the group; in a statement without groups, one.
    pub rows: &'a [Row],
    /// Whether aggregates have a meaning here.
    pub grouped: bool,
}

pub fn has_aggregate(expression: &Expression) -> bool {
    match expression {
        Expression::Call(name, all) => AGGREGATES.contains(&name.as_str()) || all.iter().any(has_aggregate),
        Expression::Binary(_, left, right) => has_aggregate(left) || has_aggregate(right),
        Expression::Not(inner)
        | Expression::Negative(inner)
        | Expression::IsNull(inner)
        | Expression::Cast(inner, _) => has_aggregate(inner),
        Expression::In(inner, all) => has_aggregate(inner) || all.iter().any(has_aggregate),
        _ => false,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A whole number stays one.
fn told(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9e15 { json!(number as i64) } else { json!(number) }
}

/// Numbers as numbers wherever one of the two is one; None where one is missing.
pub fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    if left.is_null() || right.is_null() {
        return None;
    }
    if left.is_number() || right.is_number() {
        return number(left)?.partial_cmp(&number(right)?);
    }
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        _ => Some(crate::body::plain(left).cmp(&crate::body::plain(right))),
    }
}

impl Scope<'_> {
    fn with<'b>(&'b self, rows: &'b [Row]) -> Scope<'b> {
        Scope { session: self.session, rows, grouped: false }
    }

    pub fn is_true(&self, expression: &Expression) -> Result<bool, Wrong> {
        Ok(self.value(expression)? == Value::Bool(true))
    }

    pub fn value(&self, expression: &Expression) -> Result<Value, Wrong> {
        match expression {
            Expression::Literal(value) => Ok(value.clone()),
            Expression::Parameter(name) => self.session.parameters.get(name).cloned().ok_or_else(|| {
                Wrong::new("UNBOUND_SQL_PARAMETER", "42P02", format!("Found the unbound parameter: {name}."))
            }),
            Expression::Column(path) => self.column(path),
            Expression::Binary(operator, left, right) => {
                let left = self.value(left)?;
                binary(operator, &left, || self.value(right))
            }
            Expression::Not(inner) => Ok(match self.value(inner)? {
                Value::Bool(value) => (!value).into(),
                _ => Value::Null,
            }),
            Expression::Negative(inner) => Ok(number(&self.value(inner)?).map_or(Value::Null, |value| told(-value))),
            Expression::IsNull(inner) => Ok(self.value(inner)?.is_null().into()),
            Expression::In(inner, all) => {
                let value = self.value(inner)?;
                for one in all {
                    if compare(&value, &self.value(one)?) == Some(Ordering::Equal) {
                        return Ok(true.into());
                    }
                }
                Ok(if value.is_null() { Value::Null } else { false.into() })
            }
            Expression::Cast(inner, kind) => cast(self.value(inner)?, kind),
            Expression::Call(name, all) if AGGREGATES.contains(&name.as_str()) => self.aggregate(name, all),
            Expression::Call(name, all) => self.call(name, all),
            Expression::Star => Ok(Value::Null),
        }
    }

    /// By alias first; then as a column of any table, and on into its fields.
    fn column(&self, path: &[String]) -> Result<Value, Wrong> {
        let unresolved = || {
            let name = path.join("`.`");
            let words = format!("A column, variable, or function parameter with name `{name}` cannot be resolved.");
            Wrong::new("UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", words)
        };
        let Some(row) = self.rows.first() else { return Ok(Value::Null) };
        let field = |value: &Value, name: &str| {
            let fields = value.as_object()?;
            fields.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
        };
        let [first, rest @ ..] = path else { return Err(unresolved()) };
        let aliased = row.iter().find(|(alias, _)| alias == first).filter(|_| !rest.is_empty());
        let (mut value, rest) =
            match aliased.and_then(|(_, table)| Some((field(table, rest.first()?)?, rest.get(1..)?))) {
                Some(found) => found,
                None => {
                    let found = row.iter().find_map(|(_, table)| field(table, first));
                    (found.ok_or_else(unresolved)?, rest)
                }
            };
        for name in rest {
            if value.is_null() {
                return Ok(Value::Null);
            }
            // A map has no value for a key that it lacks; a struct has no such field.
            let is_map = path.iter().any(|part| part == "custom_tags");
            value = match field(&value, name) {
                None if is_map => return Ok(Value::Null),
                found => found.ok_or_else(unresolved)?,
            };
        }
        Ok(value)
    }

    fn aggregate(&self, name: &str, all: &[Expression]) -> Result<Value, Wrong> {
        if !self.grouped {
            let words = format!("The aggregate function {name} is not allowed here.");
            return Err(Wrong::new("INVALID_WHERE_CONDITION", "42903", words));
        }
        let [argument] = all else { return Err(wrong_arguments(name, all.len())) };
        if name == "count" && matches!(argument, Expression::Star) {
            return Ok(self.rows.len().into());
        }
        let mut values = Vec::new();
        for row in self.rows {
            let value = self.with(std::slice::from_ref(row)).value(argument)?;
            if !value.is_null() {
                values.push(value);
            }
        }
        let sum = || -> Result<f64, Wrong> {
            let each = values.iter().map(|value| number(value).ok_or_else(|| no_number(value)));
            each.sum()
        };
        let order = |left: &Value, right: &Value| compare(left, right).unwrap_or(Ordering::Equal);
        Ok(match name {
            "count" => values.len().into(),
            "sum" if values.is_empty() => Value::Null,
            "sum" => told(sum()?),
            "avg" if values.is_empty() => Value::Null,
            "avg" => json!(sum()? / values.len() as f64),
            "min" => values.into_iter().min_by(order).unwrap_or_default(),
            _ => values.into_iter().max_by(order).unwrap_or_default(),
        })
    }

    fn call(&self, name: &str, all: &[Expression]) -> Result<Value, Wrong> {
        let values = all.iter().map(|one| self.value(one)).collect::<Result<Vec<Value>, _>>()?;
        let text = |change: fn(&str) -> String| match values.as_slice() {
            [Value::Null] => Ok(Value::Null),
            [value] => Ok(change(&crate::body::plain(value)).into()),
            _ => Err(wrong_arguments(name, values.len())),
        };
        let now = jiff::Timestamp::from_millisecond(self.session.world.clock.now()).unwrap_or_default().to_string();
        match (name, values.as_slice()) {
            ("current_user" | "session_user" | "user", []) => Ok(self.session.person.name.as_str().into()),
            ("current_catalog", []) => Ok(self.session.catalog.as_str().into()),
            ("current_schema" | "current_database", []) => Ok(self.session.schema.as_str().into()),
            ("current_timestamp" | "now", []) => Ok(now.into()),
            ("current_date", []) => Ok(now.get(..10).unwrap_or_default().into()),
            ("lower", _) => text(str::to_lowercase),
            ("upper", _) => text(str::to_uppercase),
            ("trim", _) => text(|value| value.trim().to_owned()),
            ("coalesce", _) => Ok(values.into_iter().find(|value| !value.is_null()).unwrap_or_default()),
            ("concat", _) => {
                let missing = values.iter().any(Value::is_null);
                let whole: String = values.iter().map(crate::body::plain).collect();
                Ok(if missing { Value::Null } else { whole.into() })
            }
            ("round", [value, rest @ ..]) if rest.len() < 2 => {
                let places = rest.first().and_then(Value::as_i64).unwrap_or_default().clamp(-15, 15) as i32;
                let factor = 10_f64.powi(places);
                Ok(number(value).map_or(Value::Null, |value| told((value * factor).round() / factor)))
            }
            ("like", [value, pattern]) => {
                let (Value::String(value), Value::String(pattern)) = (value, pattern) else { return Ok(Value::Null) };
                Ok(crate::unity::like(pattern, false)?.is_match(value).into())
            }
            _ => {
                let words = format!("Cannot resolve routine `{name}` with {} arguments in the sandbox.", values.len());
                Err(Wrong::new("UNRESOLVED_ROUTINE", "42883", words))
            }
        }
    }
}

fn wrong_arguments(name: &str, count: usize) -> Wrong {
    Wrong::new(
        "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
        "42605",
        format!("The function `{name}` cannot have {count} arguments."),
    )
}

fn no_number(value: &Value) -> Wrong {
    let words =
        format!("The value '{}' cannot be cast to \"DOUBLE\" because it is malformed.", crate::body::plain(value));
    Wrong::new("CAST_INVALID_INPUT", "22018", words)
}

fn binary(operator: &str, left: &Value, right: impl FnOnce() -> Result<Value, Wrong>) -> Result<Value, Wrong> {
    // The second one is not looked at where the first decides.
    match (operator, left) {
        ("AND", Value::Bool(false)) => return Ok(false.into()),
        ("OR", Value::Bool(true)) => return Ok(true.into()),
        _ => {}
    }
    let right = right()?;
    let order = || compare(left, &right);
    Ok(match operator {
        "AND" | "OR" => match (left, &right) {
            (Value::Bool(left), Value::Bool(right)) => {
                (if operator == "AND" { *left && *right } else { *left || *right }).into()
            }
            (_, Value::Bool(decides)) if *decides == (operator == "OR") => (*decides).into(),
            _ => Value::Null,
        },
        "<=>" => (order() == Some(Ordering::Equal) || (left.is_null() && right.is_null())).into(),
        "=" => order().map_or(Value::Null, |order| (order == Ordering::Equal).into()),
        "<>" | "!=" => order().map_or(Value::Null, |order| (order != Ordering::Equal).into()),
        "<" => order().map_or(Value::Null, |order| (order == Ordering::Less).into()),
        ">" => order().map_or(Value::Null, |order| (order == Ordering::Greater).into()),
        "<=" => order().map_or(Value::Null, |order| (order != Ordering::Greater).into()),
        ">=" => order().map_or(Value::Null, |order| (order != Ordering::Less).into()),
        "||" if left.is_null() || right.is_null() => Value::Null,
        "||" => format!("{}{}", crate::body::plain(left), crate::body::plain(&right)).into(),
        _ if left.is_null() || right.is_null() => Value::Null,
        _ => {
            let (one, two) =
                (number(left).ok_or_else(|| no_number(left))?, number(&right).ok_or_else(|| no_number(&right))?);
            match operator {
                "+" => told(one + two),
                "-" => told(one - two),
                "*" => told(one * two),
                _ if two == 0.0 => {
                    return Err(Wrong::new("DIVIDE_BY_ZERO", "22012", "Division by zero."));
                }
                "/" => json!(one / two),
                _ => told(one % two),
            }
        }
    })
}

fn cast(value: Value, kind: &str) -> Result<Value, Wrong> {
    if value.is_null() {
        return Ok(value);
    }
    match kind.split('(').next().unwrap_or_default() {
        "string" => Ok(crate::body::plain(&value).into()),
        "int" | "bigint" | "long" | "integer" | "smallint" => {
            number(&value).map(|number| told(number.trunc())).ok_or_else(|| no_number(&value))
        }
        "double" | "float" | "decimal" => number(&value).map(told).ok_or_else(|| no_number(&value)),
        "boolean" => Ok((value == Value::Bool(true) || value == "true").into()),
        // Dates and times are text here, as they are in an answer.
        "date" => Ok(crate::body::plain(&value).get(..10).unwrap_or_default().into()),
        "timestamp" => Ok(value),
        _ => Err(Wrong::unsupported(&format!("CAST to {kind}"))),
    }
}

/// The name under which a table stands in FROM without an alias.
pub fn usual_alias(full_name: &str) -> String {
    parts(full_name).2.to_owned()
}
