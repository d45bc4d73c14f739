//! Requests to a token server.

use crate::client::{Pace, retry_after, unreachable};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::Instant;
use zeroize::Zeroize;

#[derive(Debug)]
pub(crate) struct TokenRequest<'a> {
    pub endpoint: &'a str,
    pub form: Vec<(&'static str, &'a str)>,
    pub secrets: Vec<(&'static str, &'a Secret)>,
    /// Client id and secret in a header, as the vendor's clients send them.
    pub basic: Option<(&'a str, &'a Secret)>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Granted {
    pub access_token: Secret,
    #[serde(default)]
    pub refresh_token: Option<Secret>,
    #[serde(default)]
    expires_in: Option<f64>,
}

impl Granted {
    /// In seconds. An hour, the vendor's own default, if the server does not say.
    pub(crate) fn life(&self) -> u64 {
        match self.expires_in {
            // Bounded, so that the sum with a clock is too.
            Some(seconds) if seconds.is_finite() && seconds >= 1.0 => seconds.min(1e9) as u64,
            _ => 3600,
        }
    }
}

#[derive(Debug)]
pub(crate) enum TokenFailure {
    /// `invalid_grant`: this code or refresh token is worth nothing, now or later.
    Spent(Error),
    Refused(Error),
    /// The same request may succeed later.
    Passing(Error),
}

impl From<TokenFailure> for Error {
    fn from(failure: TokenFailure) -> Self {
        match failure {
            TokenFailure::Spent(error) | TokenFailure::Refused(error) | TokenFailure::Passing(error) => error,
        }
    }
}

const ANSWER: Duration = Duration::from_secs(30);

impl TokenRequest<'_> {
    /// `attempts`: 1 for what can be sent once only.
    pub(crate) async fn send(
        &self,
        http: &reqwest::Client,
        pace: Pace,
        attempts: u32,
    ) -> Result<Granted, TokenFailure> {
        let begun = Instant::now();
        let mut attempt = 0;
        loop {
            let (failure, wait) = match self.once(http).await {
                Err((TokenFailure::Passing(error), wait)) => (error, wait),
                other => return other.map_err(|(failure, _)| failure),
            };
            attempt += 1;
            let wait = wait.map_or_else(|| pace.backoff(attempt), |asked| pace.after(asked));
            if attempt >= attempts || begun.elapsed() + wait > pace.patience.min(ANSWER) {
                return Err(TokenFailure::Passing(failure));
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn once(&self, http: &reqwest::Client) -> Result<Granted, (TokenFailure, Option<Duration>)> {
        let lost = |e: reqwest::Error| (TokenFailure::Passing(unreachable(self.endpoint, e)), None);
        let answer = self.post(http).await.map_err(lost)?;
        let status = answer.status().as_u16();
        let wait = retry_after(answer.headers());
        let body = answer.bytes().await.map_err(lost)?;
        if !(200..300).contains(&status) {
            return Err((self.refused(status, &body), wait));
        }
        let granted: Result<Granted, _> = serde_json::from_slice(&body);
        if let Ok(mut body) = body.try_into_mut() {
            body.zeroize();
        }
        granted.map_err(|e| {
            let error = Error::new(Code::WorkspaceRefused, "the token server's answer holds no token")
                .about(self.endpoint)
                .with_hint("Check the workspace's address. A sign-in page or a proxy may have answered instead.")
                // Not the body: it may hold the token in an unknown place.
                .with_cause_text(format!("{:?} at column {}", e.classify(), e.column()));
            (TokenFailure::Refused(error), None)
        })
    }

    /// The same way for tokens that are to be revoked (RFC 7009).
    pub(crate) async fn post(&self, http: &reqwest::Client) -> reqwest::Result<reqwest::Response> {
        let mut form: Vec<(&str, &str)> = self.form.clone();
        form.extend(self.secrets.iter().map(|(name, secret)| (*name, secret.expose())));
        let mut request = http.post(self.endpoint).timeout(ANSWER).header("accept", "application/json").form(&form);
        if let Some((id, secret)) = self.basic {
            request = request.basic_auth(id, Some(secret.expose()));
        }
        request.send().await
    }

    pub(crate) fn refused(&self, status: u16, body: &[u8]) -> TokenFailure {
        #[derive(Default, Deserialize)]
        struct Said {
            #[serde(default, alias = "error_code")]
            error: Option<String>,
            #[serde(default, alias = "message")]
            error_description: Option<String>,
        }
        // Only these fields: a body in another form may repeat what was sent.
        let said: Said = serde_json::from_slice(body).unwrap_or_default();
        let (kind, words) = (said.error.unwrap_or_default(), said.error_description.unwrap_or_default());
        let words: String = words.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect();
        let cause = match (kind.is_empty(), words.is_empty()) {
            (true, true) => format!("HTTP {status}"),
            (true, false) => format!("HTTP {status}: {words}"),
            (false, true) => format!("HTTP {status}: {kind}"),
            (false, false) => format!("HTTP {status}: {kind}: {words}"),
        };
        let cause = self.scrubbed(cause);
        let error = |code, message: &str, hint: &str| {
            Error::new(code, message).about(self.endpoint).with_hint(hint).with_cause_text(cause.clone())
        };
        match status {
            429 => TokenFailure::Passing(
                error(Code::RateLimited, "the token server asks for fewer requests", "Wait a little.").retryable(),
            ),
            500..=599 => TokenFailure::Passing(
                error(Code::WorkspaceUnreachable, "the token server is out of order", "Try again later.").retryable(),
            ),
            _ if kind == "invalid_grant" || words.contains("Refresh token is invalid") => TokenFailure::Spent(error(
                Code::CredentialsRejected,
                "the sign-in has ended",
                "Sign in again through the browser.",
            )),
            _ if matches!(kind.as_str(), "invalid_client" | "unauthorized_client") => TokenFailure::Refused(error(
                Code::CredentialsRejected,
                "the token server does not accept this application",
                "Check the client id and its secret. If an administrator has switched off the built-in application, ask for \
                 the client id of your company's own and give it in the settings.",
            )),
            _ => TokenFailure::Refused(error(
                Code::CredentialsRejected,
                "the token server refuses the sign-in",
                "See the cause; sign in again.",
            )),
        }
    }

    /// A server may repeat what it was sent.
    fn scrubbed(&self, mut text: String) -> String {
        let secrets = self.secrets.iter().map(|(_, secret)| *secret).chain(self.basic.map(|(_, secret)| secret));
        for secret in secrets.filter(|secret| !secret.is_empty()) {
            text = text.replace(secret.expose(), "***");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_repeats_is_not_repeated() {
        let secret = Secret::new("canary");
        let request = TokenRequest {
            endpoint: "https://h/t",
            form: vec![],
            secrets: vec![("refresh_token", &secret)],
            basic: Some(("id", &secret)),
        };
        for body in
            [r#"{"error":"invalid_grant","error_description":"no such token canary"}"#, "canary", r#"{"x":"canary"}"#]
        {
            let error = Error::from(request.refused(400, body.as_bytes()));
            assert!(!format!("{error} {error:?} {request:?}").contains("canary"), "{error}");
        }
        assert!(matches!(request.refused(400, br#"{"error":"invalid_grant"}"#), TokenFailure::Spent(_)));
        let older = br#"{"error":"invalid_request","error_description":"Refresh token is invalid"}"#;
        assert!(matches!(request.refused(400, older), TokenFailure::Spent(_)));
        assert!(matches!(request.refused(503, b""), TokenFailure::Passing(_)));
        assert!(matches!(request.refused(401, br#"{"error":"invalid_client"}"#), TokenFailure::Refused(_)));
    }

    #[test]
    fn lives_of_all_kinds_are_bounded() {
        let of = |text: &str| serde_json::from_str::<Granted>(text).unwrap().life();
        assert_eq!(of(r#"{"access_token":"t","expires_in":60}"#), 60);
        assert_eq!(of(r#"{"access_token":"t"}"#), 3600);
        assert_eq!(of(r#"{"access_token":"t","expires_in":-5}"#), 3600);
        assert_eq!(of(r#"{"access_token":"t","expires_in":1e300}"#), 1_000_000_000);
    }
}
