//! Random files: bytes of any kind never panic, and what apache-avro writes and reads is what this reader reads and writes.

use super::{AvroFile, AvroWriter, Header, Record, Value};
use apache_avro::Schema;
use apache_avro::types::Value as Theirs;
use proptest::prelude::*;

const SCHEMA: &str = r#"{"type":"record","name":"R","fields":[
    {"name":"b","type":"boolean"},{"name":"i","type":"int"},{"name":"l","type":["null","long"]},
    {"name":"f","type":"float"},{"name":"d","type":"double"},{"name":"raw","type":"bytes"},{"name":"s","type":"string"},
    {"name":"x","type":{"type":"fixed","name":"X","size":3}},
    {"name":"list","type":{"type":"array","items":["null","string"]}},
    {"name":"map","type":{"type":"map","values":"int"}},
    {"name":"inner","type":{"type":"record","name":"I","fields":[{"name":"n","type":"long"}]}}]}"#;

#[derive(Clone, Debug)]
struct Row {
    boolean: bool,
    int: i32,
    long: Option<i64>,
    float: f32,
    double: f64,
    bytes: Vec<u8>,
    text: String,
    fixed: [u8; 3],
    list: Vec<Option<String>>,
    map: Vec<(String, i32)>,
    inner: i64,
}

fn row() -> impl Strategy<Value = Row> {
    let texts = || ".{0,12}";
    let scalars = (any::<bool>(), any::<i32>(), any::<Option<i64>>(), any::<f32>(), any::<f64>());
    let others = (
        prop::collection::vec(any::<u8>(), 0..40),
        texts(),
        any::<[u8; 3]>(),
        prop::collection::vec(prop::option::of(texts()), 0..6),
        prop::collection::btree_map(texts(), any::<i32>(), 0..6),
        any::<i64>(),
    );
    (scalars, others).prop_map(|((boolean, int, long, float, double), (bytes, text, fixed, list, map, inner))| Row {
        boolean,
        int,
        long,
        float,
        double,
        bytes,
        text,
        fixed,
        list,
        map: map.into_iter().collect(),
        inner,
    })
}

fn ours(row: &Row) -> Value {
    let optional = |value: Option<Value>| match value {
        None => Value::Union(0, Box::new(Value::Null)),
        Some(value) => Value::Union(1, Box::new(value)),
    };
    Value::Record(vec![
        Value::Boolean(row.boolean),
        Value::Long(row.int.into()),
        optional(row.long.map(Value::Long)),
        Value::Float(row.float),
        Value::Double(row.double),
        Value::Bytes(row.bytes.clone()),
        Value::String(row.text.clone()),
        Value::Bytes(row.fixed.to_vec()),
        Value::Array(row.list.iter().map(|item| optional(item.clone().map(Value::String))).collect()),
        Value::Map(row.map.iter().map(|(key, n)| (key.clone(), Value::Long((*n).into()))).collect()),
        Value::Record(vec![Value::Long(row.inner)]),
    ])
}

fn theirs(row: &Row) -> Theirs {
    let optional = |value: Option<Theirs>| match value {
        None => Theirs::Union(0, Box::new(Theirs::Null)),
        Some(value) => Theirs::Union(1, Box::new(value)),
    };
    let fields = [
        ("b", Theirs::Boolean(row.boolean)),
        ("i", Theirs::Int(row.int)),
        ("l", optional(row.long.map(Theirs::Long))),
        ("f", Theirs::Float(row.float)),
        ("d", Theirs::Double(row.double)),
        ("raw", Theirs::Bytes(row.bytes.clone())),
        ("s", Theirs::String(row.text.clone())),
        ("x", Theirs::Fixed(3, row.fixed.to_vec())),
        ("list", Theirs::Array(row.list.iter().map(|item| optional(item.clone().map(Theirs::String))).collect())),
        ("map", Theirs::Map(row.map.iter().map(|(key, n)| (key.clone(), Theirs::Int(*n))).collect())),
        ("inner", Theirs::Record(vec![("n".into(), Theirs::Long(row.inner))])),
    ];
    Theirs::Record(fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
}

/// Bit for bit: NaN is not equal to itself. Maps have no order.
fn normal(value: &Value) -> Value {
    match value {
        Value::Float(x) => Value::Long(x.to_bits().into()),
        Value::Double(x) => Value::Long(x.to_bits() as i64),
        Value::Array(items) => Value::Array(items.iter().map(normal).collect()),
        Value::Union(branch, inner) => Value::Union(*branch, Box::new(normal(inner))),
        Value::Record(values) => Value::Record(values.iter().map(normal).collect()),
        Value::Map(entries) => {
            let mut sorted: Vec<_> = entries.iter().map(|(key, value)| (key.clone(), normal(value))).collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Map(sorted)
        }
        other => other.clone(),
    }
}

fn normal_theirs(value: &Theirs) -> Value {
    match value {
        Theirs::Null => Value::Null,
        Theirs::Boolean(b) => Value::Boolean(*b),
        Theirs::Int(n) => Value::Long((*n).into()),
        Theirs::Long(n) => Value::Long(*n),
        Theirs::Float(x) => Value::Long(x.to_bits().into()),
        Theirs::Double(x) => Value::Long(x.to_bits() as i64),
        Theirs::Bytes(bytes) | Theirs::Fixed(_, bytes) => Value::Bytes(bytes.clone()),
        Theirs::String(text) => Value::String(text.clone()),
        Theirs::Array(items) => Value::Array(items.iter().map(normal_theirs).collect()),
        Theirs::Union(branch, inner) => Value::Union(*branch as usize, Box::new(normal_theirs(inner))),
        Theirs::Record(fields) => Value::Record(fields.iter().map(|(_, value)| normal_theirs(value)).collect()),
        Theirs::Map(entries) => {
            let mut sorted: Vec<_> = entries.iter().map(|(key, value)| (key.clone(), normal_theirs(value))).collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Map(sorted)
        }
        other => panic!("{other:?}"),
    }
}

fn written(rows: &[Row], codec: &str) -> Vec<u8> {
    let header = Header {
        metadata: vec![("avro.schema".into(), SCHEMA.into()), ("avro.codec".into(), codec.into())],
        sync: *b"fedcba9876543210",
    };
    let mut writer = AvroWriter::new(&header).unwrap();
    rows.iter().for_each(|row| writer.append(&ours(row)).unwrap());
    writer.finish().unwrap()
}

/// Reads all of it, as far as it goes.
fn drain(bytes: Vec<u8>) {
    if let Ok(file) = AvroFile::open(bytes.into(), "x") {
        for record in file.records().flatten() {
            if let Some(record) = Record::new(&file.schema, &record) {
                let _ = (record.get(1, "s"), record.text(1, "s"), record.record(1, "inner").is_some());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn this_reader_reads_what_apache_avro_writes(rows in prop::collection::vec(row(), 0..20), codec in 0usize..4) {
        let codec = [
            apache_avro::Codec::Null,
            apache_avro::Codec::Deflate(Default::default()),
            apache_avro::Codec::Snappy,
            apache_avro::Codec::Zstandard(Default::default()),
        ][codec];
        let schema = Schema::parse_str(SCHEMA).unwrap();
        let mut writer = apache_avro::Writer::with_codec(&schema, Vec::new(), codec);
        for row in &rows {
            writer.append(theirs(row)).unwrap();
        }
        let file = AvroFile::open(writer.into_inner().unwrap().into(), "x").unwrap();
        let read: Vec<Value> = file.records().map(|record| normal(&record.unwrap())).collect();
        prop_assert_eq!(read, rows.iter().map(|row| normal(&ours(row))).collect::<Vec<_>>());
    }

    #[test]
    fn apache_avro_reads_what_this_writer_writes(rows in prop::collection::vec(row(), 0..20), codec in 0usize..4) {
        let bytes = written(&rows, ["null", "deflate", "snappy", "zstandard"][codec]);
        let read: Vec<Value> =
            apache_avro::Reader::new(bytes.as_slice()).unwrap().map(|record| normal_theirs(&record.unwrap())).collect();
        prop_assert_eq!(read, rows.iter().map(|row| normal(&ours(row))).collect::<Vec<_>>());
    }

    #[test]
    fn changed_files_never_panic(
        rows in prop::collection::vec(row(), 1..6),
        codec in 0usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = written(&rows, ["null", "deflate", "snappy", "zstandard"][codec]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        drain(bytes.clone());
        bytes.truncate(cut.index(bytes.len() + 1));
        drain(bytes);
    }

    #[test]
    fn random_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..400), with_schema in any::<bool>()) {
        let mut bytes = if with_schema { written(&[], "null") } else { b"Obj\x01".to_vec() };
        bytes.extend_from_slice(&body);
        drain(bytes);
    }

    #[test]
    fn random_blocks_never_panic(body in prop::collection::vec(any::<u8>(), 0..400), items in 0i64..500) {
        let mut bytes = written(&[], "null");
        super::cursor::put_long(&mut bytes, items);
        super::cursor::put_bytes(&mut bytes, &body);
        bytes.extend_from_slice(b"fedcba9876543210");
        drain(bytes);
    }
}
