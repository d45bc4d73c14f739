//! Column types: Unity Catalog tells each in three spellings.

use serde_json::{Value, json};

/// A Spark type, as SQL spells it.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    Plain(&'static Name),
    Decimal(u8, u8),
    Array(Box<Type>),
    Map(Box<Type>, Box<Type>),
    Struct(Vec<(String, Type, bool)>),
}

#[derive(Debug, PartialEq)]
pub struct Name {
    sql: &'static str,
    /// `type_name` of the API.
    pub api: &'static str,
    /// Inside `type_json`.
    spark: &'static str,
}

const fn name(sql: &'static str, api: &'static str, spark: &'static str) -> Name {
    Name { sql, api, spark }
}

static NAMES: [Name; 19] = [
    name("boolean", "BOOLEAN", "boolean"),
    name("tinyint", "BYTE", "byte"),
    name("byte", "BYTE", "byte"),
    name("smallint", "SHORT", "short"),
    name("short", "SHORT", "short"),
    name("int", "INT", "integer"),
    name("integer", "INT", "integer"),
    name("bigint", "LONG", "long"),
    name("long", "LONG", "long"),
    name("float", "FLOAT", "float"),
    name("real", "FLOAT", "float"),
    name("double", "DOUBLE", "double"),
    name("string", "STRING", "string"),
    name("binary", "BINARY", "binary"),
    name("date", "DATE", "date"),
    name("timestamp", "TIMESTAMP", "timestamp"),
    name("timestamp_ntz", "TIMESTAMP_NTZ", "timestamp_ntz"),
    name("variant", "VARIANT", "variant"),
    name("void", "NULL", "void"),
];

impl Type {
    /// None for what Spark does not have: uuid, time, fixed.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let lower = text.to_ascii_lowercase();
        if let Some(name) = NAMES.iter().find(|name| name.sql == lower) {
            return Some(Self::Plain(name));
        }
        if lower == "decimal" {
            return Some(Self::Decimal(10, 0));
        }
        if let Some(inner) = between(text, &lower, "decimal(", ')') {
            let mut parts = inner.split(',').map(|part| part.trim().parse::<u8>().ok());
            let (precision, scale) = (parts.next()??, parts.next().unwrap_or(Some(0))?);
            let good = precision <= 38 && scale <= precision && parts.next().is_none();
            return good.then_some(Self::Decimal(precision, scale));
        }
        if let Some(inner) = between(text, &lower, "array<", '>') {
            return Some(Self::Array(Box::new(Self::read(inner)?)));
        }
        if let Some(inner) = between(text, &lower, "map<", '>') {
            let [key, value] = split(inner).try_into().ok()?;
            return Some(Self::Map(Box::new(Self::read(key)?), Box::new(Self::read(value)?)));
        }
        let fields = split(between(text, &lower, "struct<", '>')?);
        let field = |field: &str| {
            let (name, kind) = field.split_once(':')?;
            let kind = kind.trim();
            let bare = kind.to_ascii_lowercase().strip_suffix("not null").map(str::len);
            let (kind, nullable) = bare.map_or((kind, true), |length| (kind.get(..length).unwrap_or(kind), false));
            Some((name.trim().trim_matches('`').to_owned(), Self::read(kind)?, nullable))
        };
        fields.into_iter().map(field).collect::<Option<Vec<_>>>().map(Self::Struct)
    }

    pub fn text(&self) -> String {
        match self {
            Self::Plain(name) => {
                // Two spellings are only read.
                let sql = match name.sql {
                    "integer" => "int",
                    "long" => "bigint",
                    "short" => "smallint",
                    "byte" => "tinyint",
                    "real" => "float",
                    other => other,
                };
                sql.to_owned()
            }
            Self::Decimal(precision, scale) => format!("decimal({precision},{scale})"),
            Self::Array(inner) => format!("array<{}>", inner.text()),
            Self::Map(key, value) => format!("map<{},{}>", key.text(), value.text()),
            Self::Struct(fields) => {
                let field = |(name, kind, nullable): &(String, Type, bool)| {
                    format!("{name}:{}{}", kind.text(), if *nullable { "" } else { " NOT NULL" })
                };
                format!("struct<{}>", fields.iter().map(field).collect::<Vec<_>>().join(","))
            }
        }
    }

    pub fn api_name(&self) -> &'static str {
        match self {
            Self::Plain(name) => name.api,
            Self::Decimal(..) => "DECIMAL",
            Self::Array(_) => "ARRAY",
            Self::Map(..) => "MAP",
            Self::Struct(_) => "STRUCT",
        }
    }

    pub fn spark(&self) -> Value {
        match self {
            Self::Plain(name) => name.spark.into(),
            Self::Decimal(..) => self.text().into(),
            Self::Array(inner) => json!({"type": "array", "elementType": inner.spark(), "containsNull": true}),
            Self::Map(key, value) => {
                json!({"type": "map", "keyType": key.spark(), "valueType": value.spark(), "valueContainsNull": true})
            }
            Self::Struct(fields) => {
                let field = |(name, kind, nullable): &(String, Type, bool)| json!({"name": name, "type": kind.spark(), "nullable": nullable, "metadata": {}});
                json!({"type": "struct", "fields": fields.iter().map(field).collect::<Vec<_>>()})
            }
        }
    }
}

fn between<'a>(text: &'a str, lower: &str, start: &str, end: char) -> Option<&'a str> {
    if !lower.starts_with(start) {
        return None;
    }
    text.get(start.len()..)?.strip_suffix(end)
}

/// At the commas that are not inside brackets.
pub fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0_i32, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '<' | '(' => depth += 1,
            '>' | ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text.get(from..at).unwrap_or_default());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(from..).unwrap_or_default());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_keeps_its_meaning_in_all_three_spellings() {
        let read = Type::read("MAP<string, STRUCT<a: Decimal(12, 2) NOT NULL, b: array<bigint>>>").unwrap();
        assert_eq!(read.text(), "map<string,struct<a:decimal(12,2) NOT NULL,b:array<bigint>>>");
        assert_eq!(Type::read(&read.text()), Some(read.clone()));
        assert_eq!(read.api_name(), "MAP");
        assert_eq!(read.spark()["valueType"]["fields"][0]["type"], "decimal(12,2)");
        assert_eq!(read.spark()["valueType"]["fields"][0]["nullable"], false);
        assert_eq!(read.spark()["valueType"]["fields"][1]["type"]["elementType"], "long");
    }

    #[test]
    fn what_spark_does_not_have_is_no_type() {
        for text in ["uuid", "time", "fixed(3)", "decimal(39,0)", "decimal(3,4)", "array<", "map<int>", "struct<a>", ""]
        {
            assert_eq!(Type::read(text), None, "{text}");
        }
    }
}
