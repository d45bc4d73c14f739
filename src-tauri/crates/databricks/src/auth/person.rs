//! A person's sign-in, renewed with refresh tokens that may be good for one use only.
//!
//! Such a token is lost if the program ends between using it and storing the next one. So: one refresh at a time (a mutex
//! in the process, a lock file between processes); the store is tried before the token is spent; the answer is stored
//! before it is used; the whole runs on a task that no cancelled request can take down; and after a refusal the
//! store is read once more, since another process may have been faster. What remains is a crash or a lost answer in
//! between: then the person has to sign in again, and the error says why.

use super::grant::{Grant, now};
use super::lock::Lock;
use super::oauth::{TokenError, granted};
use super::store::{GrantKey, TokenStore};
use icebridge_http::{Connection, Granted, RetryPolicy, TokenRequest, Transport};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

#[derive(Debug)]
pub struct Person {
    key: GrantKey,
    store: Arc<dyn TokenStore>,
    /// Where the lock files are: the same for all processes that share the store.
    locks: PathBuf,
    connection: Connection,
    retry: RetryPolicy,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    grant: Option<Grant>,
    /// It could not be stored yet. Until it is, it is not used, and must not be lost.
    unsaved: Option<Unsaved>,
}

#[derive(Debug)]
struct Unsaved {
    grant: Grant,
    /// What must be in the store for it to be the next one.
    after: Secret,
}

/// A lost answer may have cost the token, or the request may not have arrived: once more can only help.
const ATTEMPTS: u32 = 3;
const STORE_ATTEMPTS: u32 = 3;

impl Person {
    pub fn new(
        key: GrantKey,
        store: Arc<dyn TokenStore>,
        locks: PathBuf,
        transport: &Transport,
        retry: RetryPolicy,
    ) -> Result<Arc<Self>> {
        let connection = transport.open()?;
        Ok(Arc::new(Self { key, store, locks, connection, retry, kept: Arc::default() }))
    }

    pub fn key(&self) -> &GrantKey {
        &self.key
    }

    /// Whether a person is signed in, without asking the workspace.
    pub async fn is_signed_in(&self) -> Result<bool> {
        match self.store.get(&self.key).await? {
            Some(text) => Ok(!Grant::from_secret(&text)?.ended),
            None => Ok(false),
        }
    }

    pub(crate) async fn token(self: &Arc<Self>, refused: Option<&Secret>) -> Result<Secret> {
        let mut kept = self.kept.clone().lock_owned().await;
        let fine = |grant: &&Grant| grant.is_fresh(now()) && Some(&grant.access_token) != refused;
        if let Some(grant) = kept.grant.as_ref().filter(fine) {
            return Ok(grant.access_token.clone());
        }
        let (this, refused) = (self.clone(), refused.cloned());
        // On a task of its own: a caller that goes away must not take an answer with it that is not stored yet.
        let renewing = tokio::spawn(async move { this.renew(&mut kept, refused.as_ref()).await });
        renewing.await.map_err(|e| Error::internal("renewing the sign-in ended early").with_cause(e))?
    }

    async fn renew(&self, kept: &mut Kept, refused: Option<&Secret>) -> Result<Secret> {
        let _lock = Lock::of(&self.locks, &self.key).await?;
        self.save_unsaved(kept).await?;
        let Some(text) = self.store.get(&self.key).await? else {
            kept.grant = None;
            return Err(self.not_signed_in());
        };
        let grant = Grant::from_secret(&text)?;
        let taken = |grant: &Grant| Some(&grant.access_token) != refused;
        // Another process has been here.
        if grant.is_fresh(now()) && taken(&grant) {
            return Ok(kept.grant.insert(grant).access_token.clone());
        }
        let still_good = (grant.is_valid(now()) && taken(&grant)).then(|| grant.access_token.clone());
        if grant.ended {
            return still_good.ok_or_else(|| self.ended(None));
        }
        if grant.refresh_token.is_none() {
            return still_good.ok_or_else(|| {
                self.ended(None).with_cause_text("the sign-in was made without a refresh token, and its hour is over")
            });
        }
        match self.spend(kept, grant, text).await {
            Ok(token) => Ok(token),
            Err(error) if error.retryable => match still_good {
                Some(token) => {
                    tracing::warn!(key = %self.key, %error, "the sign-in is not renewed yet; its token is still good");
                    Ok(token)
                }
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Uses up the refresh token. `text`: the grant as it is stored.
    async fn spend(&self, kept: &mut Kept, grant: Grant, text: Secret) -> Result<Secret> {
        let mut interrupted = grant.spent_at;
        let (mut grant, mut text) = (grant, text);
        for second in [false, true] {
            // If the store takes nothing, better to know it now than with the only good token in hand.
            let marked = Grant { spent_at: Some(now()), ..grant.clone() };
            let mark = marked.to_secret()?;
            if !self.store.compare_and_store(&self.key, Some(&text), &mark).await? {
                return self.overtaken(kept).await;
            }
            let issued_at = now();
            match self.ask(&grant).await {
                Ok(granted) => return self.keep(kept, &grant, granted, issued_at, mark).await,
                Err(TokenError::Spent(error)) => {
                    // A process without our lock may have been faster: a copy of the state folder, an older version.
                    let stored = self.store.get(&self.key).await?;
                    let other = match stored {
                        Some(stored) if stored != mark => stored,
                        Some(_) => {
                            let ended = Grant { ended: true, ..marked }.to_secret()?;
                            // Only spares the next attempt a request: that it fails changes nothing.
                            let _ = self.store.compare_and_store(&self.key, Some(&mark), &ended).await;
                            return Err(match interrupted {
                                Some(at) => self.ended(Some(error)).with_cause_text(format!(
                                    "a renewal was interrupted {} s ago, after the old token was used and before the new one was stored",
                                    now().saturating_sub(at)
                                )),
                                None => self.ended(Some(error)),
                            });
                        }
                        None => {
                            kept.grant = None;
                            return Err(self.not_signed_in());
                        }
                    };
                    let theirs = Grant::from_secret(&other)?;
                    if theirs.is_fresh(now()) && !theirs.ended {
                        return Ok(kept.grant.insert(theirs).access_token.clone());
                    }
                    if second || theirs.refresh_token.is_none() || theirs.refresh_token == grant.refresh_token {
                        return Err(self.ended(Some(error)));
                    }
                    interrupted = theirs.spent_at;
                    (grant, text) = (theirs, other);
                }
                Err(failure) => {
                    // Not spent, as far as we know: the mark is taken back.
                    let _ = self.store.compare_and_store(&self.key, Some(&mark), &grant.to_secret()?).await;
                    return Err(failure.into());
                }
            }
        }
        Err(self.ended(None))
    }

    async fn ask(&self, grant: &Grant) -> Result<Granted, TokenError> {
        let request = TokenRequest {
            endpoint: &grant.token_endpoint,
            form: vec![("grant_type", "refresh_token"), ("client_id", &grant.client_id)],
            secrets: grant.refresh_token.iter().map(|token| ("refresh_token", token)).collect(),
            basic: None,
        };
        granted(&request, &self.connection, self.retry, ATTEMPTS).await
    }

    /// First into the store, then into use.
    async fn keep(
        &self,
        kept: &mut Kept,
        old: &Grant,
        granted: Granted,
        issued_at: u64,
        mark: Secret,
    ) -> Result<Secret> {
        let grant = Grant {
            expires_at: issued_at + granted.life(),
            access_token: granted.access_token,
            // Servers without rotation give none back: the old one stays good.
            refresh_token: granted.refresh_token.or_else(|| old.refresh_token.clone()),
            issued_at,
            spent_at: None,
            ended: false,
            ..old.clone()
        };
        kept.unsaved = Some(Unsaved { grant, after: mark });
        self.save_unsaved(kept).await?;
        match &kept.grant {
            Some(grant) => Ok(grant.access_token.clone()),
            None => Err(self.not_signed_in()),
        }
    }

    /// Stores a grant that came earlier and could not be stored then.
    async fn save_unsaved(&self, kept: &mut Kept) -> Result<()> {
        let Some(unsaved) = &kept.unsaved else { return Ok(()) };
        let text = unsaved.grant.to_secret()?;
        let mut attempt = 0;
        let stored = loop {
            attempt += 1;
            match self.store.compare_and_store(&self.key, Some(&unsaved.after), &text).await {
                Ok(stored) => break stored,
                Err(error) if attempt >= STORE_ATTEMPTS => {
                    return Err(error.with_hint(
                        "Unlock the keychain. The new token waits in memory: the sign-in is lost if IceBridge is ended before.",
                    ));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100 * u64::from(attempt))).await,
            }
        };
        let unsaved = kept.unsaved.take();
        // If not, the person has signed in or out elsewhere in the meantime: that counts.
        kept.grant = if stored { unsaved.map(|unsaved| unsaved.grant) } else { None };
        if stored {
            return Ok(());
        }
        match self.store.get(&self.key).await? {
            Some(text) => {
                kept.grant = Some(Grant::from_secret(&text)?);
                Ok(())
            }
            None => Err(self.not_signed_in()),
        }
    }

    /// The store changed although we hold the lock: a process without it signed in or out.
    async fn overtaken(&self, kept: &mut Kept) -> Result<Secret> {
        match self.store.get(&self.key).await? {
            Some(text) => {
                let grant = Grant::from_secret(&text)?;
                if grant.is_valid(now()) && !grant.ended {
                    return Ok(kept.grant.insert(grant).access_token.clone());
                }
                Err(Error::new(Code::StateLocked, "another process is renewing the same sign-in")
                    .about(&self.key)
                    .with_hint("Try again.")
                    .retryable())
            }
            None => {
                kept.grant = None;
                Err(self.not_signed_in())
            }
        }
    }

    fn not_signed_in(&self) -> Error {
        Error::new(Code::CredentialsMissing, "no one is signed in to this workspace")
            .about(&self.key)
            .with_hint("Sign in through the browser.")
    }

    fn ended(&self, cause: Option<Error>) -> Error {
        let mut error = Error::new(Code::CredentialsRejected, "the sign-in has ended")
            .about(&self.key)
            .with_hint("Sign in again through the browser.");
        if let Some(cause) = cause {
            error.causes = cause.causes;
        }
        error
    }
}
