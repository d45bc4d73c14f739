//! Avro values as they lie in the file.

use super::block::{Cursor, put_bytes, put_long};
use super::broken;
use super::schema::{AvroRecord, AvroSchema};
use icebridge_model::{Error, Result};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Boolean(bool),
    /// int, long, and the position of an enum's symbol.
    Long(i64),
    Float(f32),
    Double(f64),
    /// bytes and fixed.
    Bytes(Vec<u8>),
    String(String),
    Array(Vec<Value>),
    Map(Vec<(String, Value)>),
    /// The branch and its value.
    Union(usize, Box<Value>),
    /// The values of the fields, in the schema's order.
    Record(Vec<Value>),
}

impl Value {
    /// The value inside unions; none for null.
    pub fn present(&self) -> Option<&Value> {
        match self {
            Self::Null => None,
            Self::Union(_, inner) => inner.present(),
            other => Some(other),
        }
    }

    pub fn present_mut(&mut self) -> Option<&mut Value> {
        match self {
            Self::Null => None,
            Self::Union(_, inner) => inner.present_mut(),
            other => Some(other),
        }
    }

    pub fn as_long(&self) -> Option<i64> {
        match self.present()? {
            Self::Long(n) => Some(*n),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self.present()? {
            Self::Boolean(b) => Some(*b),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self.present()? {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self.present()? {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub fn as_array(&self) -> Option<&[Value]> {
        match self.present()? {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }
}

/// A record's values beside the schema that names them.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub schema: &'a AvroRecord,
    pub values: &'a [Value],
}

impl<'a> Record<'a> {
    /// None if the value is no record of this schema.
    pub fn of(schema: &'a AvroSchema, value: &'a Value) -> Option<Self> {
        match (schema.non_null(), value.present()?) {
            (AvroSchema::Record(schema), Value::Record(values)) => Some(Self { schema, values }),
            _ => None,
        }
    }

    pub fn new(schema: &'a AvroRecord, value: &'a Value) -> Option<Self> {
        match value.present()? {
            Value::Record(values) => Some(Self { schema, values }),
            _ => None,
        }
    }

    /// The field with Iceberg's id `id`; by `name` in files of writers that left the ids out. None if it is null.
    pub fn get(&self, id: i32, name: &str) -> Option<&'a Value> {
        let at = self.schema.position_of_id(id).or_else(|| self.schema.position(name))?;
        self.values.get(at)?.present()
    }

    /// The same for a field that is a record.
    pub fn record(&self, id: i32, name: &str) -> Option<Record<'a>> {
        let at = self.schema.position_of_id(id).or_else(|| self.schema.position(name))?;
        Record::of(&self.schema.fields.get(at)?.schema, self.values.get(at)?)
    }
}

pub(super) fn decode_record(schema: &Arc<AvroRecord>, cursor: &mut Cursor<'_>) -> Result<Value> {
    let mut values = Vec::with_capacity(schema.fields.len());
    for field in &schema.fields {
        values.push(decode(&field.schema, cursor)?);
    }
    Ok(Value::Record(values))
}

fn decode(schema: &AvroSchema, cursor: &mut Cursor<'_>) -> Result<Value> {
    Ok(match schema {
        AvroSchema::Null => Value::Null,
        AvroSchema::Boolean => match cursor.take(1)?[0] {
            0 => Value::Boolean(false),
            1 => Value::Boolean(true),
            _ => return Err(broken("an Avro boolean is neither 0 nor 1")),
        },
        AvroSchema::Int | AvroSchema::Long | AvroSchema::Enum(_) => Value::Long(cursor.long()?),
        AvroSchema::Float => Value::Float(f32::from_le_bytes(cursor.array()?)),
        AvroSchema::Double => Value::Double(f64::from_le_bytes(cursor.array()?)),
        AvroSchema::Bytes => {
            let length = cursor.length()?;
            Value::Bytes(cursor.take(length)?.to_vec())
        }
        AvroSchema::String => Value::String(cursor.text()?.to_string()),
        AvroSchema::Fixed(size) => Value::Bytes(cursor.take(*size)?.to_vec()),
        AvroSchema::Array(items) => {
            let mut values = Vec::new();
            loop {
                let count = cursor.block_count()?;
                if count == 0 {
                    break Value::Array(values);
                }
                for _ in 0..count {
                    values.push(decode(items, cursor)?);
                }
            }
        }
        AvroSchema::Map(items) => {
            let mut entries = Vec::new();
            loop {
                let count = cursor.block_count()?;
                if count == 0 {
                    break Value::Map(entries);
                }
                for _ in 0..count {
                    entries.push((cursor.text()?.to_string(), decode(items, cursor)?));
                }
            }
        }
        AvroSchema::Union(branches) => {
            let branch = cursor.length()?;
            let schema = branches.get(branch).ok_or_else(|| broken("an Avro union names a branch it does not have"))?;
            Value::Union(branch, Box::new(decode(schema, cursor)?))
        }
        AvroSchema::Record(record) => decode_record(record, cursor)?,
    })
}

pub(super) fn encode_record(schema: &AvroRecord, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    match value {
        Value::Record(values) if values.len() == schema.fields.len() => {
            for (field, value) in schema.fields.iter().zip(values) {
                encode(&field.schema, value, out).map_err(|e| e.about(format!("{}.{}", schema.name, field.name)))?;
            }
            Ok(())
        }
        _ => Err(mismatch("record", value)),
    }
}

fn encode(schema: &AvroSchema, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    match (schema, value) {
        (AvroSchema::Null, Value::Null) => {}
        (AvroSchema::Boolean, Value::Boolean(b)) => out.push(u8::from(*b)),
        (AvroSchema::Int | AvroSchema::Enum(_), Value::Long(n)) if i32::try_from(*n).is_ok() => put_long(out, *n),
        (AvroSchema::Long, Value::Long(n)) => put_long(out, *n),
        (AvroSchema::Float, Value::Float(x)) => out.extend_from_slice(&x.to_le_bytes()),
        (AvroSchema::Double, Value::Double(x)) => out.extend_from_slice(&x.to_le_bytes()),
        (AvroSchema::Bytes, Value::Bytes(bytes)) => put_bytes(out, bytes),
        (AvroSchema::Fixed(size), Value::Bytes(bytes)) if bytes.len() == *size => out.extend_from_slice(bytes),
        (AvroSchema::String, Value::String(text)) => put_bytes(out, text.as_bytes()),
        (AvroSchema::Array(items), Value::Array(values)) => {
            if !values.is_empty() {
                put_long(out, values.len() as i64);
                for value in values {
                    encode(items, value, out)?;
                }
            }
            put_long(out, 0);
        }
        (AvroSchema::Map(items), Value::Map(entries)) => {
            if !entries.is_empty() {
                put_long(out, entries.len() as i64);
                for (key, value) in entries {
                    put_bytes(out, key.as_bytes());
                    encode(items, value, out)?;
                }
            }
            put_long(out, 0);
        }
        (AvroSchema::Union(branches), Value::Union(branch, inner)) => {
            let schema = branches.get(*branch).ok_or_else(|| mismatch("union branch", value))?;
            put_long(out, *branch as i64);
            encode(schema, inner, out)?;
        }
        // A writer of new files need not know at which place a union has its null.
        (AvroSchema::Union(branches), plain) => {
            let is_null = matches!(plain, Value::Null);
            let at = branches.iter().position(|b| (*b == AvroSchema::Null) == is_null);
            let branch = at.ok_or_else(|| mismatch("union", plain))?;
            put_long(out, branch as i64);
            encode(&branches[branch], plain, out)?;
        }
        (AvroSchema::Record(record), value) => encode_record(record, value, out)?,
        (schema, value) => return Err(mismatch(&format!("{schema:?}"), value)),
    }
    Ok(())
}

fn mismatch(wanted: &str, value: &Value) -> Error {
    Error::internal(format!("an Avro value does not fit its schema: {wanted} wanted, got {value:?}"))
}
