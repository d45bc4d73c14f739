//! The ids that a server gave to the columns of a table it made empty, in place of those it was asked for (REST specification,
//! createTable: "assign fresh ids").

use icebridge_model::schema::{Field, ListType, MapType, Schema, Type};
use icebridge_model::{Code, Error, Result};
use std::collections::BTreeMap;

/// From our ids to theirs; an id that is not in it stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbering(BTreeMap<i32, i32>);

impl Numbering {
    /// An error if the tables differ in more than ids.
    pub fn between(ours: &Schema, theirs: &Schema) -> Result<Self> {
        let mut numbering = Self::default();
        numbering.fields_match(&ours.fields, &theirs.fields)?;
        let wanted = numbering.of_all(&ours.identifier_field_ids);
        let mut given = theirs.identifier_field_ids.clone();
        given.sort_unstable();
        if wanted != given {
            return Err(made_otherwise("with other identifier fields"));
        }
        Ok(numbering)
    }

    pub fn from_ids(ids: BTreeMap<i32, i32>) -> Self {
        Self(ids)
    }

    /// Empty where all ids stay.
    pub fn ids(&self) -> BTreeMap<i32, i32> {
        if self.keeps_ids() { BTreeMap::new() } else { self.0.clone() }
    }

    /// With ids for columns that came since, after the last one that the table has given.
    pub fn continued(mut self, ours: &Schema, last: i32) -> Self {
        if !self.keeps_ids() {
            let mut last = self.0.values().copied().fold(last, i32::max);
            for (_, id, _) in ours.walk() {
                self.0.entry(id).or_insert_with(|| {
                    last = last.saturating_add(1);
                    last
                });
            }
        }
        self
    }

    pub fn keeps_ids(&self) -> bool {
        self.0.iter().all(|(ours, theirs)| ours == theirs)
    }

    pub fn of(&self, id: i32) -> i32 {
        self.0.get(&id).copied().unwrap_or(id)
    }

    pub fn schema(&self, schema: &Schema) -> Schema {
        Schema {
            schema_id: schema.schema_id,
            identifier_field_ids: self.of_all(&schema.identifier_field_ids),
            fields: self.fields(&schema.fields),
        }
    }

    pub fn fields(&self, fields: &[Field]) -> Vec<Field> {
        let numbered = |field: &Field| Field {
            id: self.of(field.id),
            field_type: self.numbered(&field.field_type),
            ..field.clone()
        };
        fields.iter().map(numbered).collect()
    }

    /// Counts by our ids as counts by theirs.
    pub fn counts(&self, counts: &BTreeMap<i32, u64>) -> BTreeMap<i32, u64> {
        counts.iter().map(|(id, count)| (self.of(*id), *count)).collect()
    }

    fn of_all(&self, ids: &[i32]) -> Vec<i32> {
        let mut ids: Vec<i32> = ids.iter().map(|id| self.of(*id)).collect();
        ids.sort_unstable();
        ids
    }

    fn numbered(&self, field_type: &Type) -> Type {
        match field_type {
            Type::Primitive(_) => field_type.clone(),
            Type::Struct(fields) => Type::Struct(self.fields(fields)),
            Type::List(list) => Type::List(Box::new(ListType {
                element_id: self.of(list.element_id),
                element_required: list.element_required,
                element: self.numbered(&list.element),
            })),
            Type::Map(map) => Type::Map(Box::new(MapType {
                key_id: self.of(map.key_id),
                key: self.numbered(&map.key),
                value_id: self.of(map.value_id),
                value_required: map.value_required,
                value: self.numbered(&map.value),
            })),
        }
    }

    fn fields_match(&mut self, ours: &[Field], theirs: &[Field]) -> Result<()> {
        if ours.len() != theirs.len() {
            return Err(made_otherwise("with another number of columns"));
        }
        for (our, their) in ours.iter().zip(theirs) {
            if our.name != their.name || our.required != their.required {
                return Err(made_otherwise("with other columns").about(format!("column {}", our.name)));
            }
            self.0.insert(our.id, their.id);
            self.types_match(&our.field_type, &their.field_type)
                .map_err(|e| e.about(format!("column {}", our.name)))?;
        }
        Ok(())
    }

    fn types_match(&mut self, our: &Type, their: &Type) -> Result<()> {
        match (our, their) {
            (Type::Primitive(our), Type::Primitive(their)) if our == their => Ok(()),
            (Type::Struct(our), Type::Struct(their)) => self.fields_match(our, their),
            (Type::List(our), Type::List(their)) if our.element_required == their.element_required => {
                self.0.insert(our.element_id, their.element_id);
                self.types_match(&our.element, &their.element)
            }
            (Type::Map(our), Type::Map(their)) if our.value_required == their.value_required => {
                self.0.extend([(our.key_id, their.key_id), (our.value_id, their.value_id)]);
                self.types_match(&our.key, &their.key)?;
                self.types_match(&our.value, &their.value)
            }
            _ => Err(made_otherwise("with a column of another type")),
        }
    }
}

/// `catalog-refused`, as for a layout that the target does not take.
pub fn made_otherwise(how: &str) -> Error {
    Error::new(Code::CatalogRefused, format!("the catalog made the table {how} than it was asked for"))
        .with_hint("Choose another way of laying the table out, or let a cluster copy it.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn schema(fields: Value) -> Schema {
        serde_json::from_value(json!({"schema-id": 0, "fields": fields})).unwrap()
    }

    fn nested(ids: [i32; 7]) -> Value {
        let [a, b, c, d, e, f, g] = ids;
        json!([
            {"id": a, "name": "a", "required": true, "type": "long"},
            {"id": b, "name": "b", "required": false, "type": {"type": "struct", "fields": [
                {"id": c, "name": "c", "required": false, "type":
                    {"type": "list", "element-id": d, "element-required": false, "element":
                        {"type": "map", "key-id": e, "key": "string", "value-id": f, "value-required": true, "value": "int"}}}]}},
            {"id": g, "name": "g", "required": false, "type": "date"},
        ])
    }

    #[test]
    fn every_id_at_every_depth_is_found() {
        let (ours, theirs) = (schema(nested([9, 4, 8, 30, 31, 2, 1])), schema(nested([1, 2, 4, 5, 6, 7, 3])));
        let numbering = Numbering::between(&ours, &theirs).unwrap();
        assert!(!numbering.keeps_ids());
        assert_eq!(numbering.schema(&ours), theirs);
        assert!(Numbering::between(&ours, &ours).unwrap().keeps_ids());
    }

    #[test]
    fn a_table_that_is_not_the_one_asked_for_is_refused() {
        let ours = schema(nested([1, 2, 3, 4, 5, 6, 7]));
        for (pointer, value) in [
            ("/0/name", json!("A")),
            ("/0/type", json!("int")),
            ("/0/required", json!(false)),
            ("/1/type/fields/0/type/element/value", json!("long")),
            ("/1/type/fields/0/type/element/value-required", json!(false)),
            ("/1/type/fields/0/type/element-required", json!(true)),
            ("/1/type/fields/0/type", json!("string")),
        ] {
            let mut other = nested([1, 2, 3, 4, 5, 6, 7]);
            *other.pointer_mut(pointer).unwrap() = value;
            let refused = Numbering::between(&ours, &schema(other)).unwrap_err();
            assert_eq!(refused.code, Code::CatalogRefused, "{pointer}");
        }
        let mut identified = ours.clone();
        identified.identifier_field_ids = vec![1];
        assert!(Numbering::between(&ours, &identified).is_err());
        assert!(Numbering::between(&ours, &Schema { fields: Vec::new(), ..ours.clone() }).is_err());
    }
}
