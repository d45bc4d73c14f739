//! A statement's failure, which the API answers with 200.

use crate::base::{Refusal, plain};
use std::fmt;

#[derive(Clone, Debug, PartialEq)]
pub struct SqlError {
    pub state: &'static str,
    pub message: String,
}

impl SqlError {
    pub fn new(class: &str, state: &'static str, message: impl fmt::Display) -> Self {
        Self { state, message: format!("[{class}] {message} SQLSTATE: {state}") }
    }

    pub fn syntax(near: &str) -> Self {
        let near: String = near.chars().take(40).collect();
        Self::new("PARSE_SYNTAX_ERROR", "42601", format!("Syntax error at or near '{near}'."))
    }

    pub fn unsupported(what: &str) -> Self {
        let message = format!("The sandbox does not run this: {what}. It has no engine for data; run it as a job.");
        Self::new("UNSUPPORTED_FEATURE.SANDBOX", "0A000", message)
    }

    pub fn no_table(name: &str) -> Self {
        let message = format!("The table or view `{}` cannot be found.", name.replace('.', "`.`"));
        Self::new("TABLE_OR_VIEW_NOT_FOUND", "42P01", message)
    }

    pub fn exists(name: &str) -> Self {
        let message = format!("Cannot create table or view `{name}` because it already exists.");
        Self::new("TABLE_OR_VIEW_ALREADY_EXISTS", "42P07", message)
    }

    /// `kind` is what has the NOT NULL in it: struct, array or map.
    pub fn nested_not_null(kind: &str, column: &str) -> Self {
        let message = format!(
            "The {kind} type of the field {column} contains a NOT NULL type. Delta does not support NOT NULL constraints \
             nested within arrays or maps. To suppress this error and silently ignore the specified constraints, set \
             spark.databricks.delta.constraints.allowUnenforcedNotNull.enabled = true."
        );
        Self::new("DELTA_NESTED_NOT_NULL_CONSTRAINT", "0AKDC", message)
    }

    /// What a managed Iceberg table refuses.
    pub fn not_allowed(message: impl fmt::Display) -> Self {
        Self::new("MANAGED_ICEBERG_OPERATION_NOT_SUPPORTED", "0A000", message)
    }
}

/// What the same call refuses over REST, in SQL's classes.
impl From<Refusal> for SqlError {
    fn from(refusal: Refusal) -> Self {
        let code = plain(&refusal.code);
        let (class, state) = match code.as_str() {
            "PERMISSION_DENIED" => ("INSUFFICIENT_PERMISSIONS", "42501"),
            "CATALOG_DOES_NOT_EXIST" => ("NO_SUCH_CATALOG_EXCEPTION", "42704"),
            "SCHEMA_DOES_NOT_EXIST" => ("SCHEMA_NOT_FOUND", "42704"),
            "TABLE_DOES_NOT_EXIST" => ("TABLE_OR_VIEW_NOT_FOUND", "42P01"),
            "COLUMN_DOES_NOT_EXIST" => ("UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703"),
            "SCHEMA_ALREADY_EXISTS" => ("SCHEMA_ALREADY_EXISTS", "42P06"),
            "TABLE_ALREADY_EXISTS" => ("TABLE_OR_VIEW_ALREADY_EXISTS", "42P07"),
            "PRINCIPAL_DOES_NOT_EXIST" => ("PRINCIPAL_DOES_NOT_EXIST", "42704"),
            other => (other, "0AKUC"),
        };
        Self::new(class, state, refusal.message)
    }
}
