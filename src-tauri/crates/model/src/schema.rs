//! Iceberg's types, schemas, partition specs and sort orders, in the JSON of the table spec (appendix C).
//!
//! Reading is lenient where the spec may grow: a type or transform that is not known is kept by name and turned into a
//! finding later, so that one strange column does not hide the table from the inventory.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Primitive {
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Date,
    Time,
    Timestamp,
    Timestamptz,
    TimestampNs,
    TimestamptzNs,
    String,
    Uuid,
    Fixed(u32),
    Binary,
    Unknown,
    /// `variant`, `geometry(…)`, `geography(…)` and whatever comes next.
    Other(String),
}

impl Primitive {
    /// In any case of letters, as Iceberg's own library reads them.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let lower = text.to_ascii_lowercase();
        let inside =
            |prefix: &str, close: char| lower.strip_prefix(prefix).and_then(|rest| rest.trim_end().strip_suffix(close));
        if let Some(args) = inside("decimal(", ')') {
            let mut numbers = args.split(',').map(|n| n.trim().parse::<u8>());
            if let (Some(Ok(precision)), Some(Ok(scale)), None) = (numbers.next(), numbers.next(), numbers.next())
                && (1..=38).contains(&precision)
                && scale <= precision
            {
                return Self::Decimal { precision, scale };
            }
            return Self::Other(text.to_string());
        }
        if let Some(length) = inside("fixed[", ']').or_else(|| inside("fixed(", ')')) {
            return length.trim().parse().map_or_else(|_| Self::Other(text.to_string()), Self::Fixed);
        }
        match lower.as_str() {
            "boolean" => Self::Boolean,
            "int" => Self::Int,
            "long" => Self::Long,
            "float" => Self::Float,
            "double" => Self::Double,
            "date" => Self::Date,
            "time" => Self::Time,
            "timestamp" => Self::Timestamp,
            "timestamptz" => Self::Timestamptz,
            "timestamp_ns" => Self::TimestampNs,
            "timestamptz_ns" => Self::TimestamptzNs,
            "string" => Self::String,
            "uuid" => Self::Uuid,
            "binary" => Self::Binary,
            "unknown" => Self::Unknown,
            _ => Self::Other(text.to_string()),
        }
    }
}

impl fmt::Display for Primitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decimal { precision, scale } => write!(f, "decimal({precision}, {scale})"),
            Self::Fixed(length) => write!(f, "fixed[{length}]"),
            Self::Boolean => f.write_str("boolean"),
            Self::Int => f.write_str("int"),
            Self::Long => f.write_str("long"),
            Self::Float => f.write_str("float"),
            Self::Double => f.write_str("double"),
            Self::Date => f.write_str("date"),
            Self::Time => f.write_str("time"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Timestamptz => f.write_str("timestamptz"),
            Self::TimestampNs => f.write_str("timestamp_ns"),
            Self::TimestamptzNs => f.write_str("timestamptz_ns"),
            Self::String => f.write_str("string"),
            Self::Uuid => f.write_str("uuid"),
            Self::Binary => f.write_str("binary"),
            Self::Unknown => f.write_str("unknown"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    Primitive(Primitive),
    Struct(Vec<Field>),
    List(Box<ListType>),
    Map(Box<MapType>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    pub id: i32,
    pub name: String,
    pub required: bool,
    #[serde(rename = "type")]
    pub field_type: Type,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
    #[serde(rename = "initial-default", default, skip_serializing_if = "Option::is_none")]
    pub initial_default: Option<Value>,
    #[serde(rename = "write-default", default, skip_serializing_if = "Option::is_none")]
    pub write_default: Option<Value>,
}

impl Field {
    fn without_comments(&self) -> Self {
        Self { doc: None, field_type: self.field_type.without_comments(), ..self.clone() }
    }
}

impl Type {
    fn without_comments(&self) -> Self {
        match self {
            Self::Primitive(_) => self.clone(),
            Self::Struct(fields) => Self::Struct(fields.iter().map(Field::without_comments).collect()),
            Self::List(list) => {
                Self::List(Box::new(ListType { element: list.element.without_comments(), ..(**list).clone() }))
            }
            Self::Map(map) => Self::Map(Box::new(MapType {
                key: map.key.without_comments(),
                value: map.value.without_comments(),
                ..(**map).clone()
            })),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ListType {
    pub element_id: i32,
    pub element_required: bool,
    pub element: Type,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MapType {
    pub key_id: i32,
    pub key: Type,
    pub value_id: i32,
    pub value_required: bool,
    pub value: Type,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Nested {
    Struct { fields: Vec<Field> },
    List(ListType),
    Map(MapType),
}

impl Serialize for Type {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Primitive(p) => serializer.collect_str(p),
            Self::Struct(fields) => Nested::Struct { fields: fields.clone() }.serialize(serializer),
            Self::List(list) => Nested::List((**list).clone()).serialize(serializer),
            Self::Map(map) => Nested::Map((**map).clone()).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Type {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if let Value::String(text) = &value {
            return Ok(Self::Primitive(Primitive::parse(text)));
        }
        match serde_json::from_value(value).map_err(serde::de::Error::custom)? {
            Nested::Struct { fields } => Ok(Self::Struct(fields)),
            Nested::List(list) => Ok(Self::List(Box::new(list))),
            Nested::Map(map) => Ok(Self::Map(Box::new(map))),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Primitive(p) => p.fmt(f),
            Self::Struct(fields) => {
                f.write_str("struct<")?;
                for (i, field) in fields.iter().enumerate() {
                    write!(f, "{}{}: {}", if i > 0 { ", " } else { "" }, field.name, field.field_type)?;
                }
                f.write_str(">")
            }
            Self::List(list) => write!(f, "list<{}>", list.element),
            Self::Map(map) => write!(f, "map<{}, {}>", map.key, map.value),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    #[serde(rename = "schema-id", default)]
    pub schema_id: i32,
    #[serde(rename = "identifier-field-ids", default, skip_serializing_if = "Vec::is_empty")]
    pub identifier_field_ids: Vec<i32>,
    pub fields: Vec<Field>,
}

impl Schema {
    /// Every field at every depth (list elements, map keys and values too) with its dotted path, parents first.
    pub fn walk(&self) -> Vec<(String, i32, &Type)> {
        fn go<'a>(path: String, id: i32, field_type: &'a Type, out: &mut Vec<(String, i32, &'a Type)>) {
            out.push((path.clone(), id, field_type));
            match field_type {
                Type::Primitive(_) => {}
                Type::Struct(fields) => {
                    for field in fields {
                        go(format!("{path}.{}", field.name), field.id, &field.field_type, out);
                    }
                }
                Type::List(list) => go(format!("{path}.element"), list.element_id, &list.element, out),
                Type::Map(map) => {
                    go(format!("{path}.key"), map.key_id, &map.key, out);
                    go(format!("{path}.value"), map.value_id, &map.value, out);
                }
            }
        }
        let mut out = Vec::new();
        for field in &self.fields {
            go(field.name.clone(), field.id, &field.field_type, &mut out);
        }
        out
    }

    /// The columns as they are, whatever is said of them.
    pub fn without_comments(&self) -> Vec<Field> {
        self.fields.iter().map(Field::without_comments).collect()
    }

    pub fn find(&self, id: i32) -> Option<(String, &Type)> {
        self.walk().into_iter().find(|(_, i, _)| *i == id).map(|(path, _, t)| (path, t))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Transform {
    Identity,
    Bucket(u32),
    Truncate(u32),
    Year,
    Month,
    Day,
    Hour,
    Void,
    Other(String),
}

impl Transform {
    /// In any case of letters, as Iceberg's own library reads them.
    pub fn parse(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        let number = |prefix: &str| {
            lower.strip_prefix(prefix)?.strip_prefix('[')?.strip_suffix(']')?.parse::<u32>().ok().filter(|n| *n > 0)
        };
        match lower.as_str() {
            "identity" => Self::Identity,
            "year" => Self::Year,
            "month" => Self::Month,
            "day" => Self::Day,
            "hour" => Self::Hour,
            "void" => Self::Void,
            _ => number("bucket")
                .map(Self::Bucket)
                .or_else(|| number("truncate").map(Self::Truncate))
                .unwrap_or_else(|| Self::Other(text.to_string())),
        }
    }
}

impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity => f.write_str("identity"),
            Self::Bucket(n) => write!(f, "bucket[{n}]"),
            Self::Truncate(n) => write!(f, "truncate[{n}]"),
            Self::Year => f.write_str("year"),
            Self::Month => f.write_str("month"),
            Self::Day => f.write_str("day"),
            Self::Hour => f.write_str("hour"),
            Self::Void => f.write_str("void"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

impl Serialize for Transform {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Transform {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&String::deserialize(deserializer)?))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PartitionField {
    /// v3 multi-argument transforms have `source-ids` in its place; those are a finding.
    #[serde(default)]
    pub source_id: i32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_ids: Vec<i32>,
    #[serde(default)]
    pub field_id: i32,
    pub name: String,
    pub transform: Transform,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PartitionSpec {
    pub spec_id: i32,
    pub fields: Vec<PartitionField>,
}

impl PartitionSpec {
    pub fn is_unpartitioned(&self) -> bool {
        self.fields.iter().all(|f| f.transform == Transform::Void)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SortField {
    #[serde(default)]
    pub source_id: i32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_ids: Vec<i32>,
    pub transform: Transform,
    pub direction: String,
    pub null_order: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SortOrder {
    pub order_id: i32,
    pub fields: Vec<SortField>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_keep_their_text() {
        for text in
            ["boolean", "decimal(38, 10)", "fixed[16]", "timestamptz_ns", "unknown", "variant", "geometry(OGC:CRS84)"]
        {
            assert_eq!(Primitive::parse(text).to_string(), text);
        }
        assert_eq!(Primitive::parse("decimal(9,2)"), Primitive::Decimal { precision: 9, scale: 2 });
        assert_eq!(Primitive::parse("decimal(99,2)"), Primitive::Other("decimal(99,2)".into()));
        assert_eq!(Primitive::parse("DECIMAL(9,2)"), Primitive::Decimal { precision: 9, scale: 2 });
        assert_eq!(
            (Primitive::parse("Long"), Primitive::parse("Odd")),
            (Primitive::Long, Primitive::Other("Odd".into()))
        );
        assert_eq!(
            (Transform::parse("Identity"), Transform::parse("BUCKET[4]")),
            (Transform::Identity, Transform::Bucket(4))
        );
    }

    #[test]
    fn nested_schemas_round_trip() {
        let json = serde_json::json!({"schema-id": 1, "identifier-field-ids": [1], "fields": [
            {"id": 1, "name": "id", "required": true, "type": "long", "doc": "key"},
            {"id": 2, "name": "tags", "required": false, "type":
                {"type": "map", "key-id": 3, "key": "string", "value-id": 4, "value-required": false, "value":
                    {"type": "list", "element-id": 5, "element-required": true, "element":
                        {"type": "struct", "fields": [{"id": 6, "name": "x", "required": false, "type": "variant"}]}}}}]});
        let schema: Schema = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&schema).unwrap(), json);
        assert_eq!(schema.find(6).unwrap().0, "tags.value.element.x");
    }
}
