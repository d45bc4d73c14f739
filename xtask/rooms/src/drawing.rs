//! The drawing of the crates and their rooms in docs/ARCHITECTURE.md.

use crate::repository::Repository;
use crate::unit::Unit;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

pub const BEGIN: &str = "<!-- rooms: drawn by `cargo xtask rooms` -->";
pub const END: &str = "<!-- rooms: end -->";

/// In Markdown: which crate is built on which, then the rooms of each with what they import.
pub fn drawing(repository: &Repository) -> String {
    let mut text = crates(&repository.crates);
    // Tests and benches are programs side by side; nothing is built on them.
    for unit in repository.units.iter().filter(|unit| !["tests", "benches"].contains(&unit.name.as_str())) {
        text.push_str(&rooms(unit));
    }
    text
}

/// The page with the drawing between its marks, if it has them.
pub fn replaced(page: &str, drawing: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{drawing}{END}{after}"))
}

/// What follows from other arrows is left out.
fn crates(known: &BTreeMap<String, Vec<String>>) -> String {
    let mut text = "```mermaid\nflowchart TD\n".to_owned();
    for (from, all) in known {
        let direct = all.iter().filter(|to| !all.iter().any(|other| other != *to && reaches(known, other, to)));
        for to in direct {
            let _ = writeln!(text, "    {from} --> {to}");
        }
    }
    text + "```\n"
}

fn reaches(known: &BTreeMap<String, Vec<String>>, from: &str, to: &str) -> bool {
    known.get(from).is_some_and(|next| next.iter().any(|one| one == to || reaches(known, one, to)))
}

fn rooms(unit: &Unit) -> String {
    let mut purposes: BTreeMap<Vec<String>, &str> = BTreeMap::new();
    let mut imports: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
    for file in unit.files.iter().filter(|file| !file.module.is_empty()) {
        let room = unit.room(&file.module);
        imports.entry(room.to_vec()).or_default();
        if room == file.module {
            purposes.insert(room.to_vec(), &file.purpose);
        }
    }
    for import in &unit.imports {
        let (from, to) = (unit.room(&unit.files[import.from].module), unit.room(&unit.files[import.to].module));
        if from != to && !from.is_empty() && !to.is_empty() {
            imports.entry(from.to_vec()).or_default().insert(to.to_vec());
        }
    }
    if imports.len() < 2 {
        return String::new();
    }
    let mut text = format!("\n**{}**\n\n| Room | What it is | Imports |\n|---|---|---|\n", unit.name);
    for room in from_the_top(&imports) {
        let names: Vec<String> = imports[&room].iter().map(|to| to.join("/")).collect();
        let purpose = purposes.get(&room).copied().unwrap_or_default().replace('|', "\\|");
        let _ = writeln!(text, "| `{}` | {purpose} | {} |", room.join("/"), names.join(", "));
    }
    text
}

/// Each room before those that it imports.
fn from_the_top(imports: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>) -> Vec<Vec<String>> {
    let mut left: BTreeSet<&Vec<String>> = imports.keys().collect();
    let mut placed = Vec::new();
    while !left.is_empty() {
        let is_imported =
            |room: &&&Vec<String>| left.iter().any(|other| other != *room && imports[*other].contains(**room));
        // In a circle there is no top: the first by name.
        let next = left.iter().find(|room| !is_imported(room)).or_else(|| left.first()).copied();
        let Some(next) = next else { break };
        left.remove(next);
        placed.push(next.clone());
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_that_others_imply_is_left_out() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let known = [("api", names(&["core", "model"])), ("core", names(&["model"])), ("model", Vec::new())];
        let known = known.map(|(name, all)| (name.to_owned(), all)).into();
        assert_eq!(crates(&known), "```mermaid\nflowchart TD\n    api --> core\n    core --> model\n```\n");
    }

    #[test]
    fn a_page_keeps_all_but_what_is_between_the_marks() {
        let page = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let new = replaced(&page, "new\n").unwrap();
        assert_eq!(new, format!("before\n{BEGIN}\n\nnew\n{END}\nafter\n"));
        assert_eq!(replaced(&new, "new\n").unwrap(), new);
        assert!(replaced("no marks", "new").is_none());
    }
}
