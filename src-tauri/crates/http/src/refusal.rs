//! Refusals read from answers, and reported as errors.

use crate::blocker::ConnectBlocker;
use crate::scrub::Scrubber;
use crate::service::{Explanation, Refusal, Service};
use icebridge_model::Error;
use reqwest::header::{HeaderMap, LOCATION};
use serde_json::Value;
use url::Url;

/// Longer messages of servers are cut.
const MAX_MESSAGE_CHARS: usize = 600;

/// The error documents of Iceberg, OAuth, Databricks and SCIM. Whatever is in one field, the others count.
struct ErrorBody(Value);

impl ErrorBody {
    fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok().filter(Value::is_object).map(Self)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.0[name].as_str().map(str::to_string)
    }

    /// Iceberg's document puts an object where OAuth puts a word.
    fn inner(&self, name: &str) -> Option<String> {
        self.0["error"][name].as_str().map(str::to_string)
    }

    fn kind(&self) -> Option<String> {
        let text = |name: &str| match &self.0[name] {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        text("error_code").or_else(|| text("error")).or_else(|| self.inner("type"))
    }

    fn message(&self) -> Option<String> {
        let named = ["message", "error_description", "detail"].iter().find_map(|name| self.text(name));
        named.or_else(|| self.inner("message"))
    }

    fn request_id(&self) -> Option<String> {
        let details = self.0["details"].as_array()?;
        details.iter().find_map(|detail| detail["request_id"].as_str().map(str::to_string))
    }
}

/// `RESOURCE_DOES_NOT_EXIST: there is none`, as some calls answer in place of a document.
fn plain(text: &str) -> Option<(String, String)> {
    let (kind, message) = text.split_once(": ")?;
    let is_code = kind.len() > 3 && kind.contains('_') && kind.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    is_code.then(|| (kind.to_string(), message.trim().to_string()))
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
        let (kind, message, in_body) = match ErrorBody::read(body) {
            Some(body) => (body.kind().unwrap_or_default(), body.message().unwrap_or_default(), body.request_id()),
            None => {
                let text = String::from_utf8_lossy(body).into_owned();
                let (kind, message) = plain(&text).unwrap_or((String::new(), text));
                (kind, message, None)
            }
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
