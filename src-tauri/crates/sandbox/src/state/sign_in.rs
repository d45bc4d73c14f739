//! What OAuth asks of the sandbox: the check of an authorization request, and the token endpoint.

use super::settings::Settings;
use super::tokens::{Client, Code, Grant, Tokens};
use crate::base::{Params, param};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;
use uuid::Uuid;

/// An error as OAuth has it: status, code, description.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OAuthError(pub u16, pub &'static str, pub &'static str);

const BAD_CLIENT: OAuthError = OAuthError(401, "invalid_client", "Client authentication failed");

/// Why an authorization request fails.
#[derive(Debug, PartialEq)]
pub enum Rejected {
    /// Shown on the page: the address to send the browser back to cannot be trusted.
    Shown(&'static str),
    /// Sent back to the client, as a code and its description.
    SentBack(Box<Url>, &'static str, &'static str),
}

/// The address to send the browser back to.
pub fn check_request(client: Option<&Client>, params: &Params) -> Result<Url, Rejected> {
    let client = client.ok_or(Rejected::Shown("OAuth application with client_id is not available in this account."))?;
    let redirect = param(params, "redirect_uri");
    let port = redirect.strip_prefix("http://localhost:").and_then(|port| port.parse::<u16>().ok());
    let allowed = match client.redirect_urls.as_slice() {
        [] => port.is_some_and(|port| (8020..=8040).contains(&port)),
        urls => urls.iter().any(|one| one == redirect),
    };
    let url = Url::parse(redirect).ok().filter(|_| allowed);
    let url = url.ok_or(Rejected::Shown("The redirect_uri is not registered with this OAuth application."))?;
    let failed = |code, description| Err(Rejected::SentBack(Box::new(url.clone()), code, description));
    if param(params, "response_type") != "code" {
        return failed("unsupported_response_type", "response_type must be code");
    }
    if param(params, "code_challenge").len() != 43 || param(params, "code_challenge_method") != "S256" {
        return failed("invalid_request", "PKCE with code_challenge_method S256 is required");
    }
    if !param(params, "scope").split_whitespace().any(|scope| scope != "offline_access") {
        return failed("invalid_scope", "no scope was requested");
    }
    Ok(url)
}

/// The one-time code for a request that a person has accepted.
pub fn accept(tokens: &mut Tokens, params: &Params, principal: &str, now: i64) -> String {
    let text = |name: &str| param(params, name).to_owned();
    let grant = new_grant(text("client_id"), principal, &text("scope"));
    tokens.issue_code(Code { grant, redirect_uri: text("redirect_uri"), challenge: text("code_challenge") }, now)
}

fn new_grant(client_id: String, principal: &str, scope: &str) -> Grant {
    let session = Uuid::new_v4().to_string();
    Grant { client_id, principal: principal.to_owned(), scope: scope.to_owned(), session, expires: 0 }
}

/// The token endpoint.
pub fn tokens(
    tokens: &mut Tokens,
    (client_id, secret): (&str, &str),
    params: &Params,
    settings: &Settings,
    now: i64,
) -> Result<Value, OAuthError> {
    let client = tokens.client(client_id).ok_or(BAD_CLIENT)?;
    if client.client_secret.as_ref().is_some_and(|right| right.expose() != secret) {
        return Err(BAD_CLIENT);
    }
    match param(params, "grant_type") {
        "authorization_code" => by_code(tokens, client_id, params, settings, now),
        "refresh_token" => by_refresh(tokens, client_id, param(params, "refresh_token"), settings, now),
        "client_credentials" if client.client_secret.is_some() => {
            let scope = param(params, "scope");
            if scope.is_empty() {
                return Err(OAuthError(400, "invalid_scope", "no scope was requested"));
            }
            Ok(issue(tokens, &new_grant(client_id.to_owned(), client_id, scope), false, settings, now))
        }
        "client_credentials" => Err(BAD_CLIENT),
        _ => Err(OAuthError(400, "unsupported_grant_type", "The grant_type is not supported")),
    }
}

fn by_code(
    tokens: &mut Tokens,
    client_id: &str,
    params: &Params,
    settings: &Settings,
    now: i64,
) -> Result<Value, OAuthError> {
    const BAD: OAuthError = OAuthError(400, "invalid_grant", "Authorization code is invalid");
    let Code { grant, redirect_uri, challenge } = tokens.spend_code(param(params, "code"), now).ok_or(BAD)?;
    let made = URL_SAFE_NO_PAD.encode(Sha256::digest(param(params, "code_verifier")));
    if made != challenge || redirect_uri != param(params, "redirect_uri") || grant.client_id != client_id {
        return Err(BAD);
    }
    let refreshable = grant.scope.split_whitespace().any(|scope| scope == "offline_access");
    Ok(issue(tokens, &grant, refreshable, settings, now))
}

fn by_refresh(
    tokens: &mut Tokens,
    client_id: &str,
    token: &str,
    settings: &Settings,
    now: i64,
) -> Result<Value, OAuthError> {
    const BAD: OAuthError = OAuthError(400, "invalid_grant", "Refresh token is invalid");
    let grant = tokens.refresh_grant(token, client_id, now).ok_or(BAD)?;
    let single_use = settings.single_use_refresh_tokens;
    if single_use {
        tokens.forget_refresh(token);
    }
    let mut payload = issue(tokens, &grant, single_use, settings, now);
    if !single_use {
        payload["refresh_token"] = token.into();
    }
    Ok(payload)
}

fn issue(tokens: &mut Tokens, grant: &Grant, refreshable: bool, settings: &Settings, now: i64) -> Value {
    let ttl = settings.access_token_ttl;
    let mut payload = json!({
        "access_token": tokens.issue_access(grant, ttl, now), "token_type": "Bearer", "expires_in": ttl.as_secs(),
        "scope": grant.scope,
    });
    if refreshable {
        payload["refresh_token"] = tokens.issue_refresh(grant, settings.refresh_token_ttl, now).into();
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::state::principals::{PILOT, SERVICE_PRINCIPAL};
    use icebridge_model::secret::Secret;

    const BACK: &str = "http://localhost:8033";

    fn params(pairs: &[(&str, &str)]) -> Params {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn request(verifier: &str, scope: &str) -> Params {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        params(&[
            ("response_type", "code"),
            ("client_id", "databricks-cli"),
            ("redirect_uri", BACK),
            ("scope", scope),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ])
    }

    fn sandbox() -> (Tokens, Settings) {
        (Tokens::new(None, Some(&Secret::new("dose-test"))), Settings::new(&Config::default()))
    }

    fn exchange(held: &mut (Tokens, Settings), pairs: &[(&str, &str)]) -> Result<Value, OAuthError> {
        tokens(&mut held.0, ("databricks-cli", ""), &params(pairs), &held.1, 1_000)
    }

    fn spend(held: &mut (Tokens, Settings), code: &str, verifier: &str, back: &str) -> Result<Value, OAuthError> {
        let pairs =
            [("grant_type", "authorization_code"), ("redirect_uri", back), ("code", code), ("code_verifier", verifier)];
        exchange(held, &pairs)
    }

    fn refresh(held: &mut (Tokens, Settings), token: &Value) -> Result<Value, OAuthError> {
        exchange(held, &[("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap())])
    }

    #[test]
    fn a_wrong_request_is_never_sent_to_a_wrong_address() {
        let (tokens, _) = sandbox();
        let check = |name: &str, value: &str| {
            let mut params = request("v", "all-apis");
            params.insert(name.to_owned(), value.to_owned());
            check_request(tokens.client(param(&params, "client_id")), &params)
        };
        assert_eq!(check("state", "s").unwrap().as_str(), "http://localhost:8033/");
        for (name, value) in [
            ("client_id", "unknown"),
            ("redirect_uri", "http://localhost:8019"),
            ("redirect_uri", "http://localhost:8041"),
            ("redirect_uri", "http://localhost:8020/"),
            ("redirect_uri", "http://evil.example:8020"),
        ] {
            assert!(matches!(check(name, value), Err(Rejected::Shown(_))), "{name}={value}");
        }
        for (name, value) in [("code_challenge_method", "plain"), ("response_type", "token"), ("scope", "")] {
            assert!(matches!(check(name, value), Err(Rejected::SentBack(..))), "{name}={value}");
        }
        let own =
            Client { client_id: "own".into(), client_secret: None, redirect_urls: vec!["http://a.example/x".into()] };
        let mut params = request("v", "sql");
        assert!(check_request(Some(&own), &params).is_err(), "its own addresses only");
        params.insert("redirect_uri".into(), "http://a.example/x".into());
        assert!(check_request(Some(&own), &params).is_ok());
    }

    #[test]
    fn a_code_is_good_once_and_only_with_its_verifier() {
        let mut held = sandbox();
        let code = |held: &mut (Tokens, Settings)| accept(&mut held.0, &request("v", "all-apis"), PILOT, 1_000);
        let first = code(&mut held);
        let payload = spend(&mut held, &first, "v", BACK).unwrap();
        assert!(payload.get("refresh_token").is_none(), "it was not requested with offline_access");
        assert!(spend(&mut held, &first, "v", BACK).is_err());
        let second = code(&mut held);
        assert!(spend(&mut held, &second, "other", BACK).is_err());
        assert!(spend(&mut held, &second, "v", BACK).is_err(), "the attempt used it up");
        let third = code(&mut held);
        assert!(spend(&mut held, &third, "v", "http://localhost:8034").is_err());
        let late = accept(&mut held.0, &request("v", "all-apis"), PILOT, 1_000 - 60_000);
        assert!(spend(&mut held, &late, "v", BACK).is_err());
    }

    #[test]
    fn a_refresh_token_is_good_once_unless_it_is_set_otherwise() {
        let mut held = sandbox();
        let code = accept(&mut held.0, &request("v", "all-apis offline_access"), PILOT, 1_000);
        let first = spend(&mut held, &code, "v", BACK).unwrap();
        let second = refresh(&mut held, &first["refresh_token"]).unwrap();
        assert_ne!(first["refresh_token"], second["refresh_token"]);
        assert_eq!(refresh(&mut held, &first["refresh_token"]).unwrap_err().2, "Refresh token is invalid");
        held.1.single_use_refresh_tokens = false;
        let third = refresh(&mut held, &second["refresh_token"]).unwrap();
        assert_eq!(third["refresh_token"], second["refresh_token"]);
        let access = third["access_token"].as_str().unwrap();
        assert_eq!(held.0.holder(access, 2_000).unwrap(), PILOT);
        assert!(held.0.revoke(second["refresh_token"].as_str().unwrap()));
        assert_eq!(held.0.holder(access, 2_000).unwrap_err().status, 403, "the whole sign-in has ended");
        assert!(refresh(&mut held, &second["refresh_token"]).is_err());
    }

    #[test]
    fn a_service_principal_signs_in_with_its_secret() {
        let (mut held, settings) = sandbox();
        let mut ask = |client: &str, secret: &str, scope: &str| {
            let params = params(&[("grant_type", "client_credentials"), ("scope", scope)]);
            tokens(&mut held, (client, secret), &params, &settings, 1_000)
        };
        assert!(ask(SERVICE_PRINCIPAL, "dose-test", "all-apis").is_ok());
        assert_eq!(ask(SERVICE_PRINCIPAL, "wrong", "all-apis"), Err(BAD_CLIENT));
        assert_eq!(ask(SERVICE_PRINCIPAL, "dose-test", "").unwrap_err().1, "invalid_scope");
        assert_eq!(ask("databricks-cli", "", "all-apis"), Err(BAD_CLIENT), "a public client has no secret to prove");
    }

    #[test]
    fn access_tokens_expire() {
        let (mut held, settings) = sandbox();
        let token = held.job_token(PILOT, settings.access_token_ttl, 0);
        assert!(held.holder(&token, 3_598_000).is_ok());
        assert_eq!(held.holder(&token, 3_599_000).unwrap_err().status, 401);
        let (pat, info) = held.add_pat(PILOT, "mine", Some(60), 0);
        assert_eq!((held.holder(&pat, 59_999).is_ok(), held.holder(&pat, 60_000).is_ok()), (true, false));
        assert!(held.remove_pat(PILOT, info["token_id"].as_str().unwrap()));
        assert_eq!(held.holder(&pat, 0).unwrap_err().status, 403);
    }
}
