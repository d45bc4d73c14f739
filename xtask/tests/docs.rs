//! What the pages name is there: files and folders, links and their headings, modules, `cargo xtask` commands and packages.
//! The commands of `icebridge` are held by the tests of the command line, which have the program.
#![allow(clippy::unwrap_used, reason = "in a test it is the assertion, in its helpers too")]

use icebridge_rooms::{Repository, markdown};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// Folders at the root whose paths the pages name. Builds make what lies in those of `MADE`.
const PLACES: &[&str] =
    &[".cargo", ".ci", ".github", "benches", "docs", "icons", "spark", "src-tauri", "tests", "ui", "xtask"];
const MADE: &[&str] = &["ui/dist", "ui/dist/"];

static REPOSITORY: LazyLock<Repository> = LazyLock::new(|| Repository::read(root()).unwrap());

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                pages.push(path);
            }
        }
    }
    pages
}

/// `docs/a.md` for a link to `../a.md` in a page of `docs/adr`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            normal.pop();
        } else {
            normal.push(part);
        }
    }
    normal
}

fn broken_links(page: &Path, text: &str) -> Vec<String> {
    let is_ours = |target: &str| !target.contains("://") && !target.starts_with("mailto:");
    let broken = |link: markdown::Link| {
        let (path, anchor) = link.target.split_once('#').unwrap_or((&link.target, ""));
        let target = if path.is_empty() { page.to_owned() } else { normal(&page.parent()?.join(path)) };
        if !path.is_empty() && !target.exists() {
            return Some(format!("{}: the link {} leads nowhere", link.line, link.target));
        }
        let headings = if target.is_file() { fs::read_to_string(&target).unwrap_or_default() } else { String::new() };
        let headings = if target == page { text.to_owned() } else { headings };
        let is_there = anchor.is_empty() || markdown::anchors(&headings).iter().any(|one| one == anchor);
        (!is_there).then(|| format!("{}: the link {} names no heading", link.line, link.target))
    };
    markdown::links(text).into_iter().filter(|link| is_ours(&link.target)).filter_map(broken).collect()
}

/// The place of a path in code, if it is one of the repository: `core/src/run` lies in `src-tauri/crates`.
fn place(code: &str) -> Option<PathBuf> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./*<>@".contains(letter);
    if !code.contains('/') || !code.chars().all(is_plain) || MADE.contains(&code) {
        return None;
    }
    let first = code.split('/').next()?;
    if PLACES.contains(&first) {
        return Some(root().join(code));
    }
    let crates = root().join("src-tauri/crates");
    let second = code.split('/').nth(1)?;
    (crates.join(first).is_dir() && matches!(second, "src" | "tests")).then(|| crates.join(code))
}

/// `*` and `<kind>` stand for any name.
fn is_there(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let Some(at) = text.find(['*', '<']) else { return path.exists() };
    let folder = Path::new(&text[..text[..at].rfind('/').unwrap_or(0)]).to_owned();
    let ending = text.rsplit(['*', '>']).next().unwrap_or_default();
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().ends_with(ending))
}

fn missing_paths(text: &str) -> Vec<String> {
    let spans = markdown::code(text).into_iter().filter(|code| !code.is_block);
    let missing = |code: markdown::Code| {
        let path = place(&code.text)?;
        (!is_there(&path)).then(|| format!("{}: `{}` is not there", code.line, code.text))
    };
    spans.filter_map(missing).collect()
}

/// `core::photon`, `lakehouse::catalog::open`: of the crates, without what follows the name of a function.
fn missing_modules(text: &str) -> Vec<String> {
    let missing = |code: markdown::Code| {
        let path = code.text.split(['(', '<']).next()?;
        let (first, rest) = path.split_once("::")?;
        let mut units = REPOSITORY.units.iter().filter(|unit| unit.name == first).peekable();
        units.peek()?;
        // Below a type comes what the module does not list.
        let module = rest.split("::").collect::<Vec<_>>();
        let length =
            module.iter().position(|name| name.starts_with(char::is_uppercase)).map_or(module.len(), |at| at + 1);
        let name = module[..length].join("::");
        (!units.any(|unit| unit.names.contains(&name)))
            .then(|| format!("{}: `{}` is not in {first}", code.line, code.text))
    };
    markdown::code(text).into_iter().filter(|code| !code.is_block).filter_map(missing).collect()
}

static XTASK: LazyLock<String> = LazyLock::new(|| {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("--help").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
});

fn wrong_cargo_commands(text: &str) -> Vec<String> {
    let wrong = |code: markdown::Code| {
        let command = code.text.split(" #").next()?;
        let words: Vec<&str> = command.split_whitespace().collect();
        if words.first() != Some(&"cargo") {
            return None;
        }
        let says = |what: String| Some(format!("{}: `{command}`: {what}", code.line));
        if words.get(1) == Some(&"xtask") {
            let name = words.get(2)?;
            let Some(line) = XTASK.lines().find(|line| line.split_whitespace().next() == Some(name)) else {
                return says(format!("`cargo xtask` has no {name}"));
            };
            let own = words[3..].iter().take_while(|word| **word != "--");
            let unknown = own.filter(|word| word.starts_with("--")).find(|word| !line.contains(**word));
            return unknown.and_then(|word| says(format!("{name} has no {word}")));
        }
        let package =
            words.iter().position(|word| matches!(*word, "-p" | "--package")).and_then(|at| words.get(at + 1))?;
        let crates = &REPOSITORY.crates;
        (!crates.contains_key(icebridge_rooms::crate_of(package)))
            .then(|| says(format!("there is no package {package}")))?
    };
    markdown::code(text).into_iter().filter_map(wrong).collect()
}

fn problems(page: &Path, text: &str) -> Vec<String> {
    let name = page.strip_prefix(root()).unwrap_or(page).display().to_string();
    let found = [broken_links(page, text), missing_paths(text), missing_modules(text), wrong_cargo_commands(text)];
    found.into_iter().flatten().map(|problem| format!("{name}:{problem}")).collect()
}

#[test]
fn everything_that_a_page_names_is_there() {
    let pages = pages();
    assert!(pages.len() > 10, "only {} pages found", pages.len());
    let found: Vec<String> = pages.iter().flat_map(|page| problems(page, &fs::read_to_string(page).unwrap())).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn what_is_not_there_is_found_and_named() {
    let page = root().join("docs/planted.md");
    let text = "# A page\n\
        `core/src/nowhere.rs`, `src-tauri/nowhere/`, `ui/src/*.nowhere`, `core::nowhere`, `lakehouse::catalog::Nowhere`\n\
        [a](nowhere.md) [b](../README.md#nowhere) [c](#nowhere)\n\n    cargo xtask nowhere\n    cargo xtask test --nowhere\n    \
        cargo check -p icebridge-nowhere   # nowhere\n\n\
        These are there: `core/src/lib.rs`, `src-tauri/*.rs`, `model::ops`, `model::secret::Secret`, [d](../README.md#more),\n\
        [e](#a-page), `cargo xtask test --only rust -- --anything`, `cargo test -p xtask`, `--json`, `a/b`, `ui/dist`.\n";
    let found = problems(&page, text);
    for place in ["nowhere.rs", "nowhere/", "*.nowhere", "core::nowhere", "catalog::Nowhere", "README.md#nowhere"] {
        assert!(found.iter().any(|line| line.contains(place)), "{place}: {found:#?}");
    }
    assert!(found.iter().all(|line| line.contains("nowhere") || line.contains("Nowhere")), "{found:#?}");
    assert_eq!(found.len(), 11, "{found:#?}");
}
