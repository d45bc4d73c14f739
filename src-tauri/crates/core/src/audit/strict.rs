//! JSON of a bundle, where everything has to be known. A field that the verification passes over, or a key that stands twice,
//! can tell a person something else than it told us.

use super::bundle::Bundle;
use super::folder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A file that is, byte for byte, what the program writes for what it says.
pub(super) fn read<T: DeserializeOwned + Serialize>(bundle: &mut Bundle, name: &str) -> Result<T, String> {
    let bytes = bundle.read(name)?;
    let value: T = serde_json::from_slice(&bytes).map_err(|e| format!("it cannot be understood: {e}"))?;
    in_layout(&bytes, &value)?;
    Ok(value)
}

/// Whether a document is, byte for byte, what the program writes for what was understood of it.
pub(super) fn in_layout(text: &[u8], understood: &impl Serialize) -> Result<(), String> {
    if folder::pretty(understood).map_err(|e| e.to_string())?.as_bytes() == text {
        return Ok(());
    }
    // It names the field.
    known(text, understood)?;
    Err("it is not written as the program writes it: a key stands twice, or its layout was changed".into())
}

/// Whether a document says nothing but what was understood of it.
fn known(text: &[u8], understood: &impl Serialize) -> Result<(), String> {
    let raw: Value = serde_json::from_slice(text).map_err(|e| e.to_string())?;
    let again = serde_json::to_value(understood).map_err(|e| e.to_string())?;
    match unknown(&raw, &again, String::new()) {
        Some(field) => Err(format!("the field {field} is not known")),
        None => Ok(()),
    }
}

/// The path of a field that is in `raw` alone.
fn unknown(raw: &Value, again: &Value, path: String) -> Option<String> {
    match (raw, again) {
        (Value::Object(raw), Value::Object(again)) => raw.iter().find_map(|(key, value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            match again.get(key) {
                Some(again) => unknown(value, again, path),
                None => Some(path),
            }
        }),
        (Value::Array(raw), Value::Array(again)) => raw
            .iter()
            .zip(again)
            .enumerate()
            .find_map(|(at, (raw, again))| unknown(raw, again, format!("{path}[{at}]"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::run::FileSum;

    fn read_text(text: &str) -> Result<FileSum, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.json"), text).unwrap();
        read(&mut Bundle::open(folder.path()).unwrap(), "x.json")
    }

    #[test]
    fn only_what_the_program_writes_is_read() {
        let good = folder::pretty(&FileSum { path: "p".into(), bytes: 1, sha256: "s".into() }).unwrap();
        assert_eq!(read_text(&good).unwrap().bytes, 1);
        for (bad, why) in [
            (good.replace("\"bytes\": 1", "\"bytes\": 1,\n  \"approved_by\": \"CISO\""), "approved_by"),
            (good.replace("\"bytes\": 1", "\"bytes\": 2,\n  \"bytes\": 1"), "duplicate field"),
            (good.replace("  ", ""), "layout"),
            (good.trim_end().to_string(), "layout"),
        ] {
            let error = read_text(&bad).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn an_unknown_field_is_named_at_any_depth() {
        let raw = serde_json::json!({"a": [{"b": 1}, {"b": 2, "c": null}]});
        let again = serde_json::json!({"a": [{"b": 1}, {"b": 2}], "more": 1});
        assert_eq!(unknown(&raw, &again, String::new()).as_deref(), Some("a[1].c"));
    }
}
