//! Delete files by where they can apply, so that planning is linear in the number of files.
//!
//! A deleted row that comes back is the worst outcome. So a position delete reaches the files of its own partition, as the
//! spec has it, and also every other file that its path bounds may name, whatever partition it is in: what the delete file
//! then holds decides. Partition values are compared in their field's type, paths in their one spelling.

use crate::location::canonical;
use crate::manifest::{DataFile, FileContent, PartitionKey};
use icebridge_model::{Code, Error, Result};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A delete file with its data sequence number.
type Sequenced = (i64, Arc<DataFile>);

#[derive(Default)]
pub(super) struct DeleteIndex {
    vectors: HashMap<String, Vec<Sequenced>>,
    positions_by_path: HashMap<String, Vec<Sequenced>>,
    positions_by_partition: HashMap<PartitionKey, Vec<Sequenced>>,
    positions_by_range: Vec<Ranged>,
    /// The greatest upper bound of `positions_by_range[..=i]`.
    greatest_upper: Vec<String>,
    /// Position deletes that do not say which files they name.
    positions_unbounded: Vec<Sequenced>,
    equality_by_partition: HashMap<PartitionKey, Vec<Sequenced>>,
    /// Equality deletes of an unpartitioned spec apply to every partition of every spec.
    equality_global: Vec<Sequenced>,
}

struct Ranged {
    lower: String,
    upper: String,
    delete: Sequenced,
}

/// Which files the bounds of a position delete may name.
enum Reach {
    File(String),
    Range(String, String),
    Any,
}

impl Reach {
    fn of(file: &DataFile) -> Self {
        let Some((lower, upper)) = &file.path_bounds else { return Self::Any };
        let (lower, mut upper) = (canonical(lower), canonical(upper));
        // A cut bound ends anywhere, a file's name in its extension.
        if lower == upper && [".parquet", ".orc", ".avro"].iter().any(|end| lower.to_ascii_lowercase().ends_with(end)) {
            return Self::File(lower);
        }
        // Changing the spelling may change the order, and then the bounds bound nothing.
        if lower > upper {
            return Self::Any;
        }
        // Some writers cut the upper bound and do not round it up: all that begins with it is below it.
        upper.push(char::MAX);
        Self::Range(lower, upper)
    }
}

impl DeleteIndex {
    pub(super) fn add(&mut self, file: DataFile, sequence: i64, unpartitioned: bool) -> Result<()> {
        let file = Arc::new(file);
        let delete = (sequence, file.clone());
        match file.content {
            FileContent::EqualityDeletes if unpartitioned => self.equality_global.push(delete),
            FileContent::EqualityDeletes => {
                self.equality_by_partition.entry(file.partition_key()).or_default().push(delete);
            }
            FileContent::PositionDeletes | FileContent::Data => match &file.referenced_data_file {
                Some(path) if file.is_deletion_vector() => {
                    self.vectors.entry(canonical(path)).or_default().push(delete);
                }
                None if file.is_deletion_vector() => {
                    return Err(Error::new(
                        Code::MetadataBroken,
                        "the manifest does not say which data file a deletion vector is of",
                    )
                    .about(&file.path)
                    .with_hint("Compact the table at the source, so that its deletes are applied there."));
                }
                Some(path) => self.positions_by_path.entry(canonical(path)).or_default().push(delete),
                None => self.add_position_delete(&file, delete),
            },
        }
        Ok(())
    }

    fn add_position_delete(&mut self, file: &DataFile, delete: Sequenced) {
        match Reach::of(file) {
            Reach::File(path) => self.positions_by_path.entry(path).or_default().push(delete),
            Reach::Range(lower, upper) => {
                self.positions_by_partition.entry(file.partition_key()).or_default().push(delete.clone());
                self.positions_by_range.push(Ranged { lower, upper, delete });
            }
            Reach::Any => self.positions_unbounded.push(delete),
        }
    }

    /// After the last [`Self::add`], before the first [`Self::for_file`].
    pub(super) fn sort(&mut self) {
        self.positions_by_range.sort_by(|a, b| a.lower.cmp(&b.lower));
        let mut greatest = String::new();
        self.greatest_upper.clear();
        for ranged in &self.positions_by_range {
            if ranged.upper > greatest {
                greatest.clone_from(&ranged.upper);
            }
            self.greatest_upper.push(greatest.clone());
        }
    }

    pub(super) fn for_file(&self, file: &DataFile, sequence: i64) -> Vec<Arc<DataFile>> {
        let path = canonical(&file.path);
        let key = file.partition_key();
        let mut out = Applying::default();
        // A position delete of the same commit applies, an equality delete does not.
        for (delete, vector) in self.vectors.get(&path).into_iter().flatten() {
            out.push_if(*delete >= sequence, vector);
        }
        // Position deletes older than a vector are contained in it.
        if out.files.is_empty() {
            let named = self.positions_by_path.get(&path).into_iter().flatten();
            let in_partition = self.positions_by_partition.get(&key).into_iter().flatten();
            let others = self.in_range(&path).chain(&self.positions_unbounded);
            for (delete, positions) in named.chain(in_partition).chain(others) {
                out.push_if(*delete >= sequence, positions);
            }
        }
        let in_partition = self.equality_by_partition.get(&key).into_iter().flatten();
        for (delete, keys) in in_partition.chain(&self.equality_global) {
            out.push_if(*delete > sequence, keys);
        }
        out.files
    }

    fn in_range(&self, path: &str) -> impl Iterator<Item = &Sequenced> {
        let begun = self.positions_by_range.partition_point(|ranged| ranged.lower.as_str() <= path);
        (0..begun)
            .rev()
            .take_while(move |at| self.greatest_upper[*at].as_str() >= path)
            .map(|at| &self.positions_by_range[at])
            .filter(move |ranged| ranged.upper.as_str() >= path)
            .map(|ranged| &ranged.delete)
    }
}

/// The deletes of one file, each once.
#[derive(Default)]
struct Applying {
    files: Vec<Arc<DataFile>>,
    known: HashSet<*const DataFile>,
}

impl Applying {
    fn push_if(&mut self, applies: bool, delete: &Arc<DataFile>) {
        if applies && self.known.insert(Arc::as_ptr(delete)) {
            self.files.push(delete.clone());
        }
    }
}

#[cfg(test)]
mod tests;
