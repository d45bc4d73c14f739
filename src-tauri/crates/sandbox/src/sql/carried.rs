//! Changes of tables in files that an engine carries out where the sandbox has one: who may, and what is refused. The engine is
//! not here.

use super::ast::{Change, Statement};
use super::error::SqlError;
use super::session::Session;
use super::{clustering, managed, parse};
use crate::iceberg::register_tables;

/// None: the statement is none of these, or the table is not in files.
pub fn check(session: &Session<'_>, text: &str) -> Option<Result<(), SqlError>> {
    let Ok(Statement::Alter { on, change: change @ (Change::Clustering(_) | Change::Properties(_)) }) =
        parse::statement(text)
    else {
        return None;
    };
    let securable = session.securable(&on).ok()?;
    let mut metastore = session.engine.metastore.lock();
    let table = metastore.table(&securable.name).ok().filter(|table| table.kind == "MANAGED")?;
    table.folder.as_ref()?;
    let may = metastore.properties_mut(session.principal, &table.full_name).map(|_| ());
    Some(may.map_err(SqlError::from).and_then(|()| match &change {
        Change::Clustering(wanted) => clustering::check_changed(&table, wanted),
        Change::Properties(pairs) => managed::check_changed(pairs),
        _ => Ok(()),
    }))
}

/// What the engine wrote is read again.
pub fn done(session: &Session<'_>) {
    let engine = session.engine;
    register_tables(&engine.folder.warehouse(), &engine.metastore, &engine.common.ids, engine.common.now());
}
