//! Running other programs.

use crate::report::{Failure, Result};
use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A command without what `cargo run` adds to the environment: some build scripts watch those variables, and would build
/// everything again whenever cargo is called by xtask after it was called by hand.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let from_cargo_run = text.starts_with("CARGO_PKG_")
            || matches!(&*text, "CARGO" | "CARGO_MANIFEST_DIR" | "CARGO_MANIFEST_PATH" | "CARGO_BIN_NAME");
        if from_cargo_run {
            command.env_remove(&name);
        }
    }
    command
}

pub fn cargo(root: &Path) -> Command {
    let mut cargo = command("cargo");
    cargo.current_dir(root);
    cargo
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

/// Runs with the terminal's own input and output; anything but success is a failure that names the command.
pub fn run(command: &mut Command) -> Result {
    let status = command.status().map_err(|e| Failure::new(format!("`{}` could not start: {e}", line(command))))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("`{}` ended with {status}", line(command))))
}

/// What a command printed, or nothing when it is missing or failed.
pub fn output(command: &mut Command) -> Option<String> {
    let done = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

pub fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

/// Runs without input until it ends, or is ended because it need not go on: then there is no status.
pub fn run_while(command: &mut Command, mut goes_on: impl FnMut() -> bool) -> Result<Option<ExitStatus>> {
    let failed = |command: &Command, e| Failure::new(format!("`{}` could not start: {e}", line(command)));
    let mut child = command.stdin(Stdio::null()).spawn().map_err(|e| failed(command, e))?;
    loop {
        if let Some(status) = child.try_wait().map_err(|e| failed(command, e))? {
            return Ok(Some(status));
        }
        if !goes_on() {
            // It may have ended by itself in this moment: both calls then only say so.
            let _ = child.kill();
            let _ = child.wait();
            return Ok(None);
        }
        sleep(Duration::from_millis(200));
    }
}

/// Runs until it ends or until `seconds` pass in which `activity` does not change. A download on a slow line goes on;
/// one that hangs is ended.
pub fn run_while_active(command: &mut Command, seconds: u64, activity: impl Fn() -> u64) -> bool {
    let mut seen = activity();
    let mut quiet_since = Instant::now();
    let ended = run_while(command, || {
        let now = activity();
        if now != seen {
            seen = now;
            quiet_since = Instant::now();
        }
        quiet_since.elapsed() <= Duration::from_secs(seconds)
    });
    matches!(ended, Ok(Some(status)) if status.success())
}

/// Where a program is on PATH.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&path).map(|folder| folder.join(&file)).find(|full| full.is_file())
}
