//! What the migrated table lacks that the source has. Named one by one: a loss is accepted with open eyes.

use crate::preflight::subject::{Context, counted, listed};
use icebridge_model::plan::{CopyMode, EngineKind};
use icebridge_model::properties::{Carry, PLACES, carry};
use icebridge_model::schema::{PartitionSpec, Primitive, Transform, Type};
use icebridge_model::secret::{HIDDEN, is_for_everybody};

pub fn refs(context: &Context) -> Option<String> {
    let facts = context.rewritten()?;
    // Main is where the current snapshot is: it is what gets migrated.
    let lost = facts.refs.iter().filter(|r| r.name != "main");
    let names: Vec<String> = lost.map(|r| format!("{} {} at snapshot {}", r.kind, r.name, r.snapshot_id)).collect();
    listed(&names)
}

pub fn history(context: &Context) -> Option<String> {
    let count = context.rewritten()?.snapshot_count;
    (count > 1).then(|| {
        let lost = counted(count as u64 - 1, "earlier snapshot is", "earlier snapshots are");
        format!("{lost} left behind; the target begins with one")
    })
}

pub fn partition_evolution(context: &Context) -> Option<String> {
    let facts = context.rewritten()?;
    let current = facts.default_spec_id;
    let older: u64 =
        facts.files.specs_in_use.iter().filter(|(spec, _)| **spec != current).map(|(_, files)| files).sum();
    // What an unpartitioned table begins with, and no file was ever written under, is no loss.
    let is_kept = |spec: &&PartitionSpec| {
        spec.spec_id == current || !spec.fields.is_empty() || facts.files.specs_in_use.contains_key(&spec.spec_id)
    };
    let specs = facts.partition_specs.iter().filter(is_kept).count();
    (specs > 1).then(|| {
        format!("{specs} partition specs become one; {} under an older one", counted(older, "file is", "files are"))
    })
}

pub fn statistics(context: &Context) -> Option<String> {
    let count = context.rewritten()?.statistics_files;
    (count > 0).then(|| format!("{} left behind", counted(count as u64, "statistics file is", "statistics files are")))
}

pub fn outside_statistics(context: &Context) -> Option<String> {
    let facts = context.facts.filter(|_| context.mode == CopyMode::Clone)?;
    let count = facts.outside_statistics as u64;
    (count > 0).then(|| format!("{} outside {}", counted(count, "file lies", "files lie"), facts.location))
}

pub fn row_lineage(context: &Context) -> Option<String> {
    let facts = context.rewritten()?;
    (facts.format_version >= 3 && facts.files.data_files > 0)
        .then(|| "rows get new ids and a new last-updated sequence number".into())
}

pub fn properties(context: &Context) -> Option<String> {
    let facts = context.rewritten()?;
    let unity = context.target.is_unity();
    let by_cluster = context.engine == EngineKind::Photon;
    let lost = facts.properties.iter().filter(|(key, value)| {
        carry(key, value, unity) == Carry::Lost
            || by_cluster && !is_for_everybody(key, value) && carry(key, value, unity) == Carry::Carried
    });
    let shown = |(key, value): (&String, &String)| match is_for_everybody(key, value) {
        true => format!("{key}={}", shortened(value)),
        false => format!("{key} {HIDDEN}"),
    };
    listed(&lost.map(shown).collect::<Vec<_>>())
}

/// A clone keeps all properties but these; a rewrite lists them with the others.
pub fn places(context: &Context) -> Option<String> {
    let facts = context.facts.filter(|_| context.mode == CopyMode::Clone)?;
    let lost = facts.properties.iter().filter(|(key, _)| PLACES.contains(&key.as_str()));
    listed(&lost.map(|(key, value)| format!("{key}={}", shortened(value))).collect::<Vec<_>>())
}

/// Unity Catalog clusters instead. Elsewhere it is lost if it sorts by a column that the table no longer has.
pub fn sort_order(context: &Context) -> Option<String> {
    let facts = context.for_unity().or_else(|| context.rewritten())?;
    let named = |id: i32| facts.schema.find(id).map(|(path, _)| path);
    let fields = &facts.sort_order.fields;
    let gone = fields.iter().find(|f| f.source_ids.len() < 2 && named(f.source_id).is_none());
    if !context.target.is_unity() {
        return gone.map(|field| format!("it sorts by column {}, which was dropped", field.source_id));
    }
    let shown = fields.iter().map(|f| {
        let column = named(f.source_id).unwrap_or_else(|| f.source_id.to_string());
        match &f.transform {
            Transform::Identity => format!("{column} {}", f.direction),
            transform => format!("{transform}({column}) {}", f.direction),
        }
    });
    listed(&shown.collect::<Vec<_>>())
}

/// In every mode: whoever reads the copy sees the rows that a lost delete should have taken away.
pub fn dangling_deletes(context: &Context) -> Option<String> {
    let deletes = context.facts?.deletes.as_ref()?;
    let path = deletes.unexplained_path.as_ref()?;
    let named = counted(deletes.unexplained, "delete record names", "delete records name");
    let example = match &deletes.same_name {
        Some(same) => format!("; {path} is one, and the table has a file of that name at {same}"),
        None => format!("; {path} is one"),
    };
    Some(format!("{named} a data file or a row that no snapshot which is kept has{example}"))
}

/// In every mode: the wrong metadata is another state of the table.
pub fn rival_metadata(context: &Context) -> Option<String> {
    let facts = context.facts?;
    let rivals = listed(&facts.unconfirmed.as_ref()?.rivals)?;
    let name = facts.metadata_location.rsplit('/').next().unwrap_or_default();
    Some(format!("{name} was taken as the newest in the folder; it does not come after {rivals}"))
}

/// A rewrite alone makes one reading of them the only one.
pub fn other_units(context: &Context) -> Option<String> {
    listed(&context.rewritten()?.footers.other_units)
}

pub fn partition_columns(context: &Context) -> Option<String> {
    listed(&context.rewritten()?.footers.partition_columns)
}

/// A clone keeps them in the form that the source has. Unity Catalog has no such type, and so no such partitions.
pub fn fixed_partition_values(context: &Context) -> Option<String> {
    let facts = context.rewritten().filter(|_| !context.target.is_unity())?;
    let spec = facts.partition_spec();
    let fixed = spec.fields.iter().filter(|field| {
        let source = facts.schema.find(field.source_id);
        field.transform == Transform::Identity
            && source.is_some_and(|(_, found)| matches!(found, Type::Primitive(Primitive::Fixed(_))))
    });
    listed(&fixed.map(|field| field.name.clone()).collect::<Vec<_>>())
}

pub fn independence(context: &Context) -> Option<String> {
    let facts = context.facts.filter(|_| context.mode == CopyMode::Register)?;
    Some(format!("source and target share the files below {}", facts.location))
}

fn shortened(value: &str) -> String {
    const LONGEST: usize = 60;
    if value.chars().count() <= LONGEST {
        return value.to_string();
    }
    value.chars().take(LONGEST).chain(['…']).collect()
}
