//! Foreign JSON, bounded: a short text can hold more values than the memory, each of which takes 32 bytes and more.

use crate::limits::Limit;
use icebridge_model::Error;
use serde_json::Value;

pub enum JsonError {
    TooMany(Error),
    Invalid(serde_json::Error),
}

/// Depth is bounded by serde_json itself, at 128.
pub fn parse(text: &[u8]) -> Result<Value, JsonError> {
    Limit::JsonValues.check(values(text)).map_err(JsonError::TooMany)?;
    serde_json::from_slice(text).map_err(JsonError::Invalid)
}

/// At least as many as the values of the document: one for each comma, colon and bracket outside of strings.
fn values(text: &[u8]) -> u64 {
    let (mut count, mut in_string, mut escaped) = (1, false, false);
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
                b',' | b':' | b'[' | b'{' => count += 1,
                _ => {}
            }
        }
    }
    count
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
            assert!(values(text.as_bytes()) >= nodes(&parsed), "{text}");
        }
        assert_eq!(values(br#""a,b:[{""#), 1);
    }

    #[test]
    fn too_many_values_and_too_deep_ones_are_errors() {
        let many = vec![b','; Limit::JsonValues.as_usize() + 1];
        assert!(matches!(parse(&many), Err(JsonError::TooMany(_))));
        let deep = "[".repeat(100_000);
        assert!(matches!(parse(deep.as_bytes()), Err(JsonError::Invalid(_))));
    }
}
