//! metadata.json, read leniently: the raw JSON is kept beside the typed view, because a copy must not lose what we do
//! not know.

use crate::json::{self, JsonError};
use crate::limits::Limit;
use flate2::read::MultiGzDecoder;
use icebridge_model::schema::{PartitionSpec, Schema, SortOrder};
use icebridge_model::{Code, Error, Result};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;

/// The highest format version this product understands.
pub const MAX_FORMAT_VERSION: u8 = 3;

/// The keys that list statistics files.
pub const STATISTICS: [&str; 2] = ["statistics", "partition-statistics"];

pub fn statistics_path(file: &Value) -> Option<&str> {
    file.get("statistics-path").and_then(Value::as_str)
}

#[derive(Clone, Debug)]
pub struct TableMetadata {
    /// The whole document as it was written.
    pub raw: Value,
    pub format_version: u8,
    pub uuid: String,
    pub location: String,
    pub last_updated_ms: i64,
    pub last_sequence_number: i64,
    pub schemas: Vec<Schema>,
    pub current_schema_id: i32,
    pub partition_specs: Vec<PartitionSpec>,
    pub default_spec_id: i32,
    pub sort_orders: Vec<SortOrder>,
    pub default_sort_order_id: i32,
    pub properties: BTreeMap<String, String>,
    pub current_snapshot_id: Option<i64>,
    pub snapshots: Vec<Snapshot>,
    pub refs: BTreeMap<String, SnapshotReference>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Snapshot {
    pub snapshot_id: i64,
    #[serde(default)]
    pub parent_snapshot_id: Option<i64>,
    #[serde(default, deserialize_with = "or_default")]
    pub sequence_number: i64,
    #[serde(default, deserialize_with = "or_default")]
    pub timestamp_ms: i64,
    /// v1 may list the manifests in place of a manifest list.
    #[serde(default)]
    pub manifest_list: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub manifests: Vec<String>,
    #[serde(default, deserialize_with = "json::texts")]
    pub summary: BTreeMap<String, String>,
    #[serde(default)]
    pub schema_id: Option<i32>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SnapshotReference {
    pub snapshot_id: i64,
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    pub kind: String,
}

/// Field names as the spec has them, v1's singular `schema` and `partition-spec` included.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Document {
    #[serde(default, deserialize_with = "or_default")]
    table_uuid: String,
    location: String,
    #[serde(default, deserialize_with = "or_default")]
    last_updated_ms: i64,
    #[serde(default, deserialize_with = "or_default")]
    last_sequence_number: i64,
    schema: Option<Schema>,
    #[serde(default, deserialize_with = "or_default")]
    schemas: Vec<Schema>,
    current_schema_id: Option<i32>,
    partition_spec: Option<Value>,
    #[serde(default, deserialize_with = "or_default")]
    partition_specs: Vec<PartitionSpec>,
    default_spec_id: Option<i32>,
    #[serde(default, deserialize_with = "or_default")]
    sort_orders: Vec<SortOrder>,
    #[serde(default, deserialize_with = "or_default")]
    default_sort_order_id: i32,
    #[serde(default, deserialize_with = "json::texts")]
    properties: BTreeMap<String, String>,
    #[serde(default)]
    current_snapshot_id: Option<i64>,
    #[serde(default)]
    snapshots: Option<Vec<Snapshot>>,
    #[serde(default, deserialize_with = "or_default")]
    refs: BTreeMap<String, SnapshotReference>,
}

/// Some writers put a null where others leave a field out.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

impl TableMetadata {
    pub fn parse(bytes: &[u8], location: &str) -> Result<Self> {
        Self::from_value(document(bytes, location)?, location)
    }

    pub fn from_value(raw: Value, location: &str) -> Result<Self> {
        let broken = |m: &str| Error::new(Code::MetadataBroken, m).about(location);
        let version = raw.get("format-version").and_then(Value::as_u64).ok_or_else(|| {
            broken("metadata.json has no format-version").with_hint("Is this an Iceberg table's metadata file?")
        })?;
        if version == 0 || version > u64::from(MAX_FORMAT_VERSION) {
            return Err(Error::new(Code::Unsupported, format!("table format version {version} is not known"))
                .about(location)
                .with_hint(format!("This version of IceBridge reads format versions 1 to {MAX_FORMAT_VERSION}.")));
        }
        let document: Document = Document::deserialize(&raw)
            .map_err(|e| broken("metadata.json does not follow the Iceberg table spec").with_cause(e))?;

        let schemas = match (document.schemas.is_empty(), document.schema) {
            (false, _) => document.schemas,
            (true, Some(schema)) => vec![schema],
            (true, None) => return Err(broken("metadata.json has no schema")),
        };
        let current_schema_id = document.current_schema_id.unwrap_or(schemas[0].schema_id);
        if !schemas.iter().any(|s| s.schema_id == current_schema_id) {
            return Err(broken("the current schema is not among the schemas of metadata.json"));
        }
        let partition_specs = if document.partition_specs.is_empty() {
            let fields = match document.partition_spec {
                Some(fields) => serde_json::from_value(fields)
                    .map_err(|e| broken("the partition spec does not follow the Iceberg table spec").with_cause(e))?,
                None => Vec::new(),
            };
            vec![with_v1_field_ids(PartitionSpec { spec_id: 0, fields })]
        } else {
            document.partition_specs.into_iter().map(with_v1_field_ids).collect()
        };
        let snapshots = document.snapshots.unwrap_or_default();
        // -1 is how older writers say "none".
        let current_snapshot_id = document.current_snapshot_id.filter(|id| *id != -1);
        if let Some(id) = current_snapshot_id
            && !snapshots.iter().any(|s| s.snapshot_id == id)
        {
            return Err(broken("the current snapshot is not among the snapshots of metadata.json"));
        }
        let mut refs = document.refs;
        if let Some(id) = current_snapshot_id {
            refs.entry("main".into()).or_insert(SnapshotReference { snapshot_id: id, kind: "branch".into() });
        }
        Ok(Self {
            format_version: version as u8,
            uuid: document.table_uuid,
            location: document.location,
            last_updated_ms: document.last_updated_ms,
            last_sequence_number: document.last_sequence_number,
            schemas,
            current_schema_id,
            default_spec_id: document.default_spec_id.unwrap_or(0),
            partition_specs,
            sort_orders: document.sort_orders,
            default_sort_order_id: document.default_sort_order_id,
            properties: document.properties,
            current_snapshot_id,
            snapshots,
            refs,
            raw,
        })
    }

    pub fn current_schema(&self) -> &Schema {
        // parse() made sure that it is there.
        self.schema(self.current_schema_id).unwrap_or(&self.schemas[0])
    }

    pub fn schema(&self, id: i32) -> Option<&Schema> {
        self.schemas.iter().find(|s| s.schema_id == id)
    }

    pub fn partition_spec(&self, id: i32) -> Option<&PartitionSpec> {
        self.partition_specs.iter().find(|s| s.spec_id == id)
    }

    /// Statistics and partition statistics files, as they are listed.
    pub fn statistics(&self) -> impl Iterator<Item = &Value> {
        STATISTICS.iter().filter_map(|key| self.raw.get(*key)?.as_array()).flatten()
    }

    pub fn snapshot(&self, id: i64) -> Option<&Snapshot> {
        self.snapshots.iter().find(|s| s.snapshot_id == id)
    }

    pub fn sort_order(&self) -> SortOrder {
        self.sort_orders.iter().find(|o| o.order_id == self.default_sort_order_id).cloned().unwrap_or_default()
    }

    /// The snapshot a branch or tag points to.
    pub fn reference(&self, name: &str) -> Option<i64> {
        self.refs.get(name).map(|r| r.snapshot_id)
    }

    /// `schema.name-mapping.default`: field ids for files that carry none.
    pub fn name_mapping(&self) -> Option<&str> {
        self.properties.get(crate::name_mapping::PROPERTY_NAME_MAPPING).map(String::as_str)
    }

    /// What a read of a branch or tag shows: a branch goes on, so it has the table's current schema; a tag has the schema of
    /// its snapshot, as Spark does.
    pub fn reference_schema(&self, name: &str) -> &Schema {
        match self.refs.get(name) {
            Some(r) if r.kind == "tag" => self.snapshot_schema(r.snapshot_id),
            _ => self.current_schema(),
        }
    }

    fn snapshot_schema(&self, snapshot_id: i64) -> &Schema {
        let id = self.snapshot(snapshot_id).and_then(|s| s.schema_id);
        id.and_then(|id| self.schema(id)).unwrap_or_else(|| self.current_schema())
    }

    /// What a read of this snapshot shows: the table's current schema for the current snapshot, the snapshot's own
    /// schema for time travel by id, as Spark does.
    pub fn read_schema(&self, snapshot_id: Option<i64>) -> &Schema {
        match snapshot_id {
            Some(id) if Some(id) != self.current_snapshot_id => self.snapshot_schema(id),
            _ => self.current_schema(),
        }
    }
}

/// The JSON of a table's or view's metadata file, inflated if it is compressed.
pub(crate) fn document(bytes: &[u8], location: &str) -> Result<Value> {
    let text = inflated(bytes).map_err(|e| e.about(location))?;
    // A byte order mark is skipped by Iceberg's own library, too.
    json::parse(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text)).map_err(|e| match e {
        JsonError::TooMany(error) => error.about(location),
        JsonError::Invalid(cause) => broken("metadata.json is not valid JSON", location).with_cause(cause),
    })
}

fn inflated(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut out = Vec::new();
    MultiGzDecoder::new(bytes).take(Limit::MetadataJson.get().saturating_add(1)).read_to_end(&mut out).map_err(
        |e| Error::new(Code::MetadataBroken, "the gzip-compressed metadata.json cannot be inflated").with_cause(e),
    )?;
    Limit::MetadataJson.check(out.len() as u64)?;
    Ok(Cow::Owned(out))
}

fn broken(message: &str, location: &str) -> Error {
    Error::new(Code::MetadataBroken, message)
        .about(location)
        .with_hint("Check the file at the source; an earlier metadata.json of the same table may still be whole.")
}

/// v1 writers did not have to write partition field ids: they count from 1000 in order (spec, "Partition specs").
pub(crate) fn with_v1_field_ids(mut spec: PartitionSpec) -> PartitionSpec {
    for (i, field) in spec.fields.iter_mut().enumerate() {
        if field.field_id == 0 {
            field.field_id = 1000 + i as i32;
        }
    }
    spec
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn v1() -> Value {
        json!({"format-version": 1, "location": "s3://b/t", "last-column-id": 1,
            "schema": {"type": "struct", "fields": [{"id": 1, "name": "a", "required": false, "type": "int"}]},
            "partition-spec": [{"source-id": 1, "name": "a", "transform": "identity"}], "current-snapshot-id": -1})
    }

    #[test]
    fn v1_with_its_old_fields_reads() {
        let metadata = TableMetadata::from_value(v1(), "x").unwrap();
        assert_eq!(metadata.current_schema().fields[0].name, "a");
        assert_eq!(metadata.partition_specs[0].fields[0].field_id, 1000);
        assert_eq!(metadata.current_snapshot_id, None);
    }

    #[test]
    fn a_null_is_as_good_as_a_field_that_is_left_out() {
        let mut document = v1();
        for key in
            ["schemas", "partition-specs", "sort-orders", "default-sort-order-id", "properties", "snapshots", "refs"]
        {
            document[key] = Value::Null;
        }
        let metadata = TableMetadata::from_value(document, "x").unwrap();
        assert_eq!((metadata.default_sort_order_id, metadata.partition_specs[0].fields[0].field_id), (0, 1000));
        assert!(metadata.properties.is_empty() && metadata.refs.is_empty());
    }

    #[test]
    fn a_gzip_bomb_ends_at_the_limit() {
        use std::io::Write;
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let zeros = vec![b' '; 1 << 20];
        for _ in 0..=Limit::MetadataJson.get() >> 20 {
            zipped.write_all(&zeros).unwrap();
        }
        let error = TableMetadata::parse(&zipped.finish().unwrap(), "x").unwrap_err();
        assert_eq!((error.code, error.object.as_deref()), (Code::LimitExceeded, Some("x")));
    }

    #[test]
    fn broken_documents_are_named_as_such() {
        let code = |bytes: &[u8]| TableMetadata::parse(bytes, "x").unwrap_err().code;
        assert_eq!(code(b"{\"format-version\": 2, \"loc"), Code::MetadataBroken);
        assert_eq!(code(b"{}"), Code::MetadataBroken);
        assert_eq!(code(&[0x1f, 0x8b, 0, 0]), Code::MetadataBroken);
        assert_eq!(code("[".repeat(200_000).as_bytes()), Code::LimitExceeded);
        let mut odd = v1();
        odd["properties"] = json!({"n": 1, "b": true, "none": null});
        odd["snapshots"] = json!([{"snapshot-id": 1, "summary": null, "manifests": null, "sequence-number": null}]);
        let odd = [b"\xef\xbb\xbf".as_slice(), odd.to_string().as_bytes()].concat();
        let read = TableMetadata::parse(&odd, "x").unwrap();
        assert_eq!((read.properties["n"].as_str(), read.properties["b"].as_str()), ("1", "true"));
        assert!(read.snapshots[0].summary.is_empty() && !read.properties.contains_key("none"));
        let mut future = v1();
        future["format-version"] = json!(9);
        assert_eq!(code(future.to_string().as_bytes()), Code::Unsupported);
        let mut lost = v1();
        lost["current-snapshot-id"] = json!(7);
        assert_eq!(code(lost.to_string().as_bytes()), Code::MetadataBroken);
    }
}
