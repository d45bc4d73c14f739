//! `schema.name-mapping.default`: field ids for files that carry none (spec, "Name Mapping Serialization").

use icebridge_model::{Code, Error, Result};
use serde::Deserialize;

/// The table property that holds it.
pub const PROPERTY_NAME_MAPPING: &str = "schema.name-mapping.default";

#[derive(Clone, Debug, Deserialize)]
pub struct MappedField {
    #[serde(rename = "field-id")]
    pub id: Option<i32>,
    pub names: Vec<String>,
    #[serde(default)]
    pub fields: Vec<MappedField>,
}

pub fn parse(text: &str) -> Result<Vec<MappedField>> {
    serde_json::from_str(text).map_err(|e| {
        Error::new(Code::MetadataBroken, "the table property schema.name-mapping.default is not a name mapping")
            .with_cause(e)
    })
}
