//! Request bodies and query parameters, read the way the workspace reads them: any object goes, unknown fields are ignored,
//! and what is missing is named.

use super::refusal::Refusal;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// Query or form parameters.
pub type Params = HashMap<String, String>;

/// A parameter, empty where it is missing.
pub fn param<'a>(params: &'a Params, name: &str) -> &'a str {
    params.get(name).map_or("", String::as_str)
}

/// A parameter that must be there.
pub fn required<'a>(params: &'a Params, name: &str) -> Result<&'a str, Refusal> {
    Some(param(params, name)).filter(|value| !value.is_empty()).ok_or_else(|| Refusal::missing_field(name))
}

/// A JSON object.
#[derive(Clone, Debug, Default)]
pub struct Fields(pub Map<String, Value>);

impl Fields {
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(Refusal::malformed("Could not parse request object: Expected 'START_OBJECT'")),
            Err(error) => Err(Refusal::malformed(format!("Could not parse request object: {error}"))),
        }
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text that may be missing, but not be something else.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refusal::malformed(format!("The field '{name}' must be a string."))),
        }
    }

    pub fn must_text(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| Refusal::missing_field(name))
    }

    /// A number; clients write 64-bit ids as text too.
    pub fn int(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let number = match self.get(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text.parse().ok(),
            Some(value) => value.as_i64(),
        };
        number.map(Some).ok_or_else(|| Refusal::malformed(format!("'{name}' must be an integer.")))
    }

    pub fn must_int(&self, name: &str) -> Result<i64, Refusal> {
        self.int(name)?.ok_or_else(|| Refusal::missing_field(name))
    }

    pub fn flag(&self, name: &str) -> bool {
        match self.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text == "true",
            _ => false,
        }
    }

    pub fn list(&self, name: &str) -> &[Value] {
        self.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Text to text; anything else in it is written as JSON.
    pub fn map(&self, name: &str) -> BTreeMap<String, String> {
        let object = self.get(name).and_then(Value::as_object);
        object.into_iter().flatten().map(|(key, value)| (key.clone(), plain(value))).collect()
    }
}

/// A value as text: a string without its quotes.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
