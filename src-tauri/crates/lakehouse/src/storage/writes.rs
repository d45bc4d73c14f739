//! Where a storage may be written to: nowhere in a source, and in a target only where its catalog allows it.

use super::location::Location;
use crate::location::canonical;
use icebridge_model::catalog::{CatalogSpec, Role};
use icebridge_model::{Code, Error, Result};
use std::sync::Arc;

/// Of a target: a list of locations, separated by commas, below which all files are written.
const ALLOWED: &str = "allowed-locations";

#[derive(Clone, Debug, Default)]
pub(super) enum Writes {
    #[default]
    Anywhere,
    Nowhere,
    /// Below these, in the one spelling of [`canonical`], without a slash at the end.
    Below(Arc<[String]>),
}

impl Writes {
    pub fn of(spec: &CatalogSpec) -> Result<Self> {
        // It would guard nothing, and whoever wrote it would rely on it.
        if let Some(misspelt) = spec.properties.keys().find(|key| key.as_str() != ALLOWED && reads_as_allowed(key)) {
            return Err(Error::invalid(format!("there is no property {misspelt}"))
                .about(&spec.name)
                .with_hint(format!("Write {ALLOWED}.")));
        }
        let Some(allowed) = spec.properties.get(ALLOWED).filter(|_| spec.role == Role::Target) else {
            return Ok(if spec.role == Role::Source { Self::Nowhere } else { Self::Anywhere });
        };
        let wrong = |what: &str| {
            Error::invalid(format!("the property {ALLOWED} {what}"))
                .about(&spec.name)
                .with_hint("Write whole locations, separated by commas: s3://bucket/folder,abfss://container@account.dfs.core.windows.net/.")
        };
        let mut below = Vec::new();
        for one in allowed.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            let location = Location::parse(one).map_err(|e| wrong("has what is no location").with_cause(e))?;
            let one = canonical(one);
            let is_relative = matches!(location, Location::Local(_)) && !one.starts_with('/');
            if is_relative || one.contains(['*', '?']) || has_dots(&one) {
                return Err(wrong("has a location that is relative, or a pattern"));
            }
            below.push(one.trim_end_matches('/').to_string());
        }
        match below.is_empty() {
            true => Err(wrong("has no location")),
            false => Ok(Self::Below(below.into())),
        }
    }

    /// Before anything is written to a path.
    pub fn refuse(&self, path: &str) -> Result<()> {
        match self {
            Self::Anywhere => Ok(()),
            Self::Nowhere => Err(Error::internal("a source was about to be written to").about(path)),
            Self::Below(allowed) => {
                let place = canonical(path);
                let is_below = |root: &String| {
                    place.strip_prefix(root.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                };
                match allowed.iter().any(is_below) && !has_dots(&place) {
                    true => Ok(()),
                    false => Err(Error::new(Code::StorageDenied, "the target may not be written to in this place")
                        .about(path)
                        .with_hint(format!(
                            "The target's property {ALLOWED} has {}. Give the table another location, or add this one there; nothing was written.",
                            allowed.join(", ")
                        ))),
                }
            }
        }
    }

    /// Only what this program wrote is deleted, wherever that was allowed.
    pub fn refuse_deletion(&self, path: &str) -> Result<()> {
        match self {
            Self::Nowhere => self.refuse(path),
            _ => Ok(()),
        }
    }
}

fn reads_as_allowed(key: &str) -> bool {
    let letters: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    matches!(letters.to_ascii_lowercase().as_str(), "allowedlocations" | "allowedlocation")
}

/// Parts that stand for the folder itself, or for the one above.
fn has_dots(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::catalog::CatalogKind;

    fn spec(role: Role, allowed: Option<&str>) -> CatalogSpec {
        CatalogSpec {
            name: "c".into(),
            role,
            kind: CatalogKind::Rest,
            uri: String::new(),
            warehouse: String::new(),
            properties: allowed.map(|list| (ALLOWED.to_string(), list.to_string())).into_iter().collect(),
            secrets: Vec::new(),
        }
    }

    fn writes(role: Role, allowed: Option<&str>) -> Result<Writes> {
        Writes::of(&spec(role, allowed))
    }

    #[test]
    fn only_what_lies_below_is_allowed() {
        let allowed = "s3a://eu/lake/, abfss://c@a.dfs.core.windows.net,/data/warehouse";
        let writes = writes(Role::Target, Some(allowed)).unwrap();
        for path in [
            "s3://eu/lake/t/x.parquet",
            "s3n://eu/lake",
            "abfss://c@a.dfs.core.windows.net/t/x",
            "file:///data/warehouse/t/x",
            "/data/warehouse/t/a..b",
        ] {
            assert!(writes.refuse(path).is_ok(), "{path}");
        }
        for path in [
            "s3://eu/lakes/t/x.parquet",
            "s3://eu/x",
            "s3://us/lake/x",
            "gs://eu/lake/x",
            "abfss://c2@a.dfs.core.windows.net/x",
            "/data/warehouse2/x",
            "/data/warehouse/../x",
            "file://data/warehouse/x",
        ] {
            assert_eq!(writes.refuse(path).unwrap_err().code, Code::StorageDenied, "{path}");
        }
    }

    #[test]
    fn a_misspelt_list_is_none_that_was_left_out() {
        for key in ["allowed_locations", "Allowed-Locations", "allowedLocations", "allowed-location"] {
            let spec =
                CatalogSpec { properties: [(key.to_string(), "/x".to_string())].into(), ..spec(Role::Target, None) };
            let error = Writes::of(&spec).unwrap_err();
            assert!(error.hint.unwrap_or_default().contains(ALLOWED), "{key}");
        }
    }

    #[test]
    fn a_source_is_written_to_nowhere_and_a_list_says_something() {
        let source = writes(Role::Source, Some("/x")).unwrap();
        assert!(source.refuse("/x/y").is_err() && source.refuse_deletion("/x/y").is_err());
        assert!(writes(Role::Target, None).unwrap().refuse("/x").is_ok());
        for wrong in ["", " , ", "ftp://x/y", "x/y", "file://x/y", "/x/*", "/x/../y", "s3://b/./x"] {
            assert_eq!(writes(Role::Target, Some(wrong)).unwrap_err().code, Code::InvalidInput, "{wrong:?}");
        }
    }
}
