//! How failures of a REST catalog are reported: its codes and sentences.

use icebridge_http::{ConnectBlocker, Explanation, Family, Limits, Refusal, Service};
use icebridge_model::Code;

pub(super) static SERVICE: Service = Service {
    name: "the catalog",
    unreachable: Code::CatalogUnreachable,
    unreachable_hint: "Check the address, the network, the proxy settings and that the catalog runs.",
    certificate_hint: ConnectBlocker::UntrustedCertificate.hint(),
    proxy_hint: ConnectBlocker::ProxyPassword.hint(),
    refused: Code::CatalogRefused,
    not_this_service: "the server answers, but not as an Iceberg REST catalog",
    not_this_service_hint: "Check the address: it is the part before /v1/config. A login page or a proxy may have answered.",
    // Such answers are asked for as any JSON value.
    empty_answer: "null",
    explain,
};

/// No catalog publishes a rate: as fast as it answers, until it asks for fewer requests.
pub(super) const FAMILY: Family =
    Family { name: "iceberg-rest", limits: Limits { start: 1000.0, max: 2000.0, at_once: 64 } };

/// What a refusal of a catalog says beyond its status.
pub(super) trait RefusalKind {
    /// Another client committed first.
    fn is_conflict(&self) -> bool;
    /// As [`RefusalKind::is_conflict`], and only the words say so: they may be about something else.
    fn is_conflict_by_text(&self) -> bool;
    /// The server does not offer the request, or not in this form.
    fn is_unsupported(&self) -> bool;
    fn is_missing(&self) -> bool;
}

impl RefusalKind for Refusal {
    fn is_conflict(&self) -> bool {
        self.status == 409 || self.kind == LOST_COMMIT || self.is_conflict_by_text()
    }

    fn is_conflict_by_text(&self) -> bool {
        self.status == 400 && says_error_code(&self.message, LOST_COMMIT)
    }

    fn is_unsupported(&self) -> bool {
        matches!(self.status, 400 | 405 | 406 | 415 | 422 | 501)
            || (self.status == 404 && !self.kind.starts_with("NoSuch"))
            || self.kind.contains("UnsupportedOperation")
    }

    fn is_missing(&self) -> bool {
        self.status == 404
    }
}

/// Databricks' number for a commit that lost against another.
const LOST_COMMIT: &str = "2010";

/// The one place of this client that looks at the text of an answer: Databricks answers a lost commit with a plain
/// BAD_REQUEST at times, and with its own number in the text alone (`ErrorCode: 2010`). The name of a table may look nearly
/// like it, so that only the number after its own word and a separator that no plain name has counts.
fn says_error_code(message: &str, number: &str) -> bool {
    let message = message.to_ascii_lowercase().replace("error code", "errorcode");
    let is_part_of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '`');
    message.match_indices("errorcode").any(|(at, word)| {
        let (before, after) = message.split_at(at);
        let after = after.get(word.len()..).unwrap_or_default();
        let value = after.trim_start_matches([' ', ':', '=', '(']);
        let apart = value.len() < after.len() && !before.ends_with(is_part_of_name);
        apart && value.strip_prefix(number).is_some_and(|rest| !rest.starts_with(is_part_of_name))
    })
}

fn explain(refusal: &Refusal) -> Explanation {
    let (code, message, hint) = match refusal.status {
        401 | 419 => (
            Code::CredentialsRejected,
            "the catalog does not accept these credentials",
            "Check the token, or the client id and secret and the scope; a token may have expired.",
        ),
        403 => (
            Code::AccessDenied,
            "the catalog does not allow this with these credentials",
            "Ask the catalog's owner for the right named in the cause.",
        ),
        404 if refusal.kind.contains("NoSuchTable") => {
            (Code::TableNotFound, "the catalog has no such table", "List the catalog again.")
        }
        404 => (
            Code::CatalogNotFound,
            "the catalog does not know this address, warehouse or namespace",
            "Check the address (without /v1) and the warehouse's name.",
        ),
        409 => (Code::CommitConflict, "another client committed first", "Run the same plan again."),
        429 => {
            (Code::RateLimited, "the catalog asks for fewer requests", "Wait a little, and run the same plan again.")
        }
        300..=399 => (
            Code::CatalogRefused,
            "the catalog redirects to another address, which gets no credentials",
            "If you trust the address that the cause names, save it as the catalog's address.",
        ),
        502..=504 => (Code::CatalogUnreachable, "the catalog is unavailable", "Try again later."),
        500..=599 => {
            (Code::CatalogRefused, "the catalog reports an internal error", "See the cause and the catalog's own log.")
        }
        _ => (Code::CatalogRefused, "the catalog refuses the request", "See the cause."),
    };
    Explanation { code, message, hint }
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_http::Scrubber;
    use icebridge_http::header::HeaderMap;

    fn refusal(status: u16, body: &[u8]) -> Refusal {
        Refusal::parse(status, &HeaderMap::new(), body, "GET https://h", &SERVICE, &Scrubber::default())
    }

    #[test]
    fn refusals_keep_the_servers_text() {
        let iceberg =
            br#"{"error": {"message": "Table does not exist: a.t", "type": "NoSuchTableException", "code": 404}}"#;
        let error = refusal(404, iceberg).into_error();
        assert_eq!(error.code, Code::TableNotFound);
        assert_eq!(error.causes, ["HTTP 404: NoSuchTableException: Table does not exist: a.t"]);
        let oauth = br#"{"error": "invalid_client", "error_description": "no such client"}"#;
        let error = refusal(401, oauth).into_error();
        assert_eq!(error.code, Code::CredentialsRejected);
        assert_eq!(error.causes, ["HTTP 401: invalid_client: no such client"]);
        let page = refusal(502, b"<html>\n Bad   Gateway</html>").into_error();
        assert_eq!((page.code, page.retryable), (Code::CatalogUnreachable, true));
        assert_eq!(page.causes, ["HTTP 502: <html> Bad Gateway</html>"]);
    }

    #[test]
    fn conflicts_have_two_forms() {
        assert!(refusal(409, b"{}").is_conflict());
        for text in ["Commit failed. ErrorCode: 2010", "ErrorCode=2010, retry", "error code (2010)"] {
            let body = format!(r#"{{"error_code": "BAD_REQUEST", "message": "{text}"}}"#);
            assert!(refusal(400, body.as_bytes()).is_conflict(), "{text}");
        }
        assert!(refusal(400, br#"{"error_code": "2010", "message": "lost"}"#).is_conflict());
        for text in [
            "bad schema",
            "no table sales_2010",
            "ErrorCode: 20101",
            "no table errorcode_2010",
            "`errorcode`.`2010`",
            "my_errorcode: 2010",
            "code 2010",
            "ErrorCode: 2010_sales",
        ] {
            assert!(!refusal(400, text.as_bytes()).is_conflict(), "{text}");
        }
    }
}
