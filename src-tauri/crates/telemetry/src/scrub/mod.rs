//! Takes secrets out of text and JSON before they are written anywhere.
//!
//! What is hidden: values of names that mean a secret (`password=`, `client_secret`, `Authorization`, `X-Amz-*`, in queries,
//! headers, JSON and Rust's debug form), what follows `Bearer` and `Basic`, tokens known by their shape, the user part of
//! addresses, and the secrets that this process itself has read ([`learn`]). Rather too much is hidden than too little.

mod hidden;
mod known;
mod named;
mod shapes;
#[cfg(test)]
mod tests;

pub use hidden::HIDDEN;
pub use known::learn;
pub use named::is_secret_name;

use icebridge_model::logs::LogLine;
use serde_json::{Map, Value};

pub fn text(text: &str) -> String {
    let text = known::hide(text);
    let text = shapes::hide(&text);
    named::hide(&text)
}

/// A value that stands under a name.
pub fn named(name: &str, value: &mut Value) {
    if is_secret_name(name) { hide_all(value) } else { json(value) }
}

pub fn json(value: &mut Value) {
    match value {
        Value::String(string) => *string = text(string),
        Value::Array(items) => items.iter_mut().for_each(json),
        Value::Object(map) => {
            let pair = is_secret_pair(map);
            let entries = std::mem::take(map);
            for (name, mut value) in entries {
                if pair && (name == "value" || name == "string_value") {
                    hide_all(&mut value)
                } else {
                    named(&name, &mut value)
                }
                map.insert(text(&name), value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `{"key": "password", "value": …}`.
fn is_secret_pair(map: &Map<String, Value>) -> bool {
    let names = |name: &str| map.get(name).and_then(Value::as_str).is_some_and(is_secret_name);
    names("key") || names("name")
}

/// Whether something is there stays visible: an empty text, null, true and false are no secrets.
fn hide_all(value: &mut Value) {
    match value {
        Value::String(text) if text.is_empty() => {}
        Value::Null | Value::Bool(_) => {}
        Value::String(_) | Value::Number(_) => *value = HIDDEN.into(),
        Value::Array(items) => items.iter_mut().for_each(hide_all),
        Value::Object(map) => map.values_mut().for_each(hide_all),
    }
}

/// A line that was written before: by an older version, or before a secret was known.
pub fn line(line: &mut LogLine) {
    let ids = [&mut line.run, &mut line.table, &mut line.step].into_iter().flatten();
    for part in ids.chain([&mut line.message, &mut line.target, &mut line.span]) {
        *part = text(part);
    }
    for (name, value) in &mut line.fields {
        named(name, value);
    }
}
