//! The sandbox as a process of a program of its own, `icebridge-sandbox`, so that IceBridge itself does not contain it.
//!
//! The process ends with its standard input: when this one is closed or this process ends, in whatever way.

use icebridge_model::secret::{Secret, is_our_secret};
use icebridge_model::{Code, Error, Result};
use serde::Deserialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

const PROGRAM: &str = "icebridge-sandbox";
/// How long it may take to end its jobs and remove its folder.
const GRACE: Duration = Duration::from_secs(5);

/// Where it listens and how to sign in: the one line that it prints.
#[derive(Debug, Deserialize)]
pub struct SandboxSignIn {
    pub url: String,
    pub folder: PathBuf,
    pub user: String,
    pub token: Secret,
    pub admin: String,
    pub admin_token: Secret,
    pub client_id: String,
    pub client_secret: Secret,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FirstLine {
    Failed { error: Error },
    Listens(SandboxSignIn),
}

/// A running sandbox. It is killed when dropped, and ended in order by [`SandboxProcess::end`].
#[derive(Debug)]
pub struct SandboxProcess {
    pub sign_in: SandboxSignIn,
    child: Child,
    stdin: Option<ChildStdin>,
}

impl SandboxProcess {
    /// It listens when this returns. The arguments are those of `icebridge-sandbox`; none of them may be a secret.
    pub async fn start(arguments: &[OsString]) -> Result<Self> {
        let program = find_program()?;
        let failed = |error: std::io::Error| {
            Error::new(Code::InvalidInput, "the sandbox cannot be started").about(program.display()).with_cause(error)
        };
        let mut command = Command::new(&program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_our_secret(name)) {
            command.env_remove(name);
        }
        // No console window of its own.
        #[cfg(windows)]
        command.creation_flags(0x0800_0000);
        let mut child = command.spawn().map_err(failed)?;
        let stdin = child.stdin.take();
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).await.map_err(failed)?;
        }
        if line.is_empty() {
            let status = child.wait().await.map_err(failed)?;
            return Err(Error::internal("the sandbox ended before it listened")
                .about(program.display())
                .with_cause_text(status.to_string()));
        }
        match serde_json::from_str(&line) {
            Ok(FirstLine::Listens(sign_in)) => Ok(Self { sign_in, child, stdin }),
            Ok(FirstLine::Failed { error }) => Err(error),
            Err(error) => Err(Error::internal("the sandbox's first line cannot be read")
                .about(program.display())
                .with_cause(error)
                .with_hint("Install the icebridge-sandbox of this version.")),
        }
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Until it ends by itself.
    pub async fn wait(&mut self) -> Result<()> {
        let failed = |error: std::io::Error| Error::internal("the sandbox cannot be waited for").with_cause(error);
        let status = self.child.wait().await.map_err(failed)?;
        if status.success() {
            return Ok(());
        }
        Err(Error::internal("the sandbox ended unexpectedly").with_cause_text(status.to_string()))
    }

    /// Ends it, with the jobs that it runs and its temporary folder.
    pub async fn end(mut self) {
        drop(self.stdin.take());
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            // It ended meanwhile, or cannot be ended: nothing more can be done.
            let _ = self.child.kill().await;
        }
    }
}

/// Beside this program, or on PATH.
fn find_program() -> Result<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.to_path_buf()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    first_with_program(beside.into_iter().chain(std::env::split_paths(&path))).ok_or_else(|| {
        Error::new(Code::FileMissing, "the sandbox is not installed")
            .about(PROGRAM)
            .with_hint("Put the program icebridge-sandbox of this version beside icebridge or on PATH, and try again.")
    })
}

fn first_with_program(folders: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let name = format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX);
    folders.map(|folder| folder.join(&name)).find(|path: &PathBuf| Path::is_file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_looked_for_in_order() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folders = || [first.path(), second.path()].map(Path::to_path_buf).into_iter();
        let name = format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX);
        assert_eq!(first_with_program(folders()), None);
        std::fs::write(second.path().join(&name), "").unwrap();
        assert_eq!(first_with_program(folders()), Some(second.path().join(&name)));
        std::fs::create_dir(first.path().join(&name)).unwrap();
        assert_eq!(first_with_program(folders()), Some(second.path().join(&name)), "a folder is no program");
        std::fs::remove_dir(first.path().join(&name)).unwrap();
        std::fs::write(first.path().join(&name), "").unwrap();
        assert_eq!(first_with_program(folders()), Some(first.path().join(&name)));
    }

    #[test]
    fn the_first_line_is_an_address_or_an_error() {
        let line = r#"{"url":"http://127.0.0.1:1","folder":"/f","user":"u","token":"t","admin":"a","admin_token":"at","client_id":"c","client_secret":"s"}"#;
        let Ok(FirstLine::Listens(sign_in)) = serde_json::from_str(line) else { panic!("it listens") };
        assert_eq!((sign_in.url.as_str(), sign_in.token.expose()), ("http://127.0.0.1:1", "t"));
        let error = Error::invalid("the port is taken");
        let line = serde_json::json!({"error": error}).to_string();
        let Ok(FirstLine::Failed { error: read }) = serde_json::from_str(&line) else { panic!("it failed") };
        assert_eq!(read, error);
    }
}
