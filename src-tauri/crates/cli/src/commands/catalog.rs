//! Catalogs: add, list, check, remove.

use crate::arguments::{CatalogAdd, CatalogCommand};
use crate::ask;
use crate::ended::Ended;
use crate::output::{Grid, Output, words};
use icebridge_api::{Api, Operations};
use icebridge_model::catalog::{CatalogCheck, CatalogKind, CatalogSpec, Role};
use icebridge_model::ops::{Named, Nothing, SaveCatalog};
use icebridge_model::{Error, Result};
use std::collections::BTreeMap;

pub async fn run(api: &Api, command: CatalogCommand, output: &Output) -> Result<Ended> {
    match command {
        CatalogCommand::Add(arguments) => add(api, arguments, output).await,
        CatalogCommand::List => {
            let catalogs = api.catalog_list(Nothing {}).await?;
            output.result(&catalogs, |catalogs| list(catalogs))?;
            Ok(Ended::Done)
        }
        CatalogCommand::Check { name } => {
            let check = api.catalog_check(Named { name }).await?;
            output.result(&check, told)?;
            Ok(Ended::done_if(check.reachable))
        }
        CatalogCommand::Remove { name } => {
            let removed = api.catalog_remove(Named { name: name.clone() }).await?;
            output.result(&removed, |_| format!("{name} and its secrets are forgotten"))?;
            Ok(Ended::Done)
        }
    }
}

async fn add(api: &Api, arguments: CatalogAdd, output: &Output) -> Result<Ended> {
    let mut properties = BTreeMap::new();
    for (key, value) in arguments.property {
        if properties.insert(key.clone(), value).is_some() {
            return Err(
                Error::invalid(format!("the property {key} is given twice")).with_hint("Give each property once.")
            );
        }
    }
    let secrets = ask::secrets(&arguments.name, &arguments.secret)?;
    let spec = CatalogSpec {
        name: arguments.name,
        role: if arguments.target { Role::Target } else { Role::Source },
        kind: arguments.kind.into(),
        uri: arguments.uri,
        warehouse: arguments.warehouse,
        properties,
        secrets: arguments.secret,
    };
    let saved = api.catalog_save(SaveCatalog { spec, secrets }).await?;
    output.result(&saved, |saved| {
        format!("{} `{}` is added; try it with: icebridge catalog check {}", role(saved.role), saved.name, saved.name)
    })?;
    Ok(Ended::Done)
}

fn list(catalogs: &[CatalogSpec]) -> String {
    let mut grid = Grid::new(&["name", "role", "kind", "address", "secrets"]);
    for catalog in catalogs {
        grid.row([
            catalog.name.clone(),
            role(catalog.role).into(),
            kind(catalog.kind).into(),
            catalog.uri.clone(),
            catalog.secrets.join(", "),
        ]);
    }
    if grid.is_empty() { "no catalogs yet; add one with: icebridge catalog add".into() } else { grid.to_string() }
}

fn told(check: &CatalogCheck) -> String {
    match &check.error {
        Some(error) => format!("{} is out of reach\n{}", check.name, words::error(error)),
        None => {
            let abilities = match check.abilities.is_empty() {
                true => String::new(),
                false => format!("; it can {}", check.abilities.join(" and ")),
            };
            let namespaces = words::count(check.namespaces, "namespace", "namespaces");
            format!(
                "{} answers: {}, {namespaces}{abilities}",
                check.name,
                words::count(check.tables, "table", "tables")
            )
        }
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Source => "source",
        Role::Target => "target",
    }
}

fn kind(kind: CatalogKind) -> &'static str {
    match kind {
        CatalogKind::Rest => "rest",
        CatalogKind::Unity => "unity",
        CatalogKind::Sql => "sql",
        CatalogKind::Files => "files",
        CatalogKind::Embedded => "embedded",
    }
}
