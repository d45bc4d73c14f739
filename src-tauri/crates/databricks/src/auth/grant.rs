//! Tokens with their times, as they lie in the store.

use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// Renewed when so little is left, in seconds. A long request that starts with a token must also end with it.
const EARLY: u64 = 300;
/// Some clouds refuse tokens that have less than half a minute left.
const LAST: u64 = 40;

/// Times are of the wall clock: other clocks stand still while a laptop sleeps, tokens don't.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub client_id: String,
    pub token_endpoint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    pub access_token: Secret,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
    pub issued_at: u64,
    pub expires_at: u64,
    /// Set just before the refresh token is spent and cleared with the next one: a process that ended in between has
    /// lost the new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent_at: Option<u64>,
    /// The server has said that the refresh token is worth nothing any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ended: bool,
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl Grant {
    fn left(&self, now: u64) -> u64 {
        // A clock that was set back would make tokens look fresh for ever.
        if now + EARLY < self.issued_at { 0 } else { self.expires_at.saturating_sub(now) }
    }

    fn quarter(&self) -> u64 {
        self.expires_at.saturating_sub(self.issued_at) / 4
    }

    /// Good for any request.
    pub(crate) fn is_fresh(&self, now: u64) -> bool {
        self.left(now) > EARLY.min(self.quarter())
    }

    /// Still taken, if renewing it does not work at the moment.
    pub(crate) fn is_valid(&self, now: u64) -> bool {
        self.left(now) > LAST.min(self.quarter())
    }

    pub(crate) fn to_secret(&self) -> Result<Secret> {
        let refresh = self.refresh_token.as_ref().map_or(0, |token| token.expose().len());
        // In one piece: a buffer that grows leaves copies behind that are not wiped.
        let mut text = Vec::with_capacity(2 * (self.access_token.expose().len() + refresh) + 2048);
        serde_json::to_writer(&mut text, self)
            .map_err(|e| Error::internal("a sign-in cannot be written").with_cause(e))?;
        let text = String::from_utf8(text).map_err(|_| Error::internal("a sign-in cannot be written"))?;
        Ok(Secret::new(text))
    }

    pub(crate) fn from_secret(text: &Secret) -> Result<Self> {
        serde_json::from_str(text.expose()).map_err(|e| {
            Error::new(Code::CredentialsMissing, "the stored sign-in cannot be understood")
                .with_hint("Sign in again.")
                // Its place, not its text: that may repeat a value.
                .with_cause_text(format!("{:?} at column {}", e.classify(), e.column()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(issued_at: u64, life: u64) -> Grant {
        Grant {
            client_id: "c".into(),
            token_endpoint: "https://h/t".into(),
            revocation_endpoint: None,
            access_token: Secret::new("canary-a"),
            refresh_token: Some(Secret::new("canary-r")),
            issued_at,
            expires_at: issued_at + life,
            spent_at: None,
            ended: false,
        }
    }

    #[test]
    fn a_token_is_renewed_before_it_is_refused() {
        let hour = grant(10_000, 3600);
        let at = |second: u64| (hour.is_fresh(10_000 + second), hour.is_valid(10_000 + second));
        assert_eq!(at(0), (true, true));
        assert_eq!(at(3299), (true, true));
        assert_eq!(at(3300), (false, true));
        assert_eq!(at(3559), (false, true));
        assert_eq!(at(3560), (false, false));
        assert_eq!(at(9999), (false, false));
        // A policy may give a minute: not refreshed with every request.
        let minute = grant(10_000, 60);
        assert!(minute.is_fresh(10_040) && !minute.is_fresh(10_045));
        // The clock was set back by a day.
        assert!(!grant(100_000, 3600).is_valid(13_600));
    }

    #[test]
    fn it_survives_the_store_and_is_never_shown() {
        let grant = grant(5, 60);
        assert_eq!(Grant::from_secret(&grant.to_secret().unwrap()).unwrap(), grant);
        assert!(!format!("{grant:?}").contains("canary"));
        let broken =
            Secret::new(r#"{"client_id":"c","token_endpoint":"t","access_token":"canary","issued_at":"canary"}"#);
        let error = Grant::from_secret(&broken).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
}
