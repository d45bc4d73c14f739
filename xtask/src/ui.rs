//! The window's content: the Yew crate compiled to WebAssembly, its JavaScript glue, the page and the styles, in ui/dist.

use crate::command::{cargo, command, find, output, run, succeeds};
use crate::repo::Repo;
use crate::wasm::{Compiler, TARGET};
use crate::{Failure, Result, say, stamp};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What rustc uses for this target today; wasm-opt refuses code with features that it is not told of.
const FEATURES: &[&str] =
    &["bulk-memory", "multivalue", "mutable-globals", "nontrapping-float-to-int", "reference-types", "sign-ext"];

pub fn build(repo: &Repo) -> Result {
    let key = stamp::Content::default()
        .path(&repo.path("ui"))?
        .path(&repo.path("src-tauri/crates/model"))?
        .path(&repo.path("Cargo.lock"))?
        .path(&repo.path("Cargo.toml"))?
        .key();
    let dist = repo.path("ui/dist");
    if dist.join("index.html").is_file() && stamp::is_fresh(repo, "ui", &key) {
        say("The window's content in ui/dist is up to date");
        return Ok(());
    }
    let compiler = Compiler::find(repo)?;
    let bindgen = bindgen(repo)?;
    say("Compiling the window's content to WebAssembly (the first time about two minutes)");
    let mut compile = cargo(&repo.root);
    compile.args(["build", "-p", "icebridge-ui", "--target", TARGET, "--profile", "wasm"]);
    run(compiler.apply(&mut compile))?;

    let wasm = repo.target().join(TARGET).join("wasm/icebridge-ui.wasm");
    if dist.exists() {
        fs::remove_dir_all(&dist).map_err(|e| Failure::new(format!("{}: {e}", dist.display())))?;
    }
    let mut glue = command(bindgen);
    glue.args(["--target", "web", "--no-typescript", "--remove-name-section", "--remove-producers-section"]);
    glue.args(["--out-name", "icebridge-ui", "--out-dir"]).arg(&dist).arg(wasm);
    run(&mut glue)?;
    optimise(&dist);
    for part in ["index.html", "styles", "assets"] {
        let from = repo.path("ui").join(part);
        if from.exists() {
            copy(&from, &dist.join(part)).map_err(|e| Failure::new(format!("{}: {e}", from.display())))?;
        }
    }
    stamp::write(repo, "ui", &key)
}

/// wasm-bindgen's command of exactly the version in Cargo.lock: the two halves of the glue must agree.
fn bindgen(repo: &Repo) -> Result<PathBuf> {
    let version = locked_version(&repo.path("Cargo.lock"), "wasm-bindgen")?;
    let says = format!("wasm-bindgen {version}");
    let is_it = |path: &Path| output(command(path).arg("--version")).is_some_and(|found| found == says);
    if let Some(path) = find("wasm-bindgen").filter(|path| is_it(path)) {
        return Ok(path);
    }
    let folder = repo.tools().join(format!("wasm-bindgen-{version}"));
    let path = folder.join(format!("bin/wasm-bindgen{}", std::env::consts::EXE_SUFFIX));
    if is_it(&path) {
        return Ok(path);
    }
    say(format!("Installing wasm-bindgen-cli {version} into {} (once, 2 to 3 minutes)", folder.display()));
    // Without --locked: its own lock file names versions that do not resolve any more. It runs for a second at a time,
    // so it is built fast rather than to be fast.
    let mut install = cargo(&repo.root);
    install
        .args(["install", "--quiet", "wasm-bindgen-cli", "--version", &format!("={version}"), "--root"])
        .arg(&folder)
        .args(["--bin", "wasm-bindgen"])
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    run(&mut install)?;
    Ok(path)
}

fn locked_version(lock: &Path, package: &str) -> Result<String> {
    let text = fs::read_to_string(lock).map_err(|e| Failure::new(format!("{}: {e}", lock.display())))?;
    let wanted = format!("name = \"{package}\"");
    let mut lines = text.lines().skip_while(|line| *line != wanted).skip(1);
    let version = lines.next().and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    version.map(str::to_owned).ok_or_else(|| Failure::new(format!("Cargo.lock does not name {package}")))
}

/// A third smaller, where wasm-opt happens to be installed; right without it.
fn optimise(dist: &Path) {
    if find("wasm-opt").is_none() {
        return;
    }
    let (whole, small) = (dist.join("icebridge-ui_bg.wasm"), dist.join("small.wasm"));
    let features = FEATURES.iter().map(|feature| format!("--enable-{feature}"));
    let done = succeeds(command("wasm-opt").arg("-Os").args(features).arg(&whole).arg("-o").arg(&small));
    if !done || fs::rename(&small, &whole).is_err() {
        say("wasm-opt failed; the WebAssembly stays as the compiler wrote it");
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_file() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
