//! Manifest lists and manifests of a copy: the paths, and what follows from the files' new sizes.

use super::document::encrypted;
use super::{PathMap, Relocated};
use crate::avro::{self, AvroFile, AvroRecord, Record, Value};
use crate::location::canonical;
use crate::manifest::{DELETE_FILE_PATH, FileContent};
use bytes::Bytes;
use icebridge_model::{Code, Error, Result};
use std::collections::HashMap;
use std::sync::Arc;

/// A file that a manifest names as live.
#[derive(Clone, Debug)]
pub struct Entry {
    pub path: String,
    pub size: u64,
    pub kind: FileContent,
    /// In capitals.
    pub format: String,
    pub snapshot_id: Option<i64>,
}

/// The manifests a list names.
pub fn listed(bytes: Bytes, path: &str) -> Result<Vec<String>> {
    let file = AvroFile::open(bytes, path)?;
    let mut out = Vec::new();
    for record in file.records() {
        let record = record?;
        let record = Record::new(&file.schema, &record).ok_or_else(|| broken("a record was expected").about(path))?;
        if record.get(519, "key_metadata").is_some() {
            return Err(encrypted().about(path));
        }
        match record.get(500, "manifest_path").and_then(Value::as_str) {
            Some(manifest) => out.push(manifest.to_string()),
            None => return Err(broken("a manifest list entry has no path").about(path)),
        }
    }
    Ok(out)
}

/// A manifest as its list tells of it.
pub struct Line {
    pub path: String,
    pub length: u64,
    pub added_snapshot_id: Option<i64>,
}

/// The lines of a list that say how long their manifests are.
pub fn lines(bytes: Bytes, path: &str) -> Result<Vec<Line>> {
    let file = AvroFile::open(bytes, path)?;
    let mut out = Vec::new();
    for record in file.records() {
        let record = record?;
        let record = Record::new(&file.schema, &record).ok_or_else(|| broken("a record was expected").about(path))?;
        let manifest = record.get(500, "manifest_path").and_then(Value::as_str);
        let length = record.get(501, "manifest_length").and_then(Value::as_long).and_then(|n| u64::try_from(n).ok());
        let added_snapshot_id = record.get(503, "added_snapshot_id").and_then(Value::as_long);
        let line = |(path, length): (&str, u64)| Line { path: path.to_string(), length, added_snapshot_id };
        out.extend(manifest.zip(length).map(line));
    }
    Ok(out)
}

/// The manifest list with its manifests' new places and lengths. `length` gives the new length by the old path.
pub fn relocate_list(bytes: Bytes, path: &str, map: &PathMap, length: impl Fn(&str) -> Option<u64>) -> Result<Vec<u8>> {
    avro::rewrite(bytes, path, |schema, record| {
        let values = fields(record)?;
        let manifest = field(schema, values, 500, "manifest_path").ok_or_else(|| broken("manifest_path is missing"))?;
        let Some(Value::String(old)) = manifest.present_mut() else { return Err(broken("manifest_path is no text")) };
        let size = length(old).ok_or_else(|| Error::internal("a manifest was not copied").about(&*old))?;
        *old = map.absolute(old);
        set_long(schema, values, 501, "manifest_length", size)
    })
}

/// The live files of a manifest. Entries that record a deletion name files which may be gone by now: they are passed over,
/// since a snapshot that can still read such a file has a manifest where it is live.
pub fn live_files(bytes: Bytes, path: &str) -> Result<Vec<Entry>> {
    let file = AvroFile::open(bytes, path)?;
    let mut out = Vec::new();
    for record in file.records() {
        let record = record?;
        let entry = Record::new(&file.schema, &record).ok_or_else(|| broken("a record was expected").about(path))?;
        if is_deleted(&entry) {
            continue;
        }
        let file = entry.record(2, "data_file").ok_or_else(|| broken("an entry has no data file").about(path))?;
        if file.get(131, "key_metadata").is_some() {
            return Err(encrypted().about(path));
        }
        let number = |id, name| file.get(id, name).and_then(Value::as_long).and_then(|n| u64::try_from(n).ok());
        let kind = match file.get(134, "content").and_then(Value::as_long).unwrap_or(0) {
            0 => FileContent::Data,
            1 => FileContent::PositionDeletes,
            2 => FileContent::EqualityDeletes,
            n => return Err(Error::new(Code::Unsupported, format!("file content {n} is not known")).about(path)),
        };
        let text = |id, name| file.get(id, name).and_then(Value::as_str);
        match (text(100, "file_path"), text(101, "file_format"), number(104, "file_size_in_bytes")) {
            (Some(file_path), Some(format), Some(size)) => out.push(Entry {
                path: file_path.to_string(),
                size,
                kind,
                format: format.to_ascii_uppercase(),
                snapshot_id: entry.get(1, "snapshot_id").and_then(Value::as_long),
            }),
            _ => return Err(broken("an entry has no path, format or size").about(path)),
        }
    }
    Ok(out)
}

/// The manifest with its files' new places. `relocated` holds, by canonical path, the files whose bytes changed.
pub fn relocate_manifest(
    bytes: Bytes,
    path: &str,
    map: &PathMap,
    relocated: &HashMap<String, Arc<Relocated>>,
) -> Result<Vec<u8>> {
    avro::rewrite(bytes, path, |schema, record| {
        let deleted = Record::new(schema, record).is_some_and(|entry| is_deleted(&entry));
        let values = fields(record)?;
        let at = schema.position(2, "data_file");
        let Some(at) = at else { return Err(broken("an entry has no data file")) };
        let avro::AvroSchema::Record(schema) = schema.fields[at].schema.non_null() else {
            return Err(broken("a data file is no record"));
        };
        let values = fields(values[at].present_mut().ok_or_else(|| broken("an entry has no data file"))?)?;
        let file_path = field(schema, values, 100, "file_path").and_then(Value::present_mut);
        let Some(Value::String(text)) = file_path else { return Err(broken("file_path is no text")) };
        let changed = if deleted { None } else { relocated.get(&canonical(text)) };
        *text = map.absolute(text);
        if let Some(referenced) = field(schema, values, 143, "referenced_data_file").and_then(Value::present_mut)
            && let Value::String(text) = referenced
        {
            *text = map.absolute(text);
        }
        for (id, name) in [(125, "lower_bounds"), (128, "upper_bounds")] {
            let bounds = changed.and_then(|c| c.path_bounds.as_ref());
            let bound = bounds.map(|(lower, upper)| if id == 125 { lower } else { upper });
            set_path_bound(field(schema, values, id, name), bound);
        }
        if let Some(changed) = changed {
            set_long(schema, values, 104, "file_size_in_bytes", changed.size)?;
            set_column_sizes(field(schema, values, 108, "column_sizes"), &changed.column_sizes);
            if let Some(Value::Array(offsets)) =
                field(schema, values, 132, "split_offsets").and_then(Value::present_mut)
            {
                *offsets = changed.split_offsets.iter().map(|o| Value::Long(*o)).collect();
            }
        }
        Ok(())
    })
}

/// Bounds of a path column are paths too. Where the new ones are not known there is none, which is always true.
fn set_path_bound(bounds: Option<&mut Value>, bound: Option<&Vec<u8>>) {
    let Some(Value::Array(pairs)) = bounds.and_then(Value::present_mut) else { return };
    pairs.retain_mut(|pair| match pair {
        Value::Record(pair) if pair.first().and_then(Value::as_long) == Some(DELETE_FILE_PATH.into()) => match bound {
            Some(bound) if pair.len() == 2 => {
                pair[1] = Value::Bytes(bound.clone());
                true
            }
            _ => false,
        },
        _ => true,
    });
}

fn set_column_sizes(sizes: Option<&mut Value>, new: &[(i32, i64)]) {
    let Some(Value::Array(pairs)) = sizes.and_then(Value::present_mut) else { return };
    for pair in pairs {
        if let Value::Record(pair) = pair
            && let Some(id) = pair.first().and_then(Value::as_long)
            && let Some((_, size)) = new.iter().find(|(new, _)| i64::from(*new) == id)
            && pair.len() == 2
        {
            pair[1] = Value::Long(*size);
        }
    }
}

fn is_deleted(entry: &Record<'_>) -> bool {
    entry.get(0, "status").and_then(Value::as_long) == Some(2)
}

fn fields(record: &mut Value) -> Result<&mut Vec<Value>> {
    match record.present_mut() {
        Some(Value::Record(values)) => Ok(values),
        _ => Err(broken("a record was expected")),
    }
}

fn field<'a>(schema: &AvroRecord, values: &'a mut [Value], id: i32, name: &str) -> Option<&'a mut Value> {
    values.get_mut(schema.position(id, name)?)
}

fn set_long(schema: &AvroRecord, values: &mut [Value], id: i32, name: &str, number: u64) -> Result<()> {
    let value = field(schema, values, id, name).ok_or_else(|| broken(format!("{name} is missing")))?;
    *value = Value::Long(i64::try_from(number).map_err(|_| Error::internal("a file beyond 2^63 bytes"))?);
    Ok(())
}

fn broken(message: impl Into<String>) -> Error {
    Error::new(Code::MetadataBroken, message)
        .with_hint("Check the table at the source with its own engine; rewriting its manifests there may mend it.")
}

#[cfg(test)]
#[path = "manifests_tests.rs"]
mod tests;
