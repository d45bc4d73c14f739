//! How the target's workspace could copy by clusters: what a cluster is asked for, and by which method.

use crate::workspaces::restrictions::Known;
use icebridge_model::TableIdent;
use icebridge_model::catalog::{CatalogKind, CatalogSpec};
use icebridge_model::conversion::Conversion;
use icebridge_model::facts::TableFacts;
use icebridge_model::photon::{ClusterCopy, ClusterMethod, PartitionColumn, PhotonSettings};
use icebridge_model::plan::{EngineKind, Settings};
use icebridge_model::properties::{Carry, carry};
use icebridge_model::schema::Transform;
use icebridge_model::secret::is_for_everybody;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub(in crate::preflight) struct Clusters {
    pub settings: PhotonSettings,
    pub source_catalog: Option<String>,
    target_catalog: String,
    /// What keeps this principal from seeing all of a source's table on a cluster, by table.
    pub restrictions: BTreeMap<TableIdent, Known>,
    /// When the workspace was seen to refuse clones of foreign tables.
    pub clones_refused: Option<String>,
}

impl Clusters {
    /// None: the target has no clusters, or they are not wanted.
    pub fn of(source: &CatalogSpec, target: &CatalogSpec, settings: &Settings) -> Option<Self> {
        let photon = settings.photon.clone()?;
        if target.kind != CatalogKind::Unity {
            return None;
        }
        Some(Self {
            source_catalog: source_catalog(source, target, settings),
            target_catalog: target.warehouse.clone(),
            settings: photon,
            restrictions: BTreeMap::new(),
            clones_refused: None,
        })
    }

    /// A table that a cluster may be asked to copy, with its name there.
    pub fn candidate(&self, settings: &Settings, facts: &TableFacts) -> Option<(TableIdent, TableIdent)> {
        let asked = settings.engine == Some(EngineKind::Photon);
        let may_be = settings.engine != Some(EngineKind::Embedded)
            && (asked || facts.files.data_bytes > self.settings.use_above_bytes)
            && facts.ident.namespace.len() == 1;
        let catalog = self.source_catalog.as_ref().filter(|_| may_be)?;
        Some((facts.ident.clone(), within(catalog, &facts.ident)))
    }

    /// When the clone that was asked for was seen to be refused. What a job would fall back to is planned from the start.
    pub fn refused_clone(&self) -> Option<&str> {
        self.clones_refused.as_deref().filter(|_| self.settings.method == Some(ClusterMethod::DeepClone))
    }

    /// Those that a cluster has to reach.
    pub fn catalogs(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.target_catalog.as_str()).chain(self.source_catalog.as_deref())
    }

    /// The method, and the reason.
    pub fn method(&self, facts: &TableFacts) -> (ClusterMethod, String) {
        match (self.settings.method, self.refused_clone()) {
            (Some(_), Some(_)) => {
                let why = "ctas, because the workspace refuses to clone foreign tables";
                return (ClusterMethod::Ctas, why.into());
            }
            (Some(method), None) => return (method, format!("{} was asked for", method.as_str())),
            (None, _) => {}
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
        let keys: Option<Vec<String>> =
            facts.schema.identifier_field_ids.iter().map(|id| facts.schema.find(*id).map(|(path, _)| path)).collect();
        // A plan is for everybody to read, and so is what a cluster is given.
        let carried = facts
            .properties
            .iter()
            .filter(|(key, value)| carry(key, value, true) == Carry::Carried && is_for_everybody(key, value));
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
            format_version: written_version(facts.format_version, conversions),
            // Fields that the schema does not have identify nothing.
            keys: keys.unwrap_or_default(),
            unversioned: self.settings.reads_unversioned(facts.files.data_bytes),
            conversions: conversions.to_vec(),
            bytes: facts.files.data_bytes,
            rows: facts.files.data_records,
            changes: None,
        })
    }
}

fn written_version(source: u8, conversions: &[Conversion]) -> u8 {
    let converted = conversions.iter().find_map(|one| match one {
        Conversion::FormatVersion { to, .. } => Some(*to),
        _ => None,
    });
    converted.unwrap_or_else(|| source.clamp(2, 3))
}

/// Under which the target's workspace sees the source, if it does.
pub(in crate::preflight) fn source_catalog(
    source: &CatalogSpec,
    target: &CatalogSpec,
    settings: &Settings,
) -> Option<String> {
    let named = settings.photon.as_ref().and_then(|photon| photon.source_catalog.clone());
    let same_workspace = source.kind == CatalogKind::Unity && source.uri == target.uri;
    named.or_else(|| same_workspace.then(|| source.warehouse.clone()))
}

pub(in crate::preflight) fn within(catalog: &str, table: &TableIdent) -> TableIdent {
    TableIdent {
        namespace: std::iter::once(catalog.to_string()).chain(table.namespace.iter().cloned()).collect(),
        name: table.name.clone(),
    }
}
