//! Circles between the folders of a unit. Two graphs show them: each folder with the files that lie in it directly, where
//! a folder and one below it can close a circle; and, in each folder, what lies in it with all that is below.

use crate::graph::{Circle, Graph};
use crate::unit::{Import, Unit};
use std::collections::BTreeSet;

pub fn folder_circles(unit: &Unit, imports: &[Import]) -> Vec<Circle> {
    let mut circles = by_direct_files(unit, imports).circles();
    for graph in by_siblings(unit, imports) {
        circles.extend(graph.circles());
    }
    let folders: BTreeSet<String> = folders(unit).into_iter().map(|folder| unit.label(&folder)).collect();
    // Between files alone it is a circle of files.
    circles.retain(|circle| circle.members.iter().any(|member| folders.contains(member)));
    let mut seen = BTreeSet::new();
    circles.retain(|circle| seen.insert(circle.members.clone()));
    circles
}

/// Every module that has modules below it, the unit itself left out.
fn folders(unit: &Unit) -> BTreeSet<Vec<String>> {
    let above = |module: &[String]| (1..module.len()).map(|length| module[..length].to_vec()).collect::<Vec<_>>();
    unit.files.iter().flat_map(|file| above(&file.module)).collect()
}

fn by_direct_files(unit: &Unit, imports: &[Import]) -> Graph {
    let mut graph = Graph::default();
    for import in imports {
        let room = |file: usize| unit.label(unit.room(&unit.files[file].module));
        graph.add(&room(import.from), &room(import.to), unit.witness(import));
    }
    graph
}

fn by_siblings(unit: &Unit, imports: &[Import]) -> Vec<Graph> {
    let mut parents = folders(unit);
    parents.insert(Vec::new());
    let siblings = |parent: Vec<String>| {
        let mut graph = Graph::default();
        let child = |file: usize| {
            let module = &unit.files[file].module;
            (module.len() > parent.len() && module.starts_with(&parent)).then(|| &module[..=parent.len()])
        };
        for import in imports {
            if let (Some(from), Some(to)) = (child(import.from), child(import.to)) {
                graph.add(&unit.label(from), &unit.label(to), unit.witness(import));
            }
        }
        graph
    };
    parents.into_iter().map(siblings).collect()
}
