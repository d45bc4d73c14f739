//! What an expression is for a row, or for a group of rows, in SQL's three-valued logic: NULL is neither true nor false.

use super::ast::{Aggregate, Expression, Operator};
use super::error::SqlError;
use crate::base::{like, plain};
use serde_json::{Value, json};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// One row of each table in FROM, under the name it has there.
pub type Row = Vec<(String, Value)>;

/// Columns that are maps: a missing key is NULL, where a missing field of a struct is an error.
const MAPS: [&str; 1] = ["custom_tags"];

/// What an expression can refer to besides rows.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    pub user: String,
    /// The user's groups.
    pub groups: Vec<String>,
    pub catalog: String,
    pub schema: String,
    /// As ISO 8601 writes it.
    pub now: String,
    pub parameters: BTreeMap<String, Value>,
}

pub struct Scope<'a> {
    pub environment: &'a Environment,
    /// The rows of the group; in a statement without groups, one.
    pub rows: &'a [Row],
    /// Whether aggregates have a meaning here.
    pub grouped: bool,
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn must_number(value: &Value) -> Result<f64, SqlError> {
    number(value).ok_or_else(|| {
        let message = format!("The value '{}' cannot be cast to \"DOUBLE\" because it is malformed.", plain(value));
        SqlError::new("CAST_INVALID_INPUT", "22018", message)
    })
}

/// A whole number stays one.
fn numeric(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9e15 { json!(number as i64) } else { json!(number) }
}

fn truth(value: Option<bool>) -> Value {
    value.map_or(Value::Null, Value::from)
}

/// As numbers wherever one of the two is one; None where one is NULL or no number.
pub fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::Number(_), _) | (_, Value::Number(_)) => number(left)?.partial_cmp(&number(right)?),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        _ => Some(plain(left).cmp(&plain(right))),
    }
}

fn equal(left: &Value, right: &Value) -> Option<bool> {
    compare(left, right).map(|order| order == Ordering::Equal)
}

impl Scope<'_> {
    pub fn is_true(&self, expression: &Expression) -> Result<bool, SqlError> {
        Ok(self.value(expression)? == Value::Bool(true))
    }

    pub fn value(&self, expression: &Expression) -> Result<Value, SqlError> {
        match expression {
            Expression::Literal(value) => Ok(value.clone()),
            Expression::Parameter(name) => self.environment.parameters.get(name).cloned().ok_or_else(|| {
                SqlError::new("UNBOUND_SQL_PARAMETER", "42P02", format!("Found the unbound parameter: {name}."))
            }),
            Expression::Column(path) => self.column(path),
            Expression::Binary(operator, left, right) => self.binary(*operator, left, right),
            Expression::Not(inner) => Ok(truth(self.value(inner)?.as_bool().map(|value| !value))),
            Expression::Negative(inner) => match self.value(inner)? {
                Value::Null => Ok(Value::Null),
                value => Ok(numeric(-must_number(&value)?)),
            },
            Expression::IsNull(inner) => Ok(self.value(inner)?.is_null().into()),
            Expression::In(inner, all) => {
                let value = self.value(inner)?;
                let mut unknown = false;
                for one in all {
                    match equal(&value, &self.value(one)?) {
                        Some(true) => return Ok(true.into()),
                        Some(false) => {}
                        None => unknown = true,
                    }
                }
                Ok(truth((!unknown).then_some(false)))
            }
            Expression::Like(inner, pattern) => match (self.value(inner)?, self.value(pattern)?) {
                (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
                (value, pattern) => Ok(like(&plain(&pattern), false)?.is_match(&plain(&value)).into()),
            },
            Expression::Cast(inner, kind) => cast(self.value(inner)?, kind),
            Expression::Call(name, all) => self.call(name, all),
            Expression::Case(branches, otherwise) => {
                for (when, then) in branches {
                    if self.is_true(when)? {
                        return self.value(then);
                    }
                }
                otherwise.as_ref().map_or(Ok(Value::Null), |otherwise| self.value(otherwise))
            }
            Expression::Aggregate(aggregate, inner) => self.aggregate(*aggregate, inner),
            Expression::CountRows => self.must_be_grouped().map(|()| self.rows.len().into()),
        }
    }

    /// By alias first; then as a column of any table, and on into its fields.
    fn column(&self, path: &[String]) -> Result<Value, SqlError> {
        let unresolved = || {
            let name = path.join("`.`");
            let message = format!("A column, variable, or function parameter with name `{name}` cannot be resolved.");
            SqlError::new("UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", message)
        };
        let field = |value: &Value, name: &str| {
            let mut fields = value.as_object()?.iter();
            fields.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
        };
        let Some(row) = self.rows.first() else { return Ok(Value::Null) };
        let by_alias = || match path {
            [alias, name, rest @ ..] => {
                let (_, table) = row.iter().find(|(own, _)| own == alias)?;
                Some((field(table, name)?, rest))
            }
            _ => None,
        };
        let by_column = || {
            let (first, rest) = path.split_first()?;
            Some((row.iter().find_map(|(_, table)| field(table, first))?, rest))
        };
        let (mut value, rest) = by_alias().or_else(by_column).ok_or_else(unresolved)?;
        let is_map = path.iter().any(|part| MAPS.contains(&part.as_str()));
        for name in rest {
            value = match field(&value, name) {
                Some(found) => found,
                None if is_map || value.is_null() => return Ok(Value::Null),
                None => return Err(unresolved()),
            };
        }
        Ok(value)
    }

    fn binary(&self, operator: Operator, left: &Expression, right: &Expression) -> Result<Value, SqlError> {
        use Operator::{Add, And, Concat, Divide, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Multiply};
        use Operator::{NotEqual, Or, Remainder, Subtract};
        let left = self.value(left)?;
        // The second one is not looked at where the first decides.
        if operator == And && left == Value::Bool(false) || operator == Or && left == Value::Bool(true) {
            return Ok(left);
        }
        let right = self.value(right)?;
        let ordered = |test: fn(Ordering) -> bool| Ok(truth(compare(&left, &right).map(test)));
        match operator {
            And | Or => {
                let decides = operator == Or;
                Ok(match (left.as_bool(), right.as_bool()) {
                    (_, Some(value)) if value == decides => decides.into(),
                    (Some(_), Some(_)) => (!decides).into(),
                    _ => Value::Null,
                })
            }
            Equal => ordered(Ordering::is_eq),
            NotEqual => ordered(Ordering::is_ne),
            Less => ordered(Ordering::is_lt),
            Greater => ordered(Ordering::is_gt),
            LessOrEqual => ordered(Ordering::is_le),
            GreaterOrEqual => ordered(Ordering::is_ge),
            _ if left.is_null() || right.is_null() => Ok(Value::Null),
            Concat => Ok(format!("{}{}", plain(&left), plain(&right)).into()),
            Add | Subtract | Multiply | Divide | Remainder => {
                let (left, right) = (must_number(&left)?, must_number(&right)?);
                match operator {
                    Add => Ok(numeric(left + right)),
                    Subtract => Ok(numeric(left - right)),
                    Multiply => Ok(numeric(left * right)),
                    _ if right == 0.0 => Err(SqlError::new("DIVIDE_BY_ZERO", "22012", "Division by zero.")),
                    Divide => Ok(json!(left / right)),
                    _ => Ok(numeric(left % right)),
                }
            }
        }
    }

    fn must_be_grouped(&self) -> Result<(), SqlError> {
        if self.grouped {
            return Ok(());
        }
        Err(SqlError::new("INVALID_WHERE_CONDITION", "42903", "An aggregate function is not allowed here."))
    }

    fn aggregate(&self, aggregate: Aggregate, argument: &Expression) -> Result<Value, SqlError> {
        self.must_be_grouped()?;
        let mut values = Vec::new();
        for row in self.rows {
            let scope = Scope { environment: self.environment, rows: std::slice::from_ref(row), grouped: false };
            values.extend(Some(scope.value(argument)?).filter(|value| !value.is_null()));
        }
        let order = |left: &Value, right: &Value| compare(left, right).unwrap_or(Ordering::Equal);
        Ok(match aggregate {
            Aggregate::Count => values.len().into(),
            Aggregate::Sum if values.is_empty() => Value::Null,
            Aggregate::Sum => numeric(values.iter().map(must_number).sum::<Result<f64, _>>()?),
            Aggregate::Min => values.into_iter().min_by(order).unwrap_or_default(),
            Aggregate::Max => values.into_iter().max_by(order).unwrap_or_default(),
        })
    }

    fn call(&self, name: &str, all: &[Expression]) -> Result<Value, SqlError> {
        match (name, all) {
            ("current_user" | "session_user", []) => Ok(self.environment.user.as_str().into()),
            ("is_account_group_member" | "is_member", [group]) => {
                let group = plain(&self.value(group)?);
                Ok(self.environment.groups.contains(&group).into())
            }
            ("if", [when, then, otherwise]) => self.value(if self.is_true(when)? { then } else { otherwise }),
            ("lower", [text]) => Ok(match self.value(text)? {
                Value::Null => Value::Null,
                text => plain(&text).to_lowercase().into(),
            }),
            ("current_timestamp", []) => Ok(self.environment.now.as_str().into()),
            ("coalesce", [_, ..]) => {
                let values = all.iter().map(|one| self.value(one)).collect::<Result<Vec<Value>, _>>()?;
                Ok(values.into_iter().find(|value| !value.is_null()).unwrap_or_default())
            }
            _ => {
                let message = format!("Cannot resolve routine `{name}` with {} arguments in the sandbox.", all.len());
                Err(SqlError::new("UNRESOLVED_ROUTINE", "42883", message))
            }
        }
    }
}

fn cast(value: Value, kind: &str) -> Result<Value, SqlError> {
    match kind {
        _ if value.is_null() => Ok(value),
        "string" => Ok(plain(&value).into()),
        "int" | "bigint" => must_number(&value).map(|number| numeric(number.trunc())),
        "double" => must_number(&value).map(|number| json!(number)),
        "boolean" => match plain(&value).to_lowercase().as_str() {
            "true" | "1" => Ok(true.into()),
            "false" | "0" => Ok(false.into()),
            other => {
                let message = format!("The value '{other}' cannot be cast to \"BOOLEAN\" because it is malformed.");
                Err(SqlError::new("CAST_INVALID_INPUT", "22018", message))
            }
        },
        // Dates and times are text here, as they are in an answer.
        "date" => Ok(plain(&value).get(..10).unwrap_or_default().into()),
        "timestamp" => Ok(value),
        _ => Err(SqlError::unsupported(&format!("CAST to {kind}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::cursor::Cursor;
    use crate::sql::parse_expression::expression;

    fn environment() -> Environment {
        let parameters = [("p".to_owned(), json!("x")), ("none".to_owned(), Value::Null)].into();
        let now = "2026-01-02T03:04:05Z".to_owned();
        Environment {
            user: "ada".into(),
            groups: vec!["team".into()],
            catalog: "main".into(),
            schema: "default".into(),
            now,
            parameters,
        }
    }

    fn value_of(text: &str, rows: &[Row], grouped: bool) -> Result<Value, SqlError> {
        let mut cursor = Cursor::new(text)?;
        let parsed = expression(&mut cursor)?;
        cursor.end()?;
        Scope { environment: &environment(), rows, grouped }.value(&parsed)
    }

    fn value(text: &str) -> Value {
        value_of(text, &[], false).unwrap_or_else(|error| panic!("{text}: {error:?}"))
    }

    fn fails(text: &str, class: &str) {
        let error = value_of(text, &[], false).expect_err(text);
        assert!(error.message.contains(class), "{text}: {}", error.message);
    }

    #[test]
    fn logic_has_three_values() {
        let names = ["TRUE", "FALSE", "NULL"];
        let values = [json!(true), json!(false), Value::Null];
        let and = [[0, 1, 2], [1, 1, 1], [2, 1, 2]];
        let or = [[0, 0, 0], [0, 1, 2], [0, 2, 2]];
        for (left, name) in names.iter().enumerate() {
            for (right, other) in names.iter().enumerate() {
                assert_eq!(value(&format!("{name} AND {other}")), values[and[left][right]], "{name} AND {other}");
                assert_eq!(value(&format!("{name} OR {other}")), values[or[left][right]], "{name} OR {other}");
            }
            assert_eq!(value(&format!("NOT {name}")), values[[1, 0, 2][left]], "NOT {name}");
        }
        assert_eq!(value("FALSE AND 1 / 0 = 1"), json!(false), "the second one is not looked at");
        assert_eq!(value("TRUE OR FALSE AND FALSE"), json!(true), "AND binds closer");
        assert_eq!(value("NOT TRUE = FALSE"), json!(true), "NOT binds looser than a comparison");
    }

    #[test]
    fn comparisons() {
        for (text, expected) in [
            ("1 = 1.0", Some(true)),
            ("2 < 10", Some(true)),
            ("'2' < '10'", Some(false)),
            ("'2' < 10", Some(true)),
            ("'a' <> 'b'", Some(true)),
            ("'a' != 'a'", Some(false)),
            ("3 >= 3", Some(true)),
            ("3 <= 2", Some(false)),
            ("3 > -4", Some(true)),
            ("TRUE > FALSE", Some(true)),
            ("NULL = NULL", None),
            ("NULL <> 1", None),
            ("1 < NULL", None),
            ("'abc' = 1", None),
            ("NULL IS NULL", Some(true)),
            ("1 IS NULL", Some(false)),
            ("1 IS NOT NULL", Some(true)),
            (":none IS NULL AND :p = 'x'", Some(true)),
        ] {
            assert_eq!(value(text), truth(expected), "{text}");
        }
    }

    #[test]
    fn membership_and_patterns() {
        for (text, expected) in [
            ("1 IN (3, 2, 1)", Some(true)),
            ("1 IN (3, 2)", Some(false)),
            ("1 NOT IN (3, 2)", Some(true)),
            ("1 IN (1, NULL)", Some(true)),
            ("1 IN (2, NULL)", None),
            ("1 NOT IN (2, NULL)", None),
            ("NULL IN (1)", None),
            ("'a' IN ('A', 'a')", Some(true)),
            ("'a' IN ('A')", Some(false)),
            ("'abc' LIKE 'a%'", Some(true)),
            ("'abc' LIKE 'a_c'", Some(true)),
            ("'abc' LIKE 'a_'", Some(false)),
            ("'ABC' LIKE 'a%'", Some(false)),
            ("'a.c' LIKE 'a.c'", Some(true)),
            ("'abc' LIKE 'a.c'", Some(false)),
            ("'x' NOT LIKE '%y%'", Some(true)),
            ("NULL LIKE '%'", None),
            ("'x' LIKE NULL", None),
        ] {
            assert_eq!(value(text), truth(expected), "{text}");
        }
    }

    #[test]
    fn arithmetic_text_and_functions() {
        for (text, expected) in [
            ("1 + 2 * 3", json!(7)),
            ("(1 + 2) * 3", json!(9)),
            ("7 - 2 - 1", json!(4)),
            ("-2 * -3", json!(6)),
            ("7 % 4", json!(3)),
            ("1 / 4", json!(0.25)),
            ("'1.5' + 1", json!(2.5)),
            ("1 + NULL", Value::Null),
            ("-NULL", Value::Null),
            ("'a' || 'b' || 1", json!("ab1")),
            ("'a' || NULL", Value::Null),
            ("'it''s' || :p", json!("it'sx")),
            ("coalesce(NULL, :none, 3, 4)", json!(3)),
            ("coalesce(NULL)", Value::Null),
            ("CASE WHEN 1 = 2 THEN 'a' WHEN TRUE THEN 'b' ELSE 'c' END", json!("b")),
            ("CASE 3 WHEN 1 THEN 'a' END", Value::Null),
            ("if(is_account_group_member('team'), lower('X'), 'y')", json!("x")),
            ("is_account_group_member('Team')", json!(false)),
            ("2 BETWEEN 1 AND 2 AND 3 NOT BETWEEN 1 AND 2", json!(true)),
            ("current_user()", json!("ada")),
            ("current_timestamp()", json!("2026-01-02T03:04:05Z")),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
        fails("1 / 0", "DIVIDE_BY_ZERO");
        fails("'x' + 1", "CAST_INVALID_INPUT");
        fails(":other", "UNBOUND_SQL_PARAMETER");
        fails("soundex('x')", "UNRESOLVED_ROUTINE");
        fails("coalesce()", "UNRESOLVED_ROUTINE");
    }

    #[test]
    fn casts() {
        for (text, expected) in [
            ("CAST('12' AS INT)", json!(12)),
            ("CAST(-2.9 AS BIGINT)", json!(-2)),
            ("CAST(3 AS DOUBLE)", json!(3.0)),
            ("CAST(3 AS STRING) || 'x'", json!("3x")),
            ("CAST(TRUE AS STRING)", json!("true")),
            ("CAST('False' AS BOOLEAN)", json!(false)),
            ("CAST(1 AS BOOLEAN)", json!(true)),
            ("CAST(NULL AS INT)", Value::Null),
            ("CAST('2026-01-02T03:04:05Z' AS DATE)", json!("2026-01-02")),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
        fails("CAST('x' AS INT)", "CAST_INVALID_INPUT");
        fails("CAST('x' AS BOOLEAN)", "CAST_INVALID_INPUT");
        fails("CAST('x' AS INTERVAL)", "UNSUPPORTED_FEATURE.SANDBOX");
    }

    #[test]
    fn columns_are_found_by_alias_and_by_name_and_their_fields_by_path() {
        let row = |value: Value| vec![("u".to_owned(), value)];
        let rows = [row(json!({"n": 1, "meta": {"run": "7"}, "custom_tags": {"plan": "p"}, "gone": null}))];
        let value = |text: &str| value_of(text, &rows, false);
        assert_eq!(value("u.n + N").unwrap(), json!(2));
        assert_eq!(value("u.meta.run || meta.run").unwrap(), json!("77"));
        assert_eq!(value("u.custom_tags.`plan`").unwrap(), json!("p"));
        assert_eq!(value("custom_tags.other").unwrap(), Value::Null, "a map without the key");
        assert_eq!(value("gone.field").unwrap(), Value::Null);
        for text in ["u.meta.other", "other", "v.n"] {
            assert!(value(text).unwrap_err().message.contains("UNRESOLVED_COLUMN"), "{text}");
        }
    }

    #[test]
    fn aggregates_leave_nulls_out() {
        let row = |n: Value| vec![("t".to_owned(), json!({"n": n}))];
        let rows = [row(json!(3)), row(Value::Null), row(json!(10))];
        for (text, expected, of_none) in [
            ("count(*)", json!(3), json!(0)),
            ("count(n)", json!(2), json!(0)),
            ("sum(n)", json!(13), Value::Null),
            ("min(n)", json!(3), Value::Null),
            ("max(n)", json!(10), Value::Null),
            ("sum(n * 2) + 1", json!(27), Value::Null),
        ] {
            assert_eq!(value_of(text, &rows, true).unwrap(), expected, "{text}");
            assert_eq!(value_of(text, &[], true).unwrap(), of_none, "{text} of no rows");
            assert!(value_of(text, &rows, false).is_err(), "{text} where nothing is grouped");
        }
        assert!(value_of("sum(n, n)", &rows, true).unwrap_err().message.contains("WRONG_NUM_ARGS"));
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = |count: usize| format!("{}1{}", "(".repeat(count), ")".repeat(count));
        assert_eq!(value(&deep(50)), json!(1));
        fails(&deep(5_000), "PARSE_SYNTAX_ERROR");
        fails(&format!("{}TRUE", "NOT ".repeat(5_000)), "PARSE_SYNTAX_ERROR");
    }
}
