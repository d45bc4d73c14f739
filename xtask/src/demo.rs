//! The main job, on a sample lakehouse that lies in the repository.

use crate::command::{cargo, command, find, run};
use crate::repo::{Repo, has_display};
use crate::report::{Failure, Result, say};
use crate::{packages, setup, ui};

fn run_in_terminal(repo: &Repo) -> Result {
    let folder = repo.state().join("demo");
    say("The demo in the terminal:");
    eprintln!("      1. builds the command line `icebridge` (the first time 5 to 15 minutes; installs nothing)");
    eprintln!("      2. moves the sample lakehouse's tables, with everything it writes in {}", folder.display());
    run(cargo(&repo.root).args(["build", "-p", "icebridge-cli"]))?;
    let mut journey = command(repo.built("debug", "icebridge"));
    run(journey.current_dir(&repo.root).arg("--state").arg(&folder).args(["journey", "--sample"]))
}

fn run_in_window(repo: &Repo) -> Result {
    let folder = repo.state().join("demo");
    say("The demo in the window:");
    let lacking = packages::missing(packages::WINDOW);
    if !lacking.is_empty() {
        let names: Vec<&str> = lacking.iter().map(|need| need.apt[0]).collect();
        eprintln!("      0. installs by apt-get: {}", names.join(", "));
    }
    eprintln!("      1. builds the window's content (Rust's WebAssembly target: fetched where missing)");
    eprintln!("      2. builds the desktop app (the first time 10 to 20 minutes)");
    eprintln!("      3. opens it on the sample lakehouse, with everything it writes in {}", folder.display());
    eprintln!("      `cargo xtask demo --headless` shows the same journey in this terminal and needs only Rust.");
    packages::ensure(packages::WINDOW, setup::HEADLESS)?;
    ui::build(repo)?;
    run(cargo(&repo.root).args([
        "build",
        "-p",
        "icebridge-desktop",
        "-p",
        "icebridge-sandbox",
        "--features",
        "icebridge-desktop/custom-protocol",
    ]))?;
    let mut app = command(repo.built("debug", "icebridge-desktop"));
    run(app.current_dir(&repo.root).arg("--state").arg(&folder).arg("--sample"))
}

pub fn demo(repo: &Repo, headless: bool) -> Result {
    if cfg!(unix) && ["cc", "gcc", "clang"].iter().all(|name| find(name).is_none()) {
        return Err(Failure::new(
            "A C compiler is needed to link: `sudo apt-get install gcc libc6-dev` or your system's.",
        ));
    }
    if headless {
        return run_in_terminal(repo);
    }
    if !has_display() {
        say("No display here, so the demo runs in the terminal");
        return run_in_terminal(repo);
    }
    run_in_window(repo)
}
