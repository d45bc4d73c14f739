//! Who we are to the catalog: nobody, a bearer token, an OAuth2 client, or whom somebody else has signed in.

use super::client::{OPENING_ANSWER, Pace, attempts_to_open, retry_after};
use super::failures::{Refusal, unreachable};
use crate::catalog::{Bearer, Secrets};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

#[derive(Debug)]
pub(super) enum Auth {
    Nobody,
    Token(Secret),
    Client(Box<Client>),
    Lent(Arc<dyn Bearer>),
}

/// OAuth2 client credentials.
#[derive(Debug)]
pub(super) struct Client {
    server: String,
    form: Vec<(&'static str, String)>,
    id: Option<String>,
    secret: Secret,
    pace: Pace,
    /// Held while a token is fetched, so that many requests wait for one refresh.
    now: Mutex<Option<Granted>>,
}

#[derive(Debug)]
struct Granted {
    token: Secret,
    until: Option<Instant>,
}

/// No token: how often to ask in all, and how long to wait if the server says so.
struct Denied {
    error: Error,
    most: u32,
    wait: Option<Duration>,
}

/// A request that starts with a token must also arrive with it.
const SPARE: Duration = Duration::from_secs(60);
const ATTEMPTS: u32 = 4;

impl Auth {
    pub(super) fn new(
        base: &str,
        properties: &BTreeMap<String, String>,
        secrets: &Secrets,
        bearer: Option<Arc<dyn Bearer>>,
        pace: Pace,
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
            return Ok(Self::Client(Box::new(Client { server, form, id, secret, pace, now: Mutex::new(None) })));
        }
        Ok(match secrets.get("token").filter(|t| !t.is_empty()) {
            Some(token) if token.expose().contains(|c: char| c.is_control() || c.is_whitespace()) => {
                return Err(
                    Error::invalid("the token holds white space").with_hint("Copy it again, without line breaks.")
                );
            }
            Some(token) => Self::Token(token.clone()),
            None => Self::Nobody,
        })
    }

    /// The token for the next request.
    pub(super) async fn token(&self, http: &reqwest::Client) -> Result<Option<Secret>> {
        match self {
            Self::Nobody => Ok(None),
            Self::Token(token) => Ok(Some(token.clone())),
            Self::Lent(bearer) => bearer.token().await.map(Some),
            Self::Client(client) => {
                let mut now = client.now.lock().await;
                match &*now {
                    Some(granted) if granted.until.is_none_or(|end| Instant::now() < end) => {
                        Ok(Some(granted.token.clone()))
                    }
                    _ => {
                        let granted = client.fetch(http, now.is_some()).await?;
                        Ok(Some(now.insert(granted).token.clone()))
                    }
                }
            }
        }
    }

    /// Told that the server refused `stale`. True if there is another token to try.
    pub(super) async fn renew(&self, http: &reqwest::Client, stale: Option<&Secret>) -> Result<bool> {
        let client = match self {
            Self::Nobody | Self::Token(_) => return Ok(false),
            Self::Lent(bearer) => {
                return match stale {
                    Some(stale) => bearer.renew(stale).await,
                    None => Ok(true),
                };
            }
            Self::Client(client) => client,
        };
        let mut now = client.now.lock().await;
        // Somebody else has renewed it while we waited.
        if now.as_ref().map(|g| &g.token) == stale {
            *now = Some(client.fetch(http, true).await?);
        }
        Ok(true)
    }
}

impl Client {
    /// `known`: the server has given us a token before.
    async fn fetch(&self, http: &reqwest::Client, known: bool) -> Result<Granted> {
        let mut attempt = 0;
        loop {
            match self.ask(http, known).await {
                Err(Denied { error, most, wait }) if error.retryable && attempt + 1 < most => {
                    attempt += 1;
                    tokio::time::sleep(wait.unwrap_or_else(|| self.pace.backoff(attempt))).await;
                }
                other => return other.map_err(|denied| denied.error),
            }
        }
    }

    async fn ask(&self, http: &reqwest::Client, known: bool) -> Result<Granted, Denied> {
        #[derive(Deserialize)]
        struct Answer {
            access_token: Secret,
            #[serde(default)]
            expires_in: Option<f64>,
        }
        let mut form: Vec<(&str, &str)> = self.form.iter().map(|(k, v)| (*k, v.as_str())).collect();
        form.extend(self.id.as_deref().map(|id| ("client_id", id)));
        form.push(("client_secret", self.secret.expose()));
        let failed = |e: reqwest::Error| Denied {
            most: if known { ATTEMPTS } else { attempts_to_open(&e) },
            error: unreachable(&self.server, e),
            wait: None,
        };
        let request = http.post(&self.server).timeout(OPENING_ANSWER).form(&form);
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let wait = retry_after(answer.headers());
        let body = answer.bytes().await.map_err(failed)?;
        if !status.is_success() {
            let mut error = Refusal::parse(status.as_u16(), &body, &self.server).into_error();
            if matches!(status.as_u16(), 400 | 401 | 403) {
                error.code = Code::CredentialsRejected;
                error.message = "the token server does not accept the client id and secret".into();
                error.hint = Some(
                    "Check the secret `credential` (client-id:client-secret), `scope` and `oauth2-server-uri`.".into(),
                );
            }
            return Err(Denied { error, most: ATTEMPTS, wait });
        }
        let granted: Answer = serde_json::from_slice(&body).map_err(|e| {
            let error = Error::new(Code::CatalogRefused, "the token server's answer holds no token")
                .about(&self.server)
                .with_hint("Check `oauth2-server-uri`.")
                // Not the body: it may hold the token in an unknown place.
                .with_cause_text(format!("{:?} at column {}", e.classify(), e.column()));
            Denied { error, most: 1, wait: None }
        })?;
        let until = granted.expires_in.filter(|s| s.is_finite() && *s > 0.0).map(|seconds| {
            let life = Duration::from_secs_f64(seconds.min(1e9));
            Instant::now() + life.saturating_sub(SPARE).max(life / 2)
        });
        Ok(Granted { token: granted.access_token, until })
    }
}
