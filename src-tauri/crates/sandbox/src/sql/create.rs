//! CREATE, DROP and INSERT. A table that is made here is recorded, with the refusals that managed Iceberg has; its rows, if
//! any are inserted, are in memory.

use super::engine::{Session, Table, Wrong};
use super::evaluate::Scope;
use super::expression;
use super::lexer::Token;
use super::parser::Parser;
use crate::unity::objects::{self, Column, parts};
use crate::unity::securable::{Kind, Securable};
use crate::unity::types::Type;
use crate::unity::{add_schema, add_volume};
use crate::world::locked;
use std::collections::BTreeMap;

const NOT_ALLOWED: &str = "MANAGED_ICEBERG_OPERATION_NOT_SUPPORTED";

pub fn create(session: &Session<'_>, parser: &mut Parser) -> Result<(), Wrong> {
    let replace = parser.words(&["OR", "REPLACE"]);
    if parser.word("SCHEMA") || parser.word("DATABASE") {
        let quiet = parser.words(&["IF", "NOT", "EXISTS"]);
        let name = session.full_schema(&parser.name()?)?;
        let comment = if parser.word("COMMENT") { Some(parser.text()?) } else { None };
        parser.end()?;
        let (catalog, schema, _) = parts(&name);
        let made = add_schema(session.world, session.person, catalog, schema, comment, BTreeMap::new());
        return quietly(made.map(drop_value), quiet, "SCHEMA_ALREADY_EXISTS");
    }
    if parser.word("VOLUME") {
        let quiet = parser.words(&["IF", "NOT", "EXISTS"]);
        let name = session.full(&parser.name()?)?;
        let comment = if parser.word("COMMENT") { Some(parser.text()?) } else { None };
        parser.end()?;
        let (catalog, schema, volume) = parts(&name);
        let made = add_volume(session.world, session.person, &format!("{catalog}.{schema}"), volume, comment);
        return quietly(made.map(drop_value), quiet, "VOLUME_ALREADY_EXISTS");
    }
    if parser.word("TABLE") {
        return table(session, parser, replace);
    }
    Err(Wrong::unsupported("this CREATE"))
}

fn drop_value<T>(_: T) {}

fn quietly(made: Result<(), crate::answer::Refusal>, quiet: bool, exists: &str) -> Result<(), Wrong> {
    match made {
        Err(refusal) if quiet && refusal.code == exists => Ok(()),
        other => other.map_err(Wrong::from),
    }
}

#[derive(Default)]
struct Definition {
    columns: Vec<Column>,
    format: String,
    partitioned: Option<Vec<Token>>,
    clustered: bool,
    comment: Option<String>,
    properties: Vec<(String, String)>,
}

fn table(session: &Session<'_>, parser: &mut Parser, replace: bool) -> Result<(), Wrong> {
    let quiet = parser.words(&["IF", "NOT", "EXISTS"]);
    let full_name = session.full(&parser.name()?)?;
    let mut made = Definition { format: "delta".to_owned(), ..Definition::default() };
    if matches!(parser.peek(), Some(Token::Symbol("("))) {
        made.columns = columns(&mut Parser::of(parser.brackets()?))?;
    }
    while parser.peek().is_some() {
        clause(parser, &mut made)?;
    }
    check(&mut made)?;
    let mut metastore = locked(&session.world.unity);
    let (catalog, schema, _) = parts(&full_name);
    let schema = format!("{catalog}.{schema}");
    metastore.schema(&schema)?;
    let securable = Securable::new(Kind::Schema, &schema);
    if !metastore.allows(session.person, &securable, "CREATE_TABLE") {
        let words = format!("User does not have CREATE TABLE on {securable}.");
        return Err(Wrong::new("INSUFFICIENT_PERMISSIONS", "42501", words));
    }
    let iceberg = made.format == "iceberg";
    if let Ok(old) = metastore.table(&full_name) {
        if quiet {
            return Ok(());
        }
        if !replace {
            let words = format!("Cannot create table or view `{full_name}` because it already exists.");
            return Err(Wrong::new("TABLE_OR_VIEW_ALREADY_EXISTS", "42P07", words));
        }
        if old.securable_kind.contains("ICEBERG") != iceberg {
            let words = "The provider of a table cannot be changed by replacing it; drop it first.";
            return Err(Wrong::new(NOT_ALLOWED, "0A000", words));
        }
    }
    let id = session.world.ids.uuid();
    let mut properties: BTreeMap<String, String> = made.properties.into_iter().collect();
    if iceberg {
        let version = properties.entry("format-version".to_owned()).or_insert_with(|| "2".to_owned()).clone();
        let compat =
            if version == "3" { "delta.enableIcebergWriterCompatV3" } else { "delta.enableIcebergWriterCompatV1" };
        properties.insert(compat.to_owned(), "true".to_owned());
    }
    let table = objects::Table {
        location: Some(format!("s3://sandbox-managed/{}/tables/{id}", metastore.id)),
        id,
        kind: "MANAGED".to_owned(),
        format: Some("DELTA".to_owned()),
        securable_kind: if iceberg { "TABLE_DELTA_ICEBERG_MANAGED" } else { "TABLE_DELTA" }.to_owned(),
        columns: made.columns,
        properties,
        owner: session.person.name.clone(),
        comment: made.comment,
        optimization: "INHERIT".to_owned(),
        created: session.world.clock.now(),
        view: None,
        full_name: full_name.clone(),
    };
    metastore.rows.insert(full_name.clone(), Vec::new());
    metastore.tables.insert(full_name, table);
    Ok(())
}

fn columns(inner: &mut Parser) -> Result<Vec<Column>, Wrong> {
    let mut all = Vec::new();
    while inner.peek().is_some() {
        let name = inner.exact()?;
        let mut text = String::new();
        let mut depth = 0_i32;
        // The type goes on to a comma outside its own brackets, or to a word that cannot be part of it.
        while let Some(token) = inner.peek() {
            match token {
                Token::Symbol("<" | "(") => depth += 1,
                Token::Symbol(">" | ")") => depth -= 1,
                Token::Symbol(",") if depth == 0 => break,
                Token::Word(word)
                    if depth == 0
                        && !text.is_empty()
                        && ["NOT", "COMMENT", "DEFAULT", "GENERATED"].contains(&word.to_uppercase().as_str()) =>
                {
                    break;
                }
                _ => {}
            }
            match inner.take() {
                Some(Token::Word(word)) if word.eq_ignore_ascii_case("NOT") || word.eq_ignore_ascii_case("NULL") => {
                    text.push_str(&format!(" {word}"));
                }
                Some(Token::Word(word) | Token::Quoted(word) | Token::Number(word)) => text.push_str(&word),
                // `a:int` inside a struct reads as a parameter.
                Some(Token::Parameter(word)) => text.push_str(&format!(":{word}")),
                Some(Token::Symbol(symbol)) => text.push_str(symbol),
                _ => return Err(inner.wrong()),
            }
        }
        let kind = Type::read(&text).ok_or_else(|| {
            let words = format!("The data type \"{}\" of column `{name}` is not supported.", text.to_uppercase());
            Wrong::new("UNSUPPORTED_DATATYPE", "0A000", words)
        })?;
        let nullable = !inner.words(&["NOT", "NULL"]);
        if inner.word("DEFAULT") || inner.word("GENERATED") {
            return Err(Wrong::unsupported("default and generated columns"));
        }
        let comment = if inner.word("COMMENT") { Some(inner.text()?) } else { None };
        all.push(Column { name, kind, nullable, comment, partition_index: None });
        if !inner.symbol(",") {
            inner.end()?;
        }
    }
    Ok(all)
}

fn clause(parser: &mut Parser, made: &mut Definition) -> Result<(), Wrong> {
    if parser.word("USING") {
        made.format = parser.identifier()?;
        if !["iceberg", "delta"].contains(&made.format.as_str()) {
            return Err(Wrong::unsupported(&format!("a table USING {}", made.format)));
        }
    } else if parser.words(&["PARTITIONED", "BY"]) {
        made.partitioned = Some(parser.brackets()?);
    } else if parser.words(&["CLUSTER", "BY"]) {
        if !parser.word("NONE") && !parser.word("AUTO") {
            parser.brackets()?;
            made.clustered = true;
        }
    } else if parser.word("COMMENT") {
        made.comment = Some(parser.text()?);
    } else if parser.word("TBLPROPERTIES") {
        made.properties = parser.pairs()?;
    } else if parser.word("LOCATION") {
        parser.text()?;
        return Err(Wrong::new(NOT_ALLOWED, "0A000", "LOCATION is not supported for managed Iceberg tables."));
    } else if parser.word("AS") || parser.words(&["DEEP", "CLONE"]) || parser.words(&["SHALLOW", "CLONE"]) {
        return Err(Wrong::unsupported("CREATE TABLE with data (AS SELECT, CLONE)"));
    } else {
        return Err(parser.wrong());
    }
    Ok(())
}

/// What managed Iceberg refuses.
fn check(made: &mut Definition) -> Result<(), Wrong> {
    check_properties(&made.properties)?;
    if let Some(tokens) = made.partitioned.take() {
        if made.clustered {
            let words = "CLUSTER BY and PARTITIONED BY cannot both be given.";
            return Err(Wrong::new("SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED", "42908", words));
        }
        if tokens.contains(&Token::Symbol("(")) {
            let words = "Partitioning by expressions is not supported for Delta tables.";
            return Err(Wrong::new("DELTA_OPERATION_NOT_ALLOWED", "0AKDC", words));
        }
        let mut inner = Parser::of(tokens);
        let mut index = 0;
        while inner.peek().is_some() {
            let name = inner.exact()?;
            inner.symbol(",");
            let column = made.columns.iter_mut().find(|column| column.name.eq_ignore_ascii_case(&name));
            let Some(column) = column else {
                let words = format!("The partition column `{name}` is not a column of the table.");
                return Err(Wrong::new("PARTITION_COLUMN_NOT_FOUND_IN_SCHEMA", "42000", words));
            };
            if column.kind.api_name() == "BINARY" {
                let words = format!("The column `{name}` of type BINARY cannot be a partition column.");
                return Err(Wrong::new("INVALID_PARTITION_COLUMN_DATA_TYPE", "0A000", words));
            }
            column.partition_index = Some(index);
            index += 1;
        }
    }
    let is = |name: &str, value: &str| {
        made.properties.iter().any(|(own, set)| own == name && set.eq_ignore_ascii_case(value))
    };
    let quiet = is("delta.enableDeletionVectors", "false") && is("delta.enableRowTracking", "false");
    if made.format == "iceberg" && made.clustered && !is("format-version", "3") && !quiet {
        let words = "Clustering an Iceberg v2 table needs delta.enableDeletionVectors and delta.enableRowTracking set to false.";
        let class = "MANAGED_ICEBERG_ATTEMPTED_TO_ENABLE_CLUSTERING_WITHOUT_DISABLING_DVS_OR_ROW_TRACKING";
        return Err(Wrong::new(class, "0A000", words));
    }
    Ok(())
}

pub fn check_properties(properties: &[(String, String)]) -> Result<(), Wrong> {
    match properties.iter().find(|(name, _)| is_the_engines(name)) {
        None => Ok(()),
        Some((name, _)) => {
            let words = format!("The table property {name} is managed by the engine and cannot be set.");
            Err(Wrong::new(NOT_ALLOWED, "0A000", words))
        }
    }
}

/// Properties that the engine keeps for itself.
pub fn is_the_engines(property: &str) -> bool {
    let exact = [
        "write.metadata.path",
        "write.metadata.previous-versions-max",
        "write.data.path",
        "write.delete.mode",
        "write.location-provider.impl",
    ];
    exact.contains(&property) || property.starts_with("write.format.")
}

pub fn drop(session: &Session<'_>, parser: &mut Parser) -> Result<(), Wrong> {
    if !parser.word("TABLE") {
        return Err(Wrong::unsupported("this DROP"));
    }
    let quiet = parser.words(&["IF", "EXISTS"]);
    let name = session.full(&parser.name()?)?;
    parser.end()?;
    let mut metastore = locked(&session.world.unity);
    if metastore.table(&name).is_err() {
        return if quiet { Ok(()) } else { Err(Wrong::no_table(&name)) };
    }
    metastore.must_manage(session.person, &Securable::new(Kind::Table, &name))?;
    if metastore.seeded.find(&name).is_some() {
        return Err(Wrong::unsupported("DROP of a table that the sandbox generated"));
    }
    metastore.tables.remove(&name);
    metastore.rows.remove(&name);
    Ok(())
}

pub fn insert(session: &Session<'_>, parser: &mut Parser) -> Result<Table, Wrong> {
    parser.must_word("INTO")?;
    parser.word("TABLE");
    let name = session.full(&parser.name()?)?;
    let named = if matches!(parser.peek(), Some(Token::Symbol("("))) {
        let mut inner = Parser::of(parser.brackets()?);
        let mut names = vec![inner.identifier()?];
        while inner.symbol(",") {
            names.push(inner.identifier()?);
        }
        Some(names)
    } else {
        None
    };
    if !parser.word("VALUES") {
        return Err(Wrong::unsupported("INSERT of anything but VALUES"));
    }
    let columns: Vec<String> = {
        let metastore = locked(&session.world.unity);
        let table = metastore.table(&name).map_err(|_| Wrong::no_table(&name))?;
        let securable = Securable::new(Kind::Table, &name);
        if !metastore.allows(session.person, &securable, "MODIFY") {
            let words = format!("User does not have MODIFY on {securable}.");
            return Err(Wrong::new("INSUFFICIENT_PERMISSIONS", "42501", words));
        }
        if !metastore.rows.contains_key(&name) {
            return Err(Wrong::unsupported(&format!("INSERT into {name}, whose data is not in the sandbox's memory")));
        }
        table.columns.iter().map(|column| column.name.to_lowercase()).collect()
    };
    let into = named.unwrap_or_else(|| columns.clone());
    if let Some(unknown) = into.iter().find(|name| !columns.contains(name)) {
        let words = format!("A column with name `{unknown}` cannot be resolved.");
        return Err(Wrong::new("UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", words));
    }
    let mut rows = Vec::new();
    loop {
        parser.must_symbol("(")?;
        let mut row: BTreeMap<String, serde_json::Value> =
            columns.iter().map(|name| (name.clone(), serde_json::Value::Null)).collect();
        for (at, name) in into.iter().enumerate() {
            if at > 0 && !parser.symbol(",") {
                return Err(wrong_count(&name.clone(), into.len(), at));
            }
            let value = expression::parse(parser)?;
            row.insert(name.clone(), Scope { session, rows: &[], grouped: false }.value(&value)?);
        }
        if parser.symbol(",") {
            return Err(wrong_count("VALUES", into.len(), into.len() + 1));
        }
        parser.must_symbol(")")?;
        rows.push(row);
        if !parser.symbol(",") {
            break;
        }
    }
    parser.end()?;
    let count = rows.len();
    locked(&session.world.unity).rows.entry(name).or_default().extend(rows);
    Ok(Table {
        columns: vec![("num_affected_rows".to_owned(), "LONG"), ("num_inserted_rows".to_owned(), "LONG")],
        rows: vec![vec![Some(count.to_string()), Some(count.to_string())]],
    })
}

fn wrong_count(at: &str, wanted: usize, given: usize) -> Wrong {
    let words = format!("The number of values does not match the columns at {at}: {wanted} wanted, {given} given.");
    Wrong::new("INSERT_COLUMN_ARITY_MISMATCH", "21S01", words)
}
