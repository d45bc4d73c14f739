//! The rows of the scratch table: every type that a defect can hide in, and the values that are lost first.

use crate::arrow_types::arrow_schema;
use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, MapFieldNames, StringBuilder};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int32Array,
    Int64Array, MapArray, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use icebridge_model::schema::{Field, Primitive, Schema, Type};
use icebridge_model::{Error, Result};
use serde_json::json;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Row {
    pub id: i64,
    pub name: Option<String>,
    pub alias: Option<String>,
    pub amount: Option<i128>,
    pub price: Option<f64>,
    pub ratio: Option<f32>,
    /// Microseconds since 1970.
    pub at: Option<i64>,
    pub day: Option<i32>,
    pub flag: Option<bool>,
    pub tags: Option<Vec<Option<String>>>,
    pub attributes: Option<Vec<(String, Option<i32>)>>,
    pub place: Option<Place>,
    pub note: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
pub struct Place {
    pub city: Option<String>,
    pub zip: Option<i32>,
}

pub fn schema() -> Result<Schema> {
    let field = |id: i32, name: &str, kind: serde_json::Value| json!({"id": id, "name": name, "required": id == 1, "type": kind, "doc": format!("the {name}")});
    serde_json::from_value(json!({"schema-id": 0, "fields": [
        field(1, "id", json!("long")),
        field(2, "name", json!("string")),
        field(3, "alias", json!("string")),
        field(4, "amount", json!("decimal(12, 2)")),
        field(5, "price", json!("double")),
        field(6, "ratio", json!("float")),
        field(7, "at", json!("timestamptz")),
        field(8, "day", json!("date")),
        field(9, "flag", json!("boolean")),
        field(10, "tags", json!({"type": "list", "element-id": 20, "element-required": false, "element": "string"})),
        field(11, "attributes", json!({"type": "map", "key-id": 21, "key": "string", "value-id": 22, "value-required": false, "value": "int"})),
        field(12, "place", json!({"type": "struct", "fields": [
            {"id": 23, "name": "city", "required": false, "type": "string"},
            {"id": 24, "name": "zip", "required": false, "type": "int"}]})),
        field(13, "note", json!("binary")),
    ]}))
    .map_err(|e| Error::internal("the scratch table has no schema").with_cause(e))
}

/// The first rows have what is special, one after the other; the others are what most rows of a table are.
pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = (0..300).map(plain).collect();
    let texts = ["", "trailing ", "MixedCase", "caf\u{e9}", "a\0b", "\u{1f600} smile", "same", "same"];
    for (row, text) in rows.iter_mut().skip(10).zip(texts) {
        row.name = Some(text.into());
    }
    let doubles = [-0.0, f64::NAN, f64::INFINITY, 0.1, 1e-310, f64::MAX];
    for (row, number) in rows.iter_mut().skip(20).zip(doubles) {
        row.price = Some(number);
    }
    rows[30].id = (1 << 53) + 1;
    rows[31].tags = None;
    rows[32].tags = Some(Vec::new());
    rows[33].place = None;
    rows[34].place = Some(Place { city: None, zip: None });
    rows[35].name = None;
    rows[36].note = Some(vec![0, 0xff, 0]);
    rows
}

fn plain(n: i64) -> Row {
    let small = i32::try_from(n).unwrap_or_default();
    Row {
        id: n * 7,
        name: Some(format!("name {n}")),
        alias: Some(format!("alias {}", 300 - n)),
        amount: Some(i128::from(n) * 137 - 5_000),
        price: Some(n as f64 / 3.0),
        ratio: Some(n as f32 / 7.0),
        at: Some(1_700_000_000_123_456 + n * 3_599_999_983),
        day: Some(19_000 + small),
        flag: Some(n % 3 == 0),
        tags: Some(vec![Some(format!("t{n}")), None, Some("last".into())]),
        attributes: Some(vec![("a".into(), Some(small)), ("b".into(), None)]),
        place: Some(Place { city: Some(format!("city {}", n % 11)), zip: Some(10_000 + small) }),
        note: Some(n.to_be_bytes().to_vec()),
    }
}

/// Under a schema with any of the columns, in any order.
pub fn batch(schema: &Schema, rows: &[Row]) -> Result<RecordBatch> {
    let unfit = |e| Error::internal("the scratch rows do not fit their schema").with_cause(e);
    let arrow = Arc::new(arrow_schema(schema)?);
    let columns = schema
        .fields
        .iter()
        .zip(arrow.fields())
        .map(|(field, arrow)| column(field, arrow.data_type(), rows))
        .collect::<Result<Vec<_>>>()?;
    RecordBatch::try_new(arrow, columns).map_err(unfit)
}

fn column(field: &Field, kind: &DataType, rows: &[Row]) -> Result<ArrayRef> {
    let unfit = |e| Error::internal(format!("the scratch column {} cannot be built", field.name)).with_cause(e);
    Ok(match field.id {
        1 => Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.id))),
        2 => Arc::new(rows.iter().map(|r| r.name.as_deref()).collect::<StringArray>()),
        3 => Arc::new(rows.iter().map(|r| r.alias.as_deref()).collect::<StringArray>()),
        4 => {
            let Type::Primitive(Primitive::Decimal { precision, scale }) = field.field_type else {
                return Err(Error::internal("an amount that is no decimal"));
            };
            let values: Decimal128Array = rows.iter().map(|r| r.amount).collect();
            let scale = i8::try_from(scale).unwrap_or_default();
            Arc::new(values.with_precision_and_scale(precision, scale).map_err(unfit)?)
        }
        5 => Arc::new(rows.iter().map(|r| r.price).collect::<Float64Array>()),
        6 => Arc::new(rows.iter().map(|r| r.ratio).collect::<Float32Array>()),
        7 => {
            let zone = match kind {
                DataType::Timestamp(_, zone) => zone.clone(),
                _ => None,
            };
            Arc::new(rows.iter().map(|r| r.at).collect::<TimestampMicrosecondArray>().with_timezone_opt(zone))
        }
        8 => Arc::new(rows.iter().map(|r| r.day).collect::<Date32Array>()),
        9 => Arc::new(rows.iter().map(|r| r.flag).collect::<BooleanArray>()),
        10 => lists(kind, rows),
        11 => maps(kind, rows)?,
        12 => places(kind, rows)?,
        _ => Arc::new(rows.iter().map(|r| r.note.as_deref()).collect::<BinaryArray>()),
    })
}

fn lists(kind: &DataType, rows: &[Row]) -> ArrayRef {
    let builder = ListBuilder::new(StringBuilder::new());
    let mut builder = match kind {
        DataType::List(element) => builder.with_field(element.clone()),
        _ => builder,
    };
    for row in rows {
        for tag in row.tags.iter().flatten() {
            builder.values().append_option(tag.as_deref());
        }
        builder.append(row.tags.is_some());
    }
    Arc::new(builder.finish())
}

fn maps(kind: &DataType, rows: &[Row]) -> Result<ArrayRef> {
    let unfit = |e| Error::internal("the scratch maps cannot be built").with_cause(e);
    let mut builder = MapBuilder::new(None::<MapFieldNames>, StringBuilder::new(), Int32Builder::new());
    for row in rows {
        for (key, value) in row.attributes.iter().flatten() {
            builder.keys().append_value(key);
            builder.values().append_option(*value);
        }
        builder.append(row.attributes.is_some()).map_err(unfit)?;
    }
    let map = builder.finish();
    let DataType::Map(entries, _) = kind else { return Ok(Arc::new(map)) };
    let DataType::Struct(pair) = entries.data_type() else { return Ok(Arc::new(map)) };
    let columns = vec![map.keys().clone(), map.values().clone()];
    let renamed = StructArray::try_new(pair.clone(), columns, None).map_err(unfit)?;
    let map = MapArray::try_new(entries.clone(), map.offsets().clone(), renamed, map.nulls().cloned(), false);
    Ok(Arc::new(map.map_err(unfit)?))
}

fn places(kind: &DataType, rows: &[Row]) -> Result<ArrayRef> {
    let unfit = |e| Error::internal("the scratch structs cannot be built").with_cause(e);
    let DataType::Struct(fields) = kind else { return Err(Error::internal("a place that is no struct")) };
    let columns = fields.iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "city" => {
                Arc::new(rows.iter().map(|r| r.place.as_ref().and_then(|p| p.city.as_deref())).collect::<StringArray>())
            }
            _ => Arc::new(rows.iter().map(|r| r.place.as_ref().and_then(|p| p.zip)).collect::<Int32Array>()),
        }
    });
    let nulls = NullBuffer::from_iter(rows.iter().map(|r| r.place.is_some()));
    StructArray::try_new(fields.clone(), columns.collect(), Some(nulls)).map(|a| Arc::new(a) as ArrayRef).map_err(unfit)
}
