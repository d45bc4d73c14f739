//! Secrets in the system's keychain: service `icebridge`, account `<state id>/<catalog>/<key>`.
//!
//! Where there is no keychain (CI, containers) secrets come from environment variables, which are read first and never
//! stored. There is no file of secrets, not even as a fallback: a person must not believe in a lock that is not there.

use icebridge_core::SecretStore;
use icebridge_core::state::STATE_ID;
use icebridge_model::ops::Keychain as KeychainState;
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use icebridge_telemetry::scrub;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

const SERVICE: &str = "icebridge";
/// A locked keychain may wait for a person who is not there.
const PATIENCE: Duration = Duration::from_secs(5);

/// Of one state folder: two folders on one machine do not see each other's secrets.
#[derive(Clone, Debug)]
pub struct Keychain {
    state_dir: PathBuf,
}

/// The environment variable that stands in for a secret: `ICEBRIDGE_SECRET_<CATALOG>_<KEY>`, in capitals, everything but
/// letters and digits as `_`.
pub fn environment_name(catalog: &str, key: &str) -> String {
    let word = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
    };
    format!("ICEBRIDGE_SECRET_{}_{}", word(catalog), word(key))
}

impl Keychain {
    fn with_account<T: Send + 'static>(
        &self,
        owner: &str,
        key: &str,
        work: impl FnOnce(&keyring::Entry) -> keyring::Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        let account = format!("{}/{owner}/{key}", state_id(&self.state_dir)?);
        patiently(move || {
            match keyring::Entry::store_status() {
                Ok(()) => {}
                Err(error) => return Err(unavailable(error)),
            }
            match keyring::Entry::new(SERVICE, &account).and_then(|entry| work(&entry)) {
                Ok(value) => Ok(Some(value)),
                Err(keyring::Error::NoEntry) => Ok(None),
                Err(error) => Err(unavailable(&error)),
            }
        })
    }

    pub fn new(state_dir: &Path) -> Self {
        Self { state_dir: state_dir.to_path_buf() }
    }

    pub async fn state(&self) -> KeychainState {
        let asked = tokio::task::spawn_blocking(|| {
            patiently(|| match keyring::Entry::store_status() {
                Ok(()) => Ok(()),
                Err(error) => Err(unavailable(error)),
            })
        });
        match asked.await {
            Ok(Ok(())) => KeychainState::Ready,
            Ok(Err(error)) => KeychainState::Unavailable(error.causes.first().cloned().unwrap_or(error.message)),
            Err(error) => KeychainState::Unavailable(error.to_string()),
        }
    }

    fn with_entry<T: Send + 'static>(
        &self,
        catalog: &str,
        key: &str,
        work: impl FnOnce(&keyring::Entry) -> keyring::Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        let variable = environment_name(catalog, key);
        self.with_account(catalog, key, work).map_err(|e| {
            e.about(catalog).with_hint(format!("Unlock or start the system's keychain, or set {variable} instead."))
        })
    }

    /// Entries that no variable stands in for: the tokens of people who signed in.
    pub(crate) fn read_entry(&self, owner: &str, key: &str) -> Result<Option<Secret>> {
        self.with_account(owner, key, |entry| entry.get_password().map(Secret::new)).map_err(for_a_sign_in)
    }

    pub(crate) fn write_entry(&self, owner: &str, key: &str, secret: &Secret) -> Result<()> {
        let secret = secret.clone();
        self.with_account(owner, key, move |entry| entry.set_password(secret.expose())).map(drop).map_err(for_a_sign_in)
    }

    pub(crate) fn delete_entry(&self, owner: &str, key: &str) -> Result<()> {
        self.with_account(owner, key, keyring::Entry::delete_credential).map(drop).map_err(for_a_sign_in)
    }
}

fn for_a_sign_in(error: Error) -> Error {
    error.with_hint(
        "Unlock or start the system's keychain. To sign in without it, for as long as the program runs, choose \
         \"for this session\" (`--for-this-session`).",
    )
}

impl SecretStore for Keychain {
    fn get(&self, catalog: &str, key: &str) -> Result<Option<Secret>> {
        let secret = match from_environment(catalog, key) {
            Some(secret) => Some(secret),
            None => self.with_entry(catalog, key, |entry| entry.get_password().map(Secret::new))?,
        };
        Ok(secret.inspect(scrub::learn))
    }

    fn stand_in(&self, catalog: &str, key: &str) -> Option<String> {
        from_environment(catalog, key).map(|_| environment_name(catalog, key))
    }

    fn set(&self, catalog: &str, key: &str, secret: &Secret) -> Result<()> {
        scrub::learn(secret);
        let secret = secret.clone();
        self.with_entry(catalog, key, move |entry| entry.set_password(secret.expose())).map(drop)
    }

    fn remove(&self, catalog: &str, key: &str) -> Result<()> {
        match self.with_entry(catalog, key, keyring::Entry::delete_credential) {
            // It came from the environment: there was no keychain when it was saved, and there is none to clean.
            Err(error) if error.code == Code::KeychainUnavailable && from_environment(catalog, key).is_some() => Ok(()),
            other => other.map(drop),
        }
    }
}

fn from_environment(catalog: &str, key: &str) -> Option<Secret> {
    std::env::var(environment_name(catalog, key)).ok().filter(|text| !text.is_empty()).map(Secret::new)
}

/// On a thread of its own. One that never comes back is left behind: it holds nothing of ours.
fn patiently<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let failed =
        |e: &dyn std::error::Error| Error::internal("the keychain's thread ended").with_cause_text(e.to_string());
    std::thread::Builder::new()
        .name("keychain".into())
        .spawn(move || {
            // Nobody may be waiting any more.
            let _ = sender.send(work());
        })
        .map_err(|e| failed(&e))?;
    match receiver.recv_timeout(PATIENCE) {
        Ok(answer) => answer,
        Err(mpsc::RecvTimeoutError::Timeout) => {
            Err(Error::new(Code::KeychainUnavailable, "the keychain cannot be used")
                .with_cause_text(format!("it did not answer within {} seconds; it may be locked", PATIENCE.as_secs())))
        }
        Err(error) => Err(failed(&error)),
    }
}

/// Of the error only its own words: some variants carry what was read.
fn unavailable(error: &keyring::Error) -> Error {
    let words = match error {
        keyring::Error::BadEncoding(_) => "the secret is not UTF-8".to_string(),
        keyring::Error::BadDataFormat(_, cause) => cause.to_string(),
        other => other.to_string(),
    };
    Error::new(Code::KeychainUnavailable, "the keychain cannot be used").with_cause_text(words)
}

/// Kept in the folder, so that secrets are found again when the folder moves.
fn state_id(state_dir: &Path) -> Result<String> {
    let file = state_dir.join(STATE_ID);
    let failed = |e: std::io::Error| {
        let code = match e.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Code::StorageFull,
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Code::StorageDenied,
            _ => Code::StateBroken,
        };
        Error::new(code, "the state folder cannot be used")
            .about(state_dir.display())
            .with_hint("Check the folder's permissions and free space, or choose another one.")
            .with_cause(e)
    };
    for _ in 0..2 {
        match std::fs::read_to_string(&file) {
            Ok(id) if !id.trim().is_empty() => return Ok(id.trim().to_string()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let mut draft = tempfile::NamedTempFile::new_in(state_dir).map_err(failed)?;
        std::io::Write::write_all(&mut draft, uuid::Uuid::new_v4().simple().to_string().as_bytes()).map_err(failed)?;
        // Whoever is first wins; the other reads what the first wrote.
        match draft.persist_noclobber(&file) {
            Ok(_) => {}
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error.error)),
        }
    }
    std::fs::read_to_string(&file).map(|id| id.trim().to_string()).map_err(failed)
}
