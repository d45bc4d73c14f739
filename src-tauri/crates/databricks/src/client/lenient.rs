//! Answers as services write them: a field without a value may be absent, or null. Both mean the same here.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What was read from an answer whose null fields count as absent. Types say by `#[serde(default)]` what may be absent.
pub(crate) struct Lenient<T>(pub T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(from)?;
        drop_nulls(&mut value);
        serde_json::from_value(value).map(Self).map_err(D::Error::custom)
    }
}

/// Only of objects: in a list, as in a row of SQL, a null has its place. Depth is bounded by the parser of the text.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(default)]
    struct Answer {
        name: String,
        rows: Vec<Vec<Option<String>>>,
        inner: Option<Box<Answer>>,
    }

    impl Default for Answer {
        fn default() -> Self {
            Self { name: "none".into(), rows: Vec::new(), inner: None }
        }
    }

    #[test]
    fn a_null_is_as_good_as_nothing_but_in_a_list_it_keeps_its_place() {
        let text = r#"{"name": null, "rows": [[null, "a"]], "inner": {"name": "b", "rows": null}}"#;
        let Lenient(read) = serde_json::from_str::<Lenient<Answer>>(text).unwrap();
        assert_eq!((read.name.as_str(), read.rows), ("none", vec![vec![None, Some("a".into())]]));
        assert_eq!(read.inner.unwrap().name, "b");
    }
}
