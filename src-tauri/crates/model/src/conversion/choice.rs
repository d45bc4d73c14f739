//! Which of the accepted ways out is taken, where there are several.

use crate::TableIdent;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeAs {
    #[default]
    String,
    Bigint,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NanosecondsAs {
    #[default]
    Bigint,
    String,
}

/// Partition fields that Unity Catalog may refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionsAs {
    /// Tried as they are; else clustering; else left out.
    #[default]
    Try,
    /// Clustering by their columns; else left out.
    Cluster,
    /// Left out.
    None,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConversionSettings {
    pub time: TimeAs,
    pub nanoseconds: NanosecondsAs,
    pub partitions: PartitionsAs,
    /// Other choices for single tables, by their source names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, TableChoice>,
}

/// What a table has otherwise than the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableChoice {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeAs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nanoseconds: Option<NanosecondsAs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<PartitionsAs>,
}

impl ConversionSettings {
    /// Of plans that were made before there was a choice, and of all that make none.
    pub fn is_standard(&self) -> bool {
        *self == Self::default()
    }

    /// The choices for one table.
    pub fn of(&self, table: &TableIdent) -> (TimeAs, NanosecondsAs, PartitionsAs) {
        let own = self.tables.get(&table.to_string()).cloned().unwrap_or_default();
        (
            own.time.unwrap_or(self.time),
            own.nanoseconds.unwrap_or(self.nanoseconds),
            own.partitions.unwrap_or(self.partitions),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_may_have_a_choice_of_its_own() {
        let settings: ConversionSettings =
            serde_json::from_str(r#"{"time": "bigint", "tables": {"s.t": {"partitions": "none"}}}"#).unwrap();
        let of = |name: &str| settings.of(&TableIdent::new(["s"], name));
        assert_eq!(of("t"), (TimeAs::Bigint, NanosecondsAs::Bigint, PartitionsAs::None));
        assert_eq!(of("u").2, PartitionsAs::Try);
        assert!(!settings.is_standard() && ConversionSettings::default().is_standard());
        assert!(serde_json::from_str::<ConversionSettings>(r#"{"uuid": "string"}"#).is_err());
    }
}
