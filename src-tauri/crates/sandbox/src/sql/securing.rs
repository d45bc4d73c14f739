//! Functions, and the row filters and column masks that call them.

use super::ast::{CreateFunction, Name};
use super::error::SqlError;
use super::guarded::no_function;
use super::session::Session;
use crate::unity::objects::{Function, Mask, RowFilter, parts};
use crate::unity::{Kind, Metastore, Securable};

pub fn create_function(session: &Session<'_>, statement: &str, function: &CreateFunction) -> Result<(), SqlError> {
    let full_name = session.full(&function.name)?;
    let (catalog, schema, _) = parts(&full_name);
    let mut metastore = session.engine.metastore.lock();
    let schema = metastore.schema(&format!("{catalog}.{schema}"))?.full_name.clone();
    metastore.must_allow(session.principal, &Securable::new(Kind::Schema, &schema), "CREATE_FUNCTION")?;
    if metastore.functions.contains_key(&full_name) && !function.replace {
        if function.if_not_exists {
            return Ok(());
        }
        let message = format!("Cannot create the routine `{full_name}` because a routine of that name already exists.");
        return Err(SqlError::new("ROUTINE_ALREADY_EXISTS", "42723", message));
    }
    let owner = session.principal.name.clone();
    let made = Function { full_name: full_name.clone(), statement: statement.to_owned(), owner };
    metastore.functions.insert(full_name, made);
    Ok(())
}

pub fn drop_function(session: &Session<'_>, name: &Name, if_exists: bool) -> Result<(), SqlError> {
    let full_name = session.full(name)?;
    let mut metastore = session.engine.metastore.lock();
    match metastore.functions.get(&full_name).map(|function| session.principal.is(&function.owner)) {
        Some(true) => drop(metastore.functions.remove(&full_name)),
        Some(false) => {
            let (catalog, schema, _) = parts(&full_name);
            let schema = Securable::new(Kind::Schema, &format!("{catalog}.{schema}"));
            metastore.must_manage(session.principal, &schema)?;
            metastore.functions.remove(&full_name);
        }
        None if if_exists => {}
        None => return Err(no_function(&full_name)),
    }
    Ok(())
}

/// The function's full name, if there is one.
fn function(session: &Session<'_>, metastore: &Metastore, name: &Name) -> Result<String, SqlError> {
    let full_name = session.full(name)?;
    match metastore.functions.get(&full_name) {
        Some(function) => Ok(function.full_name.clone()),
        None => Err(no_function(&full_name)),
    }
}

pub fn set_filter(
    session: &Session<'_>,
    metastore: &mut Metastore,
    table: &Securable,
    filter: Option<(Name, Vec<String>)>,
) -> Result<(), SqlError> {
    metastore.must_manage(session.principal, table)?;
    let made = match filter {
        None => None,
        Some((name, columns)) => {
            let columns = metastore.must_have_columns(&table.name, &columns)?;
            Some(RowFilter { function: function(session, metastore, &name)?, columns })
        }
    };
    metastore.table_mut(&table.name)?.row_filter = made;
    Ok(())
}

pub fn set_mask(
    session: &Session<'_>,
    metastore: &mut Metastore,
    table: &Securable,
    column: &str,
    mask: Option<(Name, Vec<String>)>,
) -> Result<(), SqlError> {
    let made = match mask {
        None => None,
        Some((name, using)) => {
            let using = metastore.must_have_columns(&table.name, &using)?;
            Some(Mask { function: function(session, metastore, &name)?, using })
        }
    };
    metastore.column_mut(session.principal, &table.name, column)?.mask = made;
    Ok(())
}
