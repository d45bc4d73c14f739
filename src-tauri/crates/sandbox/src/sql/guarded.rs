//! Row filters and column masks: what a reader sees of a table's rows, by those of the table and those of policies.

use super::ast::{CreateFunction, Statement};
use super::error::SqlError;
use super::evaluate::{Row, Scope};
use super::parse;
use super::session::Session;
use crate::unity::Metastore;
use crate::unity::objects::Table;
use crate::unity::policies::Argument;
use serde_json::Value;

/// A function with what it is given.
struct Guard {
    function: CreateFunction,
    arguments: Vec<Argument>,
    masked: Option<String>,
}

fn guard(
    metastore: &Metastore,
    name: &str,
    arguments: Vec<Argument>,
    masked: Option<String>,
) -> Result<Guard, SqlError> {
    let function = metastore.functions.get(name).ok_or_else(|| no_function(name))?;
    match parse::statement(&function.statement)? {
        Statement::CreateFunction(function) => Ok(Guard { function, arguments, masked }),
        _ => Err(no_function(name)),
    }
}

pub fn no_function(name: &str) -> SqlError {
    let message = format!("Cannot resolve routine `{}`.", name.replace('.', "`.`"));
    SqlError::new("ROUTINE_NOT_FOUND", "42883", message)
}

fn guards(session: &Session<'_>, metastore: &Metastore, table: &Table) -> Result<Vec<Guard>, SqlError> {
    let columns = |names: &[String]| -> Vec<Argument> { names.iter().cloned().map(Argument::Column).collect() };
    let mut guards = Vec::new();
    if let Some(filter) = &table.row_filter {
        guards.push(guard(metastore, &filter.function, columns(&filter.columns), None)?);
    }
    for column in &table.columns {
        if let Some(mask) = &column.mask {
            let mut given = vec![Argument::Column(column.name.clone())];
            given.extend(columns(&mask.using));
            guards.push(guard(metastore, &mask.function, given, Some(column.name.clone()))?);
        }
    }
    for applied in metastore.applied_policies(table, session.principal) {
        let own = applied.masked.clone().map(Argument::Column);
        let given = own.into_iter().chain(applied.arguments).collect();
        guards.push(guard(metastore, &applied.function, given, applied.masked)?);
    }
    Ok(guards)
}

impl Guard {
    fn value(&self, session: &Session<'_>, row: &Value) -> Result<Value, SqlError> {
        let given = |argument: &Argument| match argument {
            Argument::Column(name) => row.get(name.to_lowercase()).cloned().unwrap_or_default(),
            Argument::Constant(text) => Value::String(text.clone()),
        };
        let named = self.function.parameters.iter().cloned().zip(self.arguments.iter().map(given));
        let row: Row = vec![("function".to_owned(), Value::Object(named.collect()))];
        let scope = Scope { environment: &session.environment, rows: std::slice::from_ref(&row), grouped: false };
        scope.value(&self.function.body)
    }
}

/// What is filtered or masked for somebody is not cloned.
pub fn must_be_open(session: &Session<'_>, metastore: &Metastore, table: &Table) -> Result<(), SqlError> {
    let all = guards(session, metastore, table)?;
    let Some(first) = all.first() else { return Ok(()) };
    let (class, what) = match first.masked {
        Some(_) => ("COLUMN_MASKS_FEATURE_NOT_SUPPORTED", "column masks"),
        None => ("ROW_LEVEL_SECURITY_FEATURE_NOT_SUPPORTED", "row filters"),
    };
    Err(SqlError::new(class, "0A000", format!("{} has {what} and cannot be cloned.", table.full_name)))
}

/// The rows as the reader sees them.
pub fn seen(
    session: &Session<'_>,
    metastore: &Metastore,
    table: &Table,
    rows: Vec<Value>,
) -> Result<Vec<Value>, SqlError> {
    let guards = guards(session, metastore, table)?;
    if guards.is_empty() {
        return Ok(rows);
    }
    let mut seen = Vec::new();
    'rows: for row in rows {
        let mut masked = row.clone();
        for guard in &guards {
            let value = guard.value(session, &row)?;
            match &guard.masked {
                None if value != Value::Bool(true) => continue 'rows,
                None => {}
                Some(column) if masked.get(column.to_lowercase()).is_some() => masked[column.to_lowercase()] = value,
                Some(_) => {}
            }
        }
        seen.push(masked);
    }
    Ok(seen)
}
