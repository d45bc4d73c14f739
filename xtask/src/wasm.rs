//! A compiler for WebAssembly. rustup's is the normal one. Where its server can't be reached but Debian's mirror can,
//! Debian's packages do the same: its rustc, std from source, and LLVM's linker.

use crate::command::{command, find, output, run_while_active};
use crate::packages::{install, is_offered};
use crate::repo::{Repo, wasm_choice};
use crate::report::{Failure, Result, say};
use crate::stamp;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const TARGET: &str = "wasm32-unknown-unknown";
const QUIET_SECONDS: u64 = 20;
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

pub enum Compiler {
    Rustup,
    Debian { linker: PathBuf },
}

impl Compiler {
    pub fn find(repo: &Repo) -> Result<Self> {
        match wasm_choice().as_deref() {
            Some("debian") => return debian(),
            None | Some("rustup") => {}
            Some(other) => {
                return Err(Failure::new(format!("ICEBRIDGE_WASM is `{other}`; it may be `rustup` or `debian`.")));
            }
        }
        if has_target() {
            return Ok(Self::Rustup);
        }
        // What rustup cannot fetch today it hardly can in a minute: the answer is kept until the compiler changes.
        let version = output(command("rustc").arg("-vV")).unwrap_or_default();
        let refused = stamp::Content::default().word(&version).key();
        if wasm_choice().is_none() && stamp::is_fresh(repo, "rustup-cannot-add-wasm", &refused) {
            return debian();
        }
        if find("rustup").is_some() {
            say(format!("Adding Rust's {TARGET} by rustup (given up after {QUIET_SECONDS} s without a byte)"));
            let mut add = command("rustup");
            add.args(["target", "add", TARGET]);
            if run_while_active(&mut add, QUIET_SECONDS, downloaded) && has_target() {
                return Ok(Self::Rustup);
            }
            stamp::write(repo, "rustup-cannot-add-wasm", &refused)?;
        }
        debian()
    }

    /// Sets what this compiler needs, for this one command: the native workspace builds with the usual one.
    pub fn apply<'c>(&self, cargo: &'c mut Command) -> &'c mut Command {
        if let Self::Debian { linker } = self {
            cargo
                .env("RUSTC", DEBIAN_RUSTC)
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        cargo
    }
}

fn has_target() -> bool {
    let Some(sysroot) = output(command("rustc").args(["--print", "sysroot"])) else { return false };
    Path::new(&sysroot).join("lib/rustlib").join(TARGET).join("lib").is_dir()
}

/// How many bytes rustup has fetched so far.
fn downloaded() -> u64 {
    let home = std::env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let Some(home) = home.or_else(|| Some(std::env::home_dir()?.join(".rustup"))) else { return 0 };
    ["downloads", "tmp"].iter().map(|folder| bytes_in(&home.join(folder))).sum()
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|found| found.len()).sum()
}

fn debian() -> Result<Compiler> {
    let by_hand = format!("Add the target by hand, then run this again: rustup target add {TARGET}");
    if find("apt-get").is_none() {
        return Err(Failure::new(format!("The window needs Rust's {TARGET}, and rustup did not get it.\n{by_hand}")));
    }
    say(format!("Rust's {TARGET} comes from Debian's packages instead"));
    if !has_debian_rustc() {
        install(&[vec!["rustc-web".into()], vec!["rust-web-src".into()]], &by_hand)?;
    }
    let facts = output(command(DEBIAN_RUSTC).arg("-vV")).unwrap_or_default();
    let oldest = env!("CARGO_PKG_RUST_VERSION");
    if !has_debian_rustc() {
        return Err(Failure::new(format!(
            "{DEBIAN_RUSTC} with its source is needed in version {oldest} or later, and this machine has {}.\n{by_hand}",
            fact(&facts, "release").unwrap_or("none")
        )));
    }
    // The linker must read what this compiler writes, so it comes from the same LLVM where that is offered.
    let llvm = fact(&facts, "LLVM version").and_then(|version| version.split('.').next()).unwrap_or_default();
    if let Some(linker) = linker(llvm) {
        return Ok(Compiler::Debian { linker });
    }
    let own = format!("lld-{llvm}");
    let package = if is_offered(&own) { own } else { newest_lld().unwrap_or(own) };
    let version = package.trim_start_matches("lld-").to_owned();
    install(&[vec![package]], &by_hand)?;
    let linker =
        linker(&version).ok_or_else(|| Failure::new(format!("wasm-ld was not found after all.\n{by_hand}")))?;
    Ok(Compiler::Debian { linker })
}

fn has_debian_rustc() -> bool {
    let Some(facts) = output(command(DEBIAN_RUSTC).arg("-vV")) else { return false };
    let new_enough = fact(&facts, "release").is_some_and(|found| minor(found) >= minor(env!("CARGO_PKG_RUST_VERSION")));
    let sysroot = output(command(DEBIAN_RUSTC).args(["--print", "sysroot"])).unwrap_or_default();
    new_enough && Path::new(&sysroot).join("lib/rustlib/src/rust/library/std").is_dir()
}

/// 95 of `1.95.0`.
fn minor(version: &str) -> u32 {
    version.split('.').nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// A line of `rustc -vV`.
fn fact<'f>(facts: &'f str, name: &str) -> Option<&'f str> {
    facts.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn linker(llvm: &str) -> Option<PathBuf> {
    let places = [format!("/usr/lib/llvm-{llvm}/bin/wasm-ld"), format!("/usr/bin/wasm-ld-{llvm}")];
    places.iter().map(PathBuf::from).find(|path| path.is_file())
}

fn newest_lld() -> Option<String> {
    let found = output(command("apt-cache").args(["search", "--names-only", "^lld-[0-9]+$"]))?;
    let versions = found.lines().filter_map(|line| line.split_whitespace().next()?.strip_prefix("lld-")?.parse().ok());
    versions.max().map(|version: u32| format!("lld-{version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_the_compiler_are_read_by_name() {
        let facts = "rustc 1.96.0\nbinary: rustc\nrelease: 1.96.0\nLLVM version: 22.1.2";
        assert_eq!(fact(facts, "LLVM version"), Some("22.1.2"));
        assert_eq!(fact(facts, "release").map(minor), Some(96));
        assert_eq!(fact(facts, "host"), None);
    }
}
