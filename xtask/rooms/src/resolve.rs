//! From a path in a module to the module that defines what it names.

use crate::tree::{Id, Tree};

/// Longer than any chain of re-exports; a circle of them does not compile.
const DEEPEST: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The path ends at the module itself, from which other paths go on.
    Module(Id),
    /// Something that the module defines.
    Item(Id),
}

/// How far a look-up may still go.
#[derive(Clone, Copy)]
struct Reach {
    names: usize,
    /// Modules whose names are all brought in by `*`. Each may have several, so this is short.
    globs: usize,
}

impl Tree {
    /// Nothing where the path leads out of the crate, or names something local.
    pub fn resolve(&self, module: Id, path: &[String]) -> Option<Target> {
        self.resolve_within(module, path, Reach { names: DEEPEST, globs: 3 })
    }

    fn resolve_within(&self, module: Id, path: &[String], reach: Reach) -> Option<Target> {
        let reach = Reach { names: reach.names.checked_sub(1)?, ..reach };
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.walk(0, rest, reach),
            "self" => self.walk(module, rest, reach),
            "super" => self.walk(self.modules[module].parent?, rest, reach),
            _ => self.named(module, path, reach),
        }
    }

    fn walk(&self, module: Id, path: &[String], reach: Reach) -> Option<Target> {
        match path.first().map(String::as_str) {
            None => Some(Target::Module(module)),
            Some("self" | "super") => self.resolve_within(module, path, reach),
            // A macro of ours may have defined it.
            Some(_) => self.named(module, path, reach).or(Some(Target::Item(module))),
        }
    }

    fn named(&self, module: Id, path: &[String], reach: Reach) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let here = &self.modules[module];
        if let Some(child) = here.children.get(first) {
            return self.walk(*child, rest, reach);
        }
        if here.items.contains(first) {
            return Some(Target::Item(module));
        }
        if let Some(stands_for) = here.bindings.get(first) {
            let whole: Vec<String> = stands_for.iter().chain(rest).cloned().collect();
            // `use url::Url` where `url` is no module of ours leads out of the crate.
            return if whole == path { None } else { self.resolve_within(module, &whole, reach) };
        }
        let globs = reach.globs.checked_sub(1)?;
        here.globs.iter().find_map(|glob| {
            // The way to the glob's module needs no other glob.
            let Target::Module(all_of) = self.resolve_within(module, glob, Reach { globs: 0, ..reach })? else {
                return None;
            };
            self.named(all_of, path, Reach { globs, ..reach })
        })
    }
}
