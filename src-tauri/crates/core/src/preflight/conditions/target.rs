//! What the target refuses.

use crate::preflight::subject::{Context, columns, counted, identifiers, listed};
use icebridge_model::conversion::fields_of;
use icebridge_model::facts::TableFacts;
use icebridge_model::mapping::MappingState;
use icebridge_model::photon::ClusterMethod;
use icebridge_model::plan::{CopyMode, EngineKind};
use icebridge_model::schema::{Field, Primitive, Transform, Type};

pub fn conflict(context: &Context) -> Option<String> {
    let mapping = context.mapping;
    (mapping.state == MappingState::Conflict).then(|| match &mapping.suggestion {
        Some(free) => format!("{}; {free} is free: icebridge map set {} {free}", mapping.problem, mapping.source),
        None => mapping.problem.clone(),
    })
}

pub fn exists(context: &Context) -> Option<String> {
    let target = context.mapping.target.as_ref()?;
    let problem = &context.mapping.problem;
    (context.mapping.state == MappingState::Exists).then(|| match problem.is_empty() {
        true => format!("{target} is there already"),
        false => format!("{target} is there already; {problem}"),
    })
}

/// Clusters write where their workspace does, whatever can be reached from here.
pub fn out_of_reach(context: &Context) -> Option<String> {
    if context.facts.is_none() || context.engine != EngineKind::Embedded {
        return None;
    }
    let target = context.mapping.target.as_ref()?;
    let error = context.target.out_of_reach.get(&target.namespace)?;
    let place = error.object.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
    let hint = error.hint.as_ref().map(|hint| format!(" {hint}")).unwrap_or_default();
    Some(format!("where tables of {} go{place}: {}.{hint}", target.namespace_text(), error.message))
}

/// Unity Catalog's readers do not apply version 2 position and equality deletes: deleted rows would come back.
pub fn ignored_deletes(context: &Context) -> Option<String> {
    let facts = context.for_unity().filter(|_| context.mode != CopyMode::Rewrite)?;
    let files = &facts.files;
    let ignored = files.position_delete_files + files.equality_delete_files;
    (ignored > 0).then(|| {
        format!(
            "{} with {} in all: Databricks documents them as unsupported, so deleted rows would come back",
            counted(ignored, "delete file", "delete files"),
            counted(files.delete_records, "entry", "entries")
        )
    })
}

pub fn cannot_adopt(context: &Context) -> Option<String> {
    let cannot = context.facts.is_some() && context.mode != CopyMode::Rewrite && !context.target.adopts;
    cannot.then(|| format!("{} hands over finished metadata, and this target does not take it", context.mode.as_str()))
}

pub fn binary_partition(context: &Context) -> Option<String> {
    let facts = context.for_unity()?;
    let binary = |field_type: &Type| matches!(field_type, Type::Primitive(Primitive::Binary | Primitive::Fixed(_)));
    let sources = partition_sources(facts, |transform| *transform != Transform::Void);
    listed(&sources.into_iter().filter(|(_, t)| binary(t)).map(|(path, _)| path).collect::<Vec<_>>())
}

pub fn unity_types(context: &Context) -> Option<String> {
    let refused = |field_type: &Type| {
        matches!(
            field_type,
            Type::Primitive(
                Primitive::Uuid
                    | Primitive::Fixed(_)
                    | Primitive::Time
                    | Primitive::TimestampNs
                    | Primitive::TimestamptzNs
                    | Primitive::Unknown
            )
        )
    };
    listed(&columns(&context.for_unity()?.schema, refused))
}

/// In structs, in list elements and in map values.
pub fn required_nested(context: &Context) -> Option<String> {
    let fields = fields_of(&context.for_unity()?.schema);
    let required = fields.into_iter().filter(|field| field.is_nested() && field.required);
    listed(&required.map(|field| field.at.path).collect::<Vec<_>>())
}

pub fn same_but_for_case(context: &Context) -> Option<String> {
    fn inside(path: &str, field_type: &Type, out: &mut Vec<String>) {
        match field_type {
            Type::Primitive(_) => {}
            Type::Struct(fields) => among(path, fields, out),
            Type::List(list) => inside(path, &list.element, out),
            Type::Map(map) => {
                inside(path, &map.key, out);
                inside(path, &map.value, out);
            }
        }
    }
    fn among(path: &str, fields: &[Field], out: &mut Vec<String>) {
        for (at, field) in fields.iter().enumerate() {
            let lower = field.name.to_lowercase();
            if let Some(first) = fields[..at].iter().find(|other| other.name.to_lowercase() == lower) {
                out.push(format!("{path}{} and {path}{}", first.name, field.name));
            }
            inside(&format!("{path}{}.", field.name), &field.field_type, out);
        }
    }
    let mut found = Vec::new();
    among("", &context.for_unity()?.schema.fields, &mut found);
    listed(&found)
}

pub fn expression_partition(context: &Context) -> Option<String> {
    let spec = context.for_unity_over_rest()?.partition_spec();
    let fields = spec.fields.iter().filter(|f| !matches!(f.transform, Transform::Identity | Transform::Void));
    let shown = listed(&fields.map(|f| format!("{} ({})", f.name, f.transform)).collect::<Vec<_>>())?;
    Some(format!("{shown}; documented for SQL; others write such specs over REST"))
}

pub fn nested_namespace(context: &Context) -> Option<String> {
    context.for_unity()?;
    let target = context.mapping.target.as_ref()?;
    let levels = target.namespace.len();
    (levels > 1).then(|| format!("{} has {levels} levels", target.namespace_text()))
}

pub fn identifier_fields(context: &Context) -> Option<String> {
    listed(&identifiers(&context.for_unity_over_rest()?.schema))
}

pub fn unity_v3(context: &Context) -> Option<String> {
    let version = context.for_unity_over_rest()?.format_version;
    match version {
        3.. => Some(format!("the source is version {version}")),
        _ => context.raised().map(|_| format!("version 3 was asked for, and the source is version {version}")),
    }
}

/// Of those ways that keep the metadata as it is.
pub fn version_kept(context: &Context) -> Option<String> {
    let version = context.raised()?.format_version;
    let clones = context.target.clusters.as_ref().is_some_and(|clusters| {
        context.engine == EngineKind::Photon && clusters.settings.method == Some(ClusterMethod::DeepClone)
    });
    let keeps = match context.mode {
        _ if clones => "DEEP CLONE keeps the version of the source",
        CopyMode::Rewrite => return None,
        CopyMode::Register => "register shares the metadata with the source",
        CopyMode::Clone if version == 1 => "a clone keeps the files of version 1, which lack what version 3 must have",
        CopyMode::Clone => return None,
    };
    Some(format!("version 3 was asked for, and {keeps} (version {version})"))
}

/// Columns the current spec partitions by, with their types.
fn partition_sources(facts: &TableFacts, wanted: impl Fn(&Transform) -> bool) -> Vec<(String, &Type)> {
    let spec = facts.partition_spec();
    spec.fields.iter().filter(|f| wanted(&f.transform)).filter_map(|f| facts.schema.find(f.source_id)).collect()
}
