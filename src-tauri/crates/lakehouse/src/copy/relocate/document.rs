//! metadata.json of a copy: the source's own document with its places changed and nothing else, so that what this version
//! does not know is kept.

use super::PathMap;
use crate::location::is_below;
use crate::metadata::{STATISTICS, TableMetadata, statistics_path};
use icebridge_model::conversion::Conversion;
use icebridge_model::properties::PLACES;
use icebridge_model::{Code, Error, Result};
use serde_json::{Map, Value};

/// The paths in `source`'s document are those of `map`; the document's own name and properties are the caller's.
pub fn relocate(source: &TableMetadata, map: &PathMap) -> Result<Value> {
    let mut document = source.raw.clone();
    let top = object(&mut document)?;
    top.insert("location".into(), map.target().into());
    for snapshot in array(top, "snapshots") {
        if let Some(list) = snapshot.get_mut("manifest-list") {
            rename(list, map);
        }
        if let Some(Value::Array(manifests)) = snapshot.get_mut("manifests") {
            manifests.iter_mut().for_each(|path| rename(path, map));
        }
    }
    for key in STATISTICS {
        if let Some(Value::Array(files)) = top.get_mut(key) {
            // What lies outside stays behind: it may be any file that the metadata's author could name.
            files.retain(|file| statistics_path(file).is_none_or(|path| is_below(path, &source.location)));
            for path in files.iter_mut().filter_map(|file| file.get_mut("statistics-path")) {
                rename(path, map);
            }
        }
    }
    forget_earlier_metadata(top);
    if let Some(Value::Object(properties)) = top.get_mut("properties") {
        for key in PLACES {
            // A folder outside the table stays behind: the copy must not write into it.
            if let Some(folder) = properties.get(*key).and_then(Value::as_str) {
                match map.folder(folder) {
                    Some(moved) => properties.insert((*key).into(), moved.into()),
                    None => properties.remove(*key),
                };
            }
        }
    }
    Ok(document)
}

/// The same table at a new place with its files where they are: for zero-copy.
pub fn adopt(source: &TableMetadata, location: &str) -> Result<Value> {
    let mut document = source.raw.clone();
    let top = object(&mut document)?;
    // What the target writes from now on belongs into its own folder: the source's clean-up of orphan files would delete it.
    top.insert("location".into(), location.into());
    forget_earlier_metadata(top);
    if let Some(Value::Object(properties)) = top.get_mut("properties") {
        PLACES.iter().for_each(|key| drop(properties.remove(*key)));
    }
    Ok(document)
}

/// The log names metadata files of the source. Kept, an engine that tidies up after its commits
/// (`write.metadata.delete-after-commit.enabled`) would delete them there.
fn forget_earlier_metadata(top: &mut Map<String, Value>) {
    if top.contains_key("metadata-log") {
        top.insert("metadata-log".into(), Value::Array(Vec::new()));
    }
}

pub fn set_properties(document: &mut Value, more: impl IntoIterator<Item = (String, String)>) -> Result<()> {
    let properties = object(document)?.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    if properties.is_null() {
        *properties = Value::Object(Map::new());
    }
    let properties = object(properties)?;
    properties.extend(more.into_iter().map(|(key, value)| (key, Value::String(value))));
    Ok(())
}

pub fn remove_properties(document: &mut Value, keys: &[&str]) {
    if let Some(Value::Object(properties)) = document.get_mut("properties") {
        properties.retain(|key, _| !keys.contains(&key.as_str()));
    }
}

pub fn set_uuid(document: &mut Value, uuid: &str) -> Result<()> {
    object(document)?.insert("table-uuid".into(), uuid.into());
    Ok(())
}

/// Of version 2 to 3, as the specification has it: row ids begin at 0 with what is written next, and the snapshots that are there stay
/// without. Their position delete files stay valid.
pub fn raise_version(document: &mut Value, conversions: &[Conversion]) -> Result<()> {
    let wanted = conversions.iter().find_map(|one| match one {
        Conversion::FormatVersion { from, to } if to > from => Some(*to),
        _ => None,
    });
    let Some(to) = wanted else { return Ok(()) };
    let top = object(document)?;
    let version = top.get("format-version").and_then(Value::as_u64);
    // The source was raised since the plan was made.
    if version.is_some_and(|version| version >= u64::from(to)) {
        return Ok(());
    }
    if version != Some(2) || to != 3 {
        return Err(Error::new(Code::Unsupported, "a clone raises format version 2 to 3, and no other")
            .with_hint("Choose the mode rewrite for this table."));
    }
    top.insert("format-version".into(), to.into());
    top.insert("next-row-id".into(), 0.into());
    Ok(())
}

/// Encrypted tables cannot be copied: their keys are bound to their files.
pub fn refuse_encryption(source: &TableMetadata) -> Result<()> {
    let keys = source.raw.get("encryption-keys").and_then(Value::as_array).is_some_and(|keys| !keys.is_empty());
    let snapshots = source.raw.get("snapshots").and_then(Value::as_array);
    let snapshot = snapshots.is_some_and(|all| all.iter().any(|s| s.get("key-id").is_some_and(|id| !id.is_null())));
    if keys || snapshot || source.properties.contains_key("encryption.key-id") {
        return Err(encrypted());
    }
    Ok(())
}

pub fn encrypted() -> Error {
    Error::new(Code::Unsupported, "the table is encrypted")
        .with_hint("Encrypted tables cannot be copied. Leave it out of the plan.")
}

fn object(value: &mut Value) -> Result<&mut Map<String, Value>> {
    value.as_object_mut().ok_or_else(|| Error::new(Code::MetadataBroken, "metadata.json is not a JSON object"))
}

fn array<'a>(top: &'a mut Map<String, Value>, key: &str) -> &'a mut [Value] {
    top.get_mut(key).and_then(Value::as_array_mut).map(Vec::as_mut_slice).unwrap_or_default()
}

fn rename(path: &mut Value, map: &PathMap) {
    if let Value::String(text) = path {
        *text = map.absolute(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn source() -> TableMetadata {
        TableMetadata::from_value(
            json!({"format-version": 2, "location": "/a/t", "table-uuid": "u", "unknown": {"path": "/a/t/keep"},
                "schemas": [{"schema-id": 0, "type": "struct", "fields": [], "future": 1}], "current-schema-id": 0,
                "properties": {"write.data.path": "/a/t/d/", "write.metadata.path": "/elsewhere", "other": "/a/t/x"},
                "current-snapshot-id": 1,
                "metadata-log": [{"timestamp-ms": 1, "metadata-file": "/a/t/metadata/v1.metadata.json"}],
                "snapshots": [{"snapshot-id": 1, "manifest-list": "file:/a/t/metadata/l.avro", "odd": true},
                              {"snapshot-id": 2, "manifests": ["/a/t/metadata/m.avro"]}],
                "statistics": [{"snapshot-id": 1, "statistics-path": "/a/t/metadata/s.puffin"}]}),
            "x",
        )
        .unwrap()
    }

    #[test]
    fn places_change_and_nothing_else() {
        let moved = relocate(&source(), &PathMap::new("/a/t", "/n/t")).unwrap();
        assert_eq!(moved["location"], "/n/t");
        assert_eq!(moved["snapshots"][0]["manifest-list"], "/n/t/metadata/l.avro");
        assert_eq!(moved["snapshots"][1]["manifests"], json!(["/n/t/metadata/m.avro"]));
        assert_eq!(moved["statistics"][0]["statistics-path"], "/n/t/metadata/s.puffin");
        assert_eq!(moved["metadata-log"], json!([]));
        assert_eq!(moved["properties"], json!({"write.data.path": "/n/t/d", "other": "/a/t/x"}));
        assert_eq!(moved["unknown"], source().raw["unknown"]);
        assert_eq!(moved["schemas"], source().raw["schemas"]);
        assert_eq!(moved["snapshots"][0]["odd"], true);
    }

    #[test]
    fn an_adopted_table_writes_elsewhere_and_forgets_the_sources_log() {
        let adopted = adopt(&source(), "/n/t").unwrap();
        assert_eq!(adopted["location"], "/n/t");
        assert_eq!(adopted["snapshots"], source().raw["snapshots"]);
        assert_eq!(adopted["metadata-log"], json!([]));
        assert_eq!(adopted["properties"], json!({"other": "/a/t/x"}));
    }

    #[test]
    fn version_2_is_raised_to_3_and_its_snapshots_stay_without_row_ids() {
        let raise = |version: u8, to: u8| {
            let mut raw = source().raw;
            raw["format-version"] = version.into();
            raise_version(&mut raw, &[Conversion::FormatVersion { from: version, to }]).map(|()| raw)
        };
        let raised = raise(2, 3).unwrap();
        assert_eq!((&raised["format-version"], &raised["next-row-id"]), (&json!(3), &json!(0)));
        assert_eq!(raised["snapshots"], source().raw["snapshots"]);
        assert_eq!(raise(1, 3).unwrap_err().code, Code::Unsupported);
        let mut same = source().raw;
        raise_version(&mut same, &[Conversion::SortOrder]).unwrap();
        assert_eq!(same, source().raw);
    }

    #[test]
    fn encryption_is_refused() {
        let mut raw = source().raw;
        raw["encryption-keys"] = json!([{"key-id": "k"}]);
        let source = TableMetadata::from_value(raw, "x").unwrap();
        assert_eq!(refuse_encryption(&source).unwrap_err().code, Code::Unsupported);
    }
}
