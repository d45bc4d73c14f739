//! All units of the repository: the crates that cargo knows, and the Python roots.

use crate::graph::Witness;
use crate::python;
use crate::resolve::Target;
use crate::tree::Tree;
use crate::unit::{Import, SourceFile, Unit};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folder, and what an import of its own modules begins with.
const PYTHON: &[(&str, &[&str])] = &[("spark", &[]), ("tests", &["tests"]), ("benches", &["benches"])];

pub struct Repository {
    pub root: PathBuf,
    pub units: Vec<Unit>,
    /// Each crate with those of ours that it is built on, tests left out.
    pub crates: BTreeMap<String, Vec<String>>,
}

/// `core` for `icebridge-core`.
pub fn crate_of(package: &str) -> &str {
    package.strip_prefix("icebridge-").unwrap_or(package)
}

impl Repository {
    pub fn read(root: &Path) -> Result<Self, String> {
        // As cargo names files: whole, so that their paths can be cut to those below the root.
        let root = &root.canonicalize().map_err(|error| format!("{}: {error}", root.display()))?;
        let metadata = metadata(root)?;
        let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
        let names: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
        let mut crates = BTreeMap::new();
        let mut units = Vec::new();
        for package in packages {
            let name = package["name"].as_str().unwrap_or_default();
            let depends = package["dependencies"].as_array().map_or(&[][..], Vec::as_slice).iter();
            let ours = depends.filter(|one| one["kind"] != "dev").filter_map(|one| one["name"].as_str());
            let ours = ours.filter(|one| names.contains(one)).map(|one| crate_of(one).to_owned()).collect();
            crates.insert(crate_of(name).to_owned(), ours);
            for source in sources(package) {
                units.push(rust(root, crate_of(name), &source)?);
            }
        }
        for (folder, prefix) in PYTHON {
            if root.join(folder).is_dir() {
                units.push(python::read(root, folder, prefix)?);
            }
        }
        units.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Self { root: root.to_owned(), units, crates })
    }
}

fn metadata(root: &Path) -> Result<Value, String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(root);
    let output = cargo.output().map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))
}

/// The roots of a package's library and programs.
fn sources(package: &Value) -> Vec<PathBuf> {
    let targets = package["targets"].as_array().map_or(&[][..], Vec::as_slice).iter();
    let is_product = |target: &&Value| {
        let kinds = target["kind"].as_array().map_or(&[][..], Vec::as_slice);
        kinds.iter().any(|kind| kind == "lib" || kind == "bin")
    };
    targets.filter(is_product).filter_map(|target| target["src_path"].as_str()).map(PathBuf::from).collect()
}

/// A crate from its `lib.rs` or `main.rs`.
pub fn rust(root: &Path, name: &str, source: &Path) -> Result<Unit, String> {
    let tree = Tree::read(source)?;
    let relative = |file: &Path| file.strip_prefix(root).unwrap_or(file).to_string_lossy().replace('\\', "/");
    let mut unit = Unit { name: name.to_owned(), ..Unit::default() };
    let mut numbers = BTreeMap::new();
    for (id, module) in tree.modules.iter().enumerate().filter(|(id, module)| module.file_module == *id) {
        numbers.insert(id, unit.files.len());
        unit.files.push(SourceFile {
            path: relative(&module.file),
            module: module.path.clone(),
            purpose: module.purpose.clone(),
        });
    }
    for module in &tree.modules {
        let within = |name: &String| module.path.iter().chain([name]).cloned().collect::<Vec<_>>().join("::");
        unit.names.extend(module.items.iter().chain(module.children.keys()).chain(module.bindings.keys()).map(within));
    }
    let number = |id: usize| numbers[&tree.modules[id].file_module];
    for reference in &tree.references {
        let from = number(reference.module);
        let path = reference.path.join("::");
        let Some(target) = tree.resolve(reference.module, &reference.path) else {
            let file = unit.files[from].path.clone();
            unit.outside.push(Witness { file, line: reference.line, path });
            continue;
        };
        // A module that only passes names on to those above it is a door, not a user.
        let (Target::Item(id) | Target::Module(id)) = target;
        let opens = reference.is_passed_on && tree.modules[id].path.starts_with(&tree.modules[reference.module].path);
        if matches!(target, Target::Item(_)) && !opens && number(id) != from {
            unit.imports.push(Import { from, to: number(id), line: reference.line, path });
        }
    }
    let functions = tree.functions.into_iter();
    unit.functions.extend(functions.map(|mut function| {
        function.file = relative(Path::new(&function.file));
        function
    }));
    Ok(unit)
}
