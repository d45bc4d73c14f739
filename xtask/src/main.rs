//! `cargo xtask <command>`: everything the repository does to itself. Each command says what it installs before it does,
//! skips what is already done, and ends with the next step when it cannot go on.

mod bench;
mod bundle;
mod command;
mod demo;
mod emulators;
mod fuzz;
mod jars;
mod jdk;
mod lanes;
mod lint;
mod packages;
mod python;
mod repo;
mod report;
mod rooms;
mod setup;
mod stamp;
mod test;
mod ui;
mod wasm;

use repo::Repo;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <command>

  demo [--headless]                     the whole journey on a sample lakehouse, in the window or in the terminal
  test [--only rust|python|spark|window] [-- ARGS]
                                        set-up, builds and every test; ARGS go to pytest (or to cargo test with --only rust)
  lint                                  formatting and lints of Rust and Python
  rooms                                 draw the crates and their folders in docs/ARCHITECTURE.md; print every import circle
  ui                                    build the window's content into ui/dist
  setup [--tests]                       what the window needs; with --tests also Python, Java and the servers of the tests
  bench [-- ARGS]                       measure against cp, PyIceberg and DuckDB (`-- --help`); `-- conflicts`: commits a
                                        minute by the tables at work; `-- inventory`: the
                                        listing of a metastore; `-- planning`: mapping, pre-flight and plan of very many
                                        tables; `-- sync`: a round of a sync; `-- window`: the
                                        window with very many tables
  fuzz tables [-- ARGS]                 random tables of random histories, read by us, Spark, PyIceberg and DuckDB, copied and
                                        read again (`-- --help`)
  fuzz parsers [--minutes N [--seed N]] changed bytes into every parser, each for N minutes (default: 1)
  bundle [-- ARGS]                      the installable app, by tauri-cli

Environment:
  ICEBRIDGE_CACHE    where downloads are kept (default: .icebridge/cache)
  ICEBRIDGE_WASM     `rustup` or `debian`: the compiler of the UI, where the choice should not be made by looking
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (own, passed_on) = match words.iter().position(|word| word == "--") {
        Some(at) => (&words[..at], words[at + 1..].to_vec()),
        None => (&words[..], Vec::new()),
    };
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let repo = Repo::here();
    let done = match own.as_slice() {
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        ["demo"] => demo::demo(&repo, false),
        ["demo", "--headless"] => demo::demo(&repo, true),
        ["ui"] => ui::build(&repo),
        ["setup"] => setup::window(&repo),
        ["setup", "--tests"] => setup::tests(&repo),
        ["test"] if passed_on.is_empty() => lanes::everything(&repo),
        ["test"] => test::run_part(&repo, None, &passed_on),
        ["test", "--only", part] => {
            test::Part::parse(part).and_then(|part| test::run_part(&repo, Some(part), &passed_on))
        }
        ["rooms"] => rooms::draw(&repo),
        ["lint"] => lint::run_all(&repo),
        ["bench"] => bench::measure(&repo, &passed_on),
        ["fuzz", "tables"] => fuzz::tables(&repo, &passed_on),
        ["fuzz", "parsers"] => fuzz::parsers(&repo, "1", "1"),
        ["fuzz", "parsers", "--minutes", minutes] => fuzz::parsers(&repo, minutes, "1"),
        ["fuzz", "parsers", "--minutes", minutes, "--seed", seed] => fuzz::parsers(&repo, minutes, seed),
        ["bundle"] => bundle::pack(&repo, &passed_on),
        _ => {
            eprintln!("cargo xtask does not know `{}`.\n\n{HELP}", own.join(" "));
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nerror: {failure}");
            ExitCode::FAILURE
        }
    }
}
