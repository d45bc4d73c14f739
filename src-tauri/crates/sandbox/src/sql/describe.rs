//! DESCRIBE CATALOG, SCHEMA, TABLE.

use super::engine::{Session, Table, Wrong};
use super::parser::Parser;
use crate::unity::Metastore;
use crate::unity::securable::{Kind, Securable};
use crate::world::locked;

/// `ENABLE (inherited from CATALOG main)`
fn optimization(metastore: &Metastore, securable: &Securable) -> String {
    let told = metastore.optimization(securable);
    let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    match text("inherited_from_type") {
        kind if kind.is_empty() => text("value"),
        kind => format!("{} (inherited from {kind} {})", text("value"), text("inherited_from_name")),
    }
}

pub fn run(session: &Session<'_>, parser: &mut Parser) -> Result<Table, Wrong> {
    if parser.word("CATALOG") {
        let extended = parser.word("EXTENDED");
        let name = parser.identifier()?;
        parser.end()?;
        let metastore = locked(&session.world.unity);
        let catalog = metastore.catalog(&name)?;
        let mut rows = vec![
            ["Catalog Name".to_owned(), catalog.name.clone()],
            ["Comment".to_owned(), catalog.comment.clone().unwrap_or_default()],
            ["Owner".to_owned(), catalog.owner.clone()],
            ["Catalog Type".to_owned(), catalog.kind.to_owned()],
        ];
        if extended {
            let value = optimization(&metastore, &Securable::new(Kind::Catalog, &name));
            rows.push(["Predictive Optimization".to_owned(), value]);
        }
        return Ok(Table::texts(["info_name", "info_value"], rows));
    }
    if parser.word("SCHEMA") || parser.word("DATABASE") {
        let extended = parser.word("EXTENDED");
        let name = session.full_schema(&parser.name()?)?;
        parser.end()?;
        let metastore = locked(&session.world.unity);
        let schema = metastore.schema(&name)?;
        let (catalog, own, _) = crate::unity::objects::parts(&name);
        let mut rows = vec![
            ["Catalog Name".to_owned(), catalog.to_owned()],
            ["Namespace Name".to_owned(), own.to_owned()],
            ["Comment".to_owned(), schema.comment.clone().unwrap_or_default()],
            ["Owner".to_owned(), schema.owner.clone()],
        ];
        if extended {
            let value = optimization(&metastore, &Securable::new(Kind::Schema, &name));
            rows.push(["Predictive Optimization".to_owned(), value]);
        }
        return Ok(Table::texts(["database_description_item", "database_description_value"], rows));
    }
    parser.word("TABLE");
    let extended = parser.word("EXTENDED");
    let name = session.full(&parser.name()?)?;
    parser.end()?;
    let metastore = locked(&session.world.unity);
    let table = metastore.table(&name).map_err(|_| Wrong::no_table(&name))?;
    let mut rows: Vec<[String; 3]> = table
        .columns
        .iter()
        .map(|column| [column.name.clone(), column.kind.text(), column.comment.clone().unwrap_or_default()])
        .collect();
    if extended {
        let (catalog, schema, own) = crate::unity::objects::parts(&name);
        // Of a foreign table this statement says EXTERNAL: it is not how to tell one.
        let kind = if table.kind == "FOREIGN" { "EXTERNAL" } else { table.kind.as_str() };
        let provider = match (table.securable_kind.as_str(), &table.format) {
            (kind, _) if kind.contains("ICEBERG") => "iceberg".to_owned(),
            ("TABLE_FOREIGN_SNOWFLAKE", _) => "snowflake".to_owned(),
            (_, format) => format.clone().unwrap_or_default().to_lowercase(),
        };
        let mut more = vec![
            ("", String::new()),
            ("# Detailed Table Information", String::new()),
            ("Catalog", catalog.to_owned()),
            ("Database", schema.to_owned()),
            ("Table", own.to_owned()),
            ("Owner", table.owner.clone()),
            ("Type", kind.to_owned()),
            ("Provider", provider),
        ];
        if let Some(location) = &table.location {
            more.push(("Location", location.clone()));
        }
        let of = |(name, value): (&String, &String)| format!("{name}={value}");
        more.push(("Table Properties", format!("[{}]", table.properties.iter().map(of).collect::<Vec<_>>().join(","))));
        more.push(("Predictive Optimization", optimization(&metastore, &Securable::new(Kind::Table, &name))));
        rows.extend(more.into_iter().map(|(name, value)| [name.to_owned(), value, String::new()]));
    }
    Ok(Table::texts(["col_name", "data_type", "comment"], rows))
}
