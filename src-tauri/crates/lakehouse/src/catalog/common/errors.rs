//! Errors that every kind of catalog raises.

use icebridge_model::{Code, Error, TableIdent};

pub(in crate::catalog) fn no_such_table(table: &TableIdent, catalog: &str) -> Error {
    Error::new(Code::TableNotFound, format!("the catalog `{catalog}` has no such table"))
        .about(table)
        .with_hint("List the catalog again: the table may have been renamed or dropped.")
}
