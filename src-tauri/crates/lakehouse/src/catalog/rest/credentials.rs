//! Who asks the catalog: anonymous, with a token, as an OAuth2 client, or with a sign-in that is kept elsewhere.

use super::service::SERVICE;
use crate::catalog::common::contract::{Bearer, Secrets};
use async_trait::async_trait;
use icebridge_http::{Connection, Credentials, Granted, RetryPolicy, TokenFailure, TokenRequest};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

#[derive(Debug)]
pub(super) enum CatalogCredentials {
    Anonymous,
    Token(Secret),
    Client(Box<OAuthClient>),
    Lent(Arc<dyn Bearer>),
}

/// OAuth2 client credentials.
#[derive(Debug)]
pub(super) struct OAuthClient {
    server: String,
    form: Vec<(&'static str, String)>,
    id: Option<String>,
    secret: Secret,
    connection: Connection,
    retry: RetryPolicy,
    /// Held while a token is fetched, so that many requests wait for one refresh.
    current: Mutex<Option<Current>>,
}

#[derive(Debug)]
struct Current {
    token: Secret,
    until: Option<Instant>,
}

/// A request that starts with a token must also arrive with it.
const SPARE: Duration = Duration::from_secs(60);
const ATTEMPTS: u32 = 4;

impl CatalogCredentials {
    pub(super) fn new(
        base: &str,
        properties: &BTreeMap<String, String>,
        secrets: &Secrets,
        bearer: Option<Arc<dyn Bearer>>,
        connection: Connection,
        retry: RetryPolicy,
    ) -> Result<Self> {
        if let Some(bearer) = bearer {
            return Ok(Self::Lent(bearer));
        }
        if let Some(credential) = secrets.get("credential").filter(|c| !c.is_empty()) {
            let (id, secret) = match credential.expose().split_once(':') {
                Some((id, secret)) => (Some(id.to_string()), Secret::new(secret)),
                // Some servers know a client by its secret alone.
                None => (None, credential.clone()),
            };
            let property = |name: &str| properties.get(name).map(String::as_str).filter(|v| !v.is_empty());
            let server = match property("oauth2-server-uri") {
                Some(uri) if uri.contains("://") => uri.to_string(),
                Some(path) => format!("{base}/{}", path.trim_start_matches('/')),
                None => format!("{base}/v1/oauth/tokens"),
            };
            let mut form = vec![("grant_type", "client_credentials".to_string())];
            form.push(("scope", property("scope").unwrap_or("catalog").to_string()));
            for name in ["audience", "resource"] {
                form.extend(property(name).map(|value| (name, value.to_string())));
            }
            let current = Mutex::new(None);
            return Ok(Self::Client(Box::new(OAuthClient { server, form, id, secret, connection, retry, current })));
        }
        Ok(match secrets.get("token").filter(|t| !t.is_empty()) {
            Some(token) if token.expose().contains(|c: char| c.is_control() || c.is_whitespace()) => {
                return Err(
                    Error::invalid("the token holds white space").with_hint("Copy it again, without line breaks.")
                );
            }
            Some(token) => Self::Token(token.clone()),
            None => Self::Anonymous,
        })
    }
}

#[async_trait]
impl Credentials for CatalogCredentials {
    async fn token(&self) -> Result<Option<Secret>> {
        match self {
            Self::Anonymous => Ok(None),
            Self::Token(token) => Ok(Some(token.clone())),
            Self::Lent(bearer) => bearer.token().await.map(Some),
            Self::Client(client) => {
                let mut current = client.current.lock().await;
                match &*current {
                    Some(granted) if granted.until.is_none_or(|end| Instant::now() < end) => {
                        Ok(Some(granted.token.clone()))
                    }
                    _ => {
                        let granted = client.fetch(current.is_some()).await?;
                        Ok(Some(current.insert(granted).token.clone()))
                    }
                }
            }
        }
    }

    async fn renew(&self, stale: Option<&Secret>) -> Result<bool> {
        let client = match (self, stale) {
            (Self::Anonymous | Self::Token(_), _) => return Ok(false),
            (Self::Lent(bearer), Some(stale)) => return bearer.renew(stale).await,
            (Self::Lent(_), None) => return Ok(true),
            (Self::Client(client), _) => client,
        };
        let mut current = client.current.lock().await;
        // Another request may have renewed it while this one waited.
        if current.as_ref().map(|granted| &granted.token) == stale {
            *current = Some(client.fetch(true).await?);
        }
        Ok(true)
    }

    fn secrets(&self) -> Vec<Secret> {
        match self {
            Self::Client(client) => vec![client.secret.clone()],
            Self::Anonymous | Self::Token(_) | Self::Lent(_) => Vec::new(),
        }
    }
}

impl OAuthClient {
    /// `known`: the server has given a token before. If not, what does not answer is most likely a wrong address.
    async fn fetch(&self, known: bool) -> Result<Current> {
        let mut form: Vec<(&'static str, &str)> = self.form.iter().map(|(k, v)| (*k, v.as_str())).collect();
        form.extend(self.id.as_deref().map(|id| ("client_id", id)));
        let secrets = vec![("client_secret", &self.secret)];
        let request = TokenRequest { endpoint: &self.server, form, secrets, basic: None };
        let policy = RetryPolicy { attempts: ATTEMPTS, repeat_silence: known, ..self.retry };
        let granted =
            request.send(&self.connection, &SERVICE, policy).await.map_err(|failure| self.explain(failure))?;
        let until = granted.stated_life().map(|seconds| {
            let life = Duration::from_secs(seconds);
            Instant::now() + life.saturating_sub(SPARE).max(life / 2)
        });
        let Granted { access_token: token, .. } = granted;
        Ok(Current { token, until })
    }

    fn explain(&self, failure: TokenFailure) -> Error {
        let error = |code, message, hint: &str| Error::new(code, message).about(&self.server).with_hint(hint);
        match failure {
            TokenFailure::Unreachable(error) => error,
            TokenFailure::NoToken(why) => {
                error(Code::CatalogRefused, "the token server's answer holds no token", "Check `oauth2-server-uri`.")
                    .with_cause_text(why)
            }
            TokenFailure::Refused(refusal) => match refusal.status {
                400 | 401 | 403 => error(
                    Code::CredentialsRejected,
                    "the token server does not accept the client id and secret",
                    "Check the secret `credential` (client-id:client-secret), `scope` and `oauth2-server-uri`.",
                ),
                300..=399 => error(
                    Code::CatalogRefused,
                    "the token server redirects to another address, which gets no secret",
                    "If you trust the address, set it as the property `oauth2-server-uri`.",
                ),
                429 => {
                    error(Code::RateLimited, "the token server asks for fewer requests", "Wait a little.").retryable()
                }
                500..=599 => {
                    error(Code::CatalogUnreachable, "the token server is unavailable", "Try again later.").retryable()
                }
                _ => error(Code::CatalogRefused, "the token server refuses the request", "Check `oauth2-server-uri`."),
            }
            .with_cause_text(refusal.summary()),
        }
    }
}
