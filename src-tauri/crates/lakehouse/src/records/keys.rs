//! Which equality delete files reach a live data file. How many rows they delete, only a reader of the data knows.

use crate::manifest::{DataFile, PartitionKey};
use crate::metadata::TableMetadata;
use std::collections::HashMap;

#[derive(Default)]
pub(super) struct Keys {
    /// Sequence number and records of each delete file, by the partition that it reaches.
    deletes: HashMap<Scope, Vec<(i64, u64)>>,
    /// The least sequence number of a data file.
    oldest: HashMap<Scope, i64>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Scope {
    Table,
    Partition(PartitionKey),
}

impl Keys {
    pub fn add(&mut self, metadata: &TableMetadata, file: &DataFile, sequence: i64) {
        let scope = match file.is_unpartitioned(metadata) {
            true => Scope::Table,
            false => Scope::Partition(file.partition_key()),
        };
        self.deletes.entry(scope).or_default().push((sequence, file.record_count));
    }

    pub fn meet(&mut self, file: &DataFile, sequence: i64) {
        if self.deletes.is_empty() {
            return;
        }
        for scope in [Scope::Table, Scope::Partition(file.partition_key())] {
            if self.deletes.contains_key(&scope) {
                let oldest = self.oldest.entry(scope).or_insert(sequence);
                *oldest = sequence.min(*oldest);
            }
        }
    }

    /// The records of delete files that are no younger than any data file in their reach.
    pub fn out_of_reach(&self) -> u64 {
        let of_scope = |(scope, deletes): (&Scope, &Vec<(i64, u64)>)| {
            let oldest = self.oldest.get(scope).copied().unwrap_or(i64::MAX);
            deletes.iter().filter(|(sequence, _)| *sequence <= oldest).fold(0u64, |sum, (_, n)| sum.saturating_add(*n))
        };
        self.deletes.iter().map(of_scope).fold(0, u64::saturating_add)
    }
}
