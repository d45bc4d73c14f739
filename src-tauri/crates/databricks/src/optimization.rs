//! Predictive optimization: on, off, or as what is above it. Managed Iceberg tables need it.

use crate::client::{Call, Client, Family, segment};
use crate::unity::{PredictiveOptimization, quoted};
use icebridge_model::{Error, Result};
use serde_json::json;

/// What it can be set for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Level {
    Catalog(String),
    Schema { catalog: String, schema: String },
    Table { catalog: String, schema: String, table: String },
}

/// The statement. Names are literal: IDENTIFIER() is a syntax error in it.
pub fn statement(level: &Level, wanted: &PredictiveOptimization) -> Result<String> {
    let (what, name) = match level {
        Level::Catalog(name) => ("CATALOG", quoted([name.as_str()])),
        Level::Schema { catalog, schema } => ("SCHEMA", quoted([catalog.as_str(), schema])),
        Level::Table { catalog, schema, table } => ("TABLE", quoted([catalog.as_str(), schema, table])),
    };
    let word = match wanted {
        PredictiveOptimization::Enable => "ENABLE",
        PredictiveOptimization::Disable => "DISABLE",
        PredictiveOptimization::Inherit => "INHERIT",
        PredictiveOptimization::Other(word) => {
            return Err(Error::invalid("predictive optimization is ENABLE, DISABLE or INHERIT").about(word));
        }
    };
    Ok(format!("ALTER {what} {name} {word} PREDICTIVE OPTIMIZATION"))
}

impl Client {
    /// Without a warehouse. Tables cannot be set this way: the API takes nothing but their owner.
    pub async fn set_predictive_optimization(&self, level: &Level, wanted: &PredictiveOptimization) -> Result<()> {
        let path = match level {
            Level::Catalog(name) => format!("catalogs/{}", segment(name)?),
            Level::Schema { catalog, schema } => format!("schemas/{}", segment(&format!("{catalog}.{schema}"))?),
            Level::Table { table, .. } => {
                return Err(Error::invalid("a table's predictive optimization is set by a statement, not by the API")
                    .about(table)
                    .with_hint("Set it for the schema or the catalog, or use a SQL warehouse."));
            }
        };
        let call = Call::patch(Family::UnityCatalog, format!("{}/{path}", crate::unity::ROOT)).idempotent();
        self.execute(call.json(&json!({"enable_predictive_optimization": wanted}))?).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_quote_their_names() {
        let level = Level::Table { catalog: "c".into(), schema: "s".into(), table: "t`x".into() };
        assert_eq!(
            statement(&level, &PredictiveOptimization::Enable).unwrap(),
            "ALTER TABLE `c`.`s`.`t``x` ENABLE PREDICTIVE OPTIMIZATION"
        );
        assert!(statement(&Level::Catalog("c".into()), &PredictiveOptimization::Other("; DROP".into())).is_err());
    }
}
