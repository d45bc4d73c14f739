//! Foreign JSON, bounded: a short text can hold more values than the memory, each of which takes 32 bytes and more.

use crate::limits::Limit;
use icebridge_model::{Code, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;

pub enum JsonError {
    TooMany(Error),
    Invalid(serde_json::Error),
}

/// serde_json's own bound: deeper documents would take the stack.
const DEEPEST: usize = 127;

pub fn parse(text: &[u8]) -> Result<Value, JsonError> {
    let (values, depth) = size(text);
    Limit::JsonValues.check(values).map_err(JsonError::TooMany)?;
    if depth > DEEPEST {
        let error = Error::new(
            Code::LimitExceeded,
            format!("this is nested {depth} levels deep, and at most {DEEPEST} are read"),
        )
        .with_hint(
            "A column that is nested so deep cannot be migrated: a struct takes three levels. Leave the table out.",
        );
        return Err(JsonError::TooMany(error));
    }
    serde_json::from_slice(text).map_err(JsonError::Invalid)
}

/// At least as many as the values of the document: one for each comma, colon and bracket outside of strings. And how deep
/// brackets lie in each other.
fn size(text: &[u8]) -> (u64, usize) {
    let (mut count, mut in_string, mut escaped) = (1, false, false);
    let (mut depth, mut deepest) = (0usize, 0);
    for byte in text {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => in_string = true,
                b',' | b':' => count += 1,
                b'[' | b'{' => {
                    count += 1;
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    (count, deepest)
}

/// Some writers put a number or a boolean where the specification has text; PyIceberg reads them so. A null is left out.
pub fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Text {
        Plain(String),
        Boolean(bool),
        Number(serde_json::Number),
    }
    let found: Option<BTreeMap<String, Option<Text>>> = Option::deserialize(from)?;
    let text = |(key, value)| match value? {
        Text::Plain(text) => Some((key, text)),
        Text::Boolean(one) => Some((key, one.to_string())),
        Text::Number(one) => Some((key, one.to_string())),
    };
    Ok(found.into_iter().flatten().filter_map(text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_document_has_more_values_than_are_counted() {
        fn nodes(value: &Value) -> u64 {
            1 + match value {
                Value::Array(items) => items.iter().map(nodes).sum(),
                Value::Object(fields) => fields.values().map(nodes).sum(),
                _ => 0,
            }
        }
        for text in [r#"{"a":[1,2,{"b":"x,y\",[{:"}],"c":{}}"#, "[[[]]]", "[]", "7", r#""\\""#] {
            let parsed: Value = serde_json::from_str(text).unwrap();
            assert!(size(text.as_bytes()).0 >= nodes(&parsed), "{text}");
        }
        assert_eq!(size(br#""a,b:[{""#), (1, 0));
        assert_eq!(size(br#"{"a":[[],[{}]]}"#).1, 4);
    }

    #[test]
    fn too_many_values_and_too_deep_ones_are_errors() {
        let many = vec![b','; Limit::JsonValues.as_usize() + 1];
        assert!(matches!(parse(&many), Err(JsonError::TooMany(_))));
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(deep(DEEPEST).as_bytes()).is_ok());
        for levels in [DEEPEST + 1, 100_000] {
            let Err(JsonError::TooMany(error)) = parse(deep(levels).as_bytes()) else { panic!("{levels}") };
            assert_eq!(error.code, Code::LimitExceeded);
        }
    }
}
