//! How objects are made, changed and dropped, by REST or by SQL.

use super::access::must_know;
use super::metastore::Metastore;
use super::objects::{Column, Schema, Table, Volume, parts};
use super::securable::{Kind, Securable};
use crate::base::Refusal;
use crate::state::{Principal, Principals};
use std::collections::BTreeMap;

/// What a new object is made with.
pub struct Details<'a> {
    pub owner: &'a Principal,
    pub id: String,
    pub now: i64,
    pub comment: Option<String>,
    pub properties: BTreeMap<String, String>,
}

/// What a new table is.
pub struct NewTable {
    pub full_name: String,
    /// MANAGED or EXTERNAL.
    pub kind: &'static str,
    pub securable_kind: &'static str,
    pub location: Option<String>,
    pub columns: Vec<Column>,
}

struct Editable<'a> {
    owner: &'a mut String,
    comment: &'a mut Option<String>,
    optimization: Option<&'a mut String>,
}

/// A name in lower case, without what would split it.
pub fn valid_name(name: &str) -> Result<String, Refusal> {
    let bad = |letter: char| letter.is_control() || matches!(letter, '.' | ' ' | '/');
    if name.chars().any(bad) || name.len() > 255 {
        return Err(Refusal::unity(400, "INVALID_PARAMETER_VALUE", format!("'{name}' is not a valid name")));
    }
    Ok(name.to_lowercase())
}

/// Table properties that the engine keeps for itself.
pub fn is_reserved(property: &str) -> bool {
    let exact = [
        "write.metadata.path",
        "write.metadata.previous-versions-max",
        "write.data.path",
        "write.delete.mode",
        "write.location-provider.impl",
    ];
    exact.contains(&property) || property.starts_with("write.format.")
}

fn already_exists(kind: &str, name: &str) -> Refusal {
    let message = format!("{kind} '{name}' already exists");
    Refusal::unity(409, &format!("{}_ALREADY_EXISTS", kind.to_uppercase()), message)
}

impl Metastore {
    /// The full name of the new schema.
    pub fn add_schema(&mut self, catalog: &str, name: &str, details: Details<'_>) -> Result<String, Refusal> {
        let securable = Securable::new(Kind::Catalog, &self.catalog(catalog)?.name);
        self.must_allow(details.owner, &securable, "CREATE_SCHEMA")?;
        let full_name = format!("{}.{}", securable.name, valid_name(name)?);
        if self.schemas.contains_key(&full_name) {
            return Err(already_exists("Schema", &full_name));
        }
        let schema = Schema {
            properties: details.properties,
            comment: details.comment,
            ..Schema::new(&full_name, details.id, &details.owner.name, details.now)
        };
        self.schemas.insert(full_name.clone(), schema);
        Ok(full_name)
    }

    /// The full name of the new volume.
    pub fn add_volume(&mut self, schema: &str, name: &str, details: Details<'_>) -> Result<String, Refusal> {
        let securable = Securable::new(Kind::Schema, &self.schema(schema)?.full_name);
        self.must_allow(details.owner, &securable, "CREATE_VOLUME")?;
        let full_name = format!("{}.{}", securable.name, valid_name(name)?);
        if self.volumes.contains_key(&full_name) {
            return Err(already_exists("Volume", &full_name));
        }
        let volume = Volume {
            full_name: full_name.clone(),
            id: details.id,
            owner: details.owner.name.clone(),
            comment: details.comment,
            created: details.now,
        };
        self.volumes.insert(full_name.clone(), volume);
        Ok(full_name)
    }

    /// Replaces one of that name; whether that is allowed is the caller's to decide.
    pub fn put_table(&mut self, table: NewTable, details: Details<'_>) {
        let made = Table {
            kind: table.kind.to_owned(),
            format: Some("DELTA".to_owned()),
            securable_kind: table.securable_kind.to_owned(),
            location: table.location,
            columns: table.columns,
            properties: details.properties,
            comment: details.comment,
            ..Table::new(&table.full_name, details.id, &details.owner.name, details.now)
        };
        self.tables.insert(table.full_name, made);
    }

    /// For a new table.
    pub fn must_be_free(&self, full_name: &str) -> Result<(), Refusal> {
        if self.table(full_name).is_ok() { Err(already_exists("Table", full_name)) } else { Ok(()) }
    }

    pub fn drop_catalog(&mut self, caller: &Principal, name: &str) -> Result<(), Refusal> {
        let name = self.catalog(name)?.name.clone();
        self.must_manage(caller, &Securable::new(Kind::Catalog, &name))?;
        if self.schemas_of(&name)?.next().is_some() {
            let message = format!("Catalog '{name}' is not empty. The catalog has schemas in it.");
            return Err(Refusal::unity(400, "UNCATEGORIZED", message));
        }
        self.catalogs.remove(&name);
        Ok(())
    }

    /// `force`: with the tables that are in it.
    pub fn drop_schema(&mut self, caller: &Principal, name: &str, force: bool) -> Result<(), Refusal> {
        let full_name = self.schema(name)?.full_name.clone();
        self.must_manage(caller, &Securable::new(Kind::Schema, &full_name))?;
        if force {
            let prefix = format!("{full_name}.");
            self.tables.retain(|name, _| !name.starts_with(&prefix));
            self.rows.retain(|name, _| !name.starts_with(&prefix));
        }
        if self.tables_of(&full_name).0 > 0 {
            let message = format!("Schema '{full_name}' is not empty. The schema has tables in it.");
            return Err(Refusal::unity(400, "UNCATEGORIZED", message));
        }
        self.schemas.remove(&full_name);
        Ok(())
    }

    pub fn drop_table(&mut self, caller: &Principal, name: &str) -> Result<(), Refusal> {
        let full_name = self.table(name)?.full_name;
        self.must_manage(caller, &Securable::new(Kind::Table, &full_name))?;
        if self.seeded.find(&full_name).is_some() {
            let message = "A table that the sandbox generated cannot be dropped.";
            return Err(Refusal::unity(400, "INVALID_STATE", message));
        }
        self.tables.remove(&full_name);
        self.rows.remove(&full_name);
        Ok(())
    }

    /// What can be changed of an object, for a caller who manages it.
    fn editable(&mut self, caller: &Principal, securable: &Securable) -> Result<Editable<'_>, Refusal> {
        macro_rules! editable {
            ($one:expr) => {
                Editable {
                    owner: &mut $one.owner,
                    comment: &mut $one.comment,
                    optimization: Some(&mut $one.optimization),
                }
            };
        }
        self.exists(securable)?;
        self.must_manage(caller, securable)?;
        let name = securable.name.as_str();
        let found = match securable.kind {
            Kind::Catalog => self.catalogs.get_mut(name).map(|one| editable!(one)),
            Kind::Schema => self.schemas.get_mut(name).map(|one| editable!(one)),
            Kind::Table => self.table_mut(name).ok().map(|one| editable!(one)),
            Kind::Volume => {
                let volume = self.volumes.get_mut(name);
                volume.map(|one| Editable { owner: &mut one.owner, comment: &mut one.comment, optimization: None })
            }
            _ => None,
        };
        found.ok_or_else(|| Refusal::invalid(format!("{securable} cannot be changed.")))
    }

    pub fn set_owner(
        &mut self,
        caller: &Principal,
        principals: &Principals,
        securable: &Securable,
        owner: &str,
    ) -> Result<(), Refusal> {
        let owner = must_know(principals, owner)?;
        owner.clone_into(self.editable(caller, securable)?.owner);
        Ok(())
    }

    pub fn set_comment(
        &mut self,
        caller: &Principal,
        securable: &Securable,
        comment: Option<String>,
    ) -> Result<(), Refusal> {
        *self.editable(caller, securable)?.comment = comment;
        Ok(())
    }

    /// ENABLE, DISABLE or INHERIT.
    pub fn set_optimization(
        &mut self,
        caller: &Principal,
        securable: &Securable,
        setting: &str,
    ) -> Result<(), Refusal> {
        if !["ENABLE", "DISABLE", "INHERIT"].contains(&setting) {
            return Err(Refusal::invalid(format!("enable_predictive_optimization cannot be {setting}")));
        }
        let managed = securable.kind != Kind::Table || self.table(&securable.name)?.kind == "MANAGED";
        match self.editable(caller, securable)?.optimization.filter(|_| managed) {
            Some(place) => setting.clone_into(place),
            None => {
                let message = "Predictive optimization is for catalogs, schemas and managed tables only.";
                return Err(Refusal::unity(400, "PREDICTIVE_OPTIMIZATION_NOT_SUPPORTED", message));
            }
        }
        Ok(())
    }

    /// The column of a table, for changing it.
    pub fn column_mut(&mut self, caller: &Principal, table: &str, column: &str) -> Result<&mut Column, Refusal> {
        self.must_manage(caller, &Securable::new(Kind::Table, table))?;
        let columns = &mut self.table_mut(table)?.columns;
        let found = columns.iter_mut().find(|one| one.name.eq_ignore_ascii_case(column));
        found.ok_or_else(|| no_column(table, column))
    }

    pub fn properties_mut(
        &mut self,
        caller: &Principal,
        table: &str,
    ) -> Result<&mut BTreeMap<String, String>, Refusal> {
        self.must_manage(caller, &Securable::new(Kind::Table, table))?;
        Ok(&mut self.table_mut(table)?.properties)
    }

    /// The kind of the catalog that a table would be made in.
    pub fn is_managed(&self, full_name: &str) -> Result<bool, Refusal> {
        Ok(self.catalog(parts(full_name).0)?.kind == "MANAGED_CATALOG")
    }
}

pub fn no_column(table: &str, column: &str) -> Refusal {
    Refusal::unity(404, "COLUMN_DOES_NOT_EXIST", format!("Column '{table}.{column}' does not exist."))
}
