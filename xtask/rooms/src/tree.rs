//! The modules of a crate: their files, what each defines and which names it brings in. Tests are left out.

use crate::scan::{self, Scan};
use crate::unit::Function;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use syn::{Attribute, Item, Lit, Meta};

pub type Id = usize;

pub struct Module {
    pub path: Vec<String>,
    pub parent: Option<Id>,
    /// The outermost module of the same file.
    pub file_module: Id,
    pub file: PathBuf,
    pub children: BTreeMap<String, Id>,
    /// Names from `use`, each with the path it stands for.
    pub bindings: BTreeMap<String, Vec<String>>,
    /// Paths whose names are all brought in.
    pub globs: Vec<Vec<String>>,
    pub items: BTreeSet<String>,
    pub purpose: String,
}

/// A path as it stands in a module.
pub struct Reference {
    pub module: Id,
    pub path: Vec<String>,
    pub line: usize,
    /// `pub use`: where the name is passed on, not used.
    pub is_passed_on: bool,
}

#[derive(Default)]
pub struct Tree {
    pub modules: Vec<Module>,
    pub references: Vec<Reference>,
    pub functions: Vec<Function>,
}

impl Tree {
    /// From `lib.rs` or `main.rs`.
    pub fn read(root: &Path) -> Result<Self, String> {
        let mut tree = Self::default();
        let folder = root.parent().unwrap_or(root);
        tree.read_file(root, folder, Vec::new(), None)?;
        Ok(tree)
    }

    /// `folder` is where the files of its child modules lie.
    fn read_file(&mut self, file: &Path, folder: &Path, path: Vec<String>, parent: Option<Id>) -> Result<Id, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let text = fs::read_to_string(file).map_err(|error| failed(&error))?;
        let parsed = syn::parse_file(&text).map_err(|error| {
            let at = error.span().start();
            format!("{}:{}: {error}", file.display(), at.line)
        })?;
        let id = self.push(file, path, parent, None);
        self.modules[id].purpose = first_sentence(&parsed.attrs);
        self.read_items(id, &parsed.items, folder)?;
        Ok(id)
    }

    fn push(&mut self, file: &Path, path: Vec<String>, parent: Option<Id>, file_module: Option<Id>) -> Id {
        let id = self.modules.len();
        self.modules.push(Module {
            path,
            parent,
            file_module: file_module.unwrap_or(id),
            file: file.to_owned(),
            children: BTreeMap::new(),
            bindings: BTreeMap::new(),
            globs: Vec::new(),
            items: BTreeSet::new(),
            purpose: String::new(),
        });
        id
    }

    fn read_items(&mut self, id: Id, items: &[Item], folder: &Path) -> Result<(), String> {
        let items: Vec<&Item> = items.iter().filter(|item| !scan::is_for_tests(scan::attributes(item))).collect();
        for item in &items {
            match item {
                Item::Mod(module) => self.read_module(id, module, folder)?,
                _ => self.modules[id].items.extend(scan::name(item)),
            }
        }
        let mut scan = Scan::default();
        for item in items {
            scan.item(item);
        }
        self.take(id, scan);
        Ok(())
    }

    fn read_module(&mut self, parent: Id, module: &syn::ItemMod, folder: &Path) -> Result<(), String> {
        let name = module.ident.to_string();
        let path: Vec<String> = self.modules[parent].path.iter().cloned().chain([name.clone()]).collect();
        let below = folder.join(&name);
        let child = if let Some((_, items)) = &module.content {
            let file = self.modules[parent].file.clone();
            let id = self.push(&file, path, Some(parent), Some(self.modules[parent].file_module));
            self.read_items(id, items, &below)?;
            id
        } else {
            let named = chosen_file(&module.attrs)
                .map(|chosen| self.modules[parent].file.parent().unwrap_or(folder).join(chosen));
            let beside = folder.join(format!("{name}.rs"));
            let file = named.unwrap_or(if beside.is_file() { beside } else { below.join("mod.rs") });
            self.read_file(&file, &below, path, Some(parent))?
        };
        self.modules[parent].children.insert(name, child);
        Ok(())
    }

    fn take(&mut self, id: Id, scan: Scan) {
        let module = &mut self.modules[id];
        for import in scan.imports {
            if import.alias == "*" {
                module.globs.push(import.path.clone());
            } else {
                module.bindings.entry(import.alias).or_insert_with(|| import.path.clone());
            }
            let (path, line, is_passed_on) = (import.path, import.line, import.is_passed_on);
            self.references.push(Reference { module: id, path, line, is_passed_on });
        }
        for (path, line) in scan.paths {
            self.references.push(Reference { module: id, path, line, is_passed_on: false });
        }
        let file = self.modules[id].file.display().to_string();
        self.functions.extend(scan.functions.into_iter().map(|(name, line, lines)| Function {
            file: file.clone(),
            name,
            line,
            lines,
        }));
    }
}

/// The file that `#[path = "..."]` names.
fn chosen_file(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find(|attribute| attribute.path().is_ident("path")).and_then(text)
}

fn text(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    let syn::Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) = &pair.value else { return None };
    Some(text.value())
}

/// Of the inner documentation of a file.
fn first_sentence(attributes: &[Attribute]) -> String {
    let docs = attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).filter_map(text);
    let paragraph: Vec<String> = docs.map(|line| line.trim().to_owned()).take_while(|line| !line.is_empty()).collect();
    let paragraph = paragraph.join(" ");
    let end = paragraph.find(". ").unwrap_or(paragraph.len());
    paragraph[..end].trim_end_matches('.').to_owned()
}
