//! The vectors of docs/digest-vectors.json: rows in single-value JSON, their canonical bytes and their digest.

use super::*;
use crate::arrow_types::arrow_schema;
use crate::scalar::constant_from_json;
use arrow_array::builder::BufferBuilder;
use arrow_array::{ArrayRef, ListArray, MapArray, StructArray, new_null_array};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType;
use icebridge_model::schema::{Field, Type};
use serde_json::Value;

fn one(field_type: &Type, value: &Value) -> ArrayRef {
    let data_type = crate::arrow_types::arrow_type(field_type).unwrap();
    let offsets = |n: usize| {
        let mut buffer = BufferBuilder::<i32>::new(2);
        buffer.append(0);
        buffer.append(n as i32);
        OffsetBuffer::new(ScalarBuffer::new(buffer.finish(), 0, 2))
    };
    let column = |item: &Type, values: &[Value]| -> ArrayRef {
        let arrays: Vec<ArrayRef> = values.iter().map(|v| one(item, v)).collect();
        if arrays.is_empty() {
            return new_null_array(&crate::arrow_types::arrow_type(item).unwrap(), 0);
        }
        let refs: Vec<&dyn arrow_array::Array> = arrays.iter().map(AsRef::as_ref).collect();
        arrow_select::concat::concat(&refs).unwrap()
    };
    match (field_type, value) {
        (_, Value::Null) => new_null_array(&data_type, 1),
        (Type::Primitive(_), _) => constant_from_json(field_type, value, 1).unwrap(),
        (Type::Struct(fields), _) => Arc::new(row_struct(fields, value)),
        (Type::List(list), Value::Array(items)) => {
            let DataType::List(element) = data_type else { unreachable!() };
            Arc::new(ListArray::new(element, offsets(items.len()), column(&list.element, items), None::<NullBuffer>))
        }
        (Type::Map(map), _) => {
            let keys = value["keys"].as_array().unwrap();
            let values = value["values"].as_array().unwrap();
            let DataType::Map(entries, _) = data_type else { unreachable!() };
            let DataType::Struct(pair) = entries.data_type() else { unreachable!() };
            let entries_array =
                StructArray::new(pair.clone(), vec![column(&map.key, keys), column(&map.value, values)], None);
            Arc::new(MapArray::new(entries.clone(), offsets(keys.len()), entries_array, None, false))
        }
        other => panic!("{other:?}"),
    }
}

fn row_struct(fields: &[Field], row: &Value) -> StructArray {
    let columns = fields.iter().map(|f| one(&f.field_type, row.get(&f.name).unwrap_or(&Value::Null))).collect();
    StructArray::new(crate::arrow_types::arrow_fields(fields).unwrap(), columns, None)
}

#[test]
fn every_vector_holds() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/digest-vectors.json")).unwrap();
    let vectors: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(vectors.len() >= 10, "the vectors cover every type");
    for vector in &vectors {
        let name = vector["name"].as_str().unwrap();
        let schema: Schema = serde_json::from_value(vector["schema"].clone()).unwrap();
        let mut total = PartialMeasure::new(&schema);
        let mut canonical = Vec::new();
        for row in vector["rows"].as_array().unwrap() {
            let columns = row_struct(&schema.fields, row).columns().to_vec();
            let batch = RecordBatch::try_new(Arc::new(arrow_schema(&schema).unwrap()), columns).unwrap();
            let mut bytes = Vec::new();
            RowEncoder::new(&batch).unwrap().encode(0, &mut bytes);
            canonical.push(Value::String(hex::encode(bytes)));
            total.add(&batch).unwrap();
        }
        assert_eq!(Value::Array(canonical), vector["canonical"], "{name}");
        assert_eq!(total.digest.rows, vector["rows_count"].as_u64().unwrap(), "{name}");
        assert_eq!(total.digest.to_hex(), vector["digest"].as_str().unwrap(), "{name}");
    }
}
