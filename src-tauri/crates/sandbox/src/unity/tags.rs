//! Tags of catalogs, schemas, tables, columns and volumes.

use super::changes::no_column;
use super::governed::{TagPolicy, no_policy};
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
                let (table, column) = split_column(name);
                if !self.table(&table)?.columns.iter().any(|one| one.name.eq_ignore_ascii_case(&column)) {
                    return Err(no_column(&table, &column));
                }
                Securable::new(Kind::Table, &table)
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

    /// All of them or none.
    pub fn set_tags(
        &mut self,
        caller: &Principal,
        entity_type: &str,
        name: &str,
        tags: Vec<(String, String)>,
    ) -> Result<(), Refusal> {
        self.may_tag(caller, &self.tagged(entity_type, name)?)?;
        for (key, value) in &tags {
            self.may_assign(caller, key, Some(value))?;
        }
        self.tags.entry((entity_type.to_owned(), name.to_lowercase())).or_default().extend(tags);
        Ok(())
    }

    /// The value that it had.
    pub fn unset_tag(
        &mut self,
        caller: &Principal,
        entity_type: &str,
        name: &str,
        key: &str,
    ) -> Result<Option<String>, Refusal> {
        self.may_tag(caller, &self.tagged(entity_type, name)?)?;
        self.may_assign(caller, key, None)?;
        Ok(self.tags.entry((entity_type.to_owned(), name.to_lowercase())).or_default().remove(key))
    }

    pub fn tag_policy(&self, key: &str) -> Result<&TagPolicy, Refusal> {
        self.tag_policies.get(key).ok_or_else(|| no_policy(key))
    }

    /// Whether the tag is not governed, or the caller may assign it. `value`: None where it is taken away.
    pub fn may_assign(&self, caller: &Principal, key: &str, value: Option<&str>) -> Result<(), Refusal> {
        let Some(policy) = self.tag_policies.get(key) else { return Ok(()) };
        if !caller.is_admin() && !policy.assigners.iter().any(|name| caller.is(name)) {
            let message = format!("User does not have ASSIGN on Tag Policy '{key}'.");
            return Err(Refusal::unity(403, "PERMISSION_DENIED", message));
        }
        match value {
            Some(value) if !policy.values.is_empty() && !policy.values.iter().any(|one| one == value) => {
                let message = format!("Tag value {value} is not an allowed value for tag policy key {key}.");
                Err(Refusal::unity(400, "INVALID_PARAMETER_VALUE", message))
            }
            _ => Ok(()),
        }
    }
}

/// The table and the column of `catalog.schema.table.column`. What follows the third dot is the column, dots and all.
fn split_column(name: &str) -> (String, String) {
    let parts: Vec<&str> = name.splitn(4, '.').collect();
    match parts.as_slice() {
        [table @ .., column] => (table.join("."), (*column).to_owned()),
        [] => (name.to_owned(), String::new()),
    }
}
