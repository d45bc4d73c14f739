//! Carries statements out.

use super::ast::{Change, CreateTable, Expression, Name, Statement, Target};
use super::error::SqlError;
use super::evaluate::Scope;
use super::session::Session;
use super::table::Table;
use super::{clone, clustering, described, lake, managed, parse, securing, select};
use crate::base::Refusal;
use crate::state::behaviour::DeletedOwners;
use crate::unity::objects::{Table as UnityTable, parts};
use crate::unity::{GrantChange, Kind, NewTable, Row, Securable, deleted};
use serde_json::Value;
use std::collections::BTreeMap;

pub fn run(session: &Session<'_>, text: &str) -> Result<Table, SqlError> {
    let done = match parse::statement(text)? {
        Statement::Select(query) => return select::run(session, &query),
        Statement::Insert { table, columns, rows } => return insert(session, &table, columns, &rows),
        Statement::Grant { add, privileges, on, principal } => grant(session, add, privileges, &on, principal),
        Statement::CreateSchema { name, if_not_exists, comment } => {
            create_schema(session, &name, if_not_exists, comment)
        }
        Statement::CreateTable(table) => create_table(session, *table),
        Statement::Clone(wanted) => clone::clone(session, &wanted),
        Statement::Alter { on, change } => alter(session, &on, change),
        Statement::CreateFunction(function) => securing::create_function(session, text, &function),
        Statement::DropFunction { name, if_exists } => securing::drop_function(session, &name, if_exists),
        Statement::History(name) => return described::history(session, &name),
        Statement::Detail(name) => return described::detail(session, &name),
        Statement::Properties(name) => return described::properties(session, &name),
        Statement::Refresh(on) => refresh(session, &on),
        Statement::ShowGrants { principal, on } => return show_grants(session, principal.as_deref(), &on),
        Statement::Comment { on, text } => {
            let securable = session.securable(&on)?;
            Ok(session.engine.metastore.lock().set_comment(session.principal, &securable, text)?)
        }
    };
    done.map(|()| Table::default())
}

fn grant(
    session: &Session<'_>,
    add: bool,
    privileges: Vec<String>,
    on: &Target,
    principal: String,
) -> Result<(), SqlError> {
    let securable = session.securable(on)?;
    let (add, remove) = if add { (privileges, Vec::new()) } else { (Vec::new(), privileges) };
    let common = &session.engine.common;
    let mut metastore = session.engine.metastore.lock();
    let change = GrantChange { principal, add, remove };
    metastore.change_grants(session.principal, &common.principals.lock(), &securable, &[change])?;
    common.counts.grants_changed.add_one();
    Ok(())
}

fn create_schema(
    session: &Session<'_>,
    name: &Name,
    if_not_exists: bool,
    comment: Option<String>,
) -> Result<(), SqlError> {
    let full_name = session.full_schema(name)?;
    let (catalog, schema, _) = parts(&full_name);
    let details = session.details(comment, BTreeMap::new());
    match session.engine.metastore.lock().add_schema(catalog, schema, details) {
        Err(refusal) if if_not_exists && refusal.code == "SCHEMA_ALREADY_EXISTS" => Ok(()),
        made => Ok(made.map(|_| ())?),
    }
}

/// The table is recorded, with the refusals that managed Iceberg has; its rows, if any are inserted, are in memory.
fn create_table(session: &Session<'_>, table: CreateTable) -> Result<(), SqlError> {
    let full_name = session.full(&table.name)?;
    let columns = managed::check(&table)?;
    let mut metastore = session.engine.metastore.lock();
    let (catalog, schema, _) = parts(&full_name);
    let schema = metastore.schema(&format!("{catalog}.{schema}"))?.full_name.clone();
    metastore.must_allow(session.principal, &Securable::new(Kind::Schema, &schema), "CREATE_TABLE")?;
    session.must_reach(&metastore, &full_name)?;
    if metastore.table(&full_name).is_ok() {
        if table.if_not_exists {
            return Ok(());
        }
        return Err(SqlError::exists(&full_name));
    }
    let mut properties: BTreeMap<String, String> = table.properties.into_iter().collect();
    if table.iceberg {
        let version = properties.entry("format-version".to_owned()).or_insert_with(|| "2".to_owned());
        let compat = if version == "3" { "V3" } else { "V1" };
        properties.insert(format!("delta.enableIcebergWriterCompat{compat}"), "true".to_owned());
    }
    if let Some(wanted) = &table.clustering {
        clustering::note(&columns, &mut properties, wanted);
    }
    let details = session.details(table.comment, properties);
    let made = NewTable {
        full_name: full_name.clone(),
        kind: "MANAGED",
        securable_kind: if table.iceberg { "TABLE_DELTA_ICEBERG_MANAGED" } else { "TABLE_DELTA" },
        location: Some(format!("s3://sandbox-managed/{}/tables/{}", metastore.id, details.id)),
        columns,
    };
    metastore.put_table(made, details);
    metastore.rows.insert(full_name, Vec::new());
    Ok(())
}

fn alter(session: &Session<'_>, on: &Target, change: Change) -> Result<(), SqlError> {
    let securable = session.securable(on)?;
    let caller = session.principal;
    let mut metastore = session.engine.metastore.lock();
    match change {
        Change::Optimization(setting) => metastore.set_optimization(caller, &securable, setting)?,
        Change::Owner(owner) => {
            let principals = session.engine.common.principals.lock();
            metastore.set_owner(caller, &principals, &securable, &owner)?;
        }
        Change::Tags(pairs) => {
            let entity_type = format!("{}s", securable.kind.upper().to_lowercase());
            metastore.set_tags(caller, &entity_type, &securable.name, pairs)?;
        }
        Change::UntagTable(keys) => {
            let entity_type = format!("{}s", securable.kind.upper().to_lowercase());
            for key in keys {
                metastore.unset_tag(caller, &entity_type, &securable.name, &key)?;
            }
        }
        Change::ColumnComments(comments) => {
            // All of them or none.
            let names: Vec<String> = comments.iter().map(|(column, _)| column.clone()).collect();
            metastore.must_have_columns(&securable.name, &names)?;
            for (column, text) in comments {
                metastore.column_mut(caller, &securable.name, &column)?.comment = Some(text);
            }
        }
        Change::ColumnTags(column, pairs) => {
            metastore.set_tags(caller, "columns", &format!("{}.{column}", securable.name), pairs)?;
        }
        Change::UntagColumn(column, keys) => {
            for key in keys {
                metastore.unset_tag(caller, "columns", &format!("{}.{column}", securable.name), &key)?;
            }
        }
        Change::Properties(pairs) => {
            managed::check_changed(&pairs)?;
            metastore.properties_mut(caller, &securable.name)?.extend(pairs);
        }
        Change::Clustering(wanted) => {
            let table = metastore.table(&securable.name)?;
            let properties = metastore.properties_mut(caller, &securable.name)?;
            clustering::check_changed(&table, &wanted)?;
            clustering::note(&table.columns, properties, &wanted);
        }
        Change::RowFilter(filter) => securing::set_filter(session, &mut metastore, &securable, filter)?,
        Change::Mask(column, mask) => securing::set_mask(session, &mut metastore, &securable, &column, mask)?,
    }
    Ok(())
}

/// The sandbox sees the source's newest state at all times. Whether a refresh counts as a read is a setting.
fn refresh(session: &Session<'_>, on: &Target) -> Result<(), SqlError> {
    let securable = session.securable(on)?;
    let counts = session.engine.common.settings.lock().behaviour.refresh_counts_as_read;
    let metastore = session.engine.metastore.lock();
    metastore.exists(&securable)?;
    metastore.must_allow(session.principal, &securable, "SELECT")?;
    let is_below = |table: &UnityTable| Securable::new(Kind::Table, &table.full_name).lineage().contains(&securable);
    let tables: Vec<UnityTable> =
        metastore.tables.values().filter(|table| table.kind == "FOREIGN" && is_below(table)).cloned().collect();
    if tables.is_empty() && securable.kind == Kind::Table {
        let message = format!("{securable} is not foreign and cannot be refreshed.");
        return Err(SqlError::new("UNSUPPORTED_FEATURE.REFRESH_FOREIGN", "0A000", message));
    }
    for table in tables.iter().filter(|_| counts) {
        let snapshot = lake::metadata(table).and_then(|metadata| metadata["current-snapshot-id"].as_i64());
        if let Some(snapshot) = snapshot.filter(|id| *id != -1) {
            session.engine.folder.reads().note(&table.full_name, snapshot).map_err(Refusal::from)?;
        }
    }
    Ok(())
}

fn show_grants(session: &Session<'_>, principal: Option<&str>, on: &Target) -> Result<Table, SqlError> {
    let securable = session.securable(on)?;
    let metastore = session.engine.metastore.lock();
    metastore.exists(&securable)?;
    let mut rows = Vec::new();
    for one in securable.lineage() {
        for (name, privileges) in metastore.grants.of(&one) {
            if principal.is_some_and(|wanted| !wanted.eq_ignore_ascii_case(name)) {
                continue;
            }
            let shown = deleted::owner(name, DeletedOwners::Id);
            let of = |privilege: &String| {
                vec![
                    shown.clone(),
                    Some(privilege.replace('_', " ")),
                    Some(one.kind.upper().to_owned()),
                    Some(one.name.clone()),
                ]
            };
            rows.extend(privileges.iter().map(of));
        }
    }
    let columns =
        ["Principal", "ActionType", "ObjectType", "ObjectKey"].map(|name| (name.to_owned(), "STRING")).to_vec();
    Ok(Table { columns, rows })
}

fn insert(
    session: &Session<'_>,
    table: &Name,
    columns: Option<Vec<String>>,
    rows: &[Vec<Expression>],
) -> Result<Table, SqlError> {
    let name = session.full(table)?;
    let mut metastore = session.engine.metastore.lock();
    let table = metastore.table(&name).map_err(|_| SqlError::no_table(&name))?;
    metastore.must_allow(session.principal, &Securable::new(Kind::Table, &name), "MODIFY")?;
    session.must_reach(&metastore, &name)?;
    let stored = metastore.rows.get_mut(&name).ok_or_else(|| {
        SqlError::unsupported(&format!("INSERT into {name}, whose data is not in the sandbox's memory"))
    })?;
    let all: Vec<String> = table.columns.iter().map(|column| column.name.to_lowercase()).collect();
    let into = columns.unwrap_or_else(|| all.clone());
    if let Some(unknown) = into.iter().find(|name| !all.contains(name)) {
        let message = format!("A column with name `{unknown}` cannot be resolved.");
        return Err(SqlError::new("UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", message));
    }
    let scope = Scope { environment: &session.environment, rows: &[], grouped: false };
    let mut new = Vec::new();
    for row in rows {
        if row.len() != into.len() {
            let message = format!("A row has {} values for {} columns.", row.len(), into.len());
            return Err(SqlError::new("INSERT_COLUMN_ARITY_MISMATCH", "21S01", message));
        }
        let mut made: Row = all.iter().map(|name| (name.clone(), Value::Null)).collect();
        for (name, value) in into.iter().zip(row) {
            made.insert(name.clone(), scope.value(value)?);
        }
        new.push(made);
    }
    let count = Some(new.len().to_string());
    stored.extend(new);
    Ok(Table {
        columns: vec![("num_affected_rows".to_owned(), "LONG"), ("num_inserted_rows".to_owned(), "LONG")],
        rows: vec![vec![count.clone(), count]],
    })
}
