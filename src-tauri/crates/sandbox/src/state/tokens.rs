//! Tokens, codes and the clients that may have them.

use super::principals::{ADMIN, PILOT, SERVICE_PRINCIPAL};
use crate::base::{Refusal, millis};
use icebridge_model::secret::Secret;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// A code is spent within a minute or not at all.
const CODE_TTL_MS: i64 = 60_000;
/// The real one refuses a token that would not outlive the request.
const TOO_LATE_MS: i64 = 1_000;

/// A program that may ask for tokens.
#[derive(Clone, serde::Deserialize)]
pub struct Client {
    pub client_id: String,
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// Exact addresses; empty stands for `http://localhost:8020` to `8040`.
    #[serde(default)]
    pub redirect_urls: Vec<String>,
}

/// What a code, an access or a refresh token stands for.
#[derive(Clone)]
pub struct Grant {
    pub client_id: String,
    pub principal: String,
    pub scope: String,
    /// Tokens of one sign-in fall together.
    pub session: String,
    pub expires: i64,
}

pub struct Code {
    pub grant: Grant,
    pub redirect_uri: String,
    pub challenge: String,
}

struct Pat {
    id: String,
    principal: String,
    comment: String,
    created: i64,
    expires: Option<i64>,
}

pub struct Tokens {
    clients: BTreeMap<String, Client>,
    codes: BTreeMap<String, Code>,
    access: BTreeMap<String, Grant>,
    refresh: BTreeMap<String, Grant>,
    pats: BTreeMap<String, Pat>,
    /// The credentials that are printed at the start.
    pub pilot_token: String,
    pub admin_token: String,
    pub service_secret: String,
}

fn fresh(start: &str) -> String {
    format!("{start}{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple())
}

impl Tokens {
    pub fn new(token: Option<&Secret>, client_secret: Option<&Secret>) -> Self {
        let dapi = || format!("dapi{}", uuid::Uuid::new_v4().simple());
        let pilot_token = token.map_or_else(dapi, |token| token.expose().to_owned());
        let admin_token = dapi();
        let service_secret = client_secret
            .map_or_else(|| format!("dose{}", uuid::Uuid::new_v4().simple()), |secret| secret.expose().to_owned());
        let public = Client { client_id: "databricks-cli".to_owned(), client_secret: None, redirect_urls: Vec::new() };
        let service = Client {
            client_id: SERVICE_PRINCIPAL.to_owned(),
            client_secret: Some(Secret::new(service_secret.clone())),
            redirect_urls: Vec::new(),
        };
        let pat = |principal: &str| Pat {
            id: uuid::Uuid::new_v4().to_string(),
            principal: principal.to_owned(),
            comment: "made with the sandbox".to_owned(),
            created: 0,
            expires: None,
        };
        Self {
            clients: [public, service].into_iter().map(|client| (client.client_id.clone(), client)).collect(),
            codes: BTreeMap::new(),
            access: BTreeMap::new(),
            refresh: BTreeMap::new(),
            pats: [(pilot_token.clone(), pat(PILOT)), (admin_token.clone(), pat(ADMIN))].into(),
            pilot_token,
            admin_token,
            service_secret,
        }
    }

    pub fn client(&self, id: &str) -> Option<&Client> {
        self.clients.get(id)
    }

    pub fn add_client(&mut self, client: Client) {
        self.clients.insert(client.client_id.clone(), client);
    }

    pub fn remove_client(&mut self, id: &str) {
        self.clients.remove(id);
    }

    /// The name of the principal that a token stands for.
    pub fn holder(&self, token: &str, now: i64) -> Result<String, Refusal> {
        let expired = || Refusal::token(401, "Token is expired");
        if let Some(pat) = self.pats.get(token) {
            return if pat.expires.is_some_and(|end| end <= now) { Err(expired()) } else { Ok(pat.principal.clone()) };
        }
        match self.access.get(token) {
            Some(grant) if grant.expires - TOO_LATE_MS <= now => Err(expired()),
            Some(grant) => Ok(grant.principal.clone()),
            None => Err(Refusal::token(403, "Invalid access token.")),
        }
    }

    pub fn issue_code(&mut self, mut code: Code, now: i64) -> String {
        code.grant.expires = now + CODE_TTL_MS;
        let name = fresh("");
        self.codes.insert(name.clone(), code);
        name
    }

    /// A code is good once, whatever comes of it.
    pub fn spend_code(&mut self, code: &str, now: i64) -> Option<Code> {
        self.codes.remove(code).filter(|code| code.grant.expires > now)
    }

    pub fn issue_access(&mut self, grant: &Grant, ttl: Duration, now: i64) -> String {
        self.access.retain(|_, old| old.expires > now - 3_600_000);
        let token = fresh("eyJsandbox.");
        self.access.insert(token.clone(), Grant { expires: now + millis(ttl), ..grant.clone() });
        token
    }

    /// What a task on a cluster signs its own calls with.
    pub fn job_token(&mut self, principal: &str, ttl: Duration, now: i64) -> String {
        let grant = Grant {
            client_id: "cluster".to_owned(),
            principal: principal.to_owned(),
            scope: "all-apis".to_owned(),
            session: uuid::Uuid::new_v4().to_string(),
            expires: 0,
        };
        self.issue_access(&grant, ttl, now)
    }

    pub fn issue_refresh(&mut self, grant: &Grant, ttl: Duration, now: i64) -> String {
        let token = fresh("dor");
        self.refresh.insert(token.clone(), Grant { expires: now + millis(ttl), ..grant.clone() });
        token
    }

    pub fn refresh_grant(&self, token: &str, client_id: &str, now: i64) -> Option<Grant> {
        self.refresh.get(token).filter(|grant| grant.expires > now && grant.client_id == client_id).cloned()
    }

    pub fn forget_refresh(&mut self, token: &str) {
        self.refresh.remove(token);
    }

    /// Ends the sign-in a token belongs to. False if the token is not known.
    pub fn revoke(&mut self, token: &str) -> bool {
        let session = self.refresh.get(token).or_else(|| self.access.get(token)).map(|grant| grant.session.clone());
        if let Some(session) = &session {
            self.refresh.retain(|_, grant| grant.session != *session);
            self.access.retain(|_, grant| grant.session != *session);
        }
        session.is_some()
    }

    /// Makes every access token out there expire at once.
    pub fn expire_access(&mut self, now: i64) {
        for grant in self.access.values_mut() {
            grant.expires = now;
        }
    }

    pub fn add_pat(&mut self, principal: &str, comment: &str, lifetime_s: Option<i64>, now: i64) -> (String, Value) {
        let token = format!("dapi{}", uuid::Uuid::new_v4().simple());
        let pat = Pat {
            id: uuid::Uuid::new_v4().simple().to_string(),
            principal: principal.to_owned(),
            comment: comment.to_owned(),
            created: now,
            expires: lifetime_s.map(|seconds| now.saturating_add(seconds.saturating_mul(1000))),
        };
        let info = payload(&pat);
        self.pats.insert(token.clone(), pat);
        (token, info)
    }

    pub fn pats_of(&self, principal: &str) -> Vec<Value> {
        self.pats.values().filter(|pat| pat.principal == principal).map(payload).collect()
    }

    pub fn remove_pat(&mut self, principal: &str, id: &str) -> bool {
        let before = self.pats.len();
        self.pats.retain(|_, pat| pat.principal != principal || pat.id != id);
        self.pats.len() < before
    }
}

fn payload(pat: &Pat) -> Value {
    json!({
        "token_id": pat.id, "creation_time": pat.created, "expiry_time": pat.expires.unwrap_or(-1), "comment": pat.comment
    })
}
