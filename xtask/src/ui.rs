//! The window's content: the Yew crate compiled to WebAssembly, its JavaScript glue, the page and the styles, in ui/dist.

use crate::command::{cargo, command, find, run, succeeds};
use crate::repo::Repo;
use crate::report::{Failure, Result, say};
use crate::stamp;
use crate::wasm::{Compiler, TARGET};
use std::fs;
use std::io;
use std::path::Path;

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
    say("Compiling the window's content to WebAssembly (the first time about two minutes)");
    let mut compile = cargo(&repo.root);
    compile.args(["build", "-p", "icebridge-ui", "--target", TARGET, "--profile", "wasm"]);
    run(compiler.apply(&mut compile))?;

    let wasm = repo.target().join(TARGET).join("wasm/icebridge-ui.wasm");
    if dist.exists() {
        fs::remove_dir_all(&dist).map_err(|e| Failure::new(format!("{}: {e}", dist.display())))?;
    }
    // A package of the workspace, so that it is of the version that Cargo.lock says.
    let mut glue = cargo(&repo.root);
    glue.args(["run", "--quiet", "-p", "icebridge-bindgen", "--"]).arg(wasm).arg(&dist);
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
