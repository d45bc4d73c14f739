use super::cursor::{put_bytes, put_long};
use super::*;
use crate::limits::Limit;
use bytes::Bytes;
use icebridge_model::{Code, Result};

const SCHEMA: &str = r#"{"type":"record","name":"entry","namespace":"x","fields":[
  {"name":"status","type":"int","field-id":0},
  {"name":"snapshot_id","type":["null","long"],"default":null,"field-id":1},
  {"name":"file","field-id":2,"type":{"type":"record","name":"r2","fields":[
    {"name":"path","type":"string","field-id":100},
    {"name":"uuid","type":{"type":"fixed","size":16,"logicalType":"uuid","name":"u16"},"field-id":1000},
    {"name":"again","type":["null","u16"],"field-id":1001},
    {"name":"dec","type":["null",{"type":"fixed","size":4,"name":"d4","logicalType":"decimal","precision":9,"scale":2}],"field-id":1002},
    {"name":"sizes","type":["null",{"type":"array","logicalType":"map","items":{"type":"record","name":"k1","fields":[
        {"name":"key","type":"int","field-id":117},{"name":"value","type":"long","field-id":118}]}}],"field-id":108},
    {"name":"m","type":{"type":"map","values":"double"}},
    {"name":"ok","type":"boolean"},{"name":"f","type":"float"},{"name":"raw","type":"bytes"}]}}]}"#;

fn header(codec: &str) -> Header {
    Header {
        metadata: vec![
            ("avro.schema".into(), SCHEMA.into()),
            ("future-key".into(), b"\xff\x00kept".to_vec()),
            ("avro.codec".into(), codec.into()),
        ],
        sync: *b"0123456789abcdef",
    }
}

fn entry(n: i64) -> Value {
    let some = |v: Value| Value::Union(1, Box::new(v));
    let pair = |k, v| Value::Record(vec![Value::Long(k), Value::Long(v)]);
    Value::Record(vec![
        Value::Long(n % 3),
        if n % 2 == 0 { Value::Union(0, Box::new(Value::Null)) } else { some(Value::Long(i64::MIN + n)) },
        Value::Record(vec![
            Value::String(format!("s3://b/t/{n}/ä.parquet")),
            Value::Bytes(vec![n as u8; 16]),
            some(Value::Bytes(vec![7; 16])),
            some(Value::Bytes(vec![0xff, 0xff, 0, n as u8])),
            some(Value::Array(vec![pair(1, n), pair(-2, i64::MAX)])),
            Value::Map(vec![("k".into(), Value::Double(0.5))]),
            Value::Boolean(n % 2 == 0),
            Value::Float(1.5),
            Value::Bytes(vec![]),
        ]),
    ])
}

fn file(codec: &str, count: i64) -> Vec<u8> {
    let mut writer = AvroWriter::new(&header(codec)).unwrap();
    for n in 0..count {
        writer.append(&entry(n)).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn every_codec_round_trips_over_many_blocks() {
    for codec in ["null", "deflate", "snappy", "zstandard"] {
        let read = AvroFile::open(file(codec, 3000).into(), "x").unwrap();
        assert_eq!(read.header, header(codec));
        let records: Vec<_> = read.records().collect::<Result<_>>().unwrap();
        assert_eq!(records.len(), 3000);
        assert!(records.iter().enumerate().all(|(n, r)| *r == entry(n as i64)), "{codec}");
    }
}

#[test]
fn the_reference_library_reads_what_we_write() {
    for codec in ["null", "deflate", "snappy", "zstandard"] {
        // The library loses a type's name when its logical type is uuid, so that one is left out here.
        let mut header = header(codec);
        header.metadata[0].1 = SCHEMA.replace(r#""logicalType":"uuid","#, "").into_bytes();
        let mut writer = AvroWriter::new(&header).unwrap();
        (0..500).for_each(|n| writer.append(&entry(n)).unwrap());
        let bytes = writer.finish().unwrap();
        let theirs = apache_avro::Reader::new(bytes.as_slice()).unwrap();
        let paths: Vec<String> = theirs
            .map(|v| match v.unwrap() {
                apache_avro::types::Value::Record(fields) => match &fields[2].1 {
                    apache_avro::types::Value::Record(fields) => match &fields[0].1 {
                        apache_avro::types::Value::String(path) => path.clone(),
                        other => panic!("{other:?}"),
                    },
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(paths.len(), 500);
        assert_eq!(paths[3], "s3://b/t/3/ä.parquet");
    }
}

#[test]
fn a_rewrite_that_changes_nothing_gives_the_same_bytes() {
    let bytes = file("null", 700);
    assert_eq!(rewrite(bytes.clone().into(), "x", |_, _| Ok(())).unwrap(), bytes);
}

#[test]
fn a_rewrite_changes_only_what_it_touches() {
    let bytes = rewrite(file("deflate", 10).into(), "x", |schema, value| {
        let at = schema.position(2, "file").unwrap();
        let Value::Record(values) = value else { panic!() };
        let Value::Record(file) = &mut values[at] else { panic!() };
        file[0] = Value::String("moved".into());
        Ok(())
    })
    .unwrap();
    let read = AvroFile::open(bytes.into(), "x").unwrap();
    assert_eq!(read.header, header("deflate"));
    for (n, record) in read.records().enumerate() {
        let record = record.unwrap();
        let view = Record::new(&read.schema, &record).unwrap();
        assert_eq!(view.record(2, "file").unwrap().get(100, "?").unwrap().as_str(), Some("moved"));
        assert_eq!(view.record(2, "file").unwrap().get(1000, "?").unwrap().as_bytes(), Some([n as u8; 16].as_slice()));
    }
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let whole = file("null", 40);
    for end in 0..whole.len() {
        if let Ok(file) = AvroFile::open(whole[..end].to_vec().into(), "x") {
            let ok = file.records().filter(Result::is_ok).count();
            assert!(ok < 40 || end == whole.len());
        }
    }
    for at in 0..whole.len() {
        let mut bent = whole.clone();
        bent[at] ^= 0x55;
        if let Ok(file) = AvroFile::open(bent.into(), "x") {
            file.records().for_each(drop);
        }
    }
    assert_eq!(AvroFile::open(Bytes::from_static(b"PAR1"), "x").unwrap_err().code, Code::MetadataBroken);
}

/// A container file by hand: `packed` is one block as it lies in the file.
fn raw(schema: &str, codec: &str, items: i64, packed: &[u8]) -> Bytes {
    let mut out = b"Obj\x01".to_vec();
    put_long(&mut out, 2);
    for (key, value) in [("avro.schema", schema), ("avro.codec", codec)] {
        put_bytes(&mut out, key.as_bytes());
        put_bytes(&mut out, value.as_bytes());
    }
    put_long(&mut out, 0);
    out.extend_from_slice(&[7; 16]);
    put_long(&mut out, items);
    put_bytes(&mut out, packed);
    out.extend_from_slice(&[7; 16]);
    out.into()
}

fn longs(numbers: &[i64]) -> Vec<u8> {
    let mut out = Vec::new();
    numbers.iter().for_each(|n| put_long(&mut out, *n));
    out
}

fn failure(file: Bytes) -> Code {
    let error = match AvroFile::open(file, "x") {
        Ok(file) => file.records().find_map(Result::err).expect("the file is hostile"),
        Err(error) => error,
    };
    assert_eq!(error.object.as_deref(), Some("x"), "{error}");
    error.code
}

fn record_of(field_type: &str) -> String {
    format!(r#"{{"type":"record","name":"R","fields":[{{"name":"a","type":{field_type}}}]}}"#)
}

#[test]
fn types_that_hold_themselves_or_nest_too_deeply_are_refused() {
    let recursive = record_of(r#"["null","R"]"#);
    assert_eq!(failure(raw(&recursive, "null", 1, &[2; 1000])), Code::Unsupported);
    let nested = |levels: usize| {
        (0..levels).fold("\"int\"".to_string(), |inner, _| format!(r#"{{"type":"array","items":{inner}}}"#))
    };
    assert_eq!(failure(raw(&record_of(&nested(2000)), "null", 1, &[0])), Code::LimitExceeded);
    assert!(AvroFile::open(raw(&record_of(&nested(20)), "null", 1, &[0]), "x").is_ok());
    // Flat to read, deep to decode: each type holds the one before it.
    let mut fields = vec![r#"{"name":"f0","type":{"type":"record","name":"t0","fields":[]}}"#.to_string()];
    for at in 1..100_000 {
        let before = at - 1;
        fields.push(format!(
            r#"{{"name":"f{at}","type":{{"type":"record","name":"t{at}","fields":[{{"name":"x","type":"t{before}"}}]}}}}"#
        ));
    }
    let chain = format!(r#"{{"type":"record","name":"R","fields":[{}]}}"#, fields.join(","));
    assert_eq!(failure(raw(&chain, "null", 1, &[])), Code::MetadataBroken);
}

#[test]
fn types_that_multiply_without_a_byte_end_at_the_limit() {
    // Ten fields of the type before, twelve times over: a million million nulls.
    let mut fields =
        vec![r#"{"name":"f0","type":{"type":"record","name":"t0","fields":[{"name":"x","type":"null"}]}}"#.to_string()];
    for at in 1..=12 {
        let inner: Vec<_> = (0..10).map(|n| format!(r#"{{"name":"x{n}","type":"t{}"}}"#, at - 1)).collect();
        let inner = inner.join(",");
        fields.push(format!(r#"{{"name":"f{at}","type":{{"type":"record","name":"t{at}","fields":[{inner}]}}}}"#));
    }
    fields.push(r#"{"name":"end","type":"boolean"}"#.into());
    let schema = format!(r#"{{"type":"record","name":"R","fields":[{}]}}"#, fields.join(","));
    assert_eq!(failure(raw(&schema, "null", 1, &[1])), Code::LimitExceeded);
}

#[test]
fn claims_beyond_the_file_are_refused_before_memory_is_taken() {
    for size in [1u64 << 32, 1 << 62] {
        let schema = record_of(&format!(r#"{{"type":"fixed","name":"f","size":{size}}}"#));
        assert_eq!(failure(raw(&schema, "null", 1, &[0; 10])), Code::MetadataBroken);
    }
    for length in [400 << 20, 1 << 62, -1, i64::MIN] {
        assert_eq!(failure(raw(&record_of("\"bytes\""), "null", 1, &longs(&[length, 0]))), Code::MetadataBroken);
        assert_eq!(failure(raw(&record_of("\"string\""), "null", 1, &longs(&[length, 0]))), Code::MetadataBroken);
    }
    let empty = r#"{"type":"record","name":"R","fields":[]}"#;
    assert_eq!(failure(raw(empty, "null", 1 << 62, &[])), Code::MetadataBroken);
    assert_eq!(failure(raw(empty, "null", -5, &[])), Code::MetadataBroken);
    assert_eq!(failure(raw(&record_of("\"long\""), "null", 2, &[0])), Code::MetadataBroken);
    assert_eq!(failure(raw(&record_of("\"long\""), "null", 1, &[0, 0])), Code::MetadataBroken);
}

#[test]
fn arrays_of_nothing_end_at_the_limit() {
    let schema = record_of(r#"{"type":"array","items":"null"}"#);
    assert_eq!(failure(raw(&schema, "null", 1, &longs(&[i64::MAX, 0]))), Code::LimitExceeded);
    let blocks = [vec![1_000_000; 1000], vec![0]].concat();
    assert_eq!(failure(raw(&schema, "null", 1, &longs(&blocks))), Code::LimitExceeded);
    // A negative count says that a size follows, which must be there.
    assert_eq!(failure(raw(&schema, "null", 1, &longs(&[-3, 1 << 40, 0]))), Code::MetadataBroken);
    let file = AvroFile::open(raw(&schema, "null", 1, &longs(&[-3, 0, 0])), "x").unwrap();
    let records: Vec<_> = file.records().collect::<Result<_>>().unwrap();
    assert_eq!(records, [Value::Record(vec![Value::Array(vec![Value::Null; 3])])]);
}

#[test]
fn bombs_of_every_codec_end_at_the_limit() {
    let zeros = vec![0u8; 1 << 20];
    let blocks = (Limit::AvroBlock.get() >> 20) + 1;
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut zstandard = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    for _ in 0..blocks {
        std::io::Write::write_all(&mut deflate, &zeros).unwrap();
        std::io::Write::write_all(&mut zstandard, &zeros).unwrap();
    }
    let schema = record_of("\"long\"");
    assert_eq!(failure(raw(&schema, "deflate", 1, &deflate.finish().unwrap())), Code::LimitExceeded);
    assert_eq!(failure(raw(&schema, "zstandard", 1, &zstandard.finish().unwrap())), Code::LimitExceeded);
    // Snappy says first how long it will be.
    let claim = |length: u64| {
        let mut packed = Vec::new();
        let mut rest = length;
        while rest >= 0x80 {
            packed.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        packed.push(rest as u8);
        packed.extend_from_slice(&[0; 8]);
        packed
    };
    assert_eq!(failure(raw(&schema, "snappy", 1, &claim(u64::from(u32::MAX)))), Code::LimitExceeded);
    assert_eq!(failure(raw(&schema, "snappy", 1, &claim(1 << 27))), Code::MetadataBroken);
}

#[test]
fn names_and_logical_types_may_be_anything() {
    let schema = r#"{"type":"record","name":"größe","fields":[
        {"name":"地域","type":["null",{"type":"fixed","name":"d","size":2,"logicalType":"decimal","precision":4,"scale":2}],"field-id":1000},
        {"name":"a b.c","type":["null","d"],"field-id":1001},
        {"name":"again","type":{"type":"fixed","name":"d","size":2,"logicalType":"decimal","precision":4,"scale":2}},
        {"name":"","type":{"type":"long","logicalType":"no-such-type"}}]}"#;
    let file = AvroFile::open(raw(schema, "null", 1, &[2, 1, 2, 2, 3, 4, 5, 6, 8]), "x").unwrap();
    assert_eq!(file.schema.fields[0].logical_type.as_deref(), Some("decimal"));
    assert_eq!(file.schema.fields[3].logical_type.as_deref(), Some("no-such-type"));
    let records: Vec<_> = file.records().collect::<Result<_>>().unwrap();
    let record = Record::new(&file.schema, &records[0]).unwrap();
    assert_eq!(record.get(1000, "?").unwrap().as_bytes(), Some([1, 2].as_slice()));
    assert_eq!(record.get(1001, "?").unwrap().as_bytes(), Some([3, 4].as_slice()));
    assert_eq!(record.get(7, "again").unwrap().as_bytes(), Some([5, 6].as_slice()));
    assert_eq!(record.get(7, "").unwrap().as_long(), Some(4));
    // A field with another id is another field, whatever its name.
    assert_eq!(record.get(7, "地域"), None);
}

#[test]
fn a_symbol_of_an_enum_is_its_text() {
    let schema = record_of(r#"["null",{"type":"enum","name":"e","symbols":["PARQUET","ORC"]}]"#);
    let file = AvroFile::open(raw(&schema, "null", 1, &longs(&[1, 1])), "x").unwrap();
    let value = file.records().next().unwrap().unwrap();
    assert_eq!(Record::new(&file.schema, &value).unwrap().text(101, "a"), Some("ORC"));
    assert_eq!(failure(raw(&schema, "null", 1, &longs(&[1, 2]))), Code::MetadataBroken);
    assert_eq!(failure(raw(&schema, "null", 1, &longs(&[2, 0]))), Code::MetadataBroken);
}
