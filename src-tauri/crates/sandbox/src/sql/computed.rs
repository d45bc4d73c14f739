//! Queries that compute over rows which only an engine can read: who may ask, and what is asked. The engine is not here.

use super::error::SqlError;
use super::session::Session;
use crate::unity::{Kind, Securable};
use regex::Regex;
use std::sync::LazyLock;

static SHAPE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?is)^\s*SELECT\b.*?\bFROM\s*\(\s*SELECT\b.*\bFROM\s+([^\s()]+)(?:\s+AS\s+\w+)?\s*\)").ok()
});

/// The table that a query reads by a query within it; none for every other statement.
fn table(text: &str) -> Option<Vec<String>> {
    let name = SHAPE.as_ref()?.captures(text)?.get(1)?.as_str();
    let inner = name.strip_prefix('`')?.strip_suffix('`')?;
    Some(inner.split("`.`").map(|part| part.replace("``", "`")).collect())
}

/// None: the statement is none of these.
pub fn check(session: &Session<'_>, text: &str) -> Option<Result<(), SqlError>> {
    table(text).map(|name| allowed(session, &name))
}

fn allowed(session: &Session<'_>, name: &[String]) -> Result<(), SqlError> {
    let full = session.full(name)?.to_lowercase();
    let metastore = session.engine.metastore.lock();
    let table = metastore.table(&full).map_err(|_| SqlError::no_table(&full))?;
    metastore.must_allow(session.principal, &Securable::new(Kind::Table, &full), "SELECT")?;
    session.must_reach(&metastore, &full)?;
    let is_guarded = table.row_filter.is_some()
        || table.columns.iter().any(|column| column.mask.is_some())
        || !metastore.applied_policies(&table, session.principal).is_empty();
    match is_guarded {
        true => Err(SqlError::unsupported("computing over a table with row filters or masks")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_query_within_a_query_needs_an_engine() {
        let found =
            table("SELECT g, count(1) FROM (SELECT sha2(`a`, 256) AS h FROM `main`.`s`.`t``x` AS r) GROUP BY g");
        assert_eq!(found, Some(vec!["main".into(), "s".into(), "t`x".into()]));
        for other in ["SELECT 1", "SELECT * FROM `a`.`b`.`c`", "INSERT INTO t SELECT a FROM (SELECT b FROM `c`)"] {
            assert_eq!(table(other), None, "{other}");
        }
    }
}
