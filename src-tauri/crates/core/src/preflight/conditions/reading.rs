//! What cannot be read, or cannot be written anew.

use crate::preflight::subject::{Context, columns, counted, listed};
use icebridge_model::plan::CopyMode;
use icebridge_model::schema::{PartitionField, Primitive, Transform, Type};

/// The highest version whose every feature the reader knows.
const KNOWN_VERSIONS: std::ops::RangeInclusive<u8> = 1..=3;

pub fn problem(context: &Context) -> Option<String> {
    context.problem.map(|error| format!("{}: {error}", error.code))
}

/// In every mode: even where bytes are only copied, it could not be proved that the copy reads the same.
pub fn formats(context: &Context) -> Option<String> {
    let formats = &context.facts?.files.formats;
    let other = formats.iter().filter(|(format, _)| !format.eq_ignore_ascii_case("parquet"));
    let shown: Vec<String> =
        other.map(|(format, count)| counted(*count, &format!("{format} file"), &format!("{format} files"))).collect();
    listed(&shown)
}

pub fn encrypted(context: &Context) -> Option<String> {
    context
        .facts?
        .encrypted
        .then(|| "its metadata names encryption keys, and only their owner's engines can read the files".into())
}

pub fn format_version(context: &Context) -> Option<String> {
    let version = context.facts?.format_version;
    (!KNOWN_VERSIONS.contains(&version)).then(|| format!("format version {version}; known are 1 to 3"))
}

pub fn types(context: &Context) -> Option<String> {
    listed(&columns(&context.facts?.schema, |t| matches!(t, Type::Primitive(Primitive::Other(_)))))
}

/// A clone copies all that the metadata names.
pub fn history(context: &Context) -> Option<String> {
    let history = &context.facts.filter(|_| context.mode == CopyMode::Clone)?.history;
    let missing = counted(history.missing, "file is", "files are");
    history
        .first_missing
        .as_ref()
        .map(|first| format!("{missing} missing of {} that were looked for: {first}", history.checked))
}

pub fn transforms(context: &Context) -> Option<String> {
    let facts = context.rewritten()?;
    let spec = facts.partition_spec();
    let why = |field: &PartitionField| {
        let (name, transform) = (&field.name, &field.transform);
        match transform {
            Transform::Other(_) => Some(format!("{name} ({transform})")),
            _ if field.source_ids.len() > 1 => {
                Some(format!("{name} ({transform} of {} columns)", field.source_ids.len()))
            }
            Transform::Void => None,
            _ if facts.schema.find(field.source_id).is_none() => Some(format!("{name} (its column was dropped)")),
            _ => None,
        }
    };
    listed(&spec.fields.iter().filter_map(why).collect::<Vec<_>>())
}

pub fn unfit_files(context: &Context) -> Option<String> {
    listed(&context.facts?.footers.unfit)
}

pub fn sort_transforms(context: &Context) -> Option<String> {
    let fields = &context.rewritten()?.sort_order.fields;
    let strange = fields.iter().filter(|f| matches!(f.transform, Transform::Other(_)) || f.source_ids.len() > 1);
    listed(&strange.map(|f| format!("sort field {}", f.transform)).collect::<Vec<_>>())
}
