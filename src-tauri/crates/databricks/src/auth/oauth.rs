//! What the failures of a workspace's token server mean.

use crate::service::SERVICE;
use icebridge_http::{Connection, Granted, RetryPolicy, TokenFailure, TokenRefusal, TokenRequest};
use icebridge_model::{Code, Error};
use std::time::Duration;

/// A person waits for a sign-in: no longer than this, with all attempts.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) enum TokenError {
    /// This code or refresh token is worth nothing, now or later.
    Spent(Error),
    Refused(Error),
    /// The same request may succeed later.
    Passing(Error),
}

impl From<TokenError> for Error {
    fn from(failure: TokenError) -> Self {
        match failure {
            TokenError::Spent(error) | TokenError::Refused(error) | TokenError::Passing(error) => error,
        }
    }
}

/// `attempts`: 1 for what can be sent once only.
pub(crate) async fn granted(
    request: &TokenRequest<'_>,
    connection: &Connection,
    retry: RetryPolicy,
    attempts: u32,
) -> Result<Granted, TokenError> {
    let policy = RetryPolicy { attempts, patience: retry.patience.min(PATIENCE), ..retry };
    request.send(connection, &SERVICE, policy).await.map_err(|failure| explain(request, failure))
}

pub(crate) fn explain(request: &TokenRequest<'_>, failure: TokenFailure) -> TokenError {
    match failure {
        TokenFailure::Refused(refusal) => refused(request, &refusal),
        TokenFailure::Unreachable(error) => TokenError::Passing(error),
        TokenFailure::NoToken(why) => TokenError::Refused(
            Error::new(Code::WorkspaceRefused, "the token server's answer holds no token")
                .about(request.endpoint)
                .with_hint("Check the workspace's address. A sign-in page or a proxy may have answered instead.")
                .with_cause_text(why),
        ),
    }
}

fn refused(request: &TokenRequest<'_>, refusal: &TokenRefusal) -> TokenError {
    let error = |code, message: &str, hint: &str| {
        Error::new(code, message).about(request.endpoint).with_hint(hint).with_cause_text(refusal.summary())
    };
    match (refusal.status, refusal.kind.as_str()) {
        (429, _) => TokenError::Passing(
            error(Code::RateLimited, "the token server asks for fewer requests", "Wait a little.").retryable(),
        ),
        (500..=599, _) => TokenError::Passing(
            error(Code::WorkspaceUnreachable, "the token server is unavailable", "Try again later.").retryable(),
        ),
        (_, "invalid_grant") => ended(error),
        // Older servers: of a renewal nothing but the token can be invalid.
        (_, "invalid_request") if request.form.contains(&("grant_type", "refresh_token")) => ended(error),
        (_, "invalid_client" | "unauthorized_client") => TokenError::Refused(error(
            Code::CredentialsRejected,
            "the token server does not accept this application",
            "Check the client id and its secret. If an administrator has switched off the built-in application, ask for \
             the client id of your company's own and give it in the settings.",
        )),
        _ => TokenError::Refused(error(
            Code::CredentialsRejected,
            "the token server refuses the sign-in",
            "See the cause; sign in again.",
        )),
    }
}

fn ended(error: impl Fn(Code, &str, &str) -> Error) -> TokenError {
    TokenError::Spent(error(Code::CredentialsRejected, "the sign-in has ended", "Sign in again through the browser."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_meaning() {
        let of = |grant: &'static str, status, kind: &str| {
            let form = vec![("grant_type", grant)];
            let request = TokenRequest { endpoint: "https://h/t", form, secrets: vec![], basic: None };
            let description = "Refresh token is invalid".to_string();
            explain(&request, TokenFailure::Refused(TokenRefusal { status, kind: kind.into(), description }))
        };
        assert!(matches!(of("refresh_token", 400, "invalid_grant"), TokenError::Spent(_)));
        assert!(matches!(of("refresh_token", 400, "invalid_request"), TokenError::Spent(_)));
        assert!(matches!(of("authorization_code", 400, "invalid_request"), TokenError::Refused(_)));
        assert!(matches!(of("refresh_token", 503, ""), TokenError::Passing(_)));
        assert!(matches!(of("refresh_token", 429, "invalid_grant"), TokenError::Passing(_)));
        assert!(matches!(of("refresh_token", 401, "invalid_client"), TokenError::Refused(_)));
    }
}
