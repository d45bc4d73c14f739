//! The fields of a manifest's records, by the ids the spec gives them; by name where a writer set no ids.

use crate::avro::{Record, Value};
use icebridge_model::{Code, Error, Result};

/// No file has as many bytes or records. Beyond it sums could overflow.
const MAX_COUNT: u64 = 1 << 46;

/// Ids and names of the fields that are read (spec, "Manifests" and "Manifest Lists").
pub(super) type Id = (i32, &'static str);

pub(super) const MANIFEST_PATH: Id = (500, "manifest_path");
pub(super) const PARTITION_SPEC_ID: Id = (502, "partition_spec_id");
pub(super) const ADDED_SNAPSHOT_ID: Id = (503, "added_snapshot_id");
pub(super) const LIST_SEQUENCE_NUMBER: Id = (515, "sequence_number");
pub(super) const LIST_CONTENT: Id = (517, "content");
pub(super) const LIST_KEY_METADATA: Id = (519, "key_metadata");
pub(super) const LIST_FIRST_ROW_ID: Id = (520, "first_row_id");

pub(super) const STATUS: Id = (0, "status");
pub(super) const SNAPSHOT_ID: Id = (1, "snapshot_id");
pub(super) const DATA_FILE: Id = (2, "data_file");
pub(super) const SEQUENCE_NUMBER: Id = (3, "sequence_number");

pub(super) const FILE_PATH: Id = (100, "file_path");
pub(super) const FILE_FORMAT: Id = (101, "file_format");
pub(super) const PARTITION: Id = (102, "partition");
pub(super) const RECORD_COUNT: Id = (103, "record_count");
pub(super) const FILE_SIZE: Id = (104, "file_size_in_bytes");
pub(super) const LOWER_BOUNDS: Id = (125, "lower_bounds");
pub(super) const UPPER_BOUNDS: Id = (128, "upper_bounds");
pub(super) const KEY_METADATA: Id = (131, "key_metadata");
pub(super) const CONTENT: Id = (134, "content");
pub(super) const EQUALITY_IDS: Id = (135, "equality_ids");
pub(super) const SORT_ORDER_ID: Id = (140, "sort_order_id");
pub(super) const FIRST_ROW_ID: Id = (142, "first_row_id");
pub(super) const REFERENCED_DATA_FILE: Id = (143, "referenced_data_file");
pub(super) const CONTENT_OFFSET: Id = (144, "content_offset");
pub(super) const CONTENT_SIZE: Id = (145, "content_size_in_bytes");

pub(super) struct Fields<'a>(pub(super) Record<'a>);

impl<'a> Fields<'a> {
    pub(super) fn get(&self, (id, name): Id) -> Option<&'a Value> {
        self.0.get(id, name)
    }

    pub(super) fn has(&self, id: Id) -> bool {
        self.get(id).is_some()
    }

    pub(super) fn record(&self, (id, name): Id) -> Result<Self> {
        self.0.record(id, name).map(Self).ok_or_else(|| missing(name))
    }

    pub(super) fn text(&self, id: Id) -> Result<String> {
        self.optional_text(id)?.ok_or_else(|| missing(id.1))
    }

    pub(super) fn optional_text(&self, (id, name): Id) -> Result<Option<String>> {
        match (self.0.get(id, name), self.0.text(id, name)) {
            (None, _) => Ok(None),
            (Some(_), Some(text)) => Ok(Some(text.to_string())),
            (Some(other), None) => Err(broken(format!("{name} is {}, not text", other.kind()))),
        }
    }

    pub(super) fn optional_integer(&self, id: Id) -> Result<Option<i64>> {
        match self.get(id) {
            None => Ok(None),
            Some(Value::Long(n)) => Ok(Some(*n)),
            Some(other) => Err(broken(format!("{} is {}, not a number", id.1, other.kind()))),
        }
    }

    pub(super) fn integer(&self, id: Id) -> Result<i64> {
        self.optional_integer(id)?.ok_or_else(|| missing(id.1))
    }

    pub(super) fn optional_int(&self, id: Id) -> Result<Option<i32>> {
        let narrow = |n: i64| i32::try_from(n).map_err(|_| broken(format!("{} is {n}, which is no id", id.1)));
        self.optional_integer(id)?.map(narrow).transpose()
    }

    /// A number of bytes or records.
    pub(super) fn optional_count(&self, id: Id) -> Result<Option<u64>> {
        let count = |n: i64| {
            u64::try_from(n)
                .ok()
                .filter(|n| *n <= MAX_COUNT)
                .ok_or_else(|| broken(format!("{} is {n}, which no file can have", id.1)))
        };
        self.optional_integer(id)?.map(count).transpose()
    }

    pub(super) fn count(&self, id: Id) -> Result<u64> {
        self.optional_count(id)?.ok_or_else(|| missing(id.1))
    }

    pub(super) fn ints(&self, id: Id) -> Result<Vec<i32>> {
        let wrong = || broken(format!("{} holds something other than field ids", id.1));
        let Some(value) = self.get(id) else { return Ok(Vec::new()) };
        let items = value.as_array().ok_or_else(wrong)?;
        items.iter().map(|item| item.as_long().and_then(|n| i32::try_from(n).ok()).ok_or_else(wrong)).collect()
    }

    /// The bytes a map from field ids holds for one id. Iceberg writes it as an array of pairs, some writers as Avro's own
    /// map.
    pub(super) fn bytes_of(&self, map: Id, key: i32) -> Option<&'a [u8]> {
        match self.get(map)? {
            Value::Array(pairs) => pairs.iter().find_map(|pair| match pair.present()? {
                Value::Record(pair) if pair.first()?.as_long() == Some(key.into()) => pair.get(1)?.as_bytes(),
                _ => None,
            }),
            Value::Map(entries) => {
                entries.iter().find(|(name, _)| name.parse() == Ok(key)).and_then(|(_, value)| value.as_bytes())
            }
            _ => None,
        }
    }
}

fn missing(name: &str) -> Error {
    broken(format!("{name} is missing"))
}

pub(super) fn broken(message: impl Into<String>) -> Error {
    Error::new(Code::MetadataBroken, message)
        .with_hint("Check the table at the source with its own engine; rewriting its manifests there may mend it.")
}
