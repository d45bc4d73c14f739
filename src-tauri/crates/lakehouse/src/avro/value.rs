//! Avro values as they lie in the file.

use super::schema::{AvroRecord, AvroSchema};

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
    /// For messages: a whole value may be longer than anything that is read.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Long(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Double(_) => "a double",
            Self::Bytes(_) => "bytes",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
            Self::Union(_, inner) => inner.kind(),
            Self::Record(_) => "a record",
        }
    }

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
        self.values.get(self.schema.position(id, name)?)?.present()
    }

    /// The same for a field that is a record.
    pub fn record(&self, id: i32, name: &str) -> Option<Record<'a>> {
        let at = self.schema.position(id, name)?;
        Record::of(&self.schema.fields.get(at)?.schema, self.values.get(at)?)
    }

    /// The same for a field that is text, or a symbol of an enum.
    pub fn text(&self, id: i32, name: &str) -> Option<&'a str> {
        let at = self.schema.position(id, name)?;
        let value = self.values.get(at)?.present()?;
        match (self.schema.fields.get(at)?.schema.non_null(), value) {
            (AvroSchema::Enum(symbols), Value::Long(symbol)) => {
                symbols.get(usize::try_from(*symbol).ok()?).map(String::as_str)
            }
            _ => value.as_str(),
        }
    }
}
