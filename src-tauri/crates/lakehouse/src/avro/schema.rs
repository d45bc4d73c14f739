//! The part of an Avro schema that decides how bytes are laid out, and Iceberg's field ids.

use super::broken;
use icebridge_model::{Code, Error, Result};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::sync::Arc;

/// Manifest schemas are some five levels deep; the bound keeps a hostile schema from exhausting the stack.
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
    Enum(usize),
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
}

impl AvroRecord {
    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| f.name == name)
    }

    pub fn position_of_id(&self, id: i32) -> Option<usize> {
        self.fields.iter().position(|f| f.id == Some(id))
    }
}

impl AvroSchema {
    pub fn parse(json: &[u8]) -> Result<Self> {
        let json: Json =
            serde_json::from_slice(json).map_err(|e| broken("the Avro schema is not valid JSON").with_cause(e))?;
        Parser { names: HashMap::new() }.schema(&json, "", 0)
    }

    /// The schema without its null branch: what an optional field holds when it holds something.
    pub fn non_null(&self) -> &AvroSchema {
        match self {
            Self::Union(branches) => branches.iter().find(|b| **b != Self::Null).unwrap_or(self),
            other => other,
        }
    }
}

struct Parser {
    names: HashMap<String, AvroSchema>,
}

impl Parser {
    fn schema(&mut self, json: &Json, namespace: &str, depth: usize) -> Result<AvroSchema> {
        if depth > MAX_DEPTH {
            return Err(broken("the Avro schema is nested too deeply"));
        }
        match json {
            Json::String(name) => self.named(name, namespace),
            Json::Array(branches) => {
                let branches: Result<Vec<_>> = branches.iter().map(|b| self.schema(b, namespace, depth + 1)).collect();
                Ok(AvroSchema::Union(branches?.into()))
            }
            Json::Object(object) => {
                let Some(kind) = object.get("type") else {
                    return Err(broken("an Avro schema has no type"));
                };
                let Json::String(kind) = kind else {
                    return self.schema(kind, namespace, depth + 1);
                };
                let child = |key: &str| {
                    object.get(key).ok_or_else(|| broken(format!("the Avro schema of an {kind} has no `{key}`")))
                };
                match kind.as_str() {
                    "array" => Ok(AvroSchema::Array(Arc::new(self.schema(child("items")?, namespace, depth + 1)?))),
                    "map" => Ok(AvroSchema::Map(Arc::new(self.schema(child("values")?, namespace, depth + 1)?))),
                    "fixed" => {
                        let size = child("size")?.as_u64().and_then(|n| usize::try_from(n).ok());
                        let size = size.ok_or_else(|| broken("an Avro fixed has no valid size"))?;
                        Ok(self.register(object, namespace, AvroSchema::Fixed(size)))
                    }
                    "enum" => {
                        let symbols = child("symbols")?.as_array().map_or(0, Vec::len);
                        Ok(self.register(object, namespace, AvroSchema::Enum(symbols)))
                    }
                    "record" | "error" => {
                        let (full, inner) = full_name(object, namespace);
                        let list = child("fields")?.as_array().ok_or_else(|| broken("an Avro record has no fields"))?;
                        let mut fields = Vec::with_capacity(list.len());
                        for field in list {
                            let name = field.get("name").and_then(Json::as_str);
                            let (Some(name), Some(field_type)) = (name, field.get("type")) else {
                                return Err(broken("a field of an Avro record has no name or type"));
                            };
                            fields.push(AvroField {
                                name: name.to_string(),
                                id: field.get("field-id").and_then(Json::as_i64).and_then(|id| id.try_into().ok()),
                                schema: self.schema(field_type, &inner, depth + 1)?,
                            });
                        }
                        let schema = AvroSchema::Record(Arc::new(AvroRecord { name: full.clone(), fields }));
                        self.names.insert(full, schema.clone());
                        Ok(schema)
                    }
                    name => self.named(name, namespace),
                }
            }
            _ => Err(broken("an Avro schema is neither a name, an object nor a list")),
        }
    }

    fn register(&mut self, object: &serde_json::Map<String, Json>, namespace: &str, schema: AvroSchema) -> AvroSchema {
        self.names.insert(full_name(object, namespace).0, schema.clone());
        schema
    }

    fn named(&self, name: &str, namespace: &str) -> Result<AvroSchema> {
        Ok(match name {
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
                known.cloned().ok_or_else(|| {
                    Error::new(
                        Code::Unsupported,
                        format!("the Avro schema names the type `{name}` before it is defined"),
                    )
                })?
            }
        })
    }
}

/// A type's full name and the namespace of what is inside it.
fn full_name(object: &serde_json::Map<String, Json>, enclosing: &str) -> (String, String) {
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
