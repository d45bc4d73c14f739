//! A target that lies inside of its source would be written into it.

use icebridge_lakehouse::is_below;
use icebridge_model::catalog::{CatalogKind, CatalogSpec};
use icebridge_model::{Error, Result};

/// Compares the places that the catalogs name.
pub(super) fn check(source: &CatalogSpec, target: &CatalogSpec) -> Result<()> {
    match (place(target), place(source)) {
        (Some(inner), Some(outer)) if lies_in(inner, outer) => {
            Err(Error::invalid(format!("the target lies inside of its source: {inner} is in {outer}"))
                .about(&target.name)
                .with_hint("Choose another folder for the target: a source is never written to."))
        }
        _ => Ok(()),
    }
}

/// Where a catalog keeps its tables, as far as it says so.
fn place(catalog: &CatalogSpec) -> Option<&str> {
    let place = match catalog.kind {
        CatalogKind::Files | CatalogKind::Embedded => catalog.uri.as_str(),
        // Its `warehouse` is the catalog's name in the database.
        CatalogKind::Sql => catalog.properties.get("warehouse")?.as_str(),
        CatalogKind::Rest | CatalogKind::Unity => return None,
    };
    // One metadata file is no folder.
    (!place.is_empty() && !place.ends_with(".json") && !place.ends_with(".gz")).then_some(place)
}

/// Whether a folder is inside of another, or is that one.
fn lies_in(inner: &str, outer: &str) -> bool {
    is_below(&format!("{}/x", inner.trim_end_matches('/')), outer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::catalog::Role;

    fn catalog(kind: CatalogKind, uri: &str, folder: &str) -> CatalogSpec {
        CatalogSpec {
            name: "c".into(),
            role: Role::Source,
            kind,
            uri: uri.into(),
            warehouse: String::new(),
            properties: [("warehouse".to_string(), folder.to_string())].into(),
            secrets: Vec::new(),
        }
    }

    #[test]
    fn a_folder_inside_of_another_is_found_by_any_spelling() {
        let lake = catalog(CatalogKind::Files, "/data/lake", "");
        for (uri, inside) in [
            ("/data/lake/managed", true),
            ("file:///data/lake", true),
            ("/data/lake/", true),
            ("/data/lake2", false),
            ("/data", false),
        ] {
            assert_eq!(check(&lake, &catalog(CatalogKind::Embedded, uri, "")).is_err(), inside, "{uri}");
        }
        let sql = catalog(CatalogKind::Sql, "sqlite:/x.db", "s3a://lake/w");
        assert!(check(&sql, &catalog(CatalogKind::Sql, "sqlite:/y.db", "s3://lake/w/managed")).is_err());
        let rest = catalog(CatalogKind::Rest, "https://x", "lake");
        assert!(check(&rest, &sql).is_ok() && check(&sql, &rest).is_ok());
    }
}
