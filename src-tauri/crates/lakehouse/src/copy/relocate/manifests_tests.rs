use super::*;
use crate::avro::{AvroWriter, Header};
use serde_json::json;

fn some(value: Value) -> Value {
    Value::Union(1, Box::new(value))
}

fn none() -> Value {
    Value::Union(0, Box::new(Value::Null))
}

fn header(schema: serde_json::Value) -> Header {
    Header {
        metadata: vec![
            ("avro.schema".into(), schema.to_string().into_bytes()),
            ("avro.codec".into(), b"deflate".to_vec()),
            ("unknown-key".into(), b"kept".to_vec()),
        ],
        sync: [7; 16],
    }
}

/// With a field that no version of the spec has.
fn entry_schema() -> serde_json::Value {
    let map = |key: i32, value: i32, of: &str| {
        json!(["null", {"type": "array", "logicalType": "map", "items": {"type": "record", "name": format!("k{key}_v{value}"),
            "fields": [{"name": "key", "type": "int", "field-id": key}, {"name": "value", "type": of, "field-id": value}]}}])
    };
    json!({"type": "record", "name": "manifest_entry", "fields": [
        {"name": "status", "type": "int", "field-id": 0},
        {"name": "snapshot_id", "type": ["null", "long"], "field-id": 1},
        {"name": "data_file", "field-id": 2, "type": {"type": "record", "name": "r2", "fields": [
            {"name": "content", "type": "int", "field-id": 134},
            {"name": "file_path", "type": "string", "field-id": 100},
            {"name": "file_format", "type": "string", "field-id": 101},
            {"name": "file_size_in_bytes", "type": "long", "field-id": 104},
            {"name": "column_sizes", "type": map(117, 118, "long"), "field-id": 108},
            {"name": "lower_bounds", "type": map(126, 127, "bytes"), "field-id": 125},
            {"name": "upper_bounds", "type": map(129, 130, "bytes"), "field-id": 128},
            {"name": "key_metadata", "type": ["null", "bytes"], "field-id": 131},
            {"name": "split_offsets", "type": ["null", {"type": "array", "items": "long", "element-id": 133}], "field-id": 132},
            {"name": "referenced_data_file", "type": ["null", "string"], "field-id": 143},
            {"name": "from_the_future", "type": "string", "field-id": 999}]}}]})
}

fn entry(status: i64, content: i64, path: &str, referenced: Value, key_metadata: Value) -> Value {
    let pair = |id: i32, value| Value::Record(vec![Value::Long(id.into()), value]);
    let bounds = || {
        some(Value::Array(vec![
            pair(5, Value::Bytes(vec![1])),
            pair(DELETE_FILE_PATH, Value::Bytes(b"/a/t/data/1".to_vec())),
        ]))
    };
    Value::Record(vec![
        Value::Long(status),
        some(Value::Long(42)),
        Value::Record(vec![
            Value::Long(content),
            Value::String(path.into()),
            Value::String("parquet".into()),
            Value::Long(100),
            some(Value::Array(vec![pair(5, Value::Long(1)), pair(DELETE_FILE_PATH, Value::Long(2))])),
            bounds(),
            bounds(),
            key_metadata,
            some(Value::Array(vec![Value::Long(4)])),
            referenced,
            Value::String("kept".into()),
        ]),
    ])
}

fn manifest(entries: &[Value]) -> Bytes {
    let mut writer = AvroWriter::new(&header(entry_schema())).unwrap();
    entries.iter().for_each(|e| writer.append(e).unwrap());
    writer.finish().unwrap().into()
}

#[test]
fn entries_follow_their_files() {
    let source = manifest(&[
        entry(1, 0, "/a/t/data/1", none(), none()),
        entry(0, 1, "file:/a/t/data/d", some(Value::String("/a/t/data/1".into())), none()),
        entry(2, 1, "/a/t/data/gone", none(), none()),
    ]);
    let live = live_files(source.clone(), "m").unwrap();
    let found: Vec<_> =
        live.iter().map(|e| (e.path.as_str(), e.kind, e.size, e.format.as_str(), e.snapshot_id)).collect();
    assert_eq!(
        found,
        [
            ("/a/t/data/1", FileContent::Data, 100, "PARQUET", Some(42)),
            ("file:/a/t/data/d", FileContent::PositionDeletes, 100, "PARQUET", Some(42)),
        ]
    );

    let relocated = Relocated {
        size: 111,
        path_bounds: Some((b"low".to_vec(), b"high".to_vec())),
        column_sizes: vec![(DELETE_FILE_PATH, 22)],
        split_offsets: vec![4, 50],
    };
    let relocated = HashMap::from([("/a/t/data/d".to_string(), Arc::new(relocated))]);
    let moved = relocate_manifest(source.clone(), "m", &PathMap::new("/a/t", "/n/t"), &relocated).unwrap();
    let file = AvroFile::open(moved.into(), "m").unwrap();
    assert_eq!(file.header, header(entry_schema()));
    let files: Vec<Vec<Value>> = file
        .records()
        .map(|record| match record.unwrap() {
            Value::Record(mut fields) => match fields.remove(2) {
                Value::Record(fields) => fields,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        })
        .collect();
    let pair = |id: i32, value| Value::Record(vec![Value::Long(id.into()), value]);
    assert_eq!(files[0][1], Value::String("/n/t/data/1".into()));
    assert_eq!(files[0][3], Value::Long(100));
    assert_eq!(files[1][1], Value::String("/n/t/data/d".into()));
    assert_eq!(files[1][3], Value::Long(111));
    assert_eq!(files[1][4], some(Value::Array(vec![pair(5, Value::Long(1)), pair(DELETE_FILE_PATH, Value::Long(22))])));
    let five = || pair(5, Value::Bytes(vec![1]));
    assert_eq!(files[1][5], some(Value::Array(vec![five(), pair(DELETE_FILE_PATH, Value::Bytes(b"low".to_vec()))])));
    assert_eq!(files[1][6], some(Value::Array(vec![five(), pair(DELETE_FILE_PATH, Value::Bytes(b"high".to_vec()))])));
    assert_eq!(files[1][8], some(Value::Array(vec![Value::Long(4), Value::Long(50)])));
    assert_eq!(files[1][9], some(Value::String("/n/t/data/1".into())));
    // Of a file that is gone nothing new is known: its path moves, a bound that names a path goes.
    assert_eq!(files[2][1], Value::String("/n/t/data/gone".into()));
    assert_eq!(files[2][5], some(Value::Array(vec![five()])));
    assert!(files.iter().all(|f| f[10] == Value::String("kept".into())));
}

#[test]
fn encrypted_files_are_refused() {
    let source = manifest(&[entry(1, 0, "/a/t/data/1", none(), some(Value::Bytes(vec![1])))]);
    assert_eq!(live_files(source, "m").unwrap_err().code, Code::Unsupported);
}

#[test]
fn lists_follow_their_manifests() {
    let schema = json!({"type": "record", "name": "manifest_file", "fields": [
        {"name": "manifest_path", "type": "string", "field-id": 500},
        {"name": "manifest_length", "type": "long", "field-id": 501},
        {"name": "key_metadata", "type": ["null", "bytes"], "field-id": 519}]});
    let mut writer = AvroWriter::new(&header(schema)).unwrap();
    for name in ["file:///a/t/metadata/m0.avro", "/a/t/metadata/m1.avro"] {
        writer.append(&Value::Record(vec![Value::String(name.into()), Value::Long(10), Value::Null])).unwrap();
    }
    let source = Bytes::from(writer.finish().unwrap());
    let map = PathMap::new("/a/t", "/n/t");
    let lengths = HashMap::from([("/a/t/metadata/m0.avro".to_string(), 20), ("/a/t/metadata/m1.avro".to_string(), 30)]);
    let moved = relocate_list(source.clone(), "l", &map, |path| lengths.get(&canonical(path)).copied()).unwrap();
    let lines: Vec<_> = AvroFile::open(moved.clone().into(), "l").unwrap().records().collect::<Result<_>>().unwrap();
    let line = |path: &str, length| Value::Record(vec![Value::String(path.into()), Value::Long(length), none()]);
    assert_eq!(lines, [line("/n/t/metadata/m0.avro", 20), line("/n/t/metadata/m1.avro", 30)]);
    assert_eq!(listed(moved.into(), "l").unwrap(), ["/n/t/metadata/m0.avro", "/n/t/metadata/m1.avro"]);
    assert!(relocate_list(source, "l", &map, |_| None).is_err());
}
