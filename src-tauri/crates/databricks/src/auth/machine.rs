//! A service principal: OAuth client credentials, in memory only.

use super::grant::{Grant, now};
use super::oauth::{TokenError, granted};
use super::oidc::{Endpoints, discover};
use crate::host::Host;
use icebridge_http::{Connection, RetryPolicy, TokenRequest, Transport};
use icebridge_model::Result;
use icebridge_model::secret::Secret;
use tokio::sync::Mutex;

#[derive(Debug)]
pub struct Machine {
    host: Host,
    account_id: Option<String>,
    client_id: String,
    client_secret: Secret,
    connection: Connection,
    retry: RetryPolicy,
    /// Held while a token is fetched, so that many requests wait for one.
    kept: Mutex<(Option<Endpoints>, Option<Grant>)>,
}

const ATTEMPTS: u32 = 4;

impl Machine {
    pub fn new(
        host: Host,
        account_id: Option<String>,
        client_id: String,
        client_secret: Secret,
        transport: &Transport,
        retry: RetryPolicy,
    ) -> Result<Self> {
        let connection = transport.open()?;
        Ok(Self { host, account_id, client_id, client_secret, connection, retry, kept: Mutex::default() })
    }

    pub(crate) fn client_secret(&self) -> Secret {
        self.client_secret.clone()
    }

    pub(crate) async fn token(&self, refused: Option<&Secret>) -> Result<Secret> {
        let mut kept = self.kept.lock().await;
        let (endpoints, grant) = &mut *kept;
        let known = grant.as_ref().filter(|grant| Some(&grant.access_token) != refused);
        if let Some(grant) = known.filter(|grant| grant.is_fresh(now())) {
            return Ok(grant.access_token.clone());
        }
        let still_good = known.filter(|grant| grant.is_valid(now())).map(|grant| grant.access_token.clone());
        let places = match endpoints {
            Some(places) => places,
            None => endpoints.insert(discover(&self.connection, &self.host, self.account_id.as_deref()).await?),
        };
        let request = TokenRequest {
            endpoint: &places.token_endpoint,
            form: vec![("grant_type", "client_credentials"), ("scope", "all-apis")],
            secrets: Vec::new(),
            basic: Some((&self.client_id, &self.client_secret)),
        };
        let issued_at = now();
        match granted(&request, &self.connection, self.retry, ATTEMPTS).await {
            Ok(granted) => {
                let fresh = Grant {
                    client_id: self.client_id.clone(),
                    token_endpoint: places.token_endpoint.clone(),
                    revocation_endpoint: None,
                    expires_at: issued_at + granted.life(),
                    access_token: granted.access_token,
                    refresh_token: None,
                    issued_at,
                    spent_at: None,
                    ended: false,
                };
                Ok(grant.insert(fresh).access_token.clone())
            }
            Err(TokenError::Passing(error)) => still_good.ok_or(error),
            Err(failure) => Err(failure.into()),
        }
    }
}
