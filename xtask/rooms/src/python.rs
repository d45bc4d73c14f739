//! What Python files import from each other, line by line: also imports inside functions, where circles like to hide.

use crate::graph::Witness;
use crate::unit::{Import, SourceFile, Unit};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A Python root: `prefix` is what imports of its own modules begin with, where that isn't the module itself.
pub fn read(root: &Path, folder: &str, prefix: &[&str]) -> Result<Unit, String> {
    let mut paths = Vec::new();
    collect(&root.join(folder), &mut paths).map_err(|error| format!("{folder}: {error}"))?;
    paths.sort();
    let mut unit = Unit { name: folder.to_owned(), ..Unit::default() };
    let mut texts = Vec::new();
    for path in &paths {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let relative = path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
        let within = relative.strip_prefix(folder).unwrap_or(&relative).trim_start_matches('/');
        let within = within.trim_end_matches(".py").trim_end_matches("__init__").trim_end_matches('/');
        let module = within.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let purpose = purpose(&text);
        unit.files.push(SourceFile { path: relative, module, purpose });
        texts.push(text);
    }
    let known: BTreeMap<Vec<String>, usize> =
        unit.files.iter().enumerate().map(|(at, file)| (file.module.clone(), at)).collect();
    for (from, text) in texts.iter().enumerate() {
        let is_package = unit.files[from].path.ends_with("__init__.py");
        for (line, names) in statements(text) {
            for name in imported(&names, &unit.files[from].module, is_package, prefix) {
                match (0..=name.len()).rev().find_map(|length| known.get(&name[..length])) {
                    Some(to) if *to != from && !unit.files[*to].module.is_empty() => {
                        unit.imports.push(Import { from, to: *to, line, path: names.clone() });
                    }
                    _ => unit.outside.push(Witness { file: unit.files[from].path.clone(), line, path: names.clone() }),
                }
            }
        }
    }
    Ok(unit)
}

fn collect(folder: &Path, into: &mut Vec<std::path::PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '_']));
        if path.is_dir() && !hidden {
            collect(&path, into)?;
        } else if path.extension().is_some_and(|ending| ending == "py") {
            into.push(path);
        }
    }
    Ok(())
}

/// Import statements, each on one line, with the number of its first one.
fn statements(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let trimmed = line.trim();
        if !(trimmed.starts_with("import ") || trimmed.starts_with("from ") && trimmed.contains(" import ")) {
            continue;
        }
        let mut statement = without_comment(trimmed).to_owned();
        while statement.contains('(') && !statement.contains(')') {
            let Some((_, more)) = lines.next() else { break };
            statement.push(' ');
            statement.push_str(without_comment(more.trim()));
        }
        found.push((at + 1, statement));
    }
    found
}

fn without_comment(line: &str) -> &str {
    line.split('#').next().unwrap_or(line).trim()
}

/// The modules that a statement may mean; the last name may also be something that the module defines.
fn imported(statement: &str, module: &[String], is_package: bool, prefix: &[&str]) -> Vec<Vec<String>> {
    let split = |dotted: &str| dotted.split('.').filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let names = |list: &str| {
        let list = list.replace(['(', ')'], " ");
        list.split(',').filter_map(|one| one.split_whitespace().next().map(str::to_owned)).collect::<Vec<_>>()
    };
    let own = |path: Vec<String>| match path.get(..prefix.len()) {
        Some(start) if start.iter().zip(prefix).all(|(one, other)| one == other) => Some(path[prefix.len()..].to_vec()),
        _ => None,
    };
    if let Some(list) = statement.strip_prefix("import ") {
        return names(list).iter().filter_map(|name| own(split(name))).collect();
    }
    let Some((from, list)) = statement.strip_prefix("from ").and_then(|rest| rest.split_once(" import ")) else {
        return Vec::new();
    };
    let dots = from.trim().chars().take_while(|mark| *mark == '.').count();
    let base = if dots == 0 {
        own(split(from.trim()))
    } else {
        let up = dots - usize::from(is_package);
        module.len().checked_sub(up).map(|kept| [&module[..kept], &split(from.trim())].concat())
    };
    let Some(base) = base else { return Vec::new() };
    names(list).into_iter().map(|name| base.iter().cloned().chain([name]).collect()).collect()
}

/// The first sentence of the module's documentation.
fn purpose(text: &str) -> String {
    let Some(docs) = text.trim_start().strip_prefix("\"\"\"") else { return String::new() };
    let paragraph = docs.split("\"\"\"").next().unwrap_or_default().split("\n\n").next().unwrap_or_default();
    let paragraph = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = paragraph.find(". ").unwrap_or(paragraph.len());
    paragraph[..end].trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(module: &str) -> Vec<String> {
        module.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn a_statement_names_modules_by_its_dots_and_its_prefix() {
        let of = |statement: &str| imported(statement, &names("jobs.copy"), false, &["tests"]);
        assert_eq!(of("from . import plan, marks as m"), [names("jobs.plan"), names("jobs.marks")]);
        assert_eq!(of("from ..lake import ( one, )"), [names("lake.one")]);
        assert_eq!(of("from tests.harness.cli import run"), [names("harness.cli.run")]);
        assert_eq!(of("import tests.harness"), [names("harness")]);
        assert!(of("import json").is_empty());
        assert_eq!(imported("from .plan import x", &names("jobs"), true, &[]), [names("jobs.plan.x")]);
    }

    #[test]
    fn a_statement_over_several_lines_is_one() {
        let text = "x = 1\nfrom .a import (\n    b,  # why\n    c,\n)\ndef f():\n    from .d import e\n";
        assert_eq!(statements(text), [(2, "from .a import ( b, c, )".to_owned()), (7, "from .d import e".to_owned())]);
    }
}
