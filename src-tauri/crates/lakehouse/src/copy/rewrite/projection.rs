//! Which files may keep their pages: those whose columns lie in Parquet just as we would write them.

use super::columns::{group, leaf, list, map, root};
use crate::name_mapping::MappedField;
use icebridge_model::schema::{Field, Primitive, Type};
use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit};
use parquet::schema::types::{Type as ParquetType, TypePtr};

/// The new file's schema, and for each of its leaves the leaf of the old file that it takes its pages from.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    pub root: TypePtr,
    pub leaves: Vec<usize>,
}

/// None if a page would have to be decoded: another physical type, another nesting, a default to fill in, no field ids.
///
/// Levels are part of the pages, so each column keeps the repetition it had; its name and id become the schema's.
pub fn project(file: &ParquetType, wanted: &[Field], mapping: Option<&[MappedField]>) -> Option<Projection> {
    let ids = if has_ids(file) { Ids::OfFile } else { Ids::ByName(mapping?) };
    let mut leaves = Vec::new();
    let columns = children(file.get_fields(), 0, wanted, &ids, &mut leaves)?;
    if columns.is_empty() {
        return None;
    }
    let root = root(columns).ok()?;
    Some(Projection { root: root.into(), leaves })
}

#[derive(Clone, Copy)]
enum Ids<'a> {
    OfFile,
    ByName(&'a [MappedField]),
}

impl<'a> Ids<'a> {
    /// The id of a child, and how its own children find theirs.
    fn of(&self, child: &ParquetType, name: &str) -> (Option<i32>, Ids<'a>) {
        match self {
            Self::OfFile => (own_id(child), Self::OfFile),
            Self::ByName(mapped) => match mapped.iter().find(|m| m.names.iter().any(|n| n == name)) {
                Some(entry) => (entry.id, Self::ByName(&entry.fields)),
                None => (None, Self::ByName(&[])),
            },
        }
    }
}

fn own_id(node: &ParquetType) -> Option<i32> {
    let basic = node.get_basic_info();
    basic.has_id().then(|| basic.id())
}

fn has_ids(node: &ParquetType) -> bool {
    own_id(node).is_some() || (node.is_group() && node.get_fields().iter().any(|f| has_ids(f)))
}

fn leaf_count(node: &ParquetType) -> usize {
    if node.is_group() { node.get_fields().iter().map(|f| leaf_count(f)).sum() } else { 1 }
}

fn children(
    file: &[TypePtr],
    first_leaf: usize,
    wanted: &[Field],
    ids: &Ids<'_>,
    leaves: &mut Vec<usize>,
) -> Option<Vec<TypePtr>> {
    let mut out = Vec::new();
    for field in wanted {
        let mut first = first_leaf;
        let mut found = None;
        for child in file {
            let (id, inner) = ids.of(child, child.name());
            if id == Some(field.id) {
                found = Some((child, first, inner));
                break;
            }
            first += leaf_count(child);
        }
        match found {
            Some((child, first, inner)) => {
                if field.required && child.is_optional() {
                    return None;
                }
                out.push(node(child, first, &field.name, field.id, &field.field_type, &inner, leaves)?);
            }
            // A reader fills in nulls by itself, but nothing else.
            None if !field.required && field.initial_default.is_none() => {}
            None => return None,
        }
    }
    Some(out)
}

fn node(
    file: &ParquetType,
    first_leaf: usize,
    name: &str,
    id: i32,
    wanted: &Type,
    ids: &Ids<'_>,
    leaves: &mut Vec<usize>,
) -> Option<TypePtr> {
    let basic = file.get_basic_info();
    let repetition = basic.repetition();
    if repetition == Repetition::REPEATED {
        return None;
    }
    let logical = basic.logical_type_ref();
    let converted = basic.converted_type();
    match wanted {
        Type::Primitive(primitive) => {
            if !file.is_primitive() {
                return None;
            }
            let new = leaf(name, id, primitive, repetition).ok()?;
            if !same_storage(file, &new) || !same_meaning(primitive, logical, converted) {
                return None;
            }
            leaves.push(first_leaf);
            Some(new)
        }
        Type::Struct(fields) => {
            if !file.is_group() || logical.is_some() || converted != ConvertedType::NONE {
                return None;
            }
            let inner = children(file.get_fields(), first_leaf, fields, ids, leaves)?;
            if inner.is_empty() { None } else { group(name, Some(id), inner, repetition, None).ok() }
        }
        Type::List(wanted) => {
            let is_list = matches!(logical, Some(LogicalType::List)) || converted == ConvertedType::LIST;
            let [element] = repeated(file).filter(|_| is_list)? else { return None };
            let (element_id, inner) = ids.of(element, "element");
            if element_id != Some(wanted.element_id) || (wanted.element_required && element.is_optional()) {
                return None;
            }
            let element = node(element, first_leaf, "element", wanted.element_id, &wanted.element, &inner, leaves)?;
            list(name, id, element, repetition).ok()
        }
        Type::Map(wanted) => {
            let is_map = matches!(logical, Some(LogicalType::Map))
                || matches!(converted, ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE);
            let [key, value] = repeated(file).filter(|_| is_map)? else { return None };
            let (key_id, key_ids) = ids.of(key, "key");
            let (value_id, value_ids) = ids.of(value, "value");
            if key_id != Some(wanted.key_id)
                || value_id != Some(wanted.value_id)
                || key.is_optional()
                || (wanted.value_required && value.is_optional())
            {
                return None;
            }
            let of_key = leaf_count(key);
            let key = node(key, first_leaf, "key", wanted.key_id, &wanted.key, &key_ids, leaves)?;
            let value = node(value, first_leaf + of_key, "value", wanted.value_id, &wanted.value, &value_ids, leaves)?;
            map(name, id, key, value, repetition).ok()
        }
    }
}

/// The children of the one repeated group in a list or map of three levels.
fn repeated(file: &ParquetType) -> Option<&[TypePtr]> {
    if !file.is_group() {
        return None;
    }
    match file.get_fields() {
        [inner] if inner.is_group() && inner.get_basic_info().repetition() == Repetition::REPEATED => {
            Some(inner.get_fields())
        }
        _ => None,
    }
}

fn same_storage(a: &ParquetType, b: &ParquetType) -> bool {
    match (a, b) {
        (
            ParquetType::PrimitiveType { physical_type: a, type_length: x, .. },
            ParquetType::PrimitiveType { physical_type: b, type_length: y, .. },
        ) => a == b && (*a != parquet::basic::Type::FIXED_LEN_BYTE_ARRAY || x == y),
        _ => false,
    }
}

/// Whether the file means by its values what the schema does. The schema says whether a time is UTC, not the file.
fn same_meaning(wanted: &Primitive, logical: Option<&LogicalType>, converted: ConvertedType) -> bool {
    use ConvertedType as C;
    use LogicalType as L;
    match wanted {
        Primitive::Boolean | Primitive::Float | Primitive::Double | Primitive::Binary | Primitive::Fixed(_) => {
            logical.is_none() && converted == C::NONE
        }
        Primitive::Int => match logical {
            Some(L::Integer(int)) => int.is_signed && int.bit_width <= 32,
            Some(_) => false,
            None => matches!(converted, C::NONE | C::INT_8 | C::INT_16 | C::INT_32),
        },
        Primitive::Long => match logical {
            Some(L::Integer(int)) => int.is_signed && int.bit_width == 64,
            Some(_) => false,
            None => matches!(converted, C::NONE | C::INT_64),
        },
        // The precision and scale of a decimal without a logical type are those of its manifest's schema, which we do not
        // see here: such a file is decoded.
        Primitive::Decimal { precision, scale } => match logical {
            Some(L::Decimal(decimal)) => {
                decimal.precision == i32::from(*precision) && decimal.scale == i32::from(*scale)
            }
            _ => false,
        },
        Primitive::Date => matches!(logical, Some(L::Date)) || converted == C::DATE,
        Primitive::Time => match logical {
            Some(L::Time(time)) => time.unit == TimeUnit::MICROS,
            _ => converted == C::TIME_MICROS,
        },
        Primitive::Timestamp | Primitive::Timestamptz => match logical {
            Some(L::Timestamp(time)) => time.unit == TimeUnit::MICROS,
            _ => converted == C::TIMESTAMP_MICROS,
        },
        Primitive::TimestampNs | Primitive::TimestamptzNs => {
            matches!(logical, Some(L::Timestamp(time)) if time.unit == TimeUnit::NANOS)
        }
        Primitive::String => matches!(logical, Some(L::String)) || converted == C::UTF8,
        Primitive::Uuid => matches!(logical, None | Some(L::Uuid)) && converted == C::NONE,
        Primitive::Unknown | Primitive::Other(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copy::rewrite::columns::parquet_schema;
    use parquet::schema::parser::parse_message_type;
    use serde_json::json;

    fn fields(json: serde_json::Value) -> Vec<Field> {
        serde_json::from_value(json).unwrap()
    }

    fn try_project(message: &str, wanted: &[Field]) -> Option<Projection> {
        project(&parse_message_type(message).unwrap(), wanted, None)
    }

    fn ints() -> Vec<Field> {
        fields(json!([{"id": 2, "name": "b", "required": false, "type": "int"},
                      {"id": 1, "name": "a", "required": false, "type": "string"}]))
    }

    #[test]
    fn columns_are_found_by_id_and_renamed() {
        let file =
            "message m { optional binary old_a (UTF8) = 1; optional int32 dropped = 9; required int32 old_b = 2; }";
        let found = try_project(file, &ints()).unwrap();
        assert_eq!(found.leaves, [2, 0]);
        let names: Vec<_> = found.root.get_fields().iter().map(|f| (f.name(), f.is_optional())).collect();
        assert_eq!(names, [("b", false), ("a", true)]);
    }

    #[test]
    fn what_would_have_to_be_decoded_is_refused() {
        for file in [
            "message m { optional binary a (UTF8) = 1; optional int64 b = 2; }",
            "message m { optional binary a = 1; optional int32 b = 2; }",
            "message m { optional binary a (UTF8) = 1; optional int32 b (UINT_32) = 2; }",
            "message m { optional binary a (UTF8); optional int32 b; }",
        ] {
            assert_eq!(try_project(file, &ints()), None, "{file}");
        }
        let mut required = ints();
        required[0].required = true;
        assert_eq!(try_project("message m { optional binary a (UTF8) = 1; optional int32 b = 2; }", &required), None);
        assert_eq!(try_project("message m { optional binary a (UTF8) = 1; }", &required), None);
        let mut defaulted = ints();
        defaulted[0].initial_default = Some(json!(3));
        assert_eq!(try_project("message m { optional binary a (UTF8) = 1; }", &defaulted), None);
        assert!(try_project("message m { optional binary a (UTF8) = 1; }", &ints()).is_some());
    }

    #[test]
    fn nested_columns_keep_their_levels() {
        let wanted = fields(json!([{"id": 1, "name": "s", "required": false, "type": {"type": "struct", "fields": [
            {"id": 3, "name": "l", "required": false, "type":
                {"type": "list", "element-id": 4, "element-required": false, "element": "long"}},
            {"id": 5, "name": "m", "required": false, "type":
                {"type": "map", "key-id": 6, "key": "string", "value-id": 7, "value-required": false, "value": "double"}}]}}]));
        let own = parquet_schema(&wanted).unwrap();
        let found = project(own.root_schema(), &wanted, None).unwrap();
        assert_eq!(found.root.get_fields(), own.root_schema().get_fields());
        assert_eq!(found.leaves, [0, 1, 2]);
        let legacy = "message m { optional group s = 1 { optional group l (LIST) = 3 { repeated int64 array = 4; }
            optional group m (MAP) = 5 { repeated group map { required binary key (UTF8) = 6; optional double value = 7; } } } }";
        assert_eq!(try_project(legacy, &wanted), None);
    }

    #[test]
    fn files_without_ids_need_a_name_mapping() {
        let file = parse_message_type("message m { optional binary x (UTF8); optional int32 y; }").unwrap();
        let mapping: Vec<MappedField> =
            serde_json::from_value(json!([{"field-id": 1, "names": ["x", "a"]}, {"field-id": 2, "names": ["y"]}]))
                .unwrap();
        assert_eq!(project(&file, &ints(), Some(&mapping)).unwrap().leaves, [1, 0]);
        assert_eq!(project(&file, &ints(), None), None);
    }
}
