//! The partition spec of the new table, bound to its schema.

use super::bounds::Bound;
use super::columns::decimal_bytes;
use super::numbering::{Numbering, made_otherwise};
use super::transform;
use crate::arrow_types::field_id;
use crate::avro::Value;
use crate::partition::{PartitionValue, result_type};
use crate::scalar::unscaled;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray, make_array};
use arrow_buffer::NullBuffer;
use icebridge_model::schema::{PartitionField, PartitionSpec, Primitive, Schema, Transform, Type};
use icebridge_model::{Code, Error, Result};
use serde_json::{Value as Json, json};

/// One value for each field of the spec.
pub type Tuple = Vec<Option<PartitionValue>>;

#[derive(Clone, Debug)]
pub struct BoundField {
    pub field: PartitionField,
    /// The type of the source column; none if it was dropped, which only a void field survives.
    source: Option<Primitive>,
    pub result: Primitive,
}

#[derive(Clone, Debug)]
pub struct BoundSpec {
    pub fields: Vec<BoundField>,
}

impl BoundField {
    /// Else it is a void field of a column that is gone.
    pub fn has_source(&self) -> bool {
        self.source.is_some()
    }
}

impl BoundSpec {
    pub fn new(spec: &PartitionSpec, schema: &Schema) -> Result<Self> {
        let bind = |field: &PartitionField| {
            let source = match schema.find(field.source_id) {
                Some((_, Type::Primitive(primitive))) => Some(primitive.clone()),
                _ => None,
            };
            let result = match &source {
                Some(source) => result_type(&field.transform, source)?,
                None if field.transform == Transform::Void => Primitive::Int,
                None => {
                    return Err(Error::new(
                        Code::Unsupported,
                        format!("the partition field {} has no source column in the table's schema", field.name),
                    )
                    .with_hint("Choose the mode clone for this table, or change its partition spec at the source."));
                }
            };
            Ok(BoundField { field: field.clone(), source, result })
        };
        Ok(Self { fields: spec.fields.iter().map(bind).collect::<Result<_>>()? })
    }

    /// The spec as it goes into the new table: void fields of columns that are gone are left out.
    pub fn kept(&self) -> impl Iterator<Item = (usize, &BoundField)> {
        self.fields.iter().enumerate().filter(|(_, f)| f.source.is_some())
    }

    pub fn to_json(&self) -> Json {
        let fields = self.kept().map(|(_, f)| {
            json!({"source-id": f.field.source_id, "field-id": f.field.field_id, "name": f.field.name,
                "transform": f.field.transform.to_string()})
        });
        fields.collect()
    }

    /// The same, of a table that a server made: `theirs` are its partition fields.
    pub fn numbered(&self, numbering: &Numbering, theirs: &[PartitionField]) -> Result<Self> {
        let mut theirs = theirs.iter();
        let mut fields = self.fields.clone();
        for bound in fields.iter_mut().filter(|bound| bound.source.is_some()) {
            let source_id = numbering.of(bound.field.source_id);
            match theirs.next() {
                Some(given) if given.source_id == source_id && given.transform == bound.field.transform => {
                    bound.field = given.clone();
                }
                _ => return Err(made_otherwise("with another partition spec")),
            }
        }
        match theirs.next() {
            None => Ok(Self { fields }),
            Some(_) => Err(made_otherwise("with another partition spec")),
        }
    }

    /// The partition of every row.
    pub fn partitions(&self, batch: &RecordBatch) -> Result<Vec<Tuple>> {
        let mut rows = vec![Vec::with_capacity(self.fields.len()); batch.num_rows()];
        for field in &self.fields {
            let values = match &field.source {
                Some(source) => {
                    let column = column(batch, field.field.source_id).ok_or_else(|| {
                        Error::internal(format!(
                            "the source column of the partition field {} was not read",
                            field.field.name
                        ))
                    })?;
                    transform::apply(&field.field.transform, source, &column)
                        .map_err(|e| e.about(format!("partition field {}", field.field.name)))?
                }
                None => vec![None; batch.num_rows()],
            };
            for (row, value) in rows.iter_mut().zip(values) {
                row.push(value);
            }
        }
        Ok(rows)
    }

    /// The Avro schema of the partition tuple.
    pub fn avro_schema(&self) -> Result<Json> {
        let mut fields = Vec::new();
        for (_, field) in self.kept() {
            let id = field.field.field_id;
            fields.push(json!({"name": avro_name(&field.field.name), "type": ["null", avro_type(&field.result, id)?],
                "default": null, "field-id": id}));
        }
        Ok(json!({"type": "record", "name": "r102", "fields": fields}))
    }

    pub fn avro_value(&self, tuple: &Tuple) -> Result<Value> {
        let values = self.kept().map(|(at, field)| match tuple.get(at).and_then(Option::as_ref) {
            None => Ok(Value::Null),
            Some(value) => avro_value(&field.result, value).ok_or_else(|| {
                Error::new(
                    Code::MetadataBroken,
                    format!(
                        "a value of the partition field {} does not fit its type {}",
                        field.field.name, field.result
                    ),
                )
            }),
        });
        Ok(Value::Record(values.collect::<Result<_>>()?))
    }
}

/// The column with a field id, at any depth of structs; null where a struct around it is.
fn column(batch: &RecordBatch, id: i32) -> Option<ArrayRef> {
    let schema = batch.schema();
    for (field, array) in schema.fields().iter().zip(batch.columns()) {
        if field_id(field) == Some(id) {
            return Some(array.clone());
        }
        if let Some(inner) = array.as_struct_opt().and_then(|s| nested(s, id)) {
            return Some(inner);
        }
    }
    None
}

fn nested(array: &StructArray, id: i32) -> Option<ArrayRef> {
    for (field, child) in array.fields().iter().zip(array.columns()) {
        let found = if field_id(field) == Some(id) {
            Some(child.clone())
        } else {
            child.as_struct_opt().and_then(|s| nested(s, id))
        };
        if let Some(found) = found {
            let nulls = NullBuffer::union(found.nulls(), array.nulls());
            let masked = found.to_data().into_builder().nulls(nulls).build().ok()?;
            return Some(make_array(masked));
        }
    }
    None
}

fn avro_type(primitive: &Primitive, id: i32) -> Result<Json> {
    use Primitive as P;
    Ok(match primitive {
        P::Boolean => json!("boolean"),
        P::Int => json!("int"),
        P::Long => json!("long"),
        P::Float => json!("float"),
        P::Double => json!("double"),
        P::Date => json!({"type": "int", "logicalType": "date"}),
        P::Time => json!({"type": "long", "logicalType": "time-micros"}),
        P::Timestamp => json!({"type": "long", "logicalType": "timestamp-micros", "adjust-to-utc": false}),
        P::Timestamptz => json!({"type": "long", "logicalType": "timestamp-micros", "adjust-to-utc": true}),
        P::TimestampNs => json!({"type": "long", "logicalType": "timestamp-nanos", "adjust-to-utc": false}),
        P::TimestamptzNs => json!({"type": "long", "logicalType": "timestamp-nanos", "adjust-to-utc": true}),
        P::String => json!("string"),
        P::Binary => json!("bytes"),
        P::Uuid => json!({"type": "fixed", "name": format!("uuid_fixed_{id}"), "size": 16, "logicalType": "uuid"}),
        P::Fixed(length) => json!({"type": "fixed", "name": format!("fixed_{length}_{id}"), "size": length}),
        P::Decimal { precision, scale } => json!({"type": "fixed", "name": format!("decimal_{precision}_{scale}_{id}"),
            "size": decimal_bytes(*precision), "logicalType": "decimal", "precision": precision, "scale": scale}),
        P::Unknown | P::Other(_) => {
            return Err(Error::new(
                Code::Unsupported,
                format!("a table cannot be partitioned by the type {primitive}"),
            ));
        }
    })
}

fn avro_value(primitive: &Primitive, value: &PartitionValue) -> Option<Value> {
    use PartitionValue as V;
    use Primitive as P;
    Some(match (primitive, value) {
        (P::Boolean, V::Boolean(b)) => Value::Boolean(*b),
        (P::Float, V::Float(bits)) => Value::Float(f32::from_bits(*bits)),
        (P::Double, V::Float(bits)) => Value::Double(f32::from_bits(*bits).into()),
        (P::Double, V::Double(bits)) => Value::Double(f64::from_bits(*bits)),
        (P::String, V::String(text)) => Value::String(text.clone()),
        (P::Uuid | P::Fixed(_) | P::Binary, V::Bytes(bytes)) => Value::Bytes(bytes.clone()),
        (P::Decimal { precision, .. }, V::Decimal(n)) => fixed_decimal(*precision, *n)?,
        // Checkpoints of an earlier version.
        (P::Decimal { precision, .. }, V::Bytes(bytes)) => fixed_decimal(*precision, unscaled(bytes)?)?,
        (P::Boolean | P::Float | P::Double | P::String | P::Uuid | P::Fixed(_) | P::Binary | P::Decimal { .. }, _) => {
            return None;
        }
        (P::Unknown | P::Other(_), _) => return None,
        (_, V::Integer(n)) => Value::Long(*n),
        _ => return None,
    })
}

/// None if the value needs more bytes than its precision has.
fn fixed_decimal(precision: u8, unscaled: i128) -> Option<Value> {
    let full = unscaled.to_be_bytes();
    let (cut, kept) = full.split_at(16 - decimal_bytes(precision) as usize);
    let fill = if unscaled < 0 { 0xff } else { 0 };
    let fits = cut.iter().all(|byte| *byte == fill) && (kept.first()? ^ fill) & 0x80 == 0;
    fits.then(|| Value::Bytes(kept.to_vec()))
}

/// Avro's names are narrower than Iceberg's; the field id tells what is meant.
pub fn avro_name(name: &str) -> String {
    let mut out = String::new();
    for (at, c) in name.chars().enumerate() {
        match c {
            'a'..='z' | 'A'..='Z' | '_' => out.push(c),
            '0'..='9' if at > 0 => out.push(c),
            '0'..='9' => {
                out.push('_');
                out.push(c);
            }
            other => out.push_str(&format!("_x{:X}", u32::from(other))),
        }
    }
    out
}

/// What a manifest list says of a partition field over all files of a manifest.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    pub contains_null: bool,
    pub contains_nan: bool,
    range: Option<(Bound, Bound)>,
}

impl Summary {
    pub fn add(&mut self, primitive: &Primitive, value: Option<&PartitionValue>) {
        let Some(value) = value else {
            self.contains_null = true;
            return;
        };
        let Some(bound) = Bound::of_partition(primitive, value) else { return };
        if bound.is_nan() {
            self.contains_nan = true;
            return;
        }
        self.range = Some(match self.range.take() {
            None => (bound.clone(), bound),
            Some((low, high)) if bound.order(&low).is_lt() => (bound, high),
            Some((low, high)) if bound.order(&high).is_gt() => (low, bound),
            Some(range) => range,
        });
    }

    /// Of more than one value.
    pub fn has_range(&self) -> bool {
        self.range.as_ref().is_some_and(|(low, high)| low.order(high).is_ne())
    }

    pub fn bounds(&self, primitive: &Primitive) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let bytes = |bound: &Bound| bound.serialize(primitive);
        (self.range.as_ref().and_then(|r| bytes(&r.0)), self.range.as_ref().and_then(|r| bytes(&r.1)))
    }
}
