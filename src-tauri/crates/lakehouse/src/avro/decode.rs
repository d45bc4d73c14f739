//! Bytes to values. What a record may cost is bounded twice: its depth by its schema, its values by a budget, since null
//! and the empty record take no bytes at all.

use super::cursor::Cursor;
use super::error::broken;
use super::schema::{AvroRecord, AvroSchema};
use super::value::Value;
use crate::limits::Limit;
use icebridge_model::Result;

/// Decodes one record from the start of `bytes`; also gives how many bytes it took.
pub(super) fn decode_record(schema: &AvroRecord, bytes: &[u8]) -> Result<(Value, usize)> {
    let mut decoder = Decoder { cursor: Cursor::new(bytes), values_left: Limit::AvroRecordValues.get() };
    let value = decoder.record(schema)?;
    Ok((value, decoder.cursor.position()))
}

struct Decoder<'a> {
    cursor: Cursor<'a>,
    values_left: u64,
}

impl Decoder<'_> {
    fn record(&mut self, schema: &AvroRecord) -> Result<Value> {
        // Grows as it is filled: a schema can have more fields than a hostile file has bytes.
        let mut values = Vec::new();
        for field in &schema.fields {
            values.push(self.value(&field.schema)?);
        }
        Ok(Value::Record(values))
    }

    fn value(&mut self, schema: &AvroSchema) -> Result<Value> {
        self.values_left = self.values_left.checked_sub(1).ok_or_else(|| Limit::AvroRecordValues.exceeded())?;
        Ok(match schema {
            AvroSchema::Null => Value::Null,
            AvroSchema::Boolean => match self.cursor.take(1)?[0] {
                0 => Value::Boolean(false),
                1 => Value::Boolean(true),
                _ => return Err(broken("an Avro boolean is neither 0 nor 1")),
            },
            AvroSchema::Int => Value::Long(self.cursor.int()?),
            AvroSchema::Long => Value::Long(self.cursor.long()?),
            AvroSchema::Enum(symbols) => {
                let symbol = self.cursor.length()?;
                if symbol >= symbols.len() {
                    return Err(broken("an Avro enum names a symbol it does not have"));
                }
                Value::Long(symbol as i64)
            }
            AvroSchema::Float => Value::Float(f32::from_le_bytes(self.cursor.array()?)),
            AvroSchema::Double => Value::Double(f64::from_le_bytes(self.cursor.array()?)),
            AvroSchema::Bytes => {
                let length = self.cursor.length()?;
                Value::Bytes(self.cursor.take(length)?.to_vec())
            }
            AvroSchema::String => Value::String(self.cursor.text()?.to_string()),
            AvroSchema::Fixed(size) => Value::Bytes(self.cursor.take(*size)?.to_vec()),
            AvroSchema::Array(items) => {
                let mut values = Vec::new();
                self.blocks(|decoder| {
                    values.push(decoder.value(items)?);
                    Ok(())
                })?;
                Value::Array(values)
            }
            AvroSchema::Map(items) => {
                let mut entries = Vec::new();
                self.blocks(|decoder| {
                    let key = decoder.cursor.text()?.to_string();
                    entries.push((key, decoder.value(items)?));
                    Ok(())
                })?;
                Value::Map(entries)
            }
            AvroSchema::Union(branches) => {
                let branch = self.cursor.length()?;
                let schema =
                    branches.get(branch).ok_or_else(|| broken("an Avro union names a branch it does not have"))?;
                Value::Union(branch, Box::new(self.value(schema)?))
            }
            AvroSchema::Record(record) => self.record(record)?,
        })
    }

    /// The items of an array or map, which lie in blocks and end with an empty one.
    fn blocks(&mut self, mut item: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        loop {
            let count = self.cursor.block_count()?;
            if count == 0 {
                return Ok(());
            }
            for _ in 0..count {
                item(self)?;
            }
        }
    }
}
