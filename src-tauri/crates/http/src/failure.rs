//! How a request failed.

use crate::blocker::ConnectBlocker;
use crate::service::{Refusal, Service};
use icebridge_model::{Code, Error};

#[derive(Debug)]
pub enum Failure {
    /// The server refused it, and nothing happened.
    Refused(Box<Refusal>),
    /// No answer that says whether it happened: only for requests that change something.
    Unknown(Error),
    /// It did not happen.
    Failed(Error),
}

impl Failure {
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Unknown(_) | Self::Failed(_) => None,
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => refusal.into_error(),
            Failure::Unknown(error) | Failure::Failed(error) => error,
        }
    }
}

/// No connection, or one that broke. Not retryable if a setting has to be changed first.
pub fn unreachable(service: &'static Service, call: &str, cause: reqwest::Error) -> Error {
    let (message, hint, passing) = match ConnectBlocker::of(&cause) {
        Some(blocker @ ConnectBlocker::UntrustedCertificate) => {
            (blocker.message().to_string(), service.certificate_hint, false)
        }
        Some(blocker @ ConnectBlocker::ProxyPassword) => (blocker.message().to_string(), service.proxy_hint, false),
        None if cause.is_timeout() => {
            (format!("{} did not answer in time", service.name), service.unreachable_hint, true)
        }
        None => (format!("{} cannot be reached", service.name), service.unreachable_hint, true),
    };
    // The address may carry a query; the call is in the object already, without.
    let error = Error::new(service.unreachable, message).about(call).with_hint(hint).with_cause(cause.without_url());
    if passing { error.retryable() } else { error }
}

/// It was sent, and may have been done.
pub fn outcome_unknown(service: &'static Service, error: Error) -> Error {
    let mut unknown = Error::new(Code::OutcomeUnknown, "the request was sent, but its answer was lost")
        .with_hint(format!("It may have been done. Look at {} before it is sent again.", service.name));
    unknown.object = error.object;
    unknown.causes = std::iter::once(error.message).chain(error.causes).collect();
    unknown
}

/// `why` must not repeat the body: an answer may hold a secret.
pub fn not_this_service(service: &'static Service, call: &str, why: impl Into<String>) -> Error {
    Error::new(service.refused, service.not_this_service)
        .about(call)
        .with_hint(service.not_this_service_hint)
        .with_cause_text(why)
}
