//! Engines that are not IceBridge's own and can read a table once more.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JudgeKind {
    Duckdb,
    Spark,
    Pyiceberg,
    /// A SQL warehouse of the target's workspace: it reads the target.
    Warehouse,
}

impl JudgeKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Duckdb => "duckdb",
            Self::Spark => "spark",
            Self::Pyiceberg => "pyiceberg",
            Self::Warehouse => "warehouse",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Duckdb => "DuckDB",
            Self::Spark => "Spark",
            Self::Pyiceberg => "PyIceberg",
            Self::Warehouse => "SQL warehouse",
        }
    }
}
