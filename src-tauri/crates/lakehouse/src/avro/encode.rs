//! Values to bytes, by the schema they were read with.

use super::cursor::{put_bytes, put_long};
use super::schema::{AvroRecord, AvroSchema};
use super::value::Value;
use icebridge_model::{Error, Result};

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
            let at = branches.iter().position(|b| matches!(b, AvroSchema::Null) == is_null);
            let branch = at.ok_or_else(|| mismatch("union", plain))?;
            put_long(out, branch as i64);
            encode(&branches[branch], plain, out)?;
        }
        (AvroSchema::Record(record), value) => encode_record(record, value, out)?,
        (schema, value) => return Err(mismatch(schema.kind(), value)),
    }
    Ok(())
}

fn mismatch(wanted: &str, value: &Value) -> Error {
    Error::internal(format!("an Avro value does not fit its schema: {wanted} is expected, not {}", value.kind()))
}
