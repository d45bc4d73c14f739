//! How failures of a workspace are reported: its codes and sentences.

use icebridge_http::{Explanation, Refusal, Service};
use icebridge_model::Code;

pub(crate) static SERVICE: Service = Service {
    name: "the workspace",
    unreachable: Code::WorkspaceUnreachable,
    unreachable_hint: "Check the address, the network, the proxy, and whether your company uses certificates of its own.",
    certificate_hint: "If your company opens TLS connections with an authority of its own, give its certificates: --ca-file, or \
                       the field of the workspace.",
    proxy_hint: "Give the proxy's address with user:password@ before its name, as the workspace's secret `proxy`.",
    refused: Code::WorkspaceFailed,
    not_this_service: "the host answers, but not as a Databricks workspace",
    not_this_service_hint: "Check the address. A sign-in page or a proxy may have answered instead.",
    empty_answer: "{}",
    explain,
};

/// What a refusal of a workspace says beyond its status.
pub(crate) trait RefusalKind {
    /// The object is not there. Older calls say so with a 400.
    fn is_missing(&self) -> bool;
    /// The workspace does not have this call, or not in this version. That says nothing of the object that it is about.
    fn is_unknown_endpoint(&self) -> bool;
    /// Neither here nor in another version.
    fn is_not_offered(&self) -> bool;
    fn is_denied(&self) -> bool;
    fn exists_already(&self) -> bool;
    fn is_bad_request(&self) -> bool;
    /// Older calls of the Jobs API answer so for an id that they do not know, and for every other wrong value. Only where the id is
    /// all that was sent does it say that the object is not there.
    fn is_wrong_parameter(&self) -> bool;
}

impl RefusalKind for Refusal {
    fn is_missing(&self) -> bool {
        // Without a code it is a page of whatever stands between, which knows nothing of the object.
        let is_told = !self.kind.is_empty() && !self.is_unknown_endpoint();
        (self.status == 404 && is_told) || (self.status == 400 && self.kind == "RESOURCE_DOES_NOT_EXIST")
    }

    fn is_unknown_endpoint(&self) -> bool {
        self.kind == "ENDPOINT_NOT_FOUND"
    }

    fn is_not_offered(&self) -> bool {
        self.is_unknown_endpoint() || self.status == 501 || self.kind == "FEATURE_DISABLED"
    }

    fn is_denied(&self) -> bool {
        self.status == 403 || self.kind == "PERMISSION_DENIED"
    }

    fn exists_already(&self) -> bool {
        self.kind.ends_with("ALREADY_EXISTS")
    }

    fn is_bad_request(&self) -> bool {
        self.status == 400
    }

    fn is_wrong_parameter(&self) -> bool {
        self.status == 400 && self.kind == "INVALID_PARAMETER_VALUE"
    }
}

fn explain(refusal: &Refusal) -> Explanation {
    let (code, message, hint) = match (refusal.status, refusal.kind.as_str()) {
        (401, _) => (
            Code::CredentialsRejected,
            "the workspace does not accept this sign-in",
            "Sign in again. A token may have expired or been revoked.",
        ),
        // Without a code of its own, which is how a token is answered that nobody knows. What else it may be only its text tells.
        (403, "403" | "") => (
            Code::CredentialsRejected,
            "the workspace does not let this sign-in in",
            "See the cause. If it does not know the token, make a new one in this workspace: it may have expired or been revoked. If the \
             token's scopes do not reach this far, use one with all-apis. If it takes no requests from this network address, connect \
             through the company's network.",
        ),
        (403, _) | (_, "PERMISSION_DENIED") => (
            Code::AccessDenied,
            "the signed-in principal may not do this",
            "Ask the owner of the object, or an administrator of the workspace, for the right that the cause names. If it names scopes of \
             the token or the network address instead: use a token with the scope all-apis, or the company's network.",
        ),
        _ if refusal.is_missing() || refusal.kind.ends_with("_DOES_NOT_EXIST") => missing(&refusal.kind),
        (404, "") => (
            Code::WorkspaceFailed,
            "the host answers that there is no such page, and not as a Databricks workspace",
            "Check the address. A proxy or a gateway may have answered instead; if so, try again.",
        ),
        (_, "FEATURE_DISABLED" | "ENDPOINT_NOT_FOUND") | (501, _) => (
            Code::Unsupported,
            "the workspace does not offer this",
            "Ask an administrator of the workspace whether it can be enabled.",
        ),
        (429, _) | (_, "REQUEST_LIMIT_EXCEEDED" | "RESOURCE_EXHAUSTED") => (
            Code::RateLimited,
            "the workspace asks for fewer requests",
            "Wait a little and do it again; others may be using up the workspace's limit.",
        ),
        (_, "RESOURCE_CONFLICT" | "ABORTED") => (
            Code::CommitConflict,
            "it was changed by another client at the same time",
            "Look at it again, and repeat if it is still needed.",
        ),
        (_, kind) if kind.ends_with("ALREADY_EXISTS") => {
            (Code::WorkspaceRefused, "it exists already", "Choose another name, or use what is there.")
        }
        (300..=399, _) => (
            Code::WorkspaceRefused,
            "the host redirects to another address instead of answering",
            "Check the workspace's address. Behind a private link, connect through the company's network.",
        ),
        (502..=504, _) => (Code::WorkspaceUnreachable, "the workspace is unavailable", "Try again later."),
        (500..=599, _) => (
            Code::WorkspaceFailed,
            "the workspace reports an internal error",
            "Try again later; if it stays, give the request id to the vendor's support.",
        ),
        (400, "INVALID_PARAMETER_VALUE") => (
            Code::WorkspaceRefused,
            "the workspace does not take a value of the request",
            "See the cause. Some calls answer so too where the object is not there any more.",
        ),
        _ => (Code::WorkspaceRefused, "the workspace refuses the request", "See the cause."),
    };
    Explanation { code, message, hint }
}

/// By what it is that is not there.
fn missing(kind: &str) -> (Code, &'static str, &'static str) {
    match kind {
        "TABLE_DOES_NOT_EXIST" => (Code::TableNotFound, "Unity Catalog has no such table", "List the catalog again."),
        "CATALOG_DOES_NOT_EXIST" | "SCHEMA_DOES_NOT_EXIST" => (
            Code::CatalogNotFound,
            "Unity Catalog has no such catalog or schema",
            "Check the name, and that the signed-in principal may see it.",
        ),
        "METASTORE_DOES_NOT_EXIST" => (
            Code::CatalogNotFound,
            "the workspace has no metastore of Unity Catalog",
            "Have an administrator of the account assign one to the workspace.",
        ),
        "PRINCIPAL_DOES_NOT_EXIST" => (
            Code::PrincipalNotFound,
            "the workspace knows no such user, group or service principal",
            "Give it another name under `principals` in the plan's settings, or null to leave it out.",
        ),
        _ => (
            Code::ObjectNotFound,
            "the workspace has no such object",
            "Check the name, and that the signed-in principal may see it: what it may not see is reported as missing.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_http::Scrubber;
    use icebridge_http::header::{HeaderMap, HeaderValue};

    fn refusal(status: u16, body: &str) -> Refusal {
        let mut headers = HeaderMap::new();
        if status == 400 {
            headers.insert("x-request-id", HeaderValue::from_static("r-1"));
        }
        Refusal::parse(status, &headers, body.as_bytes(), "GET https://h/x", &SERVICE, &Scrubber::default())
    }

    #[test]
    fn refusals_keep_the_servers_text_and_request_id() {
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
        assert_eq!(iceberg.summary(), "HTTP 409: CommitFailedException: m");
        let page = refusal(502, "<html>\n Bad   Gateway</html>").into_error();
        assert_eq!((page.code, page.retryable), (Code::WorkspaceUnreachable, true));
    }

    #[test]
    fn each_refusal_has_its_code() {
        let of = |status, kind: &str, message: &str| {
            let body = serde_json::json!({"error_code": kind, "message": message});
            refusal(status, &body.to_string()).into_error().code
        };
        // The text decides nothing.
        for text in ["Run 5 does not exist.", "bad"] {
            assert_eq!(of(400, "INVALID_PARAMETER_VALUE", text), Code::WorkspaceRefused);
        }
        for text in
            ["Invalid access token.", "required scopes: sql", "Group 'SHIP-unblocked' may not", "VIP_blocked", ""]
        {
            assert_eq!(of(403, "PERMISSION_DENIED", text), Code::AccessDenied, "{text}");
            assert_eq!(of(403, "403", text), Code::CredentialsRejected, "{text}");
        }
        assert_eq!(of(404, "SCHEMA_DOES_NOT_EXIST", ""), Code::CatalogNotFound);
        for status in [400, 404] {
            assert_eq!(of(status, "PRINCIPAL_DOES_NOT_EXIST", "x does not exist"), Code::PrincipalNotFound);
        }
        assert_eq!(of(404, "ENDPOINT_NOT_FOUND", "Bad Target: /api/2.2/jobs/create"), Code::Unsupported);
        for page in ["<html>404 Not Found</html>", "", r#"{"message":"no Route matched"}"#] {
            assert!(!refusal(404, page).is_missing(), "{page}: of whatever stands between");
            assert_eq!(refusal(404, page).into_error().code, Code::WorkspaceFailed, "{page}");
        }
        for details in ["null", "{}", "[]", "[null, 7]"] {
            let body = format!(r#"{{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"gone","details":{details}}}"#);
            let refusal = refusal(400, &body);
            assert!(refusal.is_missing() && refusal.message == "gone", "{body}");
        }
        assert!(refusal(400, "RESOURCE_DOES_NOT_EXIST: there is none").is_missing());
        assert!(!refusal(404, r#"{"error_code":"ENDPOINT_NOT_FOUND"}"#).is_missing());
        assert_eq!(of(429, "REQUEST_LIMIT_EXCEEDED", ""), Code::RateLimited);
        assert_eq!(of(409, "ABORTED", ""), Code::CommitConflict);
        assert_eq!(of(400, "FEATURE_DISABLED", ""), Code::Unsupported);
        assert_eq!(of(302, "", ""), Code::WorkspaceRefused);
        assert!(refusal(400, r#"{"error_code":"RESOURCE_ALREADY_EXISTS"}"#).exists_already());
    }
}
