//! How the target's workspace could copy by clusters: what a cluster is asked for, and by which method.

use icebridge_model::TableIdent;
use icebridge_model::catalog::{CatalogKind, CatalogSpec};
use icebridge_model::conversion::Conversion;
use icebridge_model::facts::TableFacts;
use icebridge_model::photon::{ClusterCopy, ClusterMethod, PartitionColumn, PhotonSettings};
use icebridge_model::plan::{EngineKind, Settings};
use icebridge_model::properties::{Carry, carry};
use icebridge_model::schema::Transform;
use icebridge_model::secret::names_a_secret;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub(in crate::preflight) struct Clusters {
    pub settings: PhotonSettings,
    pub source_catalog: Option<String>,
    target_catalog: String,
    /// What keeps this principal from seeing all of a source's table on a cluster, by table.
    pub restrictions: BTreeMap<TableIdent, Vec<String>>,
}

impl Clusters {
    /// None: the target has no clusters, or they are not wanted.
    pub fn of(source: &CatalogSpec, target: &CatalogSpec, settings: &Settings) -> Option<Self> {
        let photon = settings.photon.clone()?;
        if target.kind != CatalogKind::Unity {
            return None;
        }
        let same_workspace = source.kind == CatalogKind::Unity && source.uri == target.uri;
        let own = same_workspace.then(|| source.warehouse.clone());
        Some(Self {
            source_catalog: photon.source_catalog.clone().or(own),
            target_catalog: target.warehouse.clone(),
            settings: photon,
            restrictions: BTreeMap::new(),
        })
    }

    /// The tables that a cluster may be asked to copy, with their names there.
    pub fn candidates<'a>(
        &'a self,
        settings: &Settings,
        facts: impl Iterator<Item = &'a TableFacts>,
    ) -> Vec<(TableIdent, TableIdent)> {
        let asked = settings.engine == Some(EngineKind::Photon);
        let may_be = |facts: &&TableFacts| {
            settings.engine != Some(EngineKind::Embedded)
                && (asked || facts.files.data_bytes > self.settings.use_above_bytes)
                && facts.ident.namespace.len() == 1
        };
        let Some(catalog) = &self.source_catalog else { return Vec::new() };
        facts.filter(may_be).map(|facts| (facts.ident.clone(), within(catalog, &facts.ident))).collect()
    }

    /// The method, and the reason.
    pub fn method(&self, facts: &TableFacts) -> (ClusterMethod, String) {
        if let Some(method) = self.settings.method {
            return (method, format!("{} was asked for", method.as_str()));
        }
        let batch = self.settings.batch_rows;
        if facts.schema.fields.iter().any(|field| field.required) {
            (ClusterMethod::InsertSelect, "insert_select keeps NOT NULL".into())
        } else if facts.files.data_records > batch {
            (ClusterMethod::InsertSelect, format!("insert_select goes on by batch, and it has more than {batch} rows"))
        } else {
            (ClusterMethod::Ctas, "one CREATE TABLE AS SELECT is enough".into())
        }
    }

    /// What a cluster is asked to copy; none without a catalog to read from.
    pub fn copy(&self, facts: &TableFacts, target: &TableIdent, conversions: &[Conversion]) -> Option<ClusterCopy> {
        let spec = facts.partition_spec();
        // What a conversion leaves out is not asked for.
        let left_out = |id: i32| {
            conversions.iter().any(|one| match one {
                Conversion::Partitioning { fields, .. } => fields.iter().any(|field| field.field_id == id),
                _ => false,
            })
        };
        let kept = spec.fields.iter().filter(|field| field.transform != Transform::Void && !left_out(field.field_id));
        let partition = kept.filter_map(|field| {
            let (column, _) = facts.schema.find(field.source_id)?;
            Some(PartitionColumn { transform: field.transform.to_string(), column })
        });
        let keys: Option<Vec<String>> = facts
            .schema
            .identifier_field_ids
            .iter()
            .map(|id| facts.schema.fields.iter().find(|field| field.id == *id).map(|field| field.name.clone()))
            .collect();
        // A plan is for everybody to read, and so is what a cluster is given.
        let carried = facts
            .properties
            .iter()
            .filter(|(key, value)| carry(key, value, true) == Carry::Carried && !names_a_secret(key));
        Some(ClusterCopy {
            source: within(self.source_catalog.as_ref()?, &facts.ident),
            target: within(&self.target_catalog, target),
            method: self.method(facts).0,
            snapshot_id: facts.snapshot_id,
            table_uuid: Some(facts.uuid.clone()),
            delete_files: Some(facts.files.position_delete_files + facts.files.equality_delete_files),
            deletion_vectors: Some(facts.files.deletion_vectors),
            partition_fields: Some(partition.collect()),
            properties: Some(carried.map(|(key, value)| (key.clone(), value.clone())).collect()),
            partition_by: None,
            cluster_by: None,
            comment: facts.properties.get("comment").filter(|text| !text.is_empty()).cloned(),
            format_version: facts.format_version.clamp(2, 3),
            // A key with a part inside of a struct is none that a cluster could look after.
            keys: keys.unwrap_or_default(),
            unversioned: self.settings.reads_unversioned(facts.files.data_bytes),
            conversions: conversions.to_vec(),
            bytes: facts.files.data_bytes,
            rows: facts.files.data_records,
        })
    }
}

fn within(catalog: &String, table: &TableIdent) -> TableIdent {
    TableIdent {
        namespace: std::iter::once(catalog).chain(&table.namespace).cloned().collect(),
        name: table.name.clone(),
    }
}
