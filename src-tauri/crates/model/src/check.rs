//! The names of checks: what was compared, of the whole table or of a column.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a check compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckKind {
    Schema,
    Count,
    Aggregates,
    Digest,
    /// Files, by SHA-256.
    Bytes,
    /// The row digest of the target by the target's own engine.
    TargetReadBack,
    /// The row digest of both sides by an engine that is not ours.
    ReadBack,
    /// The rows that were read, against what metadata says there are.
    Records,
    /// Deletes that delete nothing, against what was accepted.
    Deletes,
    /// All that Great Expectations on a cluster found, as one.
    GreatExpectations,
    Nulls,
    Range,
    Unique,
}

impl CheckKind {
    pub const ALL: [Self; 13] = [
        Self::Schema,
        Self::Count,
        Self::Aggregates,
        Self::Digest,
        Self::Bytes,
        Self::TargetReadBack,
        Self::ReadBack,
        Self::Records,
        Self::Deletes,
        Self::GreatExpectations,
        Self::Nulls,
        Self::Range,
        Self::Unique,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Count => "count",
            Self::Aggregates => "aggregates",
            Self::Digest => "digest",
            Self::Bytes => "bytes",
            Self::TargetReadBack => "target-read-back",
            Self::ReadBack => "read-back",
            Self::Records => "records",
            Self::Deletes => "deletes",
            Self::GreatExpectations => "great-expectations",
            Self::Nulls => "nulls",
            Self::Range => "range",
            Self::Unique => "unique",
        }
    }
}

/// As text `kind` or `kind:columns`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CheckName {
    pub kind: CheckKind,
    /// Empty: of the whole table.
    pub columns: String,
}

impl CheckName {
    pub fn of(kind: CheckKind, columns: impl Into<String>) -> Self {
        Self { kind, columns: columns.into() }
    }
}

impl From<CheckKind> for CheckName {
    fn from(kind: CheckKind) -> Self {
        Self { kind, columns: String::new() }
    }
}

impl PartialEq<CheckKind> for CheckName {
    fn eq(&self, kind: &CheckKind) -> bool {
        self.kind == *kind && self.columns.is_empty()
    }
}

impl PartialEq<&str> for CheckName {
    fn eq(&self, text: &&str) -> bool {
        let (kind, columns) = text.split_once(':').unwrap_or((text, ""));
        self.kind.as_str() == kind && self.columns == columns
    }
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        if self.columns.is_empty() { Ok(()) } else { write!(f, ":{}", self.columns) }
    }
}

impl FromStr for CheckName {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let (kind, columns) = text.split_once(':').unwrap_or((text, ""));
        let known = CheckKind::ALL.into_iter().find(|known| known.as_str() == kind);
        let kind = known.ok_or_else(|| {
            Error::invalid("no check has this name")
                .about(text)
                .with_hint("Another version of IceBridge may have written it: read it with that one.")
        })?;
        Ok(Self { kind, columns: columns.to_string() })
    }
}

impl TryFrom<String> for CheckName {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<CheckName> for String {
    fn from(name: CheckName) -> Self {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_as_it_is_written() {
        for kind in CheckKind::ALL {
            for name in [CheckName::from(kind), CheckName::of(kind, "a:b, c")] {
                assert_eq!(name.to_string().parse::<CheckName>().unwrap(), name);
                let json = serde_json::to_string(&name).unwrap();
                assert_eq!(json, format!("{:?}", name.to_string()));
                assert_eq!(serde_json::from_str::<CheckName>(&json).unwrap(), name);
            }
        }
        assert!("vibes".parse::<CheckName>().is_err());
        assert!(serde_json::from_str::<CheckName>("\"\"").is_err());
    }
}
