//! Tags of catalogs, schemas, tables, columns and volumes.

use super::changes::no_column;
use super::metastore::Metastore;
use super::securable::{Kind, Securable};
use crate::base::Refusal;
use crate::state::Principal;
use std::collections::BTreeMap;

impl Metastore {
    /// The securable that an entity is or, for a column, lies in.
    fn tagged(&self, entity_type: &str, name: &str) -> Result<Securable, Refusal> {
        let found = match entity_type {
            "catalogs" => Securable::new(Kind::Catalog, name),
            "schemas" => Securable::new(Kind::Schema, name),
            "tables" => Securable::new(Kind::Table, name),
            "volumes" => Securable::new(Kind::Volume, name),
            "columns" => {
                let (table, column) = name.rsplit_once('.').unwrap_or((name, ""));
                if !self.table(table)?.columns.iter().any(|one| one.name.eq_ignore_ascii_case(column)) {
                    return Err(no_column(table, column));
                }
                Securable::new(Kind::Table, table)
            }
            _ => return Err(Refusal::invalid(format!("Unknown entity type: {entity_type}"))),
        };
        self.exists(&found)?;
        Ok(found)
    }

    pub fn tags_of(&self, entity_type: &str, name: &str) -> Result<BTreeMap<String, String>, Refusal> {
        self.tagged(entity_type, name)?;
        let tags = self.tags.get(&(entity_type.to_owned(), name.to_lowercase()));
        Ok(tags.cloned().unwrap_or_default())
    }

    /// The tags of an entity, for a caller who may change them.
    pub fn tags_mut(
        &mut self,
        caller: &Principal,
        entity_type: &str,
        name: &str,
    ) -> Result<&mut BTreeMap<String, String>, Refusal> {
        self.may_tag(caller, &self.tagged(entity_type, name)?)?;
        Ok(self.tags.entry((entity_type.to_owned(), name.to_lowercase())).or_default())
    }
}
