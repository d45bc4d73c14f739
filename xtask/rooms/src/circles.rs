//! Circles between the files of a unit, and entries of a list that none of them needs.

use crate::folders::folder_circles;
use crate::graph::{Circle, Graph};
use crate::unit::{Import, Tolerated, Unit};

/// Of these imports.
pub fn file_circles(unit: &Unit, imports: &[Import]) -> Vec<Circle> {
    let mut graph = Graph::default();
    for import in imports {
        graph.add(&unit.files[import.from].path, &unit.files[import.to].path, unit.witness(import));
    }
    graph.circles()
}

/// Entries that tolerate nothing: the import is gone, or it closes no circle any more.
pub fn stale(units: &[Unit], tolerated: &[Tolerated]) -> Vec<Tolerated> {
    let needed = |entry: &Tolerated| {
        let others: Vec<Tolerated> = tolerated.iter().filter(|other| *other != entry).copied().collect();
        units.iter().filter(|unit| unit.imports.iter().any(|import| unit.is_tolerated(import, entry))).any(|unit| {
            let imports = unit.counted(&others);
            !folder_circles(unit, &imports).is_empty() || !file_circles(unit, &imports).is_empty()
        })
    };
    tolerated.iter().filter(|entry| !needed(entry)).copied().collect()
}
