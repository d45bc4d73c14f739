//! What the metastore holds, and how it is looked up.

use super::connections;
use super::governed::TagPolicy;
use super::grants::Grants;
use super::objects::{Catalog, Function, Schema, Table, Volume, Within, parts};
use super::policies::Policy;
use super::securable::{Kind, Securable};
use super::seeded::Seeded;
use crate::base::Refusal;
use crate::state::ADMIN;
use crate::state::behaviour::DeletedOwners;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A row of a table that statements filled.
pub type Row = BTreeMap<String, Value>;

pub struct Metastore {
    pub id: String,
    pub owner: String,
    pub external_access: bool,
    pub catalogs: BTreeMap<String, Catalog>,
    pub schemas: BTreeMap<String, Schema>,
    pub tables: BTreeMap<String, Table>,
    pub volumes: BTreeMap<String, Volume>,
    pub functions: BTreeMap<String, Function>,
    pub rows: BTreeMap<String, Vec<Row>>,
    pub grants: Grants,
    /// (entity type, name) to tags.
    pub tags: BTreeMap<(String, String), BTreeMap<String, String>>,
    pub tag_policies: BTreeMap<String, TagPolicy>,
    pub policies: Vec<Policy>,
    pub seeded: Seeded,
}

impl Metastore {
    /// With generated tables alone.
    pub fn new(tables: u32, seed: u64, now: i64) -> Self {
        Self {
            id: uuid::Uuid::from_u64_pair(0x5eed_0000_0000_4000, 0x8000_0000_0000_0000 | seed).to_string(),
            owner: ADMIN.to_owned(),
            external_access: false,
            catalogs: BTreeMap::new(),
            schemas: BTreeMap::new(),
            tables: BTreeMap::new(),
            volumes: BTreeMap::new(),
            functions: BTreeMap::new(),
            rows: BTreeMap::new(),
            grants: Grants::default(),
            tags: BTreeMap::new(),
            tag_policies: BTreeMap::new(),
            policies: Vec::new(),
            seeded: Seeded::new(tables, seed, now),
        }
    }

    pub fn catalog(&self, name: &str) -> Result<&Catalog, Refusal> {
        self.catalogs.get(&name.to_lowercase()).ok_or_else(|| Kind::Catalog.does_not_exist(name))
    }

    pub fn schema(&self, full_name: &str) -> Result<&Schema, Refusal> {
        self.schemas.get(&full_name.to_lowercase()).ok_or_else(|| Kind::Schema.does_not_exist(full_name))
    }

    pub fn volume(&self, full_name: &str) -> Result<&Volume, Refusal> {
        self.volumes.get(&full_name.to_lowercase()).ok_or_else(|| Kind::Volume.does_not_exist(full_name))
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

    pub fn schemas_of(&self, catalog: &str) -> Result<impl Iterator<Item = &Schema>, Refusal> {
        let start = format!("{}.", self.catalog(catalog)?.name);
        let all = self.schemas.range(start.clone()..).map(|(_, schema)| schema);
        Ok(all.take_while(move |schema| schema.full_name.starts_with(&start)))
    }

    pub fn volumes_of(&self, schema: &str) -> Result<impl Iterator<Item = &Volume>, Refusal> {
        let start = format!("{}.", self.schema(schema)?.full_name);
        Ok(self.volumes.values().filter(move |volume| volume.full_name.starts_with(&start)))
    }

    /// The tables of a schema: how many, and each by its place.
    pub fn tables_of<'a>(&'a self, schema: &str) -> (usize, impl Fn(usize) -> Option<Table> + use<'a>) {
        let schema = schema.to_lowercase();
        let start = format!("{schema}.");
        // One that was changed is at its generated place too; there, the changed one is shown.
        let kept: Vec<&Table> = self
            .tables
            .range(start.clone()..)
            .map(|(_, table)| table)
            .take_while(|table| table.full_name.starts_with(&start))
            .filter(|table| self.seeded.find(&table.full_name).is_none())
            .collect();
        let total = kept.len() + self.seeded.count(&schema);
        let at = move |place: usize| match place.checked_sub(kept.len()) {
            None => kept.get(place).map(|table| (*table).clone()),
            Some(place) => {
                let made = self.seeded.nth(&schema, place)?;
                Some(self.tables.get(&made.full_name).cloned().unwrap_or(made))
            }
        };
        (total, at)
    }

    /// Every table there is.
    pub fn all_tables(&self) -> impl Iterator<Item = Table> {
        let made = self.seeded.tables().filter(|table| !self.tables.contains_key(&table.full_name));
        self.tables.values().cloned().chain(made)
    }

    pub fn exists(&self, securable: &Securable) -> Result<(), Refusal> {
        let name = securable.name.as_str();
        let found = match securable.kind {
            Kind::Metastore => name == self.id,
            Kind::Catalog => self.catalogs.contains_key(name),
            Kind::Schema => self.schemas.contains_key(name),
            Kind::Table => self.tables.contains_key(name) || self.seeded.find(name).is_some(),
            Kind::Volume => self.volumes.contains_key(name),
            Kind::Connection => connections::connection(name).is_ok(),
            Kind::ExternalLocation => connections::location(name).is_ok(),
        };
        if found { Ok(()) } else { Err(securable.kind.does_not_exist(name)) }
    }

    /// The effective setting of predictive optimization, and from where.
    pub fn optimization(&self, securable: &Securable) -> Value {
        for one in securable.lineage() {
            let setting = match one.kind {
                Kind::Catalog => self.catalogs.get(&one.name).map(|it| &it.optimization),
                Kind::Schema => self.schemas.get(&one.name).map(|it| &it.optimization),
                _ => self.tables.get(&one.name).map(|it| &it.optimization),
            };
            let Some(value) = setting.filter(|value| *value != "INHERIT") else { continue };
            if one == *securable {
                return json!({"value": value});
            }
            return json!({
                "value": value, "inherited_from_type": one.kind.upper(), "inherited_from_name": one.name
            });
        }
        json!({"value": "DISABLE"})
    }

    pub fn within(&self, owners: DeletedOwners) -> Within<'_> {
        Within { metastore: &self.id, owners }
    }

    /// Whether serverless compute alone reaches what has this name.
    pub fn needs_serverless(&self, full_name: &str) -> bool {
        self.catalogs.get(parts(full_name).0).is_some_and(|catalog| catalog.default_storage)
    }
}
