//! What is worth knowing and costs nothing.

use crate::preflight::subject::{Context, counted, listed};
use icebridge_model::plan::CopyMode;

/// Below this average, opening files costs more than reading them.
const SMALL_FILE: u64 = 8 << 20;
const MANY_FILES: u64 = 1_000;
const LONG_HISTORY: usize = 1_000;

pub fn empty(context: &Context) -> Option<String> {
    let facts = context.facts?;
    (facts.files.data_files == 0).then(|| match facts.snapshot_id {
        None => "it has no snapshot".into(),
        Some(id) => format!("snapshot {id} has no data files"),
    })
}

pub fn small_files(context: &Context) -> Option<String> {
    let files = &context.facts?.files;
    let average = files.data_bytes.checked_div(files.data_files)?;
    (files.data_files >= MANY_FILES && average < SMALL_FILE)
        .then(|| format!("{} data files of {} KiB on average", files.data_files, average >> 10))
}

pub fn long_history(context: &Context) -> Option<String> {
    let facts = context.kept()?;
    (facts.snapshot_count >= LONG_HISTORY).then(|| format!("{} snapshots, all of which are kept", facts.snapshot_count))
}

pub fn outside(context: &Context) -> Option<String> {
    let facts = context.facts?;
    (facts.outside_location > 0).then(|| {
        format!("{} outside {}", counted(facts.outside_location as u64, "file lies", "files lie"), facts.location)
    })
}

pub fn flattened(context: &Context) -> Option<String> {
    let target = context.mapping.target.as_ref()?;
    let (from, to) = (&context.mapping.source, target.namespace.len());
    (from.namespace.len() > to).then(|| format!("{} becomes {}", from.namespace_text(), target.namespace_text()))
}

pub fn deletes(context: &Context) -> Option<String> {
    let files = &context.facts?.files;
    let mut kinds = Vec::new();
    for (count, one, many) in [
        (files.position_delete_files, "position delete file", "position delete files"),
        (files.equality_delete_files, "equality delete file", "equality delete files"),
        (files.deletion_vectors, "deletion vector", "deletion vectors"),
    ] {
        if count > 0 {
            kinds.push(counted(count, one, many));
        }
    }
    let effect = match context.mode {
        CopyMode::Rewrite => "applied while the rows are written",
        CopyMode::Clone => "copied and pointed to the new files",
        CopyMode::Register => "adopted as they are",
    };
    let mut text = format!("{}: {effect}", kinds.join(", "));
    let counted_deletes = context.facts?.deletes.as_ref();
    if let Some(dangling) =
        counted_deletes.map(|deletes| deletes.dangling.saturating_sub(deletes.unexplained)).filter(|n| *n > 0)
    {
        text += &format!("; {} of data files that were removed since", counted(dangling, "record is", "records are"));
    }
    if let Some(keys) = counted_deletes.map(|deletes| deletes.keys_out_of_reach).filter(|n| *n > 0) {
        text += &format!("; {} in delete files that reach no data file", counted(keys, "key is", "keys are"));
    }
    (!kinds.is_empty()).then_some(text)
}

/// Whoever may read the files of the copy can read them.
pub fn deleted_rows(context: &Context) -> Option<String> {
    let facts = context.kept()?;
    let hidden = facts.deletes.as_ref().map_or(0, |deletes| deletes.applied.saturating_add(deletes.keys));
    let earlier = facts.snapshot_count.saturating_sub(1) as u64;
    let mut carried = Vec::new();
    if hidden > 0 {
        carried.push(format!("rows under {}", counted(hidden, "delete record", "delete records")));
    }
    if earlier > 0 && facts.files.history_records > 0 {
        carried.push(format!(
            "{} of {} that later ones took out or changed",
            counted(facts.files.history_records, "row", "rows"),
            counted(earlier, "earlier snapshot", "earlier snapshots")
        ));
    }
    (!carried.is_empty()).then(|| format!("its files still hold {}", carried.join(", and ")))
}

pub fn read_differently(context: &Context) -> Option<String> {
    let footers = &context.kept()?.footers;
    let both: Vec<String> = footers.other_units.iter().chain(&footers.partition_columns).cloned().collect();
    listed(&both)
}

pub fn name_mapping(context: &Context) -> Option<String> {
    context.facts?.has_name_mapping.then(|| "the table has a name mapping for files that other programs wrote".into())
}

/// Version 1 cannot be written safely beside writers of version 2, so a rewrite makes version 2.
pub fn upgraded(context: &Context) -> Option<String> {
    let version = context.rewritten().filter(|_| context.raised().is_none())?.format_version;
    (version == 1).then(|| "the table is written anew as version 2".into())
}

pub fn unconfirmed(context: &Context) -> Option<String> {
    let facts = context.facts?;
    let unconfirmed = facts.unconfirmed.as_ref().filter(|unconfirmed| unconfirmed.rivals.is_empty())?;
    let of = counted(unconfirmed.candidates as u64, "metadata file", "metadata files");
    let name = facts.metadata_location.rsplit('/').next().unwrap_or_default();
    Some(format!("{name} was taken, the newest of {of}; the folder has no version hint"))
}

pub fn manifests_without_ids(context: &Context) -> Option<String> {
    let files = &context.kept()?.files;
    (files.manifests_without_ids > 0)
        .then(|| format!("{} of {} manifests", files.manifests_without_ids, files.manifests))
}

pub fn governed_tags(context: &Context) -> Option<String> {
    listed(context.target.refused_tags.get(&context.facts?.ident)?)
}
