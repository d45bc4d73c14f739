//! Which data files of a rewritten table hold the rows of which reads of its source. A later round makes anew only those whose
//! reads are others by then.
//!
//! The map is a file of its own beside the table's metadata, named by its hash in a property of the table: nobody changes it
//! unseen. Where it is gone, every row is copied again.

use super::numbering::Numbering;
use super::written_columns::WrittenColumns;
use crate::copy::relocate::document;
use crate::limits::Limit;
use crate::location::canonical;
use crate::metadata::TableMetadata;
use crate::name_mapping::PROPERTY_NAME_MAPPING;
use crate::provenance::PROPERTY_UNIT_MAP;
use crate::scan::FileTask;
use crate::storage::Storage;
use crate::table::Table;
use bytes::Bytes;
use icebridge_model::schema::Field;
use icebridge_model::{Code, Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UnitMap {
    pub units: Vec<MappedUnit>,
    /// From the source's field ids to the table's, where a catalog gave others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ids: BTreeMap<i32, i32>,
    /// What the rows of files without field ids depend on.
    pub naming: String,
    /// The columns that files were written under.
    #[serde(default)]
    pub schemas: Vec<WrittenColumns>,
    /// The map of the round before, below the table: nobody needs it once this one's round is visible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<String>,
}

/// Reads that were copied together, and the files that have their rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MappedUnit {
    /// In which it was copied or compared last.
    pub round: u64,
    #[serde(serialize_with = "write_keys", deserialize_with = "read_keys")]
    pub reads: Vec<u128>,
    /// Below the table, or whole paths.
    pub files: Vec<String>,
    /// What they were written under: places in the map's schemas.
    #[serde(default)]
    pub schemas: BTreeSet<usize>,
}

fn write_keys<S: Serializer>(keys: &[u128], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(keys.iter().map(|key| format!("{key:032x}")))
}

fn read_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u128>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| u128::from_str_radix(text, 16).map_err(serde::de::Error::custom)).collect()
}

impl MappedUnit {
    /// The files' canonical paths. Others may have put theirs elsewhere than below the table.
    pub fn paths<'a>(&'a self, location: &'a str) -> impl Iterator<Item = String> + 'a {
        let location = location.trim_end_matches('/');
        let is_whole = |file: &str| {
            let scheme = file.split_once(":/").map(|(scheme, _)| scheme);
            file.starts_with('/') || scheme.is_some_and(|scheme| scheme.chars().all(|c| c.is_ascii_alphanumeric()))
        };
        self.files.iter().map(move |file| match is_whole(file) {
            true => canonical(file),
            false => canonical(&format!("{location}/{file}")),
        })
    }
}

impl UnitMap {
    /// Those whose files read under the columns as they are now as the source's do.
    pub fn still_valid(&self, units: Vec<MappedUnit>, now: &[Field], keeps_defaults: bool) -> Vec<MappedUnit> {
        let holds: Vec<bool> = self.schemas.iter().map(|written| written.still_hold(now, keeps_defaults)).collect();
        let of = |unit: &MappedUnit| {
            !unit.schemas.is_empty() && unit.schemas.iter().all(|at| holds.get(*at).copied().unwrap_or(false))
        };
        units.into_iter().filter(of).collect()
    }

    pub fn numbering(&self) -> Numbering {
        Numbering::from_ids(self.ids.clone())
    }

    /// The map of a table, as the table names it. None: there is none any more, or it is another file by now.
    pub async fn of(table: &Table) -> Result<Option<Self>> {
        let Some(relative) = table.metadata.properties.get(PROPERTY_UNIT_MAP) else { return Ok(None) };
        let Some(expected) = hash_in(relative) else { return Ok(None) };
        let path = format!("{}/{relative}", table.metadata.location.trim_end_matches('/'));
        let bytes = match table.storage.read(&path, Limit::UnitMap).await {
            Ok(bytes) => bytes,
            Err(e) if matches!(e.code, Code::FileMissing | Code::LimitExceeded) => return Ok(None),
            Err(e) => return Err(e),
        };
        if hex::encode(Sha256::digest(&bytes)) != expected {
            tracing::warn!(path, "the map of the table's units was changed, and is not used");
            return Ok(None);
        }
        // One that a later version wrote.
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// Writes it, and names it in the table's metadata.
    pub async fn save(&self, storage: &Storage, location: &str, folder: &str, metadata: &mut Value) -> Result<()> {
        let bytes = serde_json::to_vec(self).map_err(|e| Error::internal("a unit map to JSON").with_cause(e))?;
        let relative = format!("{folder}/{}{}{SUFFIX}", PREFIX, hex::encode(Sha256::digest(&bytes)));
        storage.write(&format!("{location}/{relative}"), Bytes::from(bytes)).await?;
        document::set_properties(metadata, [(PROPERTY_UNIT_MAP.to_string(), relative)])
    }

    /// Removes the map that the round before went on from. That round is visible.
    pub async fn remove_earlier(&self, table: &Table) {
        let Some(earlier) = self.earlier.as_deref().filter(|path| hash_in(path).is_some()) else { return };
        let path = format!("{}/{earlier}", table.metadata.location.trim_end_matches('/'));
        match table.storage.delete(&path).await {
            Ok(()) => {}
            Err(e) if e.code == Code::FileMissing => {}
            Err(error) => tracing::warn!(path, %error, "a unit map that nobody needs is left"),
        }
    }
}

const PREFIX: &str = "icebridge-units-";
const SUFFIX: &str = ".json";

/// Of a place below the table's folder for metadata.
fn hash_in(relative: &str) -> Option<&str> {
    let name = relative.strip_prefix("metadata/").filter(|rest| !rest.split('/').any(|part| part == ".."))?;
    let name = name.rsplit('/').next()?;
    name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX).filter(|hash| hash.len() == 64)
}

/// What a source's files without field ids are read by: other names give other rows of the same file.
pub fn naming(source: &TableMetadata) -> Result<String> {
    let Some(mapping) = source.properties.get(PROPERTY_NAME_MAPPING) else { return Ok("by id".into()) };
    let columns = serde_json::to_string(&source.current_schema().fields)
        .map_err(|e| Error::internal("a schema to JSON").with_cause(e))?;
    Ok(hex::encode(Sha256::digest(format!("{mapping}\n{columns}"))))
}

/// How often each read, or file, is there: a table can list a file twice.
pub struct Reads<T = u128>(HashMap<T, usize>);

impl<T: Clone + Eq + Hash> Reads<T> {
    pub fn of(keys: impl IntoIterator<Item = T>) -> Self {
        let mut counts = HashMap::new();
        keys.into_iter().for_each(|key| *counts.entry(key).or_default() += 1);
        Self(counts)
    }

    /// Takes all of these out, or none.
    pub fn take(&mut self, keys: &[T]) -> bool {
        let wanted = Self::of(keys.iter().cloned());
        let has = |(key, count): (&T, &usize)| self.0.get(key).is_some_and(|there| there >= count);
        if !wanted.0.iter().all(has) {
            return false;
        }
        for (key, count) in wanted.0 {
            if let Some(there) = self.0.get_mut(&key) {
                *there -= count;
            }
        }
        true
    }

    pub fn take_one(&mut self, key: T) -> bool {
        match self.0.get_mut(&key).filter(|there| **there > 0) {
            Some(there) => {
                *there -= 1;
                true
            }
            None => false,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.values().all(|count| *count == 0)
    }
}

/// The reads as a map names them: files keep the names that they have in the source.
pub fn keyed(tasks: Vec<FileTask>) -> Vec<(u128, FileTask)> {
    tasks.into_iter().map(|task| (task.read_key(&|path: &str| path.to_string()), task)).collect()
}

/// The units whose reads are all there still, and the reads that are in none of them.
pub fn kept(units: &[MappedUnit], now: Vec<(u128, FileTask)>) -> (Vec<MappedUnit>, Vec<FileTask>) {
    let mut there = Reads::of(now.iter().map(|(key, _)| *key));
    let kept: Vec<MappedUnit> = units.iter().filter(|unit| there.take(&unit.reads)).cloned().collect();
    let new = now.into_iter().filter(|(key, _)| there.take_one(*key)).map(|(_, task)| task).collect();
    (kept, new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(reads: &[u128]) -> MappedUnit {
        MappedUnit { round: 0, reads: reads.to_vec(), files: Vec::new(), schemas: BTreeSet::new() }
    }

    #[test]
    fn a_read_that_is_there_twice_is_kept_as_often() {
        let mut there = Reads::of([1, 1, 2]);
        assert!(there.take(&[1, 1]) && !there.take(&[1]) && !there.take(&[2, 3]) && there.take(&[2]));
        assert!(there.is_empty());
        let (units, rest) = kept(&[unit(&[1, 2]), unit(&[])], Vec::new());
        assert_eq!((units, rest.len()), (vec![unit(&[])], 0));
    }

    #[test]
    fn a_map_round_trips_and_its_place_is_below_the_table() {
        let map = UnitMap { units: vec![unit(&[u128::MAX, 0])], naming: "by id".into(), ..UnitMap::default() };
        let text = serde_json::to_string(&map).unwrap();
        assert_eq!(serde_json::from_str::<UnitMap>(&text).unwrap(), map);
        let hash = "0".repeat(64);
        let name = format!("{PREFIX}{hash}{SUFFIX}");
        for (place, is_one) in [
            (format!("metadata/{name}"), true),
            (format!("metadata/place/{name}"), true),
            (format!("metadata/../{name}"), false),
            (format!("data/{name}"), false),
            (format!("/metadata/{name}"), false),
            ("metadata/icebridge-units-1.json".to_string(), false),
        ] {
            assert_eq!(hash_in(&place).is_some(), is_one, "{place}");
        }
    }
}
