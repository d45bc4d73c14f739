//! Every `icebridge` command in the docs exists, with the options that stand behind it.

#![allow(clippy::unwrap_used, reason = "in a test it is the assertion")]

use icebridge_rooms::markdown;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Help by command: `catalog add` to what `icebridge catalog add --help` prints.
struct Program {
    help: BTreeMap<String, String>,
}

impl Program {
    fn read() -> Self {
        let mut help = BTreeMap::new();
        let mut open = vec![String::new()];
        while let Some(command) = open.pop() {
            let mut program = Command::new(env!("CARGO_BIN_EXE_icebridge"));
            program.args(command.split_whitespace()).arg("--help").env_remove("ICEBRIDGE_STATE");
            let text = String::from_utf8(program.output().unwrap().stdout).unwrap();
            open.extend(subcommands(&text).map(|name| format!("{command} {name}").trim().to_owned()));
            help.insert(command, text);
        }
        Self { help }
    }

    /// The command that the words begin with, and how many words it has.
    fn command(&self, words: &[&str]) -> (String, usize) {
        let known = |length: &usize| self.help.contains_key(&words[..*length].join(" "));
        let length = (0..=words.len()).rev().find(known).unwrap_or(0);
        (words[..length].join(" "), length)
    }

    /// What is wrong with the words after `icebridge`.
    fn problem(&self, words: &[&str]) -> Option<String> {
        let (command, length) = self.command(words);
        let help = &self.help[&command];
        let next = words.get(length).copied().unwrap_or("COMMAND");
        if subcommands(help).next().is_some() && next.starts_with(|letter: char| letter.is_ascii_lowercase()) {
            return Some(format!("there is no command `{next}`"));
        }
        let options =
            words[length..].iter().filter_map(|word| word.trim_matches(['[', ']', '…', '.']).strip_prefix("--"));
        let mut names = options.filter_map(|option| option.split(['=', '…']).next()).filter(|name| *name != "help");
        let is_known = |name: &str| help.split_whitespace().any(|word| option_name(word) == Some(name));
        names.find(|name| !is_known(name)).map(|name| format!("`{command}` has no option --{name}"))
    }
}

/// `accept` of `[--accept` or `--accept=<CODE>`.
fn option_name(word: &str) -> Option<&str> {
    let name = word.trim_start_matches('[').strip_prefix("--")?;
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    Some(name.split(|letter| !is_part(letter)).next().unwrap_or(name))
}

/// Names below `Commands:`.
fn subcommands(help: &str) -> impl Iterator<Item = &str> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // Text that goes on in the next line is indented further.
    listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).filter(|name| !name.is_empty())
}

/// Words after `icebridge` in a piece of code, without a comment behind them.
fn typed(code: &str) -> Option<Vec<&str>> {
    let code = code.split(" #").next().unwrap_or(code);
    let mut words = code.split_whitespace();
    (words.next() == Some("icebridge")).then(|| words.collect())
}

fn problems(program: &Program, page: &str, text: &str) -> Vec<String> {
    let wrong = |code: markdown::Code| {
        let problem = program.problem(&typed(&code.text)?)?;
        Some(format!("{page}:{}: `{}`: {problem}", code.line, code.text))
    };
    markdown::code(text).into_iter().filter_map(wrong).collect()
}

/// The table of docs/cli.md names commands without the program; after `workspace add`, `list` is `workspace list`.
fn problems_of_the_table(program: &Program, text: &str) -> Vec<String> {
    let rows: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("| step"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert!(rows.len() > 5, "docs/cli.md has no table of commands");
    let mut found = Vec::new();
    for row in rows {
        let mut group = String::new();
        for code in markdown::code(row) {
            let words: Vec<&str> = code.text.split_whitespace().collect();
            let (command, length) = program.command(&words);
            if length > 0 {
                group = command.rsplit_once(' ').map_or(String::new(), |(group, _)| group.to_owned());
                found.extend(program.problem(&words).map(|problem| format!("`{}`: {problem}", code.text)));
            } else if !program.help.contains_key(&format!("{group} {}", words[0])) {
                found.push(format!("`{}` is no command", code.text));
            }
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).unwrap().to_owned()
}

#[test]
fn every_command_in_the_docs_exists() {
    let program = Program::read();
    let mut pages = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    for folder in ["docs", "docs/adr"] {
        let files = fs::read_dir(root().join(folder)).unwrap().flatten().map(|entry| entry.path());
        pages.extend(files.filter(|path| path.extension().is_some_and(|ending| ending == "md")));
    }
    let read = |page: &PathBuf| fs::read_to_string(page).unwrap();
    let mut found: Vec<String> =
        pages.iter().flat_map(|page| problems(&program, &page.display().to_string(), &read(page))).collect();
    found.extend(problems_of_the_table(&program, &read(&root().join("docs/cli.md"))));
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn a_command_that_does_not_exist_is_found_and_named() {
    let program = Program::read();
    assert!(program.help.len() > 20, "{:?}", program.help.keys());
    let text = "`icebridge nowhere`, `icebridge catalog nowhere x`, and `icebridge plan --nowhere`.\n\n    \
        icebridge run plan.json \\\n      --nowhere-else   # here\n\n\
        These exist: `icebridge`, `icebridge COMMAND --help`, `icebridge run --resume [RUN]`, `icebridge catalog add lake --uri x`.\n";
    let found = problems(&program, "page", text);
    let expected = [
        "page:1: `icebridge nowhere`: there is no command `nowhere`",
        "page:1: `icebridge catalog nowhere x`: there is no command `nowhere`",
        "page:1: `icebridge plan --nowhere`: `plan` has no option --nowhere",
        "page:3: `icebridge run plan.json --nowhere-else   # here`: `run` has no option --nowhere-else",
    ];
    assert_eq!(found, expected);
    let table = "| step | commands |\n|---|---|\n".to_owned()
        + &"| a | `workspace add`, `list`, `preflight [--accept CODE]…` |\n".repeat(6)
        + "| b | `workspace add`, `nowhere` |\n";
    assert_eq!(problems_of_the_table(&program, &table), ["`nowhere` is no command"]);
}
