//! From where to where, if only one source and one target are there.

use crate::arguments::RouteArgs;
use icebridge_api::{Api, Operations};
use icebridge_model::catalog::{CatalogSpec, Role};
use icebridge_model::ops::{Nothing, Route};
use icebridge_model::{Error, Result};

/// The source that is named, or the only one there is.
pub async fn source(api: &Api, given: Option<&String>) -> Result<String> {
    match given {
        Some(name) => Ok(name.clone()),
        None => only(&api.catalog_list(Nothing {}).await?, Role::Source, "source", None),
    }
}

pub async fn route(api: &Api, arguments: &RouteArgs) -> Result<Route> {
    if let (Some(source), Some(target)) = (&arguments.source, &arguments.target) {
        return Ok(Route { source: source.clone(), target: target.clone() });
    }
    let catalogs = api.catalog_list(Nothing {}).await?;
    Ok(Route {
        source: only(&catalogs, Role::Source, "source", arguments.source.as_ref())?,
        target: only(&catalogs, Role::Target, "target", arguments.target.as_ref())?,
    })
}

fn only(catalogs: &[CatalogSpec], role: Role, word: &str, given: Option<&String>) -> Result<String> {
    if let Some(name) = given {
        return Ok(name.clone());
    }
    let names: Vec<&str> = catalogs.iter().filter(|c| c.role == role).map(|c| c.name.as_str()).collect();
    match names.as_slice() {
        [name] => Ok(name.to_string()),
        [] => Err(Error::invalid(format!("there is no {word} catalog yet")).with_hint(match role {
            Role::Source => "Add one with `icebridge catalog add NAME --kind … --uri …`, or try `icebridge sample`.",
            Role::Target => "Add one with `icebridge catalog add NAME --target --kind embedded --uri FOLDER`.",
        })),
        many => Err(Error::invalid(format!("say which {word} is meant"))
            .with_hint(format!("Use --{word} with one of: {}.", many.join(", ")))),
    }
}
