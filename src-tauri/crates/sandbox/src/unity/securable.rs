//! What can be owned and granted on, and what it lies in.

use crate::base::Refusal;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Metastore,
    Catalog,
    Schema,
    Table,
    Volume,
    Connection,
    ExternalLocation,
}

impl Kind {
    /// As it stands in a path: lower case there, upper case in payloads; both are taken.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        match text.to_ascii_lowercase().as_str() {
            "metastore" => Ok(Self::Metastore),
            "catalog" => Ok(Self::Catalog),
            "schema" | "database" => Ok(Self::Schema),
            "table" | "view" => Ok(Self::Table),
            "volume" => Ok(Self::Volume),
            "connection" => Ok(Self::Connection),
            "external_location" => Ok(Self::ExternalLocation),
            _ => Err(Refusal::unity(400, "INVALID_PARAMETER_VALUE", format!("Unknown securable type: {text}"))),
        }
    }

    pub fn upper(self) -> &'static str {
        match self {
            Self::Metastore => "METASTORE",
            Self::Catalog => "CATALOG",
            Self::Schema => "SCHEMA",
            Self::Table => "TABLE",
            Self::Volume => "VOLUME",
            Self::Connection => "CONNECTION",
            Self::ExternalLocation => "EXTERNAL_LOCATION",
        }
    }

    pub fn does_not_exist(self, name: &str) -> Refusal {
        let message = match self {
            Self::Metastore => "Metastore",
            Self::Catalog => "Catalog",
            Self::Schema => "Schema",
            Self::Table => "Table",
            Self::Volume => "Volume",
            Self::Connection => "Connection",
            Self::ExternalLocation => "External location",
        };
        Refusal::unity(404, &format!("{}_DOES_NOT_EXIST", self.upper()), format!("{message} '{name}' does not exist."))
    }
}

/// One securable, by kind and full name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Securable {
    pub kind: Kind,
    pub name: String,
}

impl Securable {
    /// Unity Catalog keeps names in lower case and finds them in any.
    pub fn new(kind: Kind, name: &str) -> Self {
        Self { kind, name: name.to_lowercase() }
    }

    /// The object itself and what it lies in, nearest first: table, schema, catalog. The metastore is above all of them.
    pub fn lineage(&self) -> Vec<Self> {
        let parts: Vec<&str> = self.name.split('.').collect();
        let mut lineage = vec![self.clone()];
        match (self.kind, parts.as_slice()) {
            (Kind::Table | Kind::Volume, [catalog, schema, _]) => {
                lineage.push(Self::new(Kind::Schema, &format!("{catalog}.{schema}")));
                lineage.push(Self::new(Kind::Catalog, catalog));
            }
            (Kind::Schema, [catalog, _]) => lineage.push(Self::new(Kind::Catalog, catalog)),
            _ => {}
        }
        lineage
    }
}

impl fmt::Display for Securable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} '{}'", self.kind.upper(), self.name)
    }
}
