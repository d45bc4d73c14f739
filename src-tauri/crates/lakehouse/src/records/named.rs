//! The rows that position deletes and deletion vectors name, by data file.

use crate::limits::Limit;
use crate::location::canonical;
use crate::manifest::DataFile;
use crate::reader::PositionsByFile;
use icebridge_model::records::DeleteCounts;
use icebridge_model::{Code, Error, Result};
use roaring::RoaringTreemap;
use std::collections::HashMap;

/// Compressed positions of all delete files at once.
#[derive(Default)]
pub(super) struct Named {
    files: HashMap<String, OfFile>,
    positions: u64,
    applied: u64,
    dangling: u64,
    beyond_the_end: Orphans,
}

#[derive(Default)]
struct OfFile {
    /// Sequence number and cardinality.
    vector: Option<(i64, u64)>,
    positions: Vec<(i64, RoaringTreemap)>,
    met: bool,
}

impl OfFile {
    fn count(&self) -> u64 {
        let positions = self.positions.iter().map(|(_, positions)| positions.len());
        positions.chain(self.vector.map(|(_, cardinality)| cardinality)).fold(0, u64::saturating_add)
    }
}

/// Paths without a live data file, and how many positions name them.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    pub paths: HashMap<String, u64>,
    /// By the end of the path, a live data file in another place.
    pub same_name: HashMap<String, String>,
}

impl Named {
    pub fn add_vector(&mut self, file: &DataFile, sequence: i64) -> Result<()> {
        let broken = |message: &str| {
            Error::new(Code::MetadataBroken, message)
                .about(&file.path)
                .with_hint("Compact the table at the source, so that its deletes are applied there.")
        };
        let path = file.referenced_data_file.as_deref();
        let path = path.ok_or_else(|| broken("the manifest does not say which data file a deletion vector is of"))?;
        self.positions = self.positions.saturating_add(file.record_count);
        let of_file = self.files.entry(canonical(path)).or_default();
        if of_file.vector.replace((sequence, file.record_count)).is_some() {
            return Err(broken("a data file has two deletion vectors, and which one holds is not said"));
        }
        Ok(())
    }

    pub fn add(&mut self, paths: &PositionsByFile, sequence: i64) -> Result<()> {
        for (path, positions) in paths {
            self.positions = self.positions.saturating_add(positions.len());
            Limit::DeletePositions.check(self.positions)?;
            let of_file = self.files.entry(path.clone()).or_default();
            match of_file.positions.iter_mut().find(|(other, _)| *other == sequence) {
                Some((_, other)) => *other |= positions,
                None => of_file.positions.push((sequence, positions.clone())),
            }
        }
        Ok(())
    }

    /// A live data file. One that is listed twice has its rows twice, and its deletes apply to both.
    pub fn meet(&mut self, path: &str, sequence: i64, records: u64) {
        let Some(of_file) = self.files.get_mut(path) else { return };
        let first = !std::mem::replace(&mut of_file.met, true);
        // Position deletes of a file that has a vector are contained in it.
        if let Some((_, cardinality)) = of_file.vector.filter(|(of_vector, _)| *of_vector >= sequence) {
            self.applied = self.applied.saturating_add(cardinality.min(records));
            let beyond = cardinality.saturating_sub(records);
            self.count_beyond(path, if first { beyond } else { 0 });
            return;
        }
        let mut applying = RoaringTreemap::new();
        let (mut older, mut beyond) = (of_file.vector.map_or(0, |(_, cardinality)| cardinality), 0);
        for (of_delete, positions) in &of_file.positions {
            if *of_delete >= sequence {
                applying |= positions;
                beyond += positions.len() - positions.range_cardinality(0..records);
            } else {
                older += positions.len();
            }
        }
        self.applied = self.applied.saturating_add(applying.range_cardinality(0..records));
        if first {
            self.dangling = self.dangling.saturating_add(older);
            self.count_beyond(path, beyond);
        }
    }

    fn count_beyond(&mut self, path: &str, positions: u64) {
        if positions > 0 {
            self.dangling = self.dangling.saturating_add(positions);
            self.beyond_the_end.paths.insert(path.to_string(), positions);
        }
    }

    /// After the last data file. Returns the paths that none of them has.
    pub fn finish(self, counts: &mut DeleteCounts) -> Orphans {
        counts.positions = self.positions;
        counts.applied = self.applied;
        counts.dangling = self.dangling;
        self.beyond_the_end.report(counts);
        let mut orphans = Orphans::default();
        for (path, of_file) in self.files {
            if !of_file.met {
                counts.dangling = counts.dangling.saturating_add(of_file.count());
                orphans.paths.insert(path, of_file.count());
            }
        }
        orphans
    }
}

impl Orphans {
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// What is left counts as unexplained.
    pub fn report(&self, counts: &mut DeleteCounts) {
        counts.unexplained = self.paths.values().fold(counts.unexplained, |sum, n| sum.saturating_add(*n));
        // The least, so that the same table gives the same words.
        let Some(path) = self.paths.keys().min().filter(|_| counts.unexplained_path.is_none()) else { return };
        counts.same_name = self.same_name.get(file_name(path)).cloned();
        counts.unexplained_path = Some(path.clone());
    }
}

pub(super) fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}
