//! The principal that `databricks auth login` has signed in. The vendor's command line owns that grant and renews it; we only ask it
//! for the access token. To share its refresh token would be to race with it.

use super::grant::now;
use icebridge_model::secret::{Secret, is_our_secret};
use icebridge_model::{Code, Error, Result};
use serde::Deserialize;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::Mutex;
use zeroize::Zeroize;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    Profile(String),
    Host { host: String, account_id: Option<String> },
}

#[derive(Debug)]
pub struct Cli {
    program: PathBuf,
    login: Login,
    /// The file of profiles that the command shall read, if not its own.
    config_file: Option<PathBuf>,
    patience: Duration,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    token: Secret,
    /// Asked for again from here on.
    until: u64,
}

/// A locked keychain makes the command wait for ever.
const PATIENCE: Duration = Duration::from_secs(30);
/// The command says when its token ends, but not in seconds. It is quick, and keeps the token itself.
const KEEP: u64 = 60;
/// The command line of old, in Python, has the same name and is a small file; it knows no `auth token`.
const SMALLEST: u64 = 1 << 20;

impl Cli {
    pub fn of_profile(
        program: Option<PathBuf>,
        profile: impl Into<String>,
        config_file: Option<PathBuf>,
    ) -> Result<Self> {
        Self::new(program, Login::Profile(profile.into()), config_file)
    }

    pub fn of_host(program: Option<PathBuf>, host: &crate::host::Host, account_id: Option<String>) -> Result<Self> {
        Self::new(program, Login::Host { host: host.origin().to_string(), account_id }, None)
    }

    fn new(program: Option<PathBuf>, login: Login, config_file: Option<PathBuf>) -> Result<Self> {
        let program = match program {
            Some(program) => program,
            None => installed(std::env::var_os("PATH").as_deref()).ok_or_else(|| {
                Error::new(Code::CredentialsMissing, "the command `databricks` is not installed").with_hint(
                    "Install the Databricks CLI, version 0.207.1 or newer, or sign in through the browser instead.",
                )
            })?,
        };
        Ok(Self { program, login, config_file, patience: PATIENCE, kept: Mutex::default() })
    }

    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub(crate) async fn token(&self, refused: Option<&Secret>) -> Result<Secret> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| now() < kept.until && Some(&kept.token) != refused) {
            return Ok(kept.token.clone());
        }
        let mut token = self.run(false).await?;
        if Some(&token) == refused {
            // Versions before 0.296 don't know the flag; then there is nothing fresher to be had.
            token = self.run(true).await.unwrap_or(token);
        }
        Ok(kept.insert(Kept { token, until: now() + KEEP }).token.clone())
    }

    async fn run(&self, fresh: bool) -> Result<Secret> {
        let mut command = Command::new(&self.program);
        command.args(["auth", "token", "--output", "json"]);
        match &self.login {
            Login::Profile(profile) => command.args(["--profile", profile]),
            Login::Host { host, account_id: None } => command.args(["--host", host]),
            Login::Host { host, account_id: Some(account) } => command.args(["--host", host, "--account-id", account]),
        };
        if fresh {
            command.arg("--force-refresh");
        }
        if let Some(file) = &self.config_file {
            command.env("DATABRICKS_CONFIG_FILE", file);
        }
        // Our secrets are none of its business.
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_our_secret(name)) {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let about = self.program.display().to_string();
        let login = match &self.login {
            Login::Profile(profile) => format!("Run `databricks auth login --profile {profile}`."),
            Login::Host { host, .. } => format!("Run `databricks auth login --host {host}`."),
        };
        let output = match tokio::time::timeout(self.patience, command.output()).await {
            Err(_) => {
                return Err(Error::new(Code::CredentialsMissing, "the Databricks CLI did not give a token in time")
                    .about(about)
                    .with_hint(format!("{login} Its keychain may be locked.")));
            }
            Ok(Err(e)) => {
                return Err(Error::new(Code::CredentialsMissing, "the Databricks CLI cannot be started")
                    .about(about)
                    .with_hint("Check its path, or sign in through the browser instead.")
                    .with_cause(e));
            }
            Ok(Ok(output)) => output,
        };
        let mut stdout = output.stdout;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect();
            stdout.zeroize();
            return Err(Error::new(Code::CredentialsMissing, "the Databricks CLI has no token for this")
                .about(about)
                .with_hint(login)
                .with_cause_text(text));
        }
        #[derive(Deserialize)]
        struct Output {
            access_token: Secret,
        }
        let parsed: Result<Output, _> = serde_json::from_slice(&stdout);
        stdout.zeroize();
        match parsed {
            Ok(output) if !output.access_token.is_empty() => Ok(output.access_token),
            // Not its text: the token may be in it.
            _ => Err(Error::new(Code::CredentialsMissing, "the output of the Databricks CLI holds no token")
                .about(about)
                .with_hint("Install version 0.207.1 of the Databricks CLI or a newer one.")),
        }
    }
}

fn installed(path: Option<&OsStr>) -> Option<PathBuf> {
    let names: &[&str] = if cfg!(windows) { &["databricks.exe"] } else { &["databricks"] };
    let real = |file: &Path| file.metadata().is_ok_and(|meta| meta.is_file() && meta.len() >= SMALLEST);
    std::env::split_paths(path?)
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|file| real(file))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn program(folder: &Path, script: &str) -> PathBuf {
        let file = folder.join("databricks");
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    #[tokio::test]
    async fn the_command_is_asked_and_its_answer_kept_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let script = format!(
            "echo \"$@\" >> {0}; n=$(wc -l < {0}); echo '{{\"access_token\":\"canary-'$n'\",\"token_type\":\"Bearer\",\"expiry\":\"x\"}}'",
            log.display()
        );
        let cli = Cli::of_profile(Some(program(folder.path(), &script)), "work", None).unwrap();
        assert_eq!(cli.token(None).await.unwrap().expose(), "canary-1");
        assert_eq!(cli.token(None).await.unwrap().expose(), "canary-1");
        // Refused by the workspace: asked again.
        assert_eq!(cli.token(Some(&Secret::new("canary-1"))).await.unwrap().expose(), "canary-2");
        // The same comes back: asked for a fresh one.
        assert_eq!(cli.token(Some(&Secret::new("canary-3"))).await.unwrap().expose(), "canary-2");
        assert!(!format!("{cli:?}").contains("canary"));
        let lines = std::fs::read_to_string(&log).unwrap();
        assert!(lines.starts_with("auth token --output json --profile work\n"), "{lines}");
    }

    #[tokio::test]
    async fn failures_say_what_to_run_and_repeat_no_token() {
        let folder = tempfile::tempdir().unwrap();
        let host = crate::host::Host::parse("https://h.example").unwrap();
        for script in ["echo 'not logged in' >&2; exit 1", "echo canary", "echo '{\"access_token\":\"\"}'"] {
            let cli = Cli::of_host(Some(program(folder.path(), script)), &host, None).unwrap();
            let error = cli.token(None).await.unwrap_err();
            assert_eq!(error.code, Code::CredentialsMissing);
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        }
        let slow = Cli::of_host(Some(program(folder.path(), "exec sleep 20")), &host, None).unwrap();
        let begun = std::time::Instant::now();
        let error = slow.within(Duration::from_millis(200)).token(None).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert!(error.hint.unwrap().contains("databricks auth login --host https://h.example"));
    }

    #[test]
    fn our_secrets_are_not_handed_on() {
        for name in ["ICEBRIDGE_SECRET_LAKE_TOKEN", "icebridge_secret_x"] {
            assert!(is_our_secret(OsStr::new(name)), "{name}");
        }
        for name in ["DATABRICKS_HOST", "PATH", "ICEBRIDGE_STATE", "MY_ICEBRIDGE_SECRET_X"] {
            assert!(!is_our_secret(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn the_old_command_of_the_same_name_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        for (place, size) in [(&old, 500), (&new, SMALLEST)] {
            std::fs::create_dir(place).unwrap();
            std::fs::File::create(place.join("databricks")).unwrap().set_len(size).unwrap();
        }
        let path = std::env::join_paths([&old, &new]).unwrap();
        assert_eq!(installed(Some(&path)), Some(new.join("databricks")));
        assert_eq!(installed(None), None);
    }
}
