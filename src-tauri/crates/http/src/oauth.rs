//! Requests to a token server (RFC 6749, 7009).

use crate::blocker::ConnectBlocker;
use crate::body::{self, BodyFault, MAX_SMALL_ANSWER_BYTES};
use crate::failure::unreachable;
use crate::refusal::{one_line, summary};
use crate::retry::{Attempts, RetryPolicy, retry_after};
use crate::scrub::Scrubber;
use crate::service::Service;
use crate::transport::Connection;
use icebridge_model::Error;
use icebridge_model::secret::Secret;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;
use zeroize::Zeroize;

const ANSWER: Duration = Duration::from_secs(30);
/// A token that the server does not give a life for: an hour.
const DEFAULT_LIFE_SECONDS: u64 = 3600;

#[derive(Debug)]
pub struct TokenRequest<'a> {
    pub endpoint: &'a str,
    pub form: Vec<(&'static str, &'a str)>,
    pub secrets: Vec<(&'static str, &'a Secret)>,
    /// Client id and secret in a header instead of the form.
    pub basic: Option<(&'a str, &'a Secret)>,
}

#[derive(Debug, Deserialize)]
pub struct Granted {
    pub access_token: Secret,
    #[serde(default)]
    pub refresh_token: Option<Secret>,
    /// A number, which some write as text. Whatever it is, the token counts: a refresh token may be spent for it.
    #[serde(default)]
    expires_in: Value,
}

impl Granted {
    /// In seconds; None if the server does not say. Bounded, so that the sum with a clock is too.
    pub fn stated_life(&self) -> Option<u64> {
        let seconds = match &self.expires_in {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_f64(),
        };
        seconds.filter(|seconds: &f64| seconds.is_finite() && *seconds >= 1.0).map(|seconds| seconds.min(1e9) as u64)
    }

    /// In seconds.
    pub fn life(&self) -> u64 {
        self.stated_life().unwrap_or(DEFAULT_LIFE_SECONDS)
    }
}

#[derive(Debug)]
pub enum TokenFailure {
    Refused(TokenRefusal),
    /// No whole answer. The same request may succeed later, unless the error says that a setting is wrong.
    Unreachable(Error),
    /// An answer that holds no token; the text says where it stops being one, not what it holds.
    NoToken(String),
}

/// A token server's no. Everything in it is scrubbed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRefusal {
    pub status: u16,
    /// `invalid_client`, `invalid_grant` and others of RFC 6749; empty if the server gives none.
    pub kind: String,
    pub description: String,
}

impl TokenRefusal {
    pub fn summary(&self) -> String {
        summary(self.status, &self.kind, &self.description)
    }

    /// The server is overloaded or broken: the same request may succeed later.
    pub fn may_pass(&self) -> bool {
        matches!(self.status, 429 | 500..=599)
    }
}

impl TokenRequest<'_> {
    /// Sent again, as `policy` allows, after a lost answer too: set one attempt for what may be sent once only.
    pub async fn send(
        &self,
        connection: &Connection,
        service: &'static Service,
        policy: RetryPolicy,
    ) -> Result<Granted, TokenFailure> {
        let mut attempts = Attempts::new(policy);
        loop {
            let begun = Instant::now();
            let Denied { failure, wait, passing } = match self.once(connection, service, policy).await {
                Ok(granted) => return Ok(granted),
                Err(denied) => *denied,
            };
            if !passing {
                return Err(failure);
            }
            attempts.spend(begun.elapsed());
            match attempts.next(wait) {
                Ok(wait) => tokio::time::sleep(wait).await,
                Err(_) => return Err(failure),
            }
        }
    }

    /// The same way for a token that is to be revoked.
    pub async fn revoke(&self, connection: &Connection, service: &'static Service) -> Result<(), TokenFailure> {
        let answer = self
            .post(connection)
            .await
            .map_err(|e| TokenFailure::Unreachable(unreachable(service, self.endpoint, e)))?;
        let status = answer.status();
        match status.is_success() {
            true => Ok(()),
            false => Err(TokenFailure::Refused(self.refusal(status.as_u16(), &body::read_error(answer).await))),
        }
    }

    async fn once(
        &self,
        connection: &Connection,
        service: &'static Service,
        policy: RetryPolicy,
    ) -> Result<Granted, Box<Denied>> {
        let lost = |e: reqwest::Error| {
            let silent = e.is_timeout() && !policy.repeat_silence;
            let passing = ConnectBlocker::of(&e).is_none() && !silent;
            denied(TokenFailure::Unreachable(unreachable(service, self.endpoint, e)), None, passing)
        };
        let answer = self.post(connection).await.map_err(lost)?;
        let status = answer.status();
        if !status.is_success() {
            let wait = retry_after(answer.headers());
            let refusal = self.refusal(status.as_u16(), &body::read_error(answer).await);
            let passing = refusal.may_pass();
            return Err(denied(TokenFailure::Refused(refusal), wait, passing));
        }
        let no_token = |why: String| denied(TokenFailure::NoToken(why), None, false);
        let body = match body::read(answer, MAX_SMALL_ANSWER_BYTES).await {
            Ok(body) => body,
            Err(BodyFault::Lost(e)) => return Err(lost(e)),
            Err(BodyFault::TooLong) => return Err(no_token("the answer is too long for a token".into())),
        };
        let granted: Result<Granted, _> = serde_json::from_slice(&body);
        if let Ok(mut body) = body.try_into_mut() {
            body.zeroize();
        }
        // Not the body: it may hold the token in an unknown place.
        granted.map_err(|e| no_token(format!("{:?} at column {}", e.classify(), e.column())))
    }

    async fn post(&self, connection: &Connection) -> reqwest::Result<reqwest::Response> {
        let mut form: Vec<(&str, &str)> = self.form.clone();
        form.extend(self.secrets.iter().map(|(name, secret)| (*name, secret.expose())));
        let request = connection.0.post(self.endpoint).timeout(ANSWER).header("accept", "application/json").form(&form);
        match self.basic {
            Some((id, secret)) => request.basic_auth(id, Some(secret.expose())).send().await,
            None => request.send().await,
        }
    }

    fn refusal(&self, status: u16, body: &[u8]) -> TokenRefusal {
        #[derive(Default, Deserialize)]
        struct ErrorBody {
            #[serde(default, alias = "error_code")]
            error: Option<String>,
            #[serde(default, alias = "message")]
            error_description: Option<String>,
        }
        // Only these fields: a body in another form may repeat what was sent.
        let body: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
        let scrubber = self.scrubber();
        let text = |text: Option<String>, max| one_line(&scrubber.scrub(&text.unwrap_or_default()), max);
        TokenRefusal { status, kind: text(body.error, 100), description: text(body.error_description, 300) }
    }

    fn scrubber(&self) -> Scrubber {
        let mut scrubber = Scrubber::new(self.secrets.iter().map(|(_, secret)| *secret));
        if let Some((id, secret)) = self.basic {
            scrubber.add_basic(id, secret);
        }
        scrubber
    }
}

struct Denied {
    failure: TokenFailure,
    /// What the server asks for.
    wait: Option<Duration>,
    passing: bool,
}

fn denied(failure: TokenFailure, wait: Option<Duration>, passing: bool) -> Box<Denied> {
    Box::new(Denied { failure, wait, passing })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_repeats_no_secret_that_was_sent() {
        let secret = Secret::new("canary");
        let request = TokenRequest {
            endpoint: "https://h/t",
            form: vec![],
            secrets: vec![("refresh_token", &secret)],
            basic: Some(("id", &secret)),
        };
        for body in [
            r#"{"error":"invalid_grant","error_description":"no such token canary"}"#,
            r#"{"error":"canary"}"#,
            "canary",
            r#"{"x":"canary"}"#,
        ] {
            let refusal = request.refusal(400, body.as_bytes());
            assert!(!format!("{refusal:?} {} {request:?}", refusal.summary()).contains("canary"), "{refusal:?}");
        }
        assert_eq!(request.refusal(400, br#"{"error":"invalid_grant"}"#).kind, "invalid_grant");
        assert!(request.refusal(503, b"").may_pass() && !request.refusal(400, b"").may_pass());
    }

    #[test]
    fn lives_of_all_kinds_are_bounded() {
        let of = |text: &str| serde_json::from_str::<Granted>(text).unwrap().life();
        assert_eq!(of(r#"{"access_token":"t","expires_in":60}"#), 60);
        assert_eq!(of(r#"{"access_token":"t","expires_in":"90"}"#), 90);
        assert_eq!(of(r#"{"access_token":"t","expires_in":[]}"#), 3600);
        assert_eq!(of(r#"{"access_token":"t"}"#), 3600);
        assert_eq!(of(r#"{"access_token":"t","expires_in":-5}"#), 3600);
        assert_eq!(of(r#"{"access_token":"t","expires_in":1e300}"#), 1_000_000_000);
    }
}
