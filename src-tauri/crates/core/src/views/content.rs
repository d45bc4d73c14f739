//! A row in full, as it is kept with its view.

use icebridge_model::{Code, Error, Result};
use serde_json::Value;

pub(super) fn read<T: serde::de::DeserializeOwned>(content: Value) -> Result<T> {
    serde_json::from_value(content).map_err(|e| {
        Error::new(Code::StateBroken, "a row of a view cannot be understood")
            .with_hint("Make the pre-flight or the plan again.")
            .with_cause(e)
    })
}
