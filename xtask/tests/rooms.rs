//! The rules between the folders and files of each crate and Python root: no circle of imports, nothing that a room must not
//! name, no long function. `cargo xtask rooms` prints every circle that there is.
#![allow(clippy::unwrap_used, reason = "in a test it is the assertion, in its helpers too")]

use icebridge_rooms::{
    Repository, Tolerated, Unit, drawing, file_circles, folder_circles, read_crate, read_python, replaced, stale,
};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

/// Imports that may close a circle: from, to, why. Rooms as `core/run`, files as paths from the root; a unit twice stands for
/// all within it. An entry that no circle needs fails the test, so the list only gets shorter.
const TOLERATED: &[Tolerated] = &[];

/// What the files of a room must not name: another room of the unit, or a path that leads out of it.
const MUST_NOT_NAME: &[(&str, &str, &str)] = &[
    ("model", "std::fs", "the model does no I/O"),
    ("model", "std::net", "the model does no I/O"),
    ("model", "std::process", "the model does no I/O"),
    ("model", "std::env", "the model's results depend on its input alone"),
    ("model", "std::thread", "the model compiles to WebAssembly"),
    ("model", "std::time::SystemTime", "the model's results depend on its input alone"),
    ("ui/state", "ui/pages", "reducers are pure: they do not know what draws them"),
    ("ui/state", "ui/components", "reducers are pure: they do not know what draws them"),
    ("ui/components", "ui/pages", "a component is used by pages and knows none"),
    ("core/inventory", "core/migration", "the inventory only reads"),
    ("core/preflight", "core/migration", "pre-flight only reads"),
    ("core/validate", "core/migration", "what judges a copy must not depend on how it was made"),
    ("core/ledger", "core/migration", "the journal is read the same way by all who read it"),
    ("lakehouse/reader", "lakehouse/copy", "what judges a copy must not depend on how it was made"),
    ("lakehouse/digest", "lakehouse/copy", "what judges a copy must not depend on how it was made"),
];

/// Lines of a function, outside tests.
const LONGEST: usize = 80;
const LONGEST_IN_UI: usize = 60;

/// Longer functions: file, name, why. An entry whose function is short fails the test.
const LONG: &[(&str, &str, &str)] = &[];

static REPOSITORY: LazyLock<Repository> = LazyLock::new(|| Repository::read(root()).unwrap());

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn circles(unit: &Unit, tolerated: &[Tolerated]) -> Vec<String> {
    let imports = unit.counted(tolerated);
    let folders = folder_circles(unit, &imports).into_iter().map(|circle| format!("between folders: {circle}"));
    let files = file_circles(unit, &imports).into_iter().map(|circle| format!("between files: {circle}"));
    folders.chain(files).collect()
}

fn forbidden(units: &[Unit], rules: &[(&str, &str, &str)]) -> Vec<String> {
    let broken = |(from, to, why): &(&str, &str, &str)| {
        let named = units.iter().filter(|unit| from.split('/').next() == Some(unit.name.as_str()));
        let named =
            named.flat_map(|unit| unit.named(from, to)).map(|one| format!("{}:{}  {}", one.file, one.line, one.path));
        named.map(|place| format!("{from} must not name {to}, for {why}: {place}")).collect::<Vec<_>>()
    };
    rules.iter().flat_map(broken).collect()
}

#[test]
fn no_folder_and_no_file_is_in_an_import_circle() {
    let found: Vec<String> = REPOSITORY.units.iter().flat_map(|unit| circles(unit, TOLERATED)).collect();
    assert!(
        found.is_empty(),
        "\n{}\nMove what both need to a file below them, or say in TOLERATED of {} why it must be so.\n",
        found.join("\n"),
        file!()
    );
}

#[test]
fn every_tolerated_import_is_needed() {
    let stale = stale(&REPOSITORY.units, TOLERATED);
    let stale: Vec<String> = stale.iter().map(|(from, to, _)| format!("{from} -> {to}")).collect();
    assert!(stale.is_empty(), "\nThese close no circle any more; take them out of TOLERATED:\n{}\n", stale.join("\n"));
}

#[test]
fn no_room_names_what_it_must_not() {
    let found = forbidden(&REPOSITORY.units, MUST_NOT_NAME);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn no_function_is_too_long_to_read_at_once() {
    let longest = |file: &str| if file.starts_with("ui/") { LONGEST_IN_UI } else { LONGEST };
    let is_long = |file: &str, name: &str| LONG.iter().any(|(one, other, _)| *one == file && *other == name);
    let all = || REPOSITORY.units.iter().flat_map(|unit| &unit.functions);
    let long = || all().filter(|function| function.lines > longest(&function.file));
    assert!(all().count() > 1000, "the functions were not found");
    let found: Vec<String> = long()
        .filter(|function| !is_long(&function.file, &function.name))
        .map(|function| format!("{}:{} {}: {} lines", function.file, function.line, function.name, function.lines))
        .collect();
    assert!(
        found.is_empty(),
        "\nLonger than {LONGEST} lines ({LONGEST_IN_UI} in ui); split by purpose:\n{}\n",
        found.join("\n")
    );
    let short: Vec<&str> = LONG
        .iter()
        .filter(|(file, name, _)| !long().any(|function| function.file == *file && function.name == *name))
        .map(|(_, name, _)| *name)
        .collect();
    assert!(short.is_empty(), "\nNot long any more; take them out of LONG: {}\n", short.join(", "));
}

#[test]
fn the_drawing_in_the_docs_is_current() {
    let page = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let drawn = replaced(&page, &drawing(&REPOSITORY)).expect("docs/ARCHITECTURE.md has marks for the drawing");
    let changed: Vec<&str> = drawn.lines().filter(|line| !page.lines().any(|old| old == *line)).collect();
    assert!(drawn == page, "\nRun `cargo xtask rooms`, which changes:\n{}\n", changed.join("\n"));
}

/// Writes files below a folder and gives the crate of its `lib.rs`.
fn planted(folder: &Path, files: &[(&str, &str)]) -> Unit {
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    read_crate(folder, "made", &folder.join("lib.rs")).unwrap()
}

#[test]
fn a_planted_circle_between_folders_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let unit = planted(
        folder.path(),
        &[
            ("lib.rs", "pub mod ledger;\npub mod run;\npub mod table;\n"),
            ("table.rs", "pub struct Table;\n"),
            ("ledger/mod.rs", "mod entry;\npub use entry::Entry;\n"),
            ("ledger/entry.rs", "use crate::run::Run;\npub struct Entry(pub Run);\n"),
            ("run/mod.rs", "pub mod engine;\nmod state;\npub use state::Run;\n"),
            ("run/state.rs", "use crate::table::Table;\npub struct Run(pub Table);\n"),
            ("run/engine.rs", "pub fn go() {\n    vec![crate::ledger::Entry(todo())];\n}\n"),
        ],
    );
    // No file is in a circle: only a look at whole folders finds it.
    let found = circles(&unit, &[]);
    assert_eq!(
        found,
        [concat!(
            "between folders: made/ledger -> made/run -> made/ledger",
            "\n    ledger/entry.rs:1  crate::run::Run",
            "\n    run/engine.rs:2  crate::ledger::Entry"
        )]
    );
    let entry: Tolerated = ("made/ledger", "made/run", "planted");
    assert!(circles(&unit, &[entry]).is_empty());
    let units = [unit];
    assert!(stale(&units, &[entry]).is_empty());
    let useless: Tolerated = ("made/run", "made/table", "closes no circle");
    assert_eq!(stale(&units, &[entry, useless]), [useless]);
}

#[test]
fn a_folder_and_one_below_it_can_be_a_circle() {
    let folder = tempfile::tempdir().unwrap();
    let unit = planted(
        folder.path(),
        &[
            ("lib.rs", "mod run;\n"),
            ("run/mod.rs", "mod step;\npub struct Context;\npub fn go() {\n    step::first::go(&Context);\n}\n"),
            ("run/step/mod.rs", "pub mod first;\n"),
            ("run/step/first.rs", "use super::super::Context;\npub fn go(_: &Context) {}\n"),
        ],
    );
    let found = circles(&unit, &[]).join("\n");
    assert!(found.contains("between folders: made/run -> made/run/step -> made/run"), "{found}");
    assert!(found.contains("run/step/first.rs:1  super::super::Context"), "{found}");
}

#[test]
fn a_planted_circle_between_files_is_found_and_tests_do_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("lib.rs", "mod a;\nmod b;\n#[cfg(test)]\nmod tests;\n"),
        ("a.rs", "use crate::b;\npub struct A;\npub fn go() -> A {\n    b::make()\n}\n"),
        (
            "b.rs",
            "use super::a::*;\npub fn make() -> A {\n    A\n}\n#[cfg(test)]\nmod tests {\n    use super::super::a::go;\n}\n",
        ),
    ];
    let unit = planted(folder.path(), &files);
    let found = circles(&unit, &[]);
    assert_eq!(found, ["between files: a.rs -> b.rs -> a.rs\n    a.rs:4  b::make\n    b.rs:2  A"]);
    // The same without the glob: what is left is the import of a test.
    fs::write(folder.path().join("b.rs"), "pub fn make() {}\n#[cfg(test)]\nmod tests {\n    use crate::a::go;\n}\n")
        .unwrap();
    let unit = read_crate(folder.path(), "made", &folder.path().join("lib.rs")).unwrap();
    assert!(circles(&unit, &[]).is_empty(), "{:?}", circles(&unit, &[]));
}

#[test]
fn a_planted_wrong_import_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let unit = planted(
        folder.path(),
        &[
            ("lib.rs", "mod plan;\nmod run;\n"),
            (
                "plan.rs",
                "use std::{collections::BTreeMap, fs};\nuse super::run::Run as Ran;\ntype P = BTreeMap<Ran, fs::File>;\n",
            ),
            ("run.rs", "pub struct Run;\n"),
        ],
    );
    let rules = [
        ("made/plan", "std::fs", "it does no I/O"),
        ("made/plan", "made/run", "it comes before"),
        ("made/run", "std::fs", "it does no I/O"),
    ];
    let found = forbidden(&[unit], &rules);
    assert_eq!(found[0], "made/plan must not name std::fs, for it does no I/O: plan.rs:1  std::fs");
    assert!(
        found.contains(&"made/plan must not name made/run, for it comes before: plan.rs:2  super::run::Run".into())
    );
    assert!(found.iter().all(|line| line.starts_with("made/plan")), "{found:?}");
}

#[test]
fn a_planted_circle_in_python_is_found_in_functions_too() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join("jobs").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("copy/__init__.py", "");
    write("copy/table.py", "from jobs.lake.read import rows\n");
    write("lake/__init__.py", "");
    write("lake/read.py", "def rows():\n    from ..copy import (\n        table,\n    )\n");
    let unit = read_python(folder.path(), "jobs", &["jobs"]).unwrap();
    let found = circles(&unit, &[]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("between folders: jobs/copy -> jobs/lake -> jobs/copy\n    jobs/copy/table.py:1"),
        "{found:?}"
    );
    assert!(found[1].contains("jobs/lake/read.py:2"), "{found:?}");
}
