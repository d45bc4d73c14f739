//! What the refusals of a workspace mean.

use icebridge_model::way_out::Lacking;
use icebridge_model::{Code, Error};
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

/// How a request failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server said no, and nothing happened.
    Refused(Box<Refusal>),
    /// No answer that says whether it happened: only for requests that change something.
    Unknown(Error),
    /// It did not happen.
    Failed(Error),
}

#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub status: u16,
    /// The vendor's word for it, such as `RESOURCE_DOES_NOT_EXIST`.
    pub kind: String,
    pub message: String,
    pub request_id: Option<String>,
    /// What was asked: method and address, without the query.
    pub asked: String,
}

#[derive(Default, Deserialize)]
struct Document {
    #[serde(default)]
    error_code: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    error_description: Option<String>,
    /// SCIM speaks differently.
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    details: Vec<Value>,
}

impl Refusal {
    pub(crate) fn parse(status: u16, headers: &HeaderMap, body: &[u8], asked: &str) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_string);
        let mut request_id = header("x-request-id").or_else(|| header("x-databricks-request-id"));
        let (kind, message) = match serde_json::from_slice::<Document>(body) {
            Ok(document) => {
                let said = |detail: &Value| detail.get("request_id").and_then(Value::as_str).map(str::to_string);
                request_id = request_id.or_else(|| document.details.iter().find_map(said));
                // Iceberg's endpoints put an object where OAuth puts a word.
                let inner = |name: &str| document.error.as_ref()?.get(name)?.as_str().map(str::to_string);
                let word = |value: &Value| match value {
                    Value::String(text) => Some(text.clone()),
                    Value::Number(number) => Some(number.to_string()),
                    _ => None,
                };
                let kind = document.error_code.as_ref().and_then(word);
                let kind = kind.or_else(|| document.error.as_ref().and_then(word)).or_else(|| inner("type"));
                let message =
                    document.message.or(document.error_description).or(document.detail).or_else(|| inner("message"));
                (kind.unwrap_or_default(), message.unwrap_or_default())
            }
            Err(_) => (String::new(), String::from_utf8_lossy(body).into_owned()),
        };
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(600).collect();
        Self { status, kind, message, request_id, asked: asked.into() }
    }

    /// The thing is not there. Older calls say so with a 400.
    pub(crate) fn is_missing(&self) -> bool {
        let says = self.message.contains("does not exist") || self.message.contains("doesn't exist");
        self.status == 404
            || (self.status == 400 && says && self.kind.as_str() == "INVALID_PARAMETER_VALUE")
            || (self.status == 400 && self.kind == "RESOURCE_DOES_NOT_EXIST")
    }

    pub(crate) fn is_denied(&self) -> bool {
        self.status == 403 || self.kind == "PERMISSION_DENIED"
    }

    /// The thing is there already.
    pub(crate) fn exists_already(&self) -> bool {
        self.kind.ends_with("ALREADY_EXISTS")
    }

    pub(crate) fn is_bad_request(&self) -> bool {
        self.status == 400
    }

    pub(crate) fn into_error(self) -> Error {
        let (code, message, hint) = self.meaning();
        let retryable = matches!(self.status, 409 | 429 | 502..=504);
        let mut error = Error::new(code, message).about(&self.asked).with_hint(hint).with_cause_text(self.words());
        if let Some(id) = &self.request_id {
            error = error.with_cause_text(format!("request id {id}"));
        }
        error.retryable = retryable;
        error
    }

    fn meaning(&self) -> (Code, &'static str, &'static str) {
        match (self.status, self.kind.as_str()) {
            (401, _) => (
                Code::CredentialsRejected,
                "the workspace does not accept this sign-in",
                "Sign in again. A token may have expired or been revoked.",
            ),
            // How an unknown token is answered: with the status of somebody who may not, and no word for a code.
            (403, _) if self.message.starts_with("Invalid access token") => (
                Code::CredentialsRejected,
                "the workspace does not know this token",
                "Check that the token is of this workspace, and make a new one: it may have expired or been revoked.",
            ),
            (403, _) if self.message.contains("required scopes") => (
                Code::AccessDenied,
                "the token's scopes do not reach this far",
                "Use a token with the scope all-apis, or sign in through the browser.",
            ),
            (403, _) if self.message.contains("IP") && self.message.contains("blocked") => (
                Code::AccessDenied,
                "the workspace lets nobody in from this network address",
                "Connect through the company's network, or ask an administrator about the workspace's IP access list.",
            ),
            (403, _) | (_, "PERMISSION_DENIED") => (
                Code::AccessDenied,
                "who is signed in may not do this",
                "Ask the owner of the object, or an administrator of the workspace, for the right that the cause names.",
            ),
            (_, "TABLE_DOES_NOT_EXIST") => {
                (Code::TableNotFound, "Unity Catalog has no such table", "List the catalog again.")
            }
            (_, "CATALOG_DOES_NOT_EXIST" | "SCHEMA_DOES_NOT_EXIST") => (
                Code::CatalogNotFound,
                "Unity Catalog has no such catalog or schema",
                "Check the name, and that who is signed in may see it.",
            ),
            _ if self.is_missing() => (
                Code::ObjectNotFound,
                "the workspace does not know this",
                "Check the name, and that who is signed in may see it: what one may not see is said not to exist.",
            ),
            (_, "FEATURE_DISABLED") | (501, _) => (
                Code::Unsupported,
                "the workspace does not offer this",
                "Ask an administrator of the workspace to enable it.",
            ),
            (429, _) | (_, "REQUEST_LIMIT_EXCEEDED" | "RESOURCE_EXHAUSTED") => (
                Code::RateLimited,
                "the workspace asks for fewer requests",
                "Wait a little and do it again; others may be using up the workspace's limit.",
            ),
            (_, "RESOURCE_CONFLICT" | "ABORTED") => (
                Code::CommitConflict,
                "somebody else changed it at the same time",
                "Look at it again, and repeat if it is still needed.",
            ),
            (_, kind) if kind.ends_with("ALREADY_EXISTS") => {
                (Code::WorkspaceRefused, "it exists already", "Choose another name, or use what is there.")
            }
            (300..=399, _) => (
                Code::WorkspaceRefused,
                "the host sends us elsewhere instead of answering",
                "Check the workspace's address. Behind a private link, connect through the company's network.",
            ),
            (502..=504, _) => (Code::WorkspaceUnreachable, "the workspace is out of order", "Try again later."),
            (500..=599, _) => (
                Code::WorkspaceFailed,
                "the workspace failed inside",
                "Try again later; if it stays, give the request id to the vendor's support.",
            ),
            _ => (Code::WorkspaceRefused, "the workspace refuses the request", "See the cause."),
        }
    }

    pub(crate) fn words(&self) -> String {
        let Self { status, kind, message, .. } = self;
        match (kind.is_empty(), message.is_empty()) {
            (true, true) => format!("HTTP {status}"),
            (true, false) => format!("HTTP {status}: {message}"),
            (false, true) => format!("HTTP {status}: {kind}"),
            (false, false) => format!("HTTP {status}: {kind}: {message}"),
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

impl Failure {
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// Not to be tried again if somebody has to change a setting first.
pub(crate) fn unreachable(asked: &str, cause: reqwest::Error) -> Error {
    let (message, hint, passing) = match Lacking::of(&cause) {
        Some(lacking @ Lacking::Authority) => {
            let hint = "If your company opens TLS connections with an authority of its own, give its certificates: --ca-file, \
                        or the field of the workspace.";
            (lacking.message(), hint, false)
        }
        Some(lacking @ Lacking::ProxyPassword) => {
            let hint =
                "Give the proxy's address with user:password@ before its name, as the workspace's secret `proxy`.";
            (lacking.message(), hint, false)
        }
        None => {
            let hint =
                "Check the address, the network, the proxy, and whether your company uses certificates of its own.";
            let late = "the workspace did not answer in time";
            (if cause.is_timeout() { late } else { "the workspace cannot be reached" }, hint, true)
        }
    };
    // The address may carry a query; it is in the object already, without.
    let error =
        Error::new(Code::WorkspaceUnreachable, message).about(asked).with_hint(hint).with_cause(cause.without_url());
    if passing { error.retryable() } else { error }
}

/// It was sent, and may have been done.
pub(crate) fn lost(error: Error) -> Error {
    let mut lost = Error::new(Code::OutcomeUnknown, "the request was sent, but its answer was lost")
        .with_hint("It may have been done. Look at the workspace before it is asked again.");
    lost.object = error.object;
    lost.causes = std::iter::once(error.message).chain(error.causes).collect();
    lost
}

/// `why` must not repeat the body: an answer may hold a secret.
pub(crate) fn garbled(asked: &str, why: impl Into<String>) -> Error {
    Error::new(Code::WorkspaceFailed, "the host answers, but not as a Databricks workspace")
        .about(asked)
        .with_hint("Check the address. A sign-in page or a proxy may have answered instead.")
        .with_cause_text(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> Refusal {
        let mut headers = HeaderMap::new();
        if status == 400 {
            headers.insert("x-request-id", reqwest::header::HeaderValue::from_static("r-1"));
        }
        Refusal::parse(status, &headers, body.as_bytes(), "GET https://h/x")
    }

    #[test]
    fn refusals_keep_the_servers_words_and_request_id() {
        let error = refusal(
            404,
            r#"{"error_code":"TABLE_DOES_NOT_EXIST","message":"Table 'a.b.c' does not exist.",
            "details":[{"@type":"type.googleapis.com/google.rpc.RequestInfo","request_id":"r-9","serving_data":""}]}"#,
        )
        .into_error();
        assert_eq!(error.code, Code::TableNotFound);
        assert_eq!(error.causes, ["HTTP 404: TABLE_DOES_NOT_EXIST: Table 'a.b.c' does not exist.", "request id r-9"]);
        let error = refusal(400, r#"{"error_code":400,"message":"x"}"#).into_error();
        assert_eq!(error.causes, ["HTTP 400: 400: x", "request id r-1"]);
        let oauth = refusal(401, r#"{"error":"invalid_client","error_description":"no"}"#).into_error();
        assert_eq!((oauth.code, oauth.causes[0].as_str()), (Code::CredentialsRejected, "HTTP 401: invalid_client: no"));
        let iceberg = refusal(409, r#"{"error":{"message":"m","type":"CommitFailedException","code":409}}"#);
        assert_eq!(iceberg.words(), "HTTP 409: CommitFailedException: m");
        let page = refusal(502, "<html>\n Bad   Gateway</html>").into_error();
        assert_eq!((page.code, page.retryable), (Code::WorkspaceUnreachable, true));
    }

    #[test]
    fn each_refusal_has_its_code() {
        let of = |status, kind: &str, message: &str| {
            let body = serde_json::json!({"error_code": kind, "message": message});
            refusal(status, &body.to_string()).into_error().code
        };
        assert_eq!(of(403, "PERMISSION_DENIED", "no"), Code::AccessDenied);
        assert_eq!(of(403, "403", "Invalid access token."), Code::CredentialsRejected);
        assert_eq!(of(400, "INVALID_PARAMETER_VALUE", "Run 5 does not exist."), Code::ObjectNotFound);
        assert_eq!(of(400, "INVALID_PARAMETER_VALUE", "bad"), Code::WorkspaceRefused);
        assert_eq!(of(404, "SCHEMA_DOES_NOT_EXIST", ""), Code::CatalogNotFound);
        assert_eq!(of(429, "REQUEST_LIMIT_EXCEEDED", ""), Code::RateLimited);
        assert_eq!(of(409, "ABORTED", ""), Code::CommitConflict);
        assert_eq!(of(400, "FEATURE_DISABLED", ""), Code::Unsupported);
        assert_eq!(of(302, "", ""), Code::WorkspaceRefused);
        assert_eq!((of(500, "", ""), of(503, "", "")), (Code::WorkspaceFailed, Code::WorkspaceUnreachable));
        assert!(refusal(400, r#"{"error_code":"RESOURCE_ALREADY_EXISTS"}"#).exists_already());
    }
}
