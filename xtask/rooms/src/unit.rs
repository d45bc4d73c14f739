//! The files of a crate or of a Python root, and what they import from each other.

use crate::graph::Witness;
use std::collections::BTreeSet;

pub struct SourceFile {
    /// From the repository's root.
    pub path: String,
    /// Below the unit: `[run, engine]` for `run/engine.rs`; empty for `lib.rs`.
    pub module: Vec<String>,
    /// The first sentence of its documentation.
    pub purpose: String,
}

/// One file names something that another one defines.
#[derive(Clone)]
pub struct Import {
    pub from: usize,
    pub to: usize,
    pub line: usize,
    /// As it stands in the source.
    pub path: String,
}

pub struct Function {
    pub file: String,
    pub name: String,
    pub line: usize,
    pub lines: usize,
}

#[derive(Default)]
pub struct Unit {
    /// `core`, `ui`, `spark`.
    pub name: String,
    pub files: Vec<SourceFile>,
    pub imports: Vec<Import>,
    /// Outside tests.
    pub functions: Vec<Function>,
    /// Paths that lead out of the unit, such as `std::fs::read`, with the file and line.
    pub outside: Vec<Witness>,
    /// Every module and what it defines or passes on: `secret`, `secret::Secret`.
    pub names: BTreeSet<String>,
}

/// An import that may close a circle: from what, to what, and why. Rooms are written `core/run`, files from the root of the
/// repository.
pub type Tolerated = (&'static str, &'static str, &'static str);

impl Unit {
    pub fn witness(&self, import: &Import) -> Witness {
        Witness { file: self.files[import.from].path.clone(), line: import.line, path: import.path.clone() }
    }

    /// Whether other modules lie below this one.
    pub fn is_folder(&self, module: &[String]) -> bool {
        self.files.iter().any(|file| file.module.len() > module.len() && file.module.starts_with(module))
    }

    /// The folder of a module; a file at the top is a room of its own.
    pub fn room<'m>(&self, module: &'m [String]) -> &'m [String] {
        if module.len() <= 1 || self.is_folder(module) { module } else { &module[..module.len() - 1] }
    }

    pub fn label(&self, module: &[String]) -> String {
        let mut label = self.name.clone();
        for name in module {
            label.push('/');
            label.push_str(name);
        }
        label
    }

    /// Whether the label is of this module or of one above it.
    fn lies_in(&self, module: &[String], label: &str) -> bool {
        let own = self.label(module);
        own == label || own.strip_prefix(label).is_some_and(|rest| rest.starts_with('/'))
    }

    fn is_between_rooms(&self, import: &Import, from: &str, to: &str) -> bool {
        let (source, target) = (&self.files[import.from].module, &self.files[import.to].module);
        let inside = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        self.lies_in(source, from)
            && self.lies_in(target, to)
            && !(inside(from, to) && self.lies_in(target, from))
            && !(inside(to, from) && self.lies_in(source, to))
    }

    fn is_between_files(&self, import: &Import, from: &str, to: &str) -> bool {
        self.files[import.from].path == from && self.files[import.to].path == to
    }

    /// Whether the entry, of rooms or of files, is about this import.
    pub fn is_tolerated(&self, import: &Import, (from, to, _): &Tolerated) -> bool {
        self.is_between_rooms(import, from, to) || self.is_between_files(import, from, to)
    }

    /// What files of the room `from` name in `to`: a room of the same unit (`core/run`), or a path that leads out of the
    /// unit (`std::fs`).
    pub fn named(&self, from: &str, to: &str) -> Vec<Witness> {
        let between = self.imports.iter().filter(|import| self.is_between_rooms(import, from, to));
        let mut found: Vec<Witness> = between.map(|import| self.witness(import)).collect();
        let below = |path: &str| path.strip_prefix(to).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        let lies_in = |file: &str| self.files.iter().any(|one| one.path == file && self.lies_in(&one.module, from));
        found.extend(self.outside.iter().filter(|path| below(&path.path) && lies_in(&path.file)).cloned());
        found
    }

    /// The imports that no entry of the list tolerates.
    pub fn counted(&self, tolerated: &[Tolerated]) -> Vec<Import> {
        let counts = |import: &&Import| !tolerated.iter().any(|entry| self.is_tolerated(import, entry));
        self.imports.iter().filter(counts).cloned().collect()
    }
}
