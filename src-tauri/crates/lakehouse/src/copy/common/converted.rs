//! What the plan's conversions make of a table's metadata: its schema, spec and version in the target.

use super::contract::CopyTask;
use icebridge_model::conversion::{Conversion, PartitionWay, converted};
use icebridge_model::schema::{PartitionSpec, Schema};
use icebridge_model::{Error, Result};
use serde_json::{Value, json};

#[derive(Clone, Debug)]
pub struct Converted {
    /// Version 1 becomes 2: nothing that reads 2 cannot read it, and 1 cannot be written safely.
    pub format_version: u8,
    pub schema: Schema,
    pub spec: PartitionSpec,
    /// Rows lie in the partitions that their files say.
    pub keeps_partitions: bool,
    /// Rows are still in the order of the source's sort order, where they were.
    pub keeps_order: bool,
}

impl Converted {
    pub fn of(task: &CopyTask<'_>) -> Self {
        let (metadata, conversions) = (&task.source.metadata, task.conversions);
        let read = metadata.read_schema(task.snapshot_id);
        let version = conversions.iter().find_map(|one| match one {
            Conversion::FormatVersion { to, .. } => Some(*to),
            _ => None,
        });
        let whole = metadata.partition_spec(metadata.default_spec_id).cloned().unwrap_or_default();
        let spec = laid_out(&whole, conversions, task.partitioning);
        let other_type = |id: i32| {
            let of = |one: &Conversion| matches!(one, Conversion::Type { column, .. } if column.id() == Some(id));
            conversions.iter().any(of)
        };
        Self {
            format_version: version.unwrap_or_else(|| metadata.format_version.clamp(2, 3)),
            schema: converted(read, conversions),
            keeps_partitions: spec.fields.len() == whole.fields.len()
                && !whole.fields.iter().any(|field| other_type(field.source_id)),
            spec,
            keeps_order: !conversions.contains(&Conversion::SortOrder)
                && !metadata.sort_order().fields.iter().any(|field| other_type(field.source_id)),
        }
    }
}

fn laid_out(whole: &PartitionSpec, conversions: &[Conversion], way: Option<&PartitionWay>) -> PartitionSpec {
    let fields = match way {
        None | Some(PartitionWay::AsIs) => whole.fields.clone(),
        Some(PartitionWay::Cluster { .. }) => Vec::new(),
        Some(PartitionWay::LeftOut) => {
            let left_out = |id: i32| {
                conversions.iter().any(|one| match one {
                    Conversion::Partitioning { fields, .. } => fields.iter().any(|field| field.field_id == id),
                    _ => false,
                })
            };
            whole.fields.iter().filter(|field| !left_out(field.field_id)).cloned().collect()
        }
    };
    PartitionSpec { spec_id: whole.spec_id, fields }
}

/// What a catalog is asked to stage: none where that is the source's own metadata.
pub fn draft(task: &CopyTask<'_>) -> Result<Option<Value>> {
    if task.conversions.is_empty() {
        return Ok(None);
    }
    let made = Converted::of(task);
    let broken = |e| Error::internal("a converted table's metadata to JSON").with_cause(e);
    let mut schema = serde_json::to_value(Schema { schema_id: 0, ..made.schema }).map_err(broken)?;
    schema["type"] = json!("struct");
    let spec = PartitionSpec { spec_id: 0, ..made.spec };
    Ok(Some(json!({
        "format-version": made.format_version, "schemas": [schema], "current-schema-id": 0,
        "partition-specs": [serde_json::to_value(spec).map_err(broken)?], "default-spec-id": 0,
    })))
}
