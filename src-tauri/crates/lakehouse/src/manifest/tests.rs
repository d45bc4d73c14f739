use super::types::{ManifestEntry, ManifestFile};
use super::*;
use crate::avro::{AvroWriter, Header, Value};
use crate::metadata::TableMetadata;
use crate::partition::PartitionValue;
use bytes::Bytes;
use icebridge_model::{Code, Error, Result};
use serde_json::{Value as Json, json};

/// A table with one column `c` of a type, partitioned by it.
fn table(column_type: &str, transform: &str) -> TableMetadata {
    let raw = json!({"format-version": 2, "location": "/w/t", "current-schema-id": 1, "schemas": [
            {"schema-id": 0, "fields": [{"id": 1, "name": "c", "required": false, "type": "int"}]},
            {"schema-id": 1, "fields": [{"id": 1, "name": "c", "required": false, "type": column_type}]}],
        "partition-specs": [{"spec-id": 0, "fields": [
            {"source-id": 1, "field-id": 1000, "name": "größe", "transform": transform}]}]});
    TableMetadata::from_value(raw, "x").unwrap()
}

fn list() -> ManifestFile {
    ManifestFile {
        path: "m.avro".into(),
        partition_spec_id: Some(0),
        sequence_number: 3,
        added_snapshot_id: 30,
        first_row_id: None,
        has_key_metadata: false,
    }
}

fn entry_schema(partition: Json) -> Json {
    json!({"type": "record", "name": "manifest_entry", "fields": [
        {"name": "status", "type": "int", "field-id": 0},
        {"name": "snapshot_id", "type": ["null", "long"], "field-id": 1},
        {"name": "sequence_number", "type": ["null", "long"], "field-id": 3},
        {"name": "data_file", "field-id": 2, "type": {"type": "record", "name": "r2", "fields": [
            {"name": "content", "type": "int", "field-id": 134},
            {"name": "file_path", "type": "string", "field-id": 100},
            {"name": "file_format", "type": "string", "field-id": 101},
            {"name": "partition", "field-id": 102, "type": {"type": "record", "name": "r102", "fields": partition}},
            {"name": "record_count", "type": "long", "field-id": 103},
            {"name": "file_size_in_bytes", "type": "long", "field-id": 104},
            {"name": "lower_bounds", "field-id": 125, "type": ["null", {"type": "array", "logicalType": "map", "items":
                {"type": "record", "name": "k126_v127", "fields": [
                    {"name": "key", "type": "int", "field-id": 126}, {"name": "value", "type": "bytes", "field-id": 127}]}}]},
            {"name": "upper_bounds", "field-id": 128, "type": ["null", {"type": "array", "logicalType": "map", "items":
                {"type": "record", "name": "k129_v130", "fields": [
                    {"name": "key", "type": "int", "field-id": 129}, {"name": "value", "type": "bytes", "field-id": 130}]}}]},
            {"name": "equality_ids", "field-id": 135, "type": ["null", {"type": "array", "items": "long"}]},
            {"name": "first_row_id", "type": ["null", "long"], "field-id": 142}]}}]})
}

fn record(partition: Vec<Value>, records: i64, size: i64) -> Value {
    Value::Record(vec![
        Value::Long(1),
        Value::Null,
        Value::Null,
        Value::Record(vec![
            Value::Long(0),
            Value::String("/w/t/data/1.parquet".into()),
            Value::String("parquet".into()),
            Value::Record(partition),
            Value::Long(records),
            Value::Long(size),
            Value::Null,
            Value::Null,
            Value::Array(vec![Value::Long(1), Value::Long(4)]),
            Value::Null,
        ]),
    ])
}

fn file(schema: &Json, extra: &[(&str, &str)], records: &[Value]) -> Bytes {
    let mut metadata = vec![("avro.schema".to_string(), schema.to_string().into_bytes())];
    metadata.extend(extra.iter().map(|(key, value)| (key.to_string(), value.as_bytes().to_vec())));
    let mut writer = AvroWriter::new(&Header { metadata, sync: [3; 16] }).unwrap();
    records.iter().for_each(|record| writer.append(record).unwrap());
    writer.finish().unwrap().into()
}

fn read(bytes: Bytes, metadata: &TableMetadata, list: &ManifestFile) -> Result<Vec<ManifestEntry>> {
    Manifest::open(bytes, metadata, list)?.entries().collect()
}

/// The value of the partition field `c`, stored with an Avro type.
fn stored(column_type: &str, transform: &str, avro_type: Json, value: Value) -> Result<Option<PartitionValue>> {
    let schema = entry_schema(json!([{"name": "_x0067r", "type": ["null", avro_type], "field-id": 1000}]));
    let mut entries = read(file(&schema, &[], &[record(vec![value], 1, 1)]), &table(column_type, transform), &list())?;
    Ok(entries.remove(0).file.partition.remove(0))
}

#[test]
fn one_value_is_one_value_in_every_form_it_is_stored_in() {
    let fixed = |size: usize| json!({"type": "fixed", "name": "f", "size": size});
    let decimal = |size: usize| json!({"type": "fixed", "name": "decimal_9_2", "size": size, "logicalType": "decimal", "precision": 9, "scale": 2});
    let timestamp = |logical: &str| json!({"type": "long", "logicalType": logical});
    let uuid: Vec<u8> = (0..16).collect();
    let text = "00010203-0405-0607-0809-0a0b0c0d0e0f";
    let minus_two = |length: usize| {
        let mut bytes = vec![0xff; length];
        bytes[length - 1] = 0xfe;
        Value::Bytes(bytes)
    };
    let cases: Vec<(&str, PartitionValue, Vec<(Json, Value)>)> = vec![
        (
            "decimal(18, 2)",
            PartitionValue::Decimal(-2),
            vec![
                (decimal(4), minus_two(4)),
                (decimal(8), minus_two(8)),
                (json!("bytes"), minus_two(1)),
                (decimal(20), minus_two(20)),
                (json!("long"), Value::Long(-2)),
            ],
        ),
        (
            "double",
            PartitionValue::Double(1.5f64.to_bits()),
            vec![(json!("float"), Value::Float(1.5)), (json!("double"), Value::Double(1.5))],
        ),
        ("long", PartitionValue::Integer(7), vec![(json!("int"), Value::Long(7)), (json!("long"), Value::Long(7))]),
        (
            "uuid",
            PartitionValue::Bytes(uuid.clone()),
            vec![
                (json!({"type": "fixed", "name": "u", "size": 16, "logicalType": "uuid"}), Value::Bytes(uuid.clone())),
                (json!("bytes"), Value::Bytes(uuid)),
                (json!({"type": "string", "logicalType": "uuid"}), Value::String(text.into())),
            ],
        ),
        (
            "date",
            PartitionValue::Integer(20_000),
            vec![
                (json!({"type": "int", "logicalType": "date"}), Value::Long(20_000)),
                (json!("int"), Value::Long(20_000)),
            ],
        ),
        (
            "timestamp",
            PartitionValue::Integer(5_000),
            vec![
                (timestamp("timestamp-micros"), Value::Long(5_000)),
                (timestamp("local-timestamp-millis"), Value::Long(5)),
                (json!("long"), Value::Long(5_000)),
            ],
        ),
        (
            "timestamp_ns",
            PartitionValue::Integer(5_000),
            vec![(timestamp("timestamp-nanos"), Value::Long(5_000)), (timestamp("timestamp-micros"), Value::Long(5))],
        ),
        (
            "string",
            PartitionValue::String("ä".into()),
            vec![(json!("string"), Value::String("ä".into())), (json!("bytes"), Value::Bytes("ä".into()))],
        ),
        (
            "binary",
            PartitionValue::Bytes(vec![1, 2]),
            vec![(json!("bytes"), Value::Bytes(vec![1, 2])), (fixed(2), Value::Bytes(vec![1, 2]))],
        ),
    ];
    for (column_type, want, forms) in cases {
        for (avro_type, value) in forms {
            let found = stored(column_type, "identity", avro_type.clone(), value).unwrap();
            assert_eq!(found.as_ref(), Some(&want), "{column_type} as {avro_type}");
        }
        assert_eq!(stored(column_type, "identity", json!("int"), Value::Null).unwrap(), None);
    }
}

#[test]
fn the_result_type_is_that_of_the_transform() {
    assert_eq!(stored("timestamp", "day", json!("int"), Value::Long(3)).unwrap(), Some(PartitionValue::Integer(3)));
    assert_eq!(stored("string", "bucket[4]", json!("int"), Value::Long(3)).unwrap(), Some(PartitionValue::Integer(3)));
    // A transform from the future: values are compared as they are stored.
    assert_eq!(
        stored("string", "zorder", json!("string"), Value::String("q".into())).unwrap(),
        Some(PartitionValue::String("q".into()))
    );
}

#[test]
fn a_value_of_another_type_is_an_error_and_not_a_lost_delete() {
    for (column_type, avro_type, value) in [
        ("int", json!("string"), Value::String("7".into())),
        ("int", json!("long"), Value::Long(1 << 40)),
        ("uuid", json!("bytes"), Value::Bytes(vec![1])),
        ("decimal(9, 2)", json!("bytes"), Value::Bytes(vec![])),
        ("boolean", json!("string"), Value::String("x".into())),
    ] {
        let error = stored(column_type, "identity", avro_type, value).unwrap_err();
        assert_eq!((error.code, error.object.as_deref()), (Code::MetadataBroken, Some("m.avro")), "{error}");
    }
}

/// `CREATE OR REPLACE TABLE` keeps a column's id: what an older schema stored is read as that schema has it.
#[test]
fn a_value_from_before_the_table_was_replaced_is_of_the_older_type() {
    let value = stored("string", "identity", json!("int"), Value::Long(7)).unwrap();
    assert_eq!(value, Some(PartitionValue::Integer(7)));
}

#[test]
fn floats_that_are_equal_match() {
    let value = |x: f64| PartitionValue::Double(x.to_bits()).comparable();
    assert_eq!(value(-0.0), value(0.0));
    assert_eq!(value(f64::NAN), PartitionValue::Double(f64::NAN.to_bits() | 1 | 1 << 63).comparable());
    assert_eq!(PartitionValue::Float(0.1f32.to_bits()).comparable(), value(f64::from(0.1f32)));
    assert_ne!(value(1.0), value(2.0));
    // What fills in a column keeps its sign.
    assert_ne!(PartitionValue::Double((-0.0f64).to_bits()), PartitionValue::Double(0));
}

#[test]
fn a_spec_that_the_metadata_lost_is_taken_from_the_manifest() {
    let schema = entry_schema(json!([{"name": "k", "type": ["null", "string"], "field-id": 1007}]));
    let spec = r#"[{"source-id":9,"field-id":1007,"name":"k","transform":"identity"}]"#;
    let bytes = file(
        &schema,
        &[("partition-spec", spec), ("partition-spec-id", "5")],
        &[record(vec![Value::String("v".into())], 1, 1)],
    );
    let of_five = ManifestFile { partition_spec_id: Some(5), ..list() };
    let entries = read(bytes, &table("int", "identity"), &of_five).unwrap();
    assert_eq!(entries[0].file.spec_id, 5);
    assert_eq!(entries[0].file.partition, [Some(PartitionValue::String("v".into()))]);
    let unknown = read(file(&schema, &[], &[]), &table("int", "identity"), &of_five).unwrap_err();
    assert_eq!(unknown.code, Code::MetadataBroken);
}

#[test]
fn of_two_specs_the_one_counts_that_the_tuple_fits() {
    let mut raw = table("int", "identity").raw;
    raw["partition-specs"].as_array_mut().unwrap().push(json!({"spec-id": 1, "fields": []}));
    let metadata = TableMetadata::from_value(raw, "x").unwrap();
    let schema = entry_schema(json!([{"name": "c", "type": ["null", "int"], "field-id": 1000}]));
    let bytes = file(&schema, &[("partition-spec-id", "0")], &[record(vec![Value::Long(7)], 1, 1)]);
    let wrong_list = ManifestFile { partition_spec_id: Some(1), ..list() };
    assert_eq!(read(bytes, &metadata, &wrong_list).unwrap()[0].file.spec_id, 0);
    let unpartitioned = file(&entry_schema(json!([])), &[("partition-spec-id", "0")], &[record(vec![], 1, 1)]);
    assert_eq!(read(unpartitioned, &metadata, &wrong_list).unwrap()[0].file.spec_id, 1);
}

#[test]
fn what_an_entry_leaves_out_it_inherits() {
    let schema = entry_schema(json!([{"name": "c", "type": ["null", "int"], "field-id": 1000}]));
    let bytes = file(&schema, &[], &[record(vec![Value::Null], 5, 1), record(vec![Value::Null], 6, 1)]);
    let v3 = ManifestFile { first_row_id: Some(100), ..list() };
    let entries = read(bytes, &table("int", "identity"), &v3).unwrap();
    assert_eq!(entries[0].sequence_number, 3);
    assert_eq!(entries[0].file.equality_ids, [1, 4]);
    assert_eq!(entries.iter().map(|e| e.file.first_row_id).collect::<Vec<_>>(), [Some(100), Some(105)]);
}

#[test]
fn impossible_counts_are_errors() {
    let schema = entry_schema(json!([{"name": "c", "type": ["null", "int"], "field-id": 1000}]));
    let metadata = table("int", "identity");
    let code = |records: i64, size: i64, list: &ManifestFile| {
        read(file(&schema, &[], &[record(vec![Value::Null], records, size)]), &metadata, list)
            .map_err(|e: Error| e.code)
    };
    for (records, size) in [(-1, 1), (1, -1), (i64::MAX, 1), (1, i64::MAX), (i64::MIN, 1)] {
        assert_eq!(code(records, size, &list()).unwrap_err(), Code::MetadataBroken);
    }
    let last_row = ManifestFile { first_row_id: Some(i64::MAX), ..list() };
    assert_eq!(code(9, 1, &last_row).unwrap_err(), Code::MetadataBroken);
    assert!(code(0, 0, &last_row).is_ok());
}

#[test]
fn fields_are_found_by_id_and_by_name_where_there_is_none() {
    let renamed = |text: String| text.replace("file_path", "renamed").replace("record_count", "file_path_");
    let schema = entry_schema(json!([{"name": "c", "type": ["null", "int"], "field-id": 1000}]));
    let by_id: Json = serde_json::from_str(&renamed(schema.to_string())).unwrap();
    fn without_ids(json: &mut Json) {
        match json {
            Json::Object(fields) => {
                fields.remove("field-id");
                fields.values_mut().for_each(without_ids);
            }
            Json::Array(items) => items.iter_mut().for_each(without_ids),
            _ => {}
        }
    }
    let mut by_name = schema;
    without_ids(&mut by_name);
    for schema in [by_id, by_name] {
        let entries =
            read(file(&schema, &[], &[record(vec![Value::Long(9)], 4, 2)]), &table("int", "identity"), &list());
        let file = entries.unwrap().remove(0).file;
        assert_eq!((file.path.as_str(), file.record_count, file.size), ("/w/t/data/1.parquet", 4, 2));
        assert_eq!(file.partition, [Some(PartitionValue::Integer(9))]);
    }
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn decimals_are_one_value_at_every_length(unscaled in any::<i64>(), length in 8usize..24) {
            let fill = if unscaled < 0 { 0xff } else { 0 };
            let mut bytes = vec![fill; length];
            bytes[length - 8..].copy_from_slice(&unscaled.to_be_bytes());
            let found = stored("decimal(38, 2)", "identity", json!("bytes"), Value::Bytes(bytes)).unwrap();
            prop_assert_eq!(found, Some(PartitionValue::Decimal(unscaled.into())));
        }

        #[test]
        fn a_promoted_float_is_the_same_number(x in any::<f32>()) {
            let old = stored("double", "identity", json!("float"), Value::Float(x)).unwrap().unwrap();
            let new = stored("double", "identity", json!("double"), Value::Double(x.into())).unwrap().unwrap();
            prop_assert_eq!(old.comparable(), new.comparable());
        }

        #[test]
        fn a_manifest_of_random_values_never_panics(
            status in any::<i64>(),
            records in any::<i64>(),
            size in any::<i64>(),
            first_row_id in any::<Option<i64>>(),
        ) {
            let schema = entry_schema(json!([{"name": "c", "type": ["null", "long"], "field-id": 1000}]));
            let mut entry = record(vec![Value::Long(size)], records, size);
            if let Value::Record(fields) = &mut entry {
                fields[0] = Value::Long(i64::from(status as i32));
            }
            let list = ManifestFile { first_row_id, ..list() };
            let _ = read(file(&schema, &[], &[entry.clone(), entry]), &table("int", "identity"), &list);
        }
    }
}
