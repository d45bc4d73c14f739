//! SHOW.

use super::engine::{Session, Table, Wrong};
use super::grant::target;
use super::parser::Parser;
use crate::unity::objects::parts;
use crate::unity::securable::Securable;
use crate::world::locked;

pub fn run(session: &Session<'_>, parser: &mut Parser) -> Result<Table, Wrong> {
    if parser.word("CATALOGS") {
        parser.end()?;
        let names = locked(&session.world.unity).catalogs.keys().map(|name| [name.clone()]).collect();
        return Ok(Table::texts(["catalog"], names));
    }
    if parser.word("SCHEMAS") || parser.word("DATABASES") {
        let catalog =
            if parser.word("IN") || parser.word("FROM") { parser.identifier()? } else { session.catalog.clone() };
        parser.end()?;
        let metastore = locked(&session.world.unity);
        metastore.catalog(&catalog)?;
        let mine = metastore.schemas.keys().filter(|name| parts(name).0 == catalog);
        return Ok(Table::texts(["databaseName"], mine.map(|name| [parts(name).1.to_owned()]).collect()));
    }
    for (word, column) in [("TABLES", "tableName"), ("VOLUMES", "volume_name")] {
        if parser.word(word) {
            let schema = if parser.word("IN") || parser.word("FROM") {
                session.full_schema(&parser.name()?)?
            } else {
                format!("{}.{}", session.catalog, session.schema)
            };
            parser.end()?;
            return objects(session, &schema, column);
        }
    }
    if parser.word("GRANTS") || parser.word("GRANT") {
        return grants(session, parser);
    }
    Err(Wrong::unsupported("this SHOW"))
}

fn objects(session: &Session<'_>, schema: &str, column: &'static str) -> Result<Table, Wrong> {
    let metastore = locked(&session.world.unity);
    metastore.schema(schema)?;
    let names: Vec<String> = if column == "tableName" {
        let (total, at) = metastore.tables_of(schema);
        (0..total).filter_map(at).map(|table| table.full_name).collect()
    } else {
        let start = format!("{schema}.");
        metastore.volumes.keys().filter(|name| name.starts_with(&start)).cloned().collect()
    };
    let row = |name: &String| [parts(name).1.to_owned(), parts(name).2.to_owned(), "false".to_owned()];
    Ok(Table::texts(["database", column, "isTemporary"], names.iter().map(row).collect()))
}

/// Direct grants, and those from above, each with where it was given.
fn grants(session: &Session<'_>, parser: &mut Parser) -> Result<Table, Wrong> {
    let principal = if parser.word("ON") { None } else { Some(parser.exact()?) };
    if principal.is_some() {
        parser.must_word("ON")?;
    }
    let (kind, name) = target(session, parser)?;
    parser.end()?;
    let securable = Securable::new(kind, &name);
    let metastore = locked(&session.world.unity);
    metastore.exists(&securable)?;
    let mut from = securable.parents();
    from.insert(0, securable);
    let mut rows = Vec::new();
    for one in from {
        for (who, privileges) in
            metastore.grants.of(&one).filter(|(who, _)| principal.as_ref().is_none_or(|one| one == *who))
        {
            for privilege in privileges {
                rows.push([who.clone(), privilege.replace('_', " "), one.kind.upper().to_owned(), one.name.clone()]);
            }
        }
    }
    Ok(Table::texts(["Principal", "ActionType", "ObjectType", "ObjectKey"], rows))
}
