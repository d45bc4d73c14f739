//! The answer to a statement.

/// Columns with their SQL types, and rows of text or NULL.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub columns: Vec<(String, &'static str)>,
    pub rows: Vec<Vec<Option<String>>>,
}
