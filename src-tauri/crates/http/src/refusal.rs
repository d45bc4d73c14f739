//! Refusals read from answers, and reported as errors.

use crate::blocker::ConnectBlocker;
use crate::scrub::Scrubber;
use crate::service::{Explanation, Refusal, Service};
use icebridge_model::Error;
use reqwest::header::{HeaderMap, LOCATION};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

/// Longer messages of servers are cut.
const MAX_MESSAGE_CHARS: usize = 600;

/// The error documents of Iceberg, OAuth, Databricks and SCIM.
#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    error_code: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    error_description: Option<String>,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    details: Vec<Value>,
}

impl ErrorBody {
    /// Iceberg's document puts an object where OAuth puts a word.
    fn inner(&self, name: &str) -> Option<String> {
        self.error.as_ref()?.get(name)?.as_str().map(str::to_string)
    }

    fn kind(&self) -> Option<String> {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let named = self.error_code.as_ref().and_then(text);
        named.or_else(|| self.error.as_ref().and_then(text)).or_else(|| self.inner("type"))
    }

    fn request_id(&self) -> Option<String> {
        self.details.iter().find_map(|detail| detail.get("request_id")?.as_str().map(str::to_string))
    }
}

impl Refusal {
    /// `call`: method and address. Everything that is taken from the answer goes through `scrubber`.
    pub fn parse(
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
        call: &str,
        service: &'static Service,
        scrubber: &Scrubber,
    ) -> Self {
        let (kind, message, in_body) = match serde_json::from_slice::<ErrorBody>(body) {
            Ok(body) => {
                let (kind, id, inner) = (body.kind(), body.request_id(), body.inner("message"));
                let message = body.message.or(body.error_description).or(body.detail).or(inner);
                (kind.unwrap_or_default(), message.unwrap_or_default(), id)
            }
            Err(_) => (String::new(), String::from_utf8_lossy(body).into_owned(), None),
        };
        let message = match (message.is_empty(), redirect_target(status, headers, call)) {
            (true, Some(origin)) => format!("it redirects to {origin}"),
            _ => message,
        };
        // Scrubbed before it is cut: half a secret is still one.
        let message = one_line(&scrubber.scrub(&message), MAX_MESSAGE_CHARS);
        let request_id = request_id(headers).or(in_body);
        Self {
            status,
            kind: one_line(&scrubber.scrub(&kind), 100),
            message,
            request_id: request_id.map(|id| one_line(&scrubber.scrub(&id), 100)),
            call: call.into(),
            service,
        }
    }

    /// `HTTP 404: NoSuchTableException: Table does not exist: a.t`
    pub fn summary(&self) -> String {
        summary(self.status, &self.kind, &self.message)
    }

    pub fn into_error(self) -> Error {
        let explanation = match self.status {
            407 => Explanation {
                code: self.service.unreachable,
                message: ConnectBlocker::ProxyPassword.message(),
                hint: self.service.proxy_hint,
            },
            _ => (self.service.explain)(&self),
        };
        let mut error = Error::new(explanation.code, explanation.message)
            .about(&self.call)
            .with_hint(explanation.hint)
            .with_cause_text(self.summary());
        if let Some(id) = &self.request_id {
            error = error.with_cause_text(format!("request id {id}"));
        }
        error.retryable = matches!(self.status, 409 | 429 | 502..=504);
        error
    }
}

pub(crate) fn summary(status: u16, kind: &str, message: &str) -> String {
    match (kind.is_empty(), message.is_empty()) {
        (true, true) => format!("HTTP {status}"),
        (true, false) => format!("HTTP {status}: {message}"),
        (false, true) => format!("HTTP {status}: {kind}"),
        (false, false) => format!("HTTP {status}: {kind}: {message}"),
    }
}

pub(crate) fn one_line(text: &str, max_chars: usize) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(max_chars).collect()
}

/// The origin alone: the rest of the address may hold anything.
fn redirect_target(status: u16, headers: &HeaderMap, call: &str) -> Option<String> {
    if !(300..400).contains(&status) {
        return None;
    }
    let asked = Url::parse(call.rsplit(' ').next()?).ok()?;
    let target = asked.join(headers.get(LOCATION)?.to_str().ok()?).ok()?;
    Some(target.origin().ascii_serialization())
}

/// The name under which the server's support finds the request.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    ["x-request-id", "x-databricks-request-id"]
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok().map(str::to_string))
}
