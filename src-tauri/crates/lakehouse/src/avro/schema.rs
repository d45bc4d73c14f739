//! The part of an Avro schema that decides how bytes are laid out, and Iceberg's field ids.

use super::error::broken;
use crate::json::{self, JsonError};
use icebridge_model::{Code, Error, Result};
use serde_json::{Map, Value as Json};
use std::collections::HashMap;
use std::sync::Arc;

/// Manifest schemas are some five levels deep. Types that name each other count as nested: the decoder's stack is bounded
/// by this.
const MAX_DEPTH: usize = 64;

#[derive(Clone, Debug, PartialEq)]
pub enum AvroSchema {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(usize),
    /// The symbols.
    Enum(Arc<[String]>),
    Array(Arc<AvroSchema>),
    Map(Arc<AvroSchema>),
    Union(Arc<[AvroSchema]>),
    Record(Arc<AvroRecord>),
}

#[derive(Debug, PartialEq)]
pub struct AvroRecord {
    pub name: String,
    pub fields: Vec<AvroField>,
}

#[derive(Debug, PartialEq)]
pub struct AvroField {
    pub name: String,
    /// Iceberg's `field-id`.
    pub id: Option<i32>,
    pub schema: AvroSchema,
    /// The logical type of the field, or of its branch that is not null.
    pub logical_type: Option<String>,
}

impl AvroRecord {
    /// The field with Iceberg's id `id`; by `name` among fields that their writer gave no id.
    pub fn position(&self, id: i32, name: &str) -> Option<usize> {
        self.fields
            .iter()
            .position(|f| f.id == Some(id))
            .or_else(|| self.fields.iter().position(|f| f.id.is_none() && f.name == name))
    }
}

impl AvroSchema {
    pub fn parse(text: &[u8]) -> Result<Self> {
        let json = json::parse(text).map_err(|e| match e {
            JsonError::TooMany(error) => error,
            JsonError::Invalid(cause) => broken("the Avro schema is not valid JSON").with_cause(cause),
        })?;
        Ok(Parser { names: HashMap::new() }.schema(&json, "", 0)?.schema)
    }

    /// The schema without its null branch: what an optional field holds when it holds something.
    pub fn non_null(&self) -> &AvroSchema {
        match self {
            Self::Union(branches) => branches.iter().find(|b| !matches!(b, Self::Null)).unwrap_or(self),
            other => other,
        }
    }

    /// For messages: a whole schema may be longer than anything that is read.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::String => "string",
            Self::Fixed(_) => "fixed",
            Self::Enum(_) => "enum",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
            Self::Record(_) => "record",
        }
    }
}

/// A type and how many levels of types it has.
#[derive(Clone)]
struct Parsed {
    schema: AvroSchema,
    height: usize,
}

impl Parsed {
    fn leaf(schema: AvroSchema) -> Self {
        Self { schema, height: 1 }
    }

    fn above(schema: AvroSchema, highest: usize) -> Result<Self> {
        if highest >= MAX_DEPTH { Err(too_deep()) } else { Ok(Self { schema, height: highest + 1 }) }
    }
}

struct Parser {
    names: HashMap<String, Parsed>,
}

impl Parser {
    fn schema(&mut self, json: &Json, namespace: &str, depth: usize) -> Result<Parsed> {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        match json {
            Json::String(name) => self.named(name, namespace),
            Json::Array(branches) => {
                let mut highest = 0;
                let mut parsed = Vec::with_capacity(branches.len());
                for branch in branches {
                    let branch = self.schema(branch, namespace, depth + 1)?;
                    highest = highest.max(branch.height);
                    parsed.push(branch.schema);
                }
                Parsed::above(AvroSchema::Union(parsed.into()), highest)
            }
            Json::Object(object) => self.object(object, namespace, depth),
            _ => Err(broken("an Avro schema is neither a name, an object nor a list")),
        }
    }

    fn object(&mut self, object: &Map<String, Json>, namespace: &str, depth: usize) -> Result<Parsed> {
        let Some(kind) = object.get("type") else {
            return Err(broken("an Avro schema has no type"));
        };
        let Json::String(kind) = kind else {
            return self.schema(kind, namespace, depth + 1);
        };
        let child =
            |key: &str| object.get(key).ok_or_else(|| broken(format!("the Avro schema of type {kind} has no `{key}`")));
        match kind.as_str() {
            "array" => {
                let items = self.schema(child("items")?, namespace, depth + 1)?;
                Parsed::above(AvroSchema::Array(Arc::new(items.schema)), items.height)
            }
            "map" => {
                let values = self.schema(child("values")?, namespace, depth + 1)?;
                Parsed::above(AvroSchema::Map(Arc::new(values.schema)), values.height)
            }
            "fixed" => {
                let size = child("size")?.as_u64().and_then(|n| usize::try_from(n).ok());
                let size = size.ok_or_else(|| broken("an Avro fixed has no valid size"))?;
                Ok(self.register(object, namespace, AvroSchema::Fixed(size)))
            }
            "enum" => {
                let symbols = child("symbols")?.as_array().map(Vec::as_slice).unwrap_or_default();
                let symbols = symbols.iter().map(|s| s.as_str().unwrap_or_default().to_string()).collect();
                Ok(self.register(object, namespace, AvroSchema::Enum(symbols)))
            }
            "record" | "error" => self.record(object, child("fields")?, namespace, depth),
            name => self.named(name, namespace),
        }
    }

    fn record(&mut self, object: &Map<String, Json>, fields: &Json, namespace: &str, depth: usize) -> Result<Parsed> {
        let (full, inner) = full_name(object, namespace);
        let list = fields.as_array().ok_or_else(|| broken("an Avro record has no fields"))?;
        let mut fields = Vec::with_capacity(list.len());
        let mut highest = 0;
        for field in list {
            let name = field.get("name").and_then(Json::as_str);
            let (Some(name), Some(field_type)) = (name, field.get("type")) else {
                return Err(broken("a field of an Avro record has no name or type"));
            };
            let parsed = self.schema(field_type, &inner, depth + 1)?;
            highest = highest.max(parsed.height);
            fields.push(AvroField {
                name: name.to_string(),
                id: field.get("field-id").and_then(Json::as_i64).and_then(|id| id.try_into().ok()),
                schema: parsed.schema,
                logical_type: logical_type(field_type),
            });
        }
        let record = AvroSchema::Record(Arc::new(AvroRecord { name: full.clone(), fields }));
        let parsed = Parsed::above(record, highest)?;
        self.names.insert(full, parsed.clone());
        Ok(parsed)
    }

    fn register(&mut self, object: &Map<String, Json>, namespace: &str, schema: AvroSchema) -> Parsed {
        let parsed = Parsed::leaf(schema);
        self.names.insert(full_name(object, namespace).0, parsed.clone());
        parsed
    }

    fn named(&self, name: &str, namespace: &str) -> Result<Parsed> {
        Ok(Parsed::leaf(match name {
            "null" => AvroSchema::Null,
            "boolean" => AvroSchema::Boolean,
            "int" => AvroSchema::Int,
            "long" => AvroSchema::Long,
            "float" => AvroSchema::Float,
            "double" => AvroSchema::Double,
            "bytes" => AvroSchema::Bytes,
            "string" => AvroSchema::String,
            name => {
                let qualified = format!("{namespace}.{name}");
                let known = self.names.get(&qualified).or_else(|| self.names.get(name));
                // A name not seen yet is an error or a type that holds itself; neither is in any Iceberg manifest.
                return known.cloned().ok_or_else(|| {
                    Error::new(
                        Code::Unsupported,
                        format!("the Avro schema names the type `{name}` before it is defined"),
                    )
                });
            }
        }))
    }
}

fn too_deep() -> Error {
    broken(format!("the Avro schema is nested deeper than {MAX_DEPTH} levels"))
}

fn logical_type(field_type: &Json) -> Option<String> {
    match field_type {
        Json::Array(branches) => branches.iter().find_map(logical_type),
        Json::Object(object) => match (object.get("logicalType"), object.get("type")) {
            (Some(Json::String(logical)), _) => Some(logical.clone()),
            // Some writers put a whole schema where another has its name.
            (_, Some(inner @ (Json::Object(_) | Json::Array(_)))) => logical_type(inner),
            _ => None,
        },
        _ => None,
    }
}

/// The full name of a type, and the namespace of the names inside it.
fn full_name(object: &Map<String, Json>, enclosing: &str) -> (String, String) {
    let name = object.get("name").and_then(Json::as_str).unwrap_or_default();
    if let Some((namespace, _)) = name.rsplit_once('.') {
        return (name.to_string(), namespace.to_string());
    }
    let namespace = object.get("namespace").and_then(Json::as_str).unwrap_or(enclosing);
    if namespace.is_empty() {
        (name.to_string(), String::new())
    } else {
        (format!("{namespace}.{name}"), namespace.to_string())
    }
}
