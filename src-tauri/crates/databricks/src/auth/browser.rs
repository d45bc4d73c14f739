//! A person signs in through the system's browser: authorization code with PKCE, answered on this machine.

use super::grant::{Grant, now};
use super::lock::Lock;
use super::oauth::granted;
use super::oidc::{Endpoints, discover};
use super::person::Person;
use super::pkce::Pkce;
use super::redirect::{Listener, PORTS};
use super::store::{GrantKey, TokenStore};
use crate::host::Host;
use crate::service::SERVICE;
use icebridge_http::{Connection, RetryPolicy, TokenRequest, Transport, not_this_service};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use url::Url;

/// As which application a person signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    pub client_id: String,
    pub scopes: Vec<String>,
    /// The first free one is taken. All must be registered for the application.
    pub ports: RangeInclusive<u16>,
}

impl Default for Application {
    /// The vendor's public application. An administrator may have switched it off; then the company has its own.
    fn default() -> Self {
        Self::with_client_id("databricks-cli")
    }
}

impl Application {
    pub fn with_client_id(client_id: impl Into<String>) -> Self {
        let scopes = vec!["offline_access".to_string(), "all-apis".to_string()];
        Self { client_id: client_id.into(), scopes, ports: PORTS }
    }
}

/// How long a person may take with passwords and phones.
const PATIENCE: Duration = Duration::from_secs(300);

/// A sign-in that waits for the browser. Dropped, it is over.
pub struct SignIn {
    host: Host,
    account_id: Option<String>,
    application: Application,
    endpoints: Endpoints,
    pkce: Pkce,
    listener: Listener,
    connection: Connection,
    transport: Transport,
    patience: Duration,
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn")
            .field("host", &self.host)
            .field("application", &self.application)
            .finish_non_exhaustive()
    }
}

impl SignIn {
    pub async fn begin(
        host: Host,
        account_id: Option<String>,
        application: Application,
        transport: &Transport,
    ) -> Result<Self> {
        let connection = transport.open()?;
        let endpoints = discover(&connection, &host, account_id.as_deref()).await?;
        let listener = Listener::bind(application.ports.clone()).await?;
        Ok(Self {
            host,
            account_id,
            application,
            endpoints,
            pkce: Pkce::new()?,
            listener,
            connection,
            transport: transport.clone(),
            patience: PATIENCE,
        })
    }

    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// What to open in the browser. It holds no secret that is worth anything without this process.
    pub fn address(&self) -> Result<Url> {
        let endpoint = &self.endpoints.authorization_endpoint;
        let mut url = Url::parse(endpoint).map_err(|e| not_this_service(&SERVICE, endpoint, e.to_string()))?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.application.client_id)
            .append_pair("redirect_uri", &self.listener.address())
            .append_pair("scope", &self.application.scopes.join(" "))
            .append_pair("state", self.pkce.state.expose())
            .append_pair("code_challenge", &self.pkce.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    pub fn key(&self) -> GrantKey {
        GrantKey::of(&self.host, self.account_id.as_deref(), &self.application.client_id)
    }

    /// Waits for the browser, fetches the tokens and stores them.
    pub async fn finish(
        self,
        store: Arc<dyn TokenStore>,
        locks: PathBuf,
        retry: RetryPolicy,
        cancel: &CancellationToken,
    ) -> Result<Arc<Person>> {
        let key = self.key();
        let Self { host, application, endpoints, pkce, listener, connection, transport, patience, .. } = self;
        let redirect = listener.address();
        let arrived = tokio::select! {
            arrived = listener.arrival(pkce.state.clone(), patience) => arrived,
            () = cancel.cancelled() => return Err(Error::new(Code::Cancelled, "the sign-in was cancelled").about(&host)),
        };
        let (arrival, tasks) = arrived.map_err(|other_states| {
            let error =
                Error::new(Code::CredentialsMissing, "no answer came from the browser in time").about(&host).with_hint(
                    "Sign in again, and finish in the browser. A browser on another machine cannot answer here.",
                );
            match other_states {
                0 => error,
                some => error.with_cause_text(format!("{some} answers came with the state of another sign-in")),
            }
        })?;
        let signed_in = async {
            let code = arrival.outcome.map_err(|denied| {
                let text: String = denied.description.chars().take(300).collect();
                Error::new(Code::CredentialsRejected, "the sign-in was refused")
                    .about(&host)
                    .with_hint(
                        "Sign in again. If an administrator has switched off the built-in application, ask for the client id of \
                         your company's own and give it in the settings.",
                    )
                    .with_cause_text(format!("{}: {text}", denied.kind))
            })?;
            let grant = exchange(&connection, retry, &application, &endpoints, &redirect, &code, &pkce.verifier).await?;
            let _lock = Lock::of(&locks, &key).await?;
            store.put(&key, &grant.to_secret()?).await?;
            Person::new(key.clone(), store.clone(), locks.clone(), &transport, retry)
        }
        .await;
        let _ = arrival.page.send(signed_in.is_ok());
        // No further connections; the one with the page writes it by itself.
        drop(tasks);
        signed_in
    }
}

async fn exchange(
    connection: &Connection,
    retry: RetryPolicy,
    application: &Application,
    endpoints: &Endpoints,
    redirect: &str,
    code: &Secret,
    verifier: &Secret,
) -> Result<Grant> {
    let request = TokenRequest {
        endpoint: &endpoints.token_endpoint,
        form: vec![
            ("grant_type", "authorization_code"),
            ("client_id", &application.client_id),
            ("redirect_uri", redirect),
        ],
        secrets: vec![("code", code), ("code_verifier", verifier)],
        basic: None,
    };
    let issued_at = now();
    // A code is good once: a second attempt after a lost answer can only be refused.
    let granted = granted(&request, connection, retry, 2).await?;
    Ok(Grant {
        client_id: application.client_id.clone(),
        token_endpoint: endpoints.token_endpoint.clone(),
        revocation_endpoint: endpoints.revocation_endpoint.clone(),
        expires_at: issued_at + granted.life(),
        access_token: granted.access_token,
        refresh_token: granted.refresh_token,
        issued_at,
        spent_at: None,
        ended: false,
    })
}
