//! What a REST catalog's refusals mean.

use icebridge_model::way_out::Lacking;
use icebridge_model::{Code, Error};
use serde::Deserialize;

/// How a request failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server said no, and nothing happened.
    Refused(Refusal),
    /// No answer that says whether it happened: only for requests that change something.
    Unknown(Error),
    /// It did not happen.
    Failed(Error),
}

#[derive(Debug)]
pub(super) struct Refusal {
    pub status: u16,
    /// The exception's name, such as `NoSuchTableException`.
    pub kind: String,
    pub message: String,
    pub address: String,
}

impl Refusal {
    /// Iceberg's error document, OAuth's, Databricks', or whatever text there is.
    pub(super) fn parse(status: u16, body: &[u8], address: &str) -> Self {
        #[derive(Deserialize)]
        struct Iceberg {
            error: Inner,
        }
        #[derive(Deserialize)]
        struct Inner {
            #[serde(default)]
            message: Option<String>,
            #[serde(rename = "type", default)]
            kind: Option<String>,
        }
        #[derive(Deserialize)]
        struct Plain {
            #[serde(alias = "error", alias = "error_code")]
            kind: String,
            #[serde(alias = "error_description", default)]
            message: Option<String>,
        }
        let (kind, message) = if let Ok(found) = serde_json::from_slice::<Iceberg>(body) {
            (found.error.kind.unwrap_or_default(), found.error.message.unwrap_or_default())
        } else if let Ok(found) = serde_json::from_slice::<Plain>(body) {
            (found.kind, found.message.unwrap_or_default())
        } else {
            let text = String::from_utf8_lossy(body);
            (String::new(), text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect())
        };
        Self { status, kind, message, address: address.into() }
    }

    /// Somebody else was there first. Databricks says so with a 400 at times.
    pub(super) fn is_conflict(&self) -> bool {
        self.status == 409 || (self.status == 400 && self.message.contains("2010"))
    }

    /// The server does not know the request, or not in this form.
    pub(super) fn is_unsupported(&self) -> bool {
        matches!(self.status, 400 | 405 | 406 | 415 | 422 | 501)
            || (self.status == 404 && !self.kind.starts_with("NoSuch"))
            || self.kind.contains("UnsupportedOperation")
    }

    pub(super) fn is_missing(&self) -> bool {
        self.status == 404
    }

    pub(super) fn into_error(self) -> Error {
        let (code, message, hint) = match self.status {
            401 | 419 => (
                Code::CredentialsRejected,
                "the catalog does not accept these credentials",
                "Check the token, or the client id and secret and the scope; a token may have expired.",
            ),
            403 => (
                Code::CatalogRefused,
                "the catalog does not allow this with these credentials",
                "Ask the catalog's owner for the right named in the cause.",
            ),
            404 if self.kind.contains("NoSuchTable") => {
                (Code::TableNotFound, "the catalog has no such table", "List the catalog again.")
            }
            404 => (
                Code::CatalogNotFound,
                "the catalog does not know this address, warehouse or namespace",
                "Check the address (without /v1) and the warehouse's name.",
            ),
            409 => (Code::CommitConflict, "somebody else was first", "Run the same plan again."),
            429 => (
                Code::RateLimited,
                "the catalog asks for fewer requests",
                "Wait a little, and run the same plan again.",
            ),
            502..=504 => (Code::CatalogUnreachable, "the catalog is out of order", "Try again later."),
            500..=599 => {
                (Code::CatalogRefused, "the catalog failed inside", "See the cause and the catalog's own log.")
            }
            _ => (Code::CatalogRefused, "the catalog refuses the request", "See the cause."),
        };
        let mut error = Error::new(code, message).about(&self.address).with_hint(hint).with_cause_text(self.words());
        error.retryable = matches!(self.status, 409 | 429 | 502..=504);
        error
    }

    fn words(&self) -> String {
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

/// Not to be tried again if somebody has to change a setting first.
pub(super) fn unreachable(address: &str, cause: reqwest::Error) -> Error {
    let (message, hint, passing) = match Lacking::of(&cause) {
        Some(lacking) => (lacking.message(), lacking.hint(), false),
        None => {
            let late = "the catalog did not answer in time";
            let hint = "Check the address, the network, the proxy settings and that the catalog runs.";
            (if cause.is_timeout() { late } else { "the catalog cannot be reached" }, hint, true)
        }
    };
    // The address may carry a query; it is in the object already.
    let error =
        Error::new(Code::CatalogUnreachable, message).about(address).with_hint(hint).with_cause(cause.without_url());
    if passing { error.retryable() } else { error }
}

pub(super) fn no_catalog(address: &str, cause: serde_json::Error) -> Error {
    Error::new(Code::CatalogRefused, "the server answers, but not as an Iceberg REST catalog")
        .about(address)
        .with_hint("Check the address: it is the part before /v1/config. A login page or a proxy may have answered.")
        .with_cause(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_keep_the_servers_words() {
        let iceberg =
            br#"{"error": {"message": "Table does not exist: a.t", "type": "NoSuchTableException", "code": 404}}"#;
        let error = Refusal::parse(404, iceberg, "u").into_error();
        assert_eq!(error.code, Code::TableNotFound);
        assert_eq!(error.causes, ["HTTP 404: NoSuchTableException: Table does not exist: a.t"]);
        let oauth = br#"{"error": "invalid_client", "error_description": "no such client"}"#;
        let error = Refusal::parse(401, oauth, "u").into_error();
        assert_eq!(error.code, Code::CredentialsRejected);
        assert_eq!(error.causes, ["HTTP 401: invalid_client: no such client"]);
        let page = Refusal::parse(502, b"<html>\n Bad   Gateway</html>", "u").into_error();
        assert_eq!((page.code, page.retryable), (Code::CatalogUnreachable, true));
        assert_eq!(page.causes, ["HTTP 502: <html> Bad Gateway</html>"]);
    }

    #[test]
    fn conflicts_have_two_faces() {
        assert!(Refusal::parse(409, b"{}", "u").is_conflict());
        let databricks = br#"{"error_code": "BAD_REQUEST", "message": "Commit failed. ErrorCode: 2010"}"#;
        assert!(Refusal::parse(400, databricks, "u").is_conflict());
        assert!(!Refusal::parse(400, b"bad schema", "u").is_conflict());
    }
}
