//! How the target's workspace could copy by clusters: who copies a table, by which method, and why.

use super::mode::{self, Chosen};
use super::target::Target;
use icebridge_model::TableIdent;
use icebridge_model::catalog::{CatalogKind, CatalogSpec};
use icebridge_model::facts::TableFacts;
use icebridge_model::finding::{Finding, Verdict};
use icebridge_model::photon::{ClusterCopy, ClusterMethod, PartitionColumn, PhotonSettings};
use icebridge_model::plan::{CopyMode, EngineKind, Settings};
use icebridge_model::properties::{Carry, carry};
use icebridge_model::schema::Transform;
use icebridge_model::secret::names_a_secret;

#[derive(Clone, Debug)]
pub(crate) struct Clusters {
    settings: PhotonSettings,
    pub source_catalog: Option<String>,
    target_catalog: String,
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
        })
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
    pub fn copy(&self, facts: &TableFacts, target: &TableIdent) -> Option<ClusterCopy> {
        let place = |catalog: &String, table: &TableIdent| TableIdent {
            namespace: std::iter::once(catalog).chain(&table.namespace).cloned().collect(),
            name: table.name.clone(),
        };
        let spec = facts.partition_spec();
        let partition = spec.fields.iter().filter(|field| field.transform != Transform::Void).filter_map(|field| {
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
            source: place(self.source_catalog.as_ref()?, &facts.ident),
            target: place(&self.target_catalog, target),
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
            bytes: facts.files.data_bytes,
            rows: facts.files.data_records,
        })
    }
}

/// Who copies, in which mode, and why. `findings` are those of an engine and a mode.
pub(super) fn choose(
    target: &Target,
    settings: &Settings,
    facts: Option<&TableFacts>,
    findings: impl Fn(EngineKind, CopyMode) -> Vec<Finding>,
) -> (Chosen, EngineKind, String) {
    let by = |engine| mode::choose(target, settings, |mode| findings(engine, mode));
    let words = |reason: &str| match (&target.clusters, facts) {
        (Some(clusters), Some(facts)) => format!("{reason}; {}", clusters.method(facts).1),
        _ => reason.to_string(),
    };
    match (settings.engine, &settings.photon) {
        (Some(EngineKind::Embedded), _) => {
            return (by(EngineKind::Embedded), EngineKind::Embedded, "embedded was asked for".into());
        }
        (Some(EngineKind::Photon), _) => {
            return (by(EngineKind::Photon), EngineKind::Photon, words("photon was asked for"));
        }
        (None, None) => return (by(EngineKind::Embedded), EngineKind::Embedded, String::new()),
        (None, Some(_)) => {}
    }
    let here = by(EngineKind::Embedded);
    let Some(clusters) = &target.clusters else {
        return (here, EngineKind::Embedded, "only Unity Catalog has clusters".into());
    };
    let Some(facts) = facts else { return (here, EngineKind::Embedded, String::new()) };
    let there = by(EngineKind::Photon);
    let (bytes, limit) = (facts.files.data_bytes, clusters.settings.use_above_bytes);
    let large = bytes > limit;
    let size =
        format!("its {} are {} than {}", words_of(bytes), if large { "more" } else { "no more" }, words_of(limit));
    match (large, blockers(&here.findings), blockers(&there.findings)) {
        (true, _, None) => (there, EngineKind::Photon, words(&size)),
        (true, None, Some(codes)) => {
            (here, EngineKind::Embedded, format!("{size}, but a cluster's copy is blocked by {codes}"))
        }
        (false, Some(codes), None) => {
            (there, EngineKind::Photon, words(&format!("the embedded engine's copy is blocked by {codes}")))
        }
        (_, _, _) => (here, EngineKind::Embedded, size),
    }
}

/// As people say it, to a tenth.
fn words_of(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.iter().find(|(shift, _)| bytes >> shift > 0) {
        Some((shift, unit)) => format!("{}.{} {unit}", bytes >> shift, ((u128::from(bytes) * 10) >> shift) % 10),
        None => format!("{bytes} bytes"),
    }
}

fn blockers(findings: &[Finding]) -> Option<String> {
    let codes: Vec<&str> = findings.iter().filter(|f| f.verdict == Verdict::Blocks).map(|f| f.code.as_str()).collect();
    (!codes.is_empty()).then(|| codes.join(", "))
}
