//! What keeps a table from a cluster, and what a cluster's copy lacks.

use super::target::{required_nested, same_but_for_case};
use crate::preflight::subject::{Context, columns, counted, identifiers, listed};
use icebridge_model::facts::TableFacts;
use icebridge_model::photon::{ClusterMethod, ComputeWay};
use icebridge_model::plan::EngineKind;
use icebridge_model::schema::{Primitive, Transform, Type};

/// Iceberg's metadata columns. Its library for Spark neither reads nor writes a table that has one of its own of such a name.
const RESERVED: [&str; 7] =
    ["_file", "_pos", "_deleted", "_spec_id", "_partition", "_row_id", "_last_updated_sequence_number"];

impl<'a> Context<'a> {
    /// The facts, if a cluster is to copy.
    pub(super) fn by_cluster(&self) -> Option<&'a TableFacts> {
        self.facts.filter(|_| self.engine == EngineKind::Photon)
    }
}

/// Databricks' readers pass over them: deleted rows would come back.
pub fn ignored_deletes(context: &Context) -> Option<String> {
    let files = &context.by_cluster()?.files;
    let ignored = files.position_delete_files + files.equality_delete_files;
    (ignored > 0).then(|| {
        format!(
            "{} of format version 2, which the clusters' reader does not apply: deleted rows would come back",
            counted(ignored, "delete file", "delete files")
        )
    })
}

pub fn out_of_reach(context: &Context) -> Option<String> {
    let facts = context.by_cluster()?;
    let Some(clusters) = &context.target.clusters else {
        return Some("the target is not a catalog of a saved workspace that was given a volume".into());
    };
    if clusters.source_catalog.is_none() {
        return Some("the settings do not say under which catalog the clusters see the source".into());
    }
    if facts.ident.namespace.len() != 1 {
        return Some(format!(
            "{} is no schema: clusters see tables as catalog.schema.table",
            facts.ident.namespace_text()
        ));
    }
    facts.snapshot_id.is_none().then(|| "it has no snapshot that a cluster could read".into())
}

/// What is filtered or masked for who reads on the cluster would be missing from the copy, and from the comparison.
pub fn restricted(context: &Context) -> Option<String> {
    let facts = context.by_cluster()?;
    let known = context.target.clusters.as_ref()?.restrictions.get(&facts.ident)?;
    let shown = listed(&known.restrictions)?;
    let besides = match known.policies_unknown {
        Some(_) => "; which policies apply besides is not known",
        None => "",
    };
    Some(format!("{shown} may keep rows or values from who reads on the cluster{besides}"))
}

/// The copy is read here too, from the source's files, so that what a policy hides shows.
pub fn policies_unknown(context: &Context) -> Option<String> {
    let (why, compared_alone) = unknown_policies(context)?;
    (!compared_alone).then(|| {
        format!(
            "the workspace does not show which policies apply to it ({why}): what one hides would be missing from the copy"
        )
    })
}

/// A policy that nobody shows us hides the same from the copy and from what a cluster compares it with.
pub fn policies_unknown_to_both(context: &Context) -> Option<String> {
    let (why, compared_alone) = unknown_policies(context)?;
    compared_alone.then(|| {
        format!(
            "the workspace does not show which policies apply to it ({why}), and the cluster alone compares: what one hides \
             would be missing from the copy, and from what it is compared with"
        )
    })
}

/// Why they are not known, and whether a cluster alone compares.
fn unknown_policies<'a>(context: &'a Context) -> Option<(&'a str, bool)> {
    let facts = context.by_cluster()?;
    let clusters = context.target.clusters.as_ref()?;
    let why = clusters.restrictions.get(&facts.ident)?.policies_unknown.as_deref()?;
    Some((why, !clusters.settings.reads_here(facts.files.data_bytes)))
}

pub fn tags_on_serverless(context: &Context) -> Option<String> {
    context.by_cluster()?;
    let settings = &context.target.clusters.as_ref()?.settings;
    let names: Vec<String> = settings.tags.keys().cloned().collect();
    let named = listed(&names)?;
    match settings.way() {
        ComputeWay::Serverless(_) => Some(format!("the tags {named} of the settings are not on its usage")),
        ComputeWay::Try => {
            Some(format!("the tags {named} of the settings are not on its usage, if serverless compute is offered"))
        }
        ComputeWay::Classic(_) => None,
    }
}

/// Spark's Iceberg has no such types, and tells names by case in no setting that a job could be sure of.
pub fn unreadable(context: &Context) -> Option<String> {
    let schema = &context.by_cluster()?.schema;
    let mut found = columns(schema, |field_type| {
        matches!(
            field_type,
            Type::Primitive(Primitive::Time | Primitive::TimestampNs | Primitive::TimestamptzNs | Primitive::Unknown)
        )
    });
    found.extend(same_but_for_case(context));
    let names = schema.fields.iter().map(|field| field.name.as_str()).filter(|name| RESERVED.contains(name));
    found.extend(names.map(|name| format!("{name} (a name that Iceberg keeps for itself)")));
    // Databricks refuses to read them (DELTA_NESTED_NOT_NULL_CONSTRAINT), whatever is made of them.
    found.extend(required_nested(context).map(|fields| format!("NOT NULL within a column ({fields})")));
    listed(&found)
}

pub fn transforms_become_clustering(context: &Context) -> Option<String> {
    let facts = context.by_cluster()?;
    let spec = facts.partition_spec();
    let shown = spec.fields.iter().filter(|field| field.transform != Transform::Void).filter_map(|field| {
        let (column, _) = facts.schema.find(field.source_id)?;
        // A dot may stand in a column's own name.
        let is_nested = !facts.schema.fields.iter().any(|one| one.id == field.source_id);
        match (&field.transform, is_nested) {
            (Transform::Identity, false) => None,
            (transform, false) => Some(format!("{transform} of {column} becomes clustering by {column}")),
            (transform, true) => Some(format!("{transform} of {column} is left out")),
        }
    });
    listed(&shown.collect::<Vec<_>>())
}

pub fn identifier_fields(context: &Context) -> Option<String> {
    listed(&identifiers(&context.by_cluster()?.schema))
}

pub fn nullability(context: &Context) -> Option<String> {
    let facts = context.by_cluster()?;
    let clusters = context.target.clusters.as_ref()?;
    let required: Vec<String> =
        facts.schema.fields.iter().filter(|field| field.required).map(|field| field.name.clone()).collect();
    (clusters.method(facts).0 == ClusterMethod::Ctas).then(|| listed(&required)).flatten()
}
