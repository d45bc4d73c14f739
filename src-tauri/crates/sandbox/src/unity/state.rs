//! What the metastore holds.

use super::grants::Book;
use super::objects::{Catalog, Schema, Table, Volume, parts};
use super::securable::{Kind, Securable};
use super::seeded::Seeded;
use crate::answer::Refusal;
use crate::people::{ADMIN, Person};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Rows of tables that statements filled.
pub type Rows = Vec<BTreeMap<String, Value>>;

pub struct Metastore {
    pub id: String,
    pub owner: String,
    pub external_access: bool,
    pub catalogs: BTreeMap<String, Catalog>,
    pub schemas: BTreeMap<String, Schema>,
    pub tables: BTreeMap<String, Table>,
    pub volumes: BTreeMap<String, Volume>,
    pub rows: BTreeMap<String, Rows>,
    pub grants: Book,
    /// (entity type, name) to tags.
    pub tags: BTreeMap<(String, String), BTreeMap<String, String>>,
    pub seeded: Seeded,
}

impl Metastore {
    pub fn new(tables: u32, seed: u64, now: i64, gate_open: bool) -> Self {
        let mut metastore = Self {
            id: uuid::Uuid::from_u64_pair(0x5eed_0000_0000_4000, 0x8000_0000_0000_0000 | seed).to_string(),
            owner: ADMIN.to_owned(),
            external_access: false,
            catalogs: BTreeMap::new(),
            schemas: BTreeMap::new(),
            tables: BTreeMap::new(),
            volumes: BTreeMap::new(),
            rows: BTreeMap::new(),
            grants: Book::default(),
            tags: BTreeMap::new(),
            seeded: Seeded::new(tables, seed, now),
        };
        super::sample::lay_out(&mut metastore, now);
        if gate_open {
            metastore.set_gate(true, &["main".to_owned()], crate::people::EVERYBODY);
        }
        metastore
    }

    /// Opens or closes both halves of the gate, as an admin would.
    pub fn set_gate(&mut self, open: bool, on: &[String], principal: &str) {
        self.external_access = open;
        for name in on {
            let kind = if name.contains('.') { Kind::Schema } else { Kind::Catalog };
            let securable = Securable::new(kind, name);
            if open {
                self.grants.add(&securable, principal, "EXTERNAL_USE_SCHEMA");
            } else {
                self.grants.remove(&securable, principal, "EXTERNAL_USE_SCHEMA");
            }
        }
    }

    pub fn catalog(&self, name: &str) -> Result<&Catalog, Refusal> {
        self.catalogs.get(&name.to_lowercase()).ok_or_else(|| Kind::Catalog.does_not_exist(name))
    }

    pub fn schema(&self, full_name: &str) -> Result<&Schema, Refusal> {
        self.schemas.get(&full_name.to_lowercase()).ok_or_else(|| Kind::Schema.does_not_exist(full_name))
    }

    pub fn table(&self, full_name: &str) -> Result<Table, Refusal> {
        let name = full_name.to_lowercase();
        let found = self.tables.get(&name).cloned().or_else(|| self.seeded.find(&name));
        found.ok_or_else(|| Kind::Table.does_not_exist(full_name))
    }

    /// For changing it. A generated table is kept from then on.
    pub fn table_mut(&mut self, full_name: &str) -> Result<&mut Table, Refusal> {
        let name = full_name.to_lowercase();
        if !self.tables.contains_key(&name)
            && let Some(made) = self.seeded.find(&name)
        {
            self.tables.insert(name.clone(), made);
        }
        self.tables.get_mut(&name).ok_or_else(|| Kind::Table.does_not_exist(full_name))
    }

    /// The tables of a schema: how many, and each by its place.
    pub fn tables_of<'a>(&'a self, schema: &str) -> (usize, impl Fn(usize) -> Option<Table> + use<'a>) {
        let start = format!("{}.", schema.to_lowercase());
        let (catalog, name, _) = parts(schema);
        let (catalog, name) = (catalog.to_lowercase(), name.to_lowercase());
        // One that was changed is at its generated place too; there, the changed one is shown.
        let kept: Vec<&Table> = self
            .tables
            .range(start.clone()..)
            .map(|(_, table)| table)
            .take_while(|table| table.full_name.starts_with(&start))
            .filter(|table| self.seeded.find(&table.full_name).is_none())
            .collect();
        let made = self.seeded.count(&catalog, &name);
        let total = kept.len() + made;
        let at = move |place: usize| match place.checked_sub(kept.len()) {
            None => kept.get(place).map(|table| (*table).clone()),
            Some(place) => {
                let made = self.seeded.nth(&catalog, &name, place)?;
                Some(self.tables.get(&made.full_name).cloned().unwrap_or(made))
            }
        };
        (total, at)
    }

    pub fn exists(&self, securable: &Securable) -> Result<(), Refusal> {
        let name = securable.name.as_str();
        let found = match securable.kind {
            Kind::Metastore => name == self.id,
            Kind::Catalog => self.catalogs.contains_key(name),
            Kind::Schema => self.schemas.contains_key(name),
            Kind::Table => self.tables.contains_key(name) || self.seeded.find(name).is_some(),
            Kind::Volume => self.volumes.contains_key(name),
            Kind::Connection | Kind::ExternalLocation => super::connections::exists(securable),
        };
        if found { Ok(()) } else { Err(securable.kind.does_not_exist(name)) }
    }

    pub fn owner(&self, securable: &Securable) -> String {
        let name = securable.name.as_str();
        let owner = match securable.kind {
            Kind::Catalog => self.catalogs.get(name).map(|one| one.owner.clone()),
            Kind::Schema => self.schemas.get(name).map(|one| one.owner.clone()),
            Kind::Table => self.table(name).ok().map(|one| one.owner),
            Kind::Volume => self.volumes.get(name).map(|one| one.owner.clone()),
            _ => None,
        };
        owner.unwrap_or_else(|| self.owner.clone())
    }

    /// Owners, of this and of what it lies in, and who was granted MANAGE.
    pub fn manages(&self, person: &Person, securable: &Securable) -> bool {
        let mut all = securable.parents();
        all.insert(0, securable.clone());
        person.is(&self.owner)
            || all.iter().any(|one| person.is(&self.owner(one)) || self.grants.holds(person, one, "MANAGE"))
    }

    pub fn must_manage(&self, person: &Person, securable: &Securable) -> Result<(), Refusal> {
        if self.manages(person, securable) {
            return Ok(());
        }
        Err(Refusal::unity(403, "PERMISSION_DENIED", format!("User does not have MANAGE on {securable}.")))
    }

    /// Whether a privilege reaches an object: granted on it or above it, directly or as one of ALL PRIVILEGES, or by
    /// ownership.
    pub fn allows(&self, person: &Person, securable: &Securable, privilege: &str) -> bool {
        let mut all = securable.parents();
        all.insert(0, securable.clone());
        // EXTERNAL USE SCHEMA is in nothing else, ownership of the catalog apart.
        if privilege == "EXTERNAL_USE_SCHEMA" {
            return all.iter().any(|one| {
                self.grants.holds(person, one, privilege) || (one.kind == Kind::Catalog && person.is(&self.owner(one)))
            });
        }
        all.iter().any(|one| {
            person.is(&self.owner(one))
                || self.grants.holds(person, one, privilege)
                || self.grants.holds(person, one, "ALL_PRIVILEGES")
        })
    }

    /// The effective setting of predictive optimization, and from where.
    pub fn optimization(&self, securable: &Securable) -> Value {
        let setting = |one: &Securable| match one.kind {
            Kind::Catalog => self.catalogs.get(&one.name).map(|it| it.optimization.clone()),
            Kind::Schema => self.schemas.get(&one.name).map(|it| it.optimization.clone()),
            _ => self.tables.get(&one.name).map(|it| it.optimization.clone()),
        };
        let decided = |one: &Securable| setting(one).filter(|value| value != "INHERIT");
        if let Some(value) = decided(securable) {
            return json!({"value": value});
        }
        for parent in securable.parents() {
            if let Some(value) = decided(&parent) {
                return json!({
                    "value": value, "inherited_from_type": parent.kind.upper(), "inherited_from_name": parent.name
                });
            }
        }
        json!({"value": "DISABLE"})
    }

    pub fn add_schema(&mut self, schema: Schema) {
        self.schemas.insert(schema.full_name.clone(), schema);
    }

    pub fn catalog_kind(&self, schema: &str) -> &'static str {
        self.catalogs.get(parts(schema).0).map_or("MANAGED_CATALOG", |catalog| catalog.kind)
    }
}
