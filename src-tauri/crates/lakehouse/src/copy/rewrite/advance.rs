//! A later round of a rewritten table: rows of the source's files that are read as before stay in the files that they have, all
//! others are written anew, and one snapshot shows both.

use super::carried::{self, Carried};
use super::compacted;
use super::data_file::DataFile;
use super::document::{self, Shape, Snapshot};
use super::numbering::Numbering;
use super::unit_map::{self, MappedUnit, UnitMap};
use super::units::{self, Rules};
use super::writing::{gathered, rules, timestamp, way, write_manifests, write_units, written_columns};
use crate::catalog::{Publication, Staged};
use crate::copy::common::checks::check_cancelled;
use crate::copy::common::contract::{CopyTask, Onto, Prepared};
use crate::copy::common::converted::Converted;
use crate::copy::common::identity;
use crate::copy::common::marks;
use crate::copy::common::round::write_metadata;
use crate::copy::common::transfer::Transfer;
use crate::copy::relocate;
use crate::location::canonical;
use crate::metadata::TableMetadata;
use crate::provenance::{
    PROPERTY_FIELD_IDS, PROPERTY_PLAN, PROPERTY_SNAPSHOT, PROPERTY_SOURCE_SNAPSHOT, PROPERTY_UNIT_MAP,
};
use crate::scan;
use bytes::Bytes;
use icebridge_model::{Code, Error, Result};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashSet};

pub async fn advance(task: &CopyTask<'_>, onto: &Onto<'_>) -> Result<Prepared> {
    relocate::document::refuse_encryption(&task.source.metadata)?;
    let target = &onto.target.metadata;
    let converted = Converted::of(task);
    let managed = task.target.spec().is_unity();
    let shape = Shape::of(&task.source.metadata, &converted, managed)?;
    let map = UnitMap::of(onto.target).await?;
    let numbering = numbering(map.as_ref(), &shape, target)?;
    let next = shape.onto(target, &numbering, !managed)?;
    let staged = Staged::of(onto.target);
    let transfer = Transfer::new(task, &staged);
    let reads = unit_map::keyed(transfer.or_cancelled(scan::plan(task.source, task.snapshot_id)).await?);
    let naming = unit_map::naming(&task.source.metadata)?;
    let mut schemas = map.as_ref().map(|map| map.schemas.clone()).unwrap_or_default();
    let usable = map.as_ref().filter(|map| map.naming == naming && !onto.anew);
    let known = match usable {
        Some(map) => known_units(task, onto, map, (&shape, &next)).await?,
        None => Vec::new(),
    };
    let (kept, new) = unit_map::kept(&known, reads);
    let rules = Rules { by_deletes: true, ..rules(task, &converted, &numbering) };
    let units = units::units(new, rules, &purpose(task, onto, &next, &naming)?, task.target_ident);
    let made = write_units(task, &staged, &transfer, (&shape, &next, &numbering), units).await?;
    check_cancelled(task)?;

    if let Some(map) = &map {
        map.remove_earlier(onto.target).await;
    }
    let mut units = kept.clone();
    let written_columns = written_columns(task, &shape);
    let schema = schemas.iter().position(|known| *known == written_columns).unwrap_or(schemas.len());
    if schema == schemas.len() {
        schemas.push(written_columns);
    }
    units.extend(made.iter().map(|made| made.mapped(onto.round, schema)));
    units.sort_by(|a, b| a.reads.cmp(&b.reads));
    let earlier = target.properties.get(PROPERTY_UNIT_MAP).cloned();
    let map = UnitMap { units, ids: numbering.ids(), naming, schemas, earlier };
    let metadata_location = onto.metadata_location(task);
    let (files, mut outcome) = gathered(task, &staged, &metadata_location, made);
    outcome.files_copied = files.len() as u64;

    let mut metadata = target.raw.clone();
    next.apply(&mut metadata)?;
    let round = Round { task, onto, staged: &staged, shape: &next };
    if let Some(snapshot) = round.write_snapshot(&transfer, &kept, &files).await? {
        document::add_snapshot(&mut metadata, next.format_version, &snapshot)?;
    }
    marks::set(&mut metadata, task)?;
    let current = metadata.get("current-snapshot-id").and_then(Value::as_i64).filter(|id| *id != -1);
    marks::set_own(&mut metadata, current, numbering.keeps_ids())?;
    map.save(&staged.storage, &staged.location, "metadata", &mut metadata).await?;
    onto.mark(&mut metadata, task)?;
    write_metadata(&staged, &metadata_location, &metadata).await?;
    Ok(Prepared { outcome, publication: Publication::Register { metadata_location } })
}

/// The units of the round before, as far as the target still has their files and these read as the source's do, with the reads that
/// they have now.
async fn known_units(
    task: &CopyTask<'_>,
    onto: &Onto<'_>,
    map: &UnitMap,
    (read, next): (&Shape, &Shape),
) -> Result<Vec<MappedUnit>> {
    let target = &onto.target.metadata;
    let left = target.properties.get(PROPERTY_SNAPSHOT).and_then(|left| left.parse().ok());
    // Whoever compacted the target did it under any of the columns that it has had.
    let any = (0..map.schemas.len()).collect();
    let units = compacted::follow_target(map.units.clone(), onto.target, left, (onto.round, &any)).await;
    let units = units.map_err(Error::at_target)?;
    // Others may have compacted it in ways that cannot be followed: what they replaced is copied again.
    let shown = scan::plan(onto.target, target.current_snapshot_id).await.map_err(Error::at_target)?;
    let shown: HashSet<String> = shown.iter().map(|task| canonical(&task.file.path)).collect();
    let is_there = |unit: &MappedUnit| unit.paths(&target.location).all(|path| shown.contains(&path));
    let units = units.into_iter().filter(is_there).collect();
    let units = map.still_valid(units, &read.schema.fields, next.format_version >= 3);
    match onto.trusts_compaction {
        true => compacted::follow(&units, task.source, source_snapshot(target), onto.round).await,
        false => Ok(units),
    }
}

/// The source's snapshot that a target has.
fn source_snapshot(target: &TableMetadata) -> Option<i64> {
    target.properties.get(PROPERTY_SOURCE_SNAPSHOT)?.parse().ok()
}

/// From the source's field ids to the table's.
fn numbering(map: Option<&UnitMap>, shape: &Shape, target: &TableMetadata) -> Result<Numbering> {
    let last = target.raw.get("last-column-id").and_then(Value::as_i64).and_then(|id| i32::try_from(id).ok());
    let known = match map {
        Some(map) => map.numbering(),
        None if target.properties.get(PROPERTY_FIELD_IDS).is_some_and(|whose| whose == "source") => {
            Numbering::default()
        }
        // Without the map, names tell as long as the columns are those that were copied.
        None => Numbering::between(&shape.schema, target.current_schema()).map_err(|e| {
            Error::new(
                Code::Unsupported,
                "the source's columns have changed, and the file that says which columns of the target they are is gone",
            )
            .with_hint("Something has cleared the target's metadata folder. Copy the table anew, by a new plan.")
            .with_cause(e)
        })?,
    };
    Ok(known.continued(&shape.schema, last.unwrap_or(0)))
}

/// Names the round's units: what an attempt of it has made the next one finds, if it is made for the same columns.
fn purpose(task: &CopyTask<'_>, onto: &Onto<'_>, shape: &Shape, naming: &str) -> Result<String> {
    let (schema, spec) = (shape.schema_json()?, shape.spec.to_json());
    let columns = format!("{schema} {spec} {} {naming}", shape.sort_order.order_id);
    Ok(format!("{} round {} {}", way(task), onto.round, hex::encode(Sha256::digest(columns))))
}

struct Round<'a> {
    task: &'a CopyTask<'a>,
    onto: &'a Onto<'a>,
    staged: &'a Staged,
    shape: &'a Shape,
}

impl Round<'_> {
    /// None, if the rows are in the files that the table has already.
    async fn write_snapshot(
        &self,
        transfer: &Transfer<'_>,
        kept: &[MappedUnit],
        files: &[DataFile],
    ) -> Result<Option<Snapshot>> {
        let (task, target) = (self.task, &self.onto.target.metadata);
        let purpose = format!(
            "round {} {} {:?}",
            self.onto.round, task.source.metadata_location, task.source.metadata.current_snapshot_id
        );
        let name = identity::uuid(task.plan_hash, task.target_ident, &purpose);
        let id = identity::round_snapshot_id(task.plan_hash, task.target_ident, &purpose);
        let schema = self.shape.schema_json()?;
        let location = &self.staged.location;
        let first_row_id = target.raw.get("next-row-id").and_then(Value::as_u64).unwrap_or(0);
        let commit = self.shape.commit(id, &schema, location, first_row_id);
        let folder = format!("{location}/metadata");
        let stay: HashSet<String> = kept.iter().flat_map(|unit| unit.paths(location)).collect();
        let before = target.current_snapshot_id.and_then(|id| target.snapshot(id));
        let carried = carried::carry(&self.staged.storage, before, &stay, &commit, &format!("{folder}/{name}")).await;
        let carried = match carried {
            Ok(carried) => carried,
            // Nothing of it is taken over.
            Err(error) if self.onto.anew && (error.code.is_damage() || error.code == Code::TargetChanged) => {
                tracing::warn!(%error, "what the target had before is not whole, and all of it is left");
                Carried { is_left_unread: true, ..Carried::default() }
            }
            Err(error) => return Err(error.at_target()),
        };
        if files.is_empty() && carried.dropped.count.files == 0 && !carried.is_left_unread {
            return Ok(None);
        }
        let mut lines = write_manifests(task, self.staged, &commit, files, (&folder, name)).await?;
        let summary = summary(task, files, &carried);
        lines.extend(carried.lines);
        let manifest_list = format!("{folder}/snap-{id}-1-{name}.avro");
        let (bytes, row_ids) = commit.manifest_list(name.into_bytes(), &lines)?;
        self.staged.storage.write(&manifest_list, Bytes::from(bytes)).await?;
        // Never before the table's last change: catalogs refuse that.
        let made_at = timestamp(transfer, &format!("rewrite:commit-time-{id}")).await?;
        Ok(Some(Snapshot {
            id,
            schema_id: self.shape.schema.schema_id,
            parent: self.shape.parent,
            sequence_number: self.shape.sequence_number,
            timestamp_ms: made_at.max(target.last_updated_ms),
            manifest_list,
            summary,
            row_ids,
        }))
    }
}

/// What engines write for an append, an overwrite or a delete.
fn summary(task: &CopyTask<'_>, files: &[DataFile], carried: &Carried) -> BTreeMap<String, String> {
    let (kept, dropped) = (carried.kept, carried.dropped);
    let added_records: u64 = files.iter().map(|f| f.records).sum();
    let added_bytes: u64 = files.iter().map(|f| f.size).sum();
    let mut out: BTreeMap<String, String> = [
        ("added-data-files", files.len() as u64),
        ("added-records", added_records),
        ("added-files-size", added_bytes),
        ("deleted-data-files", dropped.count.files),
        ("deleted-records", dropped.count.rows),
        ("removed-files-size", dropped.bytes),
    ]
    .into_iter()
    .filter(|(_, number)| *number > 0)
    .chain([
        ("total-records", kept.count.rows + added_records),
        ("total-files-size", kept.bytes + added_bytes),
        ("total-data-files", kept.count.files + files.len() as u64),
        ("total-delete-files", 0),
        ("total-position-deletes", 0),
        ("total-equality-deletes", 0),
    ])
    .map(|(key, number)| (key.to_string(), number.to_string()))
    .collect();
    let operation = match (files.is_empty(), dropped.count.files) {
        (false, 0) if !carried.is_left_unread => "append",
        (true, _) => "delete",
        (false, _) => "overwrite",
    };
    out.insert("operation".into(), operation.into());
    out.insert(PROPERTY_PLAN.into(), task.plan_hash.into());
    out
}
