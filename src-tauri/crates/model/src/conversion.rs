//! What a target refuses of a table, and what stands in its place. Written into the plan, applied by both engines, and named
//! by every proof: a digest holds over the values as the conversions made them.

mod choice;
mod schema_change;

pub use choice::{ConversionSettings, NanosecondsAs, PartitionsAs, TimeAs};
pub use schema_change::{FieldAt, converted, fields_of};

use crate::schema::Type;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A field at any depth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnAt {
    /// Field ids from the column down to the field.
    pub ids: Vec<i32>,
    /// The names, joined by dots; `element`, `key` and `value` inside of lists and maps.
    pub path: String,
}

impl ColumnAt {
    /// The field's own id.
    pub fn id(&self) -> Option<i32> {
        self.ids.last().copied()
    }
}

/// How a value is written in its new type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueForm {
    /// A uuid as text: 8-4-4-4-12 hexadecimal digits, small letters.
    UuidText,
    /// The same bytes.
    SameBytes,
    /// A time as text: `HH:MM:SS.ffffff`.
    TimeText,
    /// Microseconds since midnight.
    Microseconds,
    /// Nanoseconds since 1970-01-01T00:00:00 (in UTC, where the type has a zone).
    Nanoseconds,
    /// A moment as text with nine digits behind the point: `YYYY-MM-DDTHH:MM:SS.fffffffff`, then `+00:00` where the type has a
    /// zone.
    MomentText,
    /// Always null, as before.
    Null,
}

impl ValueForm {
    pub fn in_words(self) -> &'static str {
        match self {
            Self::UuidText => "8-4-4-4-12 digits, small letters",
            Self::SameBytes => "the same bytes",
            Self::TimeText => "HH:MM:SS.ffffff",
            Self::Microseconds => "microseconds since midnight",
            Self::Nanoseconds => "nanoseconds since 1970",
            Self::MomentText => "YYYY-MM-DDTHH:MM:SS.fffffffff",
            Self::Null => "always null",
        }
    }
}

/// A field of a partition spec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionFieldAt {
    pub field_id: i32,
    pub name: String,
    pub transform: String,
}

/// How a table is laid out whose partition spec the target may refuse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "way", rename_all = "snake_case")]
pub enum PartitionWay {
    /// The spec as it is.
    AsIs,
    /// No partitions; the target clusters by these columns.
    Cluster { columns: Vec<String> },
    /// The spec without the fields in question.
    LeftOut,
}

impl fmt::Display for PartitionWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AsIs => f.write_str("kept as it is"),
            Self::Cluster { columns } => write!(f, "clustered by {}", columns.join(", ")),
            Self::LeftOut => f.write_str("left out"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Conversion {
    /// The values of a field take another type.
    Type { column: ColumnAt, from: Type, to: Type, form: ValueForm },
    /// A required field becomes optional.
    Optional { column: ColumnAt },
    /// A field has another name.
    Rename { column: ColumnAt, to: String },
    /// The table has no identifier fields any more; that their values are unique is checked.
    IdentifierFields { columns: Vec<ColumnAt> },
    /// Partition fields that the target may refuse, and what is tried, in this order.
    Partitioning { fields: Vec<PartitionFieldAt>, ways: Vec<PartitionWay> },
    /// The table has no sort order any more.
    SortOrder,
    /// The table is written in an earlier format version.
    FormatVersion { from: u8, to: u8 },
}

impl Conversion {
    /// Whether values or the names they go by are others than in the source, so that who reads both sides has to know.
    pub fn changes_rows(&self) -> bool {
        matches!(self, Self::Type { .. } | Self::Rename { .. })
    }
}

/// The columns that were a table's identifier.
pub fn identifier(conversions: &[Conversion]) -> Option<&[ColumnAt]> {
    conversions.iter().find_map(|one| match one {
        Conversion::IdentifierFields { columns } if !columns.is_empty() => Some(columns.as_slice()),
        _ => None,
    })
}

/// The ways of laying the table out, the first to be tried first; empty where the spec is kept.
pub fn partition_ways(conversions: &[Conversion]) -> &[PartitionWay] {
    let ways = conversions.iter().find_map(|one| match one {
        Conversion::Partitioning { ways, .. } => Some(ways.as_slice()),
        _ => None,
    });
    ways.unwrap_or_default()
}

impl fmt::Display for Conversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths = |columns: &[ColumnAt]| columns.iter().map(|c| c.path.clone()).collect::<Vec<_>>().join(", ");
        match self {
            Self::Type { column, from, to, form } => {
                write!(f, "{}: {from} becomes {to} ({})", column.path, form.in_words())
            }
            Self::Optional { column } => write!(f, "{}: required becomes optional", column.path),
            Self::Rename { column, to } => write!(f, "{}: is called {to}", column.path),
            Self::IdentifierFields { columns } if columns.is_empty() => {
                write!(f, "identifier fields of columns that are gone: dropped")
            }
            Self::IdentifierFields { columns } => {
                write!(f, "identifier fields {}: dropped, and checked to be unique", paths(columns))
            }
            Self::Partitioning { fields, ways } => {
                let fields: Vec<_> =
                    fields.iter().map(|field| format!("{} of {}", field.transform, field.name)).collect();
                let ways: Vec<_> = ways.iter().map(ToString::to_string).collect();
                write!(f, "partition fields {}: {}", fields.join(", "), ways.join(", else "))
            }
            Self::SortOrder => f.write_str("sort order: dropped"),
            Self::FormatVersion { from, to } => write!(f, "format version {from}: becomes {to}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Primitive;

    #[test]
    fn a_conversion_is_read_as_it_is_written_and_says_what_it_does() {
        let column = ColumnAt { ids: vec![1, 3], path: "tags.element".into() };
        let all = [
            Conversion::Type {
                column: column.clone(),
                from: Type::Primitive(Primitive::Uuid),
                to: Type::Primitive(Primitive::String),
                form: ValueForm::UuidText,
            },
            Conversion::Optional { column: column.clone() },
            Conversion::Partitioning {
                fields: vec![PartitionFieldAt { field_id: 1000, name: "at_hour".into(), transform: "hour".into() }],
                ways: vec![
                    PartitionWay::AsIs,
                    PartitionWay::Cluster { columns: vec!["at".into()] },
                    PartitionWay::LeftOut,
                ],
            },
            Conversion::SortOrder,
            Conversion::IdentifierFields { columns: vec![column] },
            Conversion::FormatVersion { from: 3, to: 2 },
        ];
        let json = serde_json::to_value(&all).unwrap();
        assert_eq!(json[0]["from"], "uuid");
        assert_eq!(json[2]["ways"][1]["way"], "cluster");
        assert_eq!(serde_json::from_value::<Vec<Conversion>>(json).unwrap(), all);
        let words: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(words[0], "tags.element: uuid becomes string (8-4-4-4-12 digits, small letters)");
        assert_eq!(words[2], "partition fields hour of at_hour: kept as it is, else clustered by at, else left out");
        assert_eq!(partition_ways(&all).len(), 3);
        assert!(identifier(&all).is_some() && all[0].changes_rows() && !all[1].changes_rows());
    }
}
