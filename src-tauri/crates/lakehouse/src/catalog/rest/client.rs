//! Requests to a REST catalog: its configuration, addresses and names.

use super::credentials::CatalogCredentials;
use super::service::{FAMILY, SERVICE};
use crate::catalog::common::contract::{Bearer, Secrets};
use crate::json;
use crate::storage::Network;
use icebridge_http::header::{HeaderMap, HeaderName, HeaderValue};
use icebridge_http::{
    Call, Failure, HttpClient, PageGuard, Redirects, RetryPolicy, Transport, origin_of, same_origin, segment,
};
use icebridge_model::catalog::CatalogSpec;
use icebridge_model::secret::holds_credentials;
use icebridge_model::{Code, Error, Result, TableIdent};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct RestClient {
    http: HttpClient,
    pub(super) network: Network,
    /// With a slash at its end, unless it is empty.
    prefix: String,
    /// Between the levels of a namespace in a path; percent-encoded.
    separator: String,
    /// The server's defaults, the person's properties, the server's overrides.
    pub(super) properties: BTreeMap<String, String>,
    endpoints: Option<BTreeSet<String>>,
}

const CONNECT: Duration = Duration::from_secs(8);
const ANSWER: Duration = Duration::from_secs(90);
/// Before the first answer, what does not answer is most likely a wrong address, and a person waits to hear so. A catalog
/// that has answered once is given time to come back.
const OPENING_ATTEMPTS: u32 = 3;
const OPENING_ANSWER: Duration = Duration::from_secs(15);

pub(super) fn usual_retry() -> RetryPolicy {
    RetryPolicy { first_wait: Duration::from_millis(250), max_wait: Duration::from_secs(15), ..RetryPolicy::default() }
}

#[derive(Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "json::texts")]
    defaults: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "json::texts")]
    overrides: BTreeMap<String, String>,
    #[serde(default)]
    endpoints: Option<BTreeSet<String>>,
}

impl Config {
    fn merged(&self, given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut merged = self.defaults.clone();
        merged.extend(given.clone());
        merged.extend(self.overrides.clone());
        merged
    }
}

impl RestClient {
    /// Asks the server for its configuration, as the protocol begins.
    pub(super) async fn connect(
        spec: &CatalogSpec,
        secrets: &Secrets,
        bearer: Option<Arc<dyn Bearer>>,
        retry: RetryPolicy,
    ) -> Result<Self> {
        let base = base_of(&spec.uri);
        check_spec(spec, base)?;
        let reached = bearer.as_ref().map(|bearer| bearer.transport()).unwrap_or_default();
        let transport = Transport { redirects: Redirects::SameOrigin, connect: CONNECT, answer: ANSWER, ..reached };
        let connection = transport.open()?;
        let of_sign_in = bearer.as_ref().map(|bearer| bearer.headers()).unwrap_or_default();
        let (given, shared) = (&spec.properties, connection.clone());
        let credentials = Arc::new(CatalogCredentials::new(base, given, secrets, bearer, shared, retry)?);
        let client = |base: &str, properties: &BTreeMap<String, String>| -> Result<HttpClient> {
            Ok(HttpClient::over(connection.clone(), base, &SERVICE, ANSWER)?
                .with_credentials(credentials.clone())
                .with_headers(headers(properties, &of_sign_in)?)
                .with_policy(retry))
        };
        let opening = RetryPolicy { attempts: OPENING_ATTEMPTS, repeat_silence: false, ..retry };
        let first = client(base, given)?.with_policy(opening).answer_within(OPENING_ANSWER);
        let warehouse = Some(spec.warehouse.trim()).filter(|warehouse| !warehouse.is_empty());
        let call = Call::get(FAMILY, "/v1/config").query_opt("warehouse", warehouse);
        let config: Config = match first.send(&call).await {
            Ok(answer) => answer.value,
            // A warehouse that is not there is refused in as many ways as there are servers.
            Err(Failure::Refused(refusal)) if matches!(refusal.status, 400 | 404) => {
                let mut error = refusal.into_error();
                error.code = Code::CatalogNotFound;
                return Err(error);
            }
            Err(failure) => return Err(failure.into()),
        };
        let merged = config.merged(given);
        let base = moved_base(base, spec, &merged)?;
        Ok(Self {
            http: client(base, &merged)?,
            network: Network::through(&transport)?,
            prefix: prefix(&merged).map_err(|e| e.about(&spec.uri))?,
            separator: separator(&merged).map_err(|e| e.about(&spec.uri))?,
            properties: merged,
            // A list of none is how some say that they have no list.
            endpoints: config.endpoints.filter(|all| !all.is_empty()),
        })
    }

    /// Whether the server lists the endpoint; `by_default` if it lists none.
    pub(super) fn offers(&self, endpoint: &str, by_default: bool) -> bool {
        self.endpoints.as_ref().map_or(by_default, |all| all.contains(endpoint))
    }

    pub(super) fn retry(&self) -> RetryPolicy {
        self.http.policy()
    }

    pub(super) fn namespaces_path(&self) -> String {
        format!("/v1/{}namespaces", self.prefix)
    }

    pub(super) fn namespace_path(&self, namespace: &[String]) -> Result<String> {
        if namespace.is_empty() {
            return Err(Error::invalid("a REST catalog has no tables outside of namespaces"));
        }
        let levels: Vec<_> = namespace.iter().map(|level| segment(level)).collect::<Result<_>>()?;
        Ok(format!("/v1/{}namespaces/{}", self.prefix, levels.join(&self.separator)))
    }

    pub(super) fn tables_path(&self, namespace: &[String]) -> Result<String> {
        Ok(format!("{}/tables", self.namespace_path(namespace)?))
    }

    pub(super) fn table_path(&self, table: &TableIdent) -> Result<String> {
        Ok(format!("{}/{}", self.tables_path(&table.namespace)?, segment(&table.name)?))
    }

    /// A namespace as a query parameter; encoded by the caller's query.
    pub(super) fn namespace_text(&self, namespace: &[String]) -> String {
        namespace.join(&percent_decode_str(&self.separator).decode_utf8_lossy())
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.send(Call::get(FAMILY, path)).await
    }

    /// As [`RestClient::get`], asking for credentials to the table's files.
    pub(super) async fn get_with_keys<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.send(with_keys(Call::get(FAMILY, path))).await
    }

    /// A request whose lost answer the caller looks for.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Failure> {
        self.send(Call::post(FAMILY, path).json(body).map_err(Failure::Failed)?).await
    }

    /// A request that does the same when it is sent twice. `keys`: ask for credentials to the table's files.
    pub(super) async fn post_idempotent<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
        keys: bool,
    ) -> Result<T, Failure> {
        let call = Call::post(FAMILY, path).idempotent().json(body).map_err(Failure::Failed)?;
        self.send(if keys { with_keys(call) } else { call }).await
    }

    /// A table out of the catalog; its files stay. Sent once: a second request might meet another table of the name.
    pub(super) async fn delete(&self, path: &str) -> Result<(), Failure> {
        let call = Call::delete(FAMILY, path).query("purgeRequested", "false").once();
        match self.send::<Value>(call).await {
            Err(Failure::Refused(refusal)) if refusal.status == 404 => Ok(()),
            other => other.map(drop),
        }
    }

    /// Follows pages to the end. A page may be empty and still have a next one.
    pub(super) async fn pages<P: Page + DeserializeOwned>(
        &self,
        path: &str,
        parent: Option<&str>,
    ) -> Result<Vec<P::Item>, Failure> {
        let (mut all, mut token, mut guard) = (Vec::new(), String::new(), PageGuard::in_memory());
        loop {
            let call = Call::get(FAMILY, path).query("pageToken", &token).query_opt("parent", parent);
            let described = self.http.describe(&call);
            let (items, next) = self.send::<P>(call).await?.split();
            let count = items.len();
            all.extend(items);
            let Some(next) = next.filter(|next| !next.is_empty()) else { return Ok(all) };
            guard.next(&next, count, &described, &SERVICE).map_err(Failure::Failed)?;
            token = next;
        }
    }

    async fn send<T: DeserializeOwned>(&self, call: Call) -> Result<T, Failure> {
        Ok(self.http.send(&call).await?.value)
    }
}

/// One answer of a listing.
pub(super) trait Page {
    type Item;
    /// The items, and the token of the next page.
    fn split(self) -> (Vec<Self::Item>, Option<String>);
}

fn with_keys(call: Call) -> Call {
    call.header("x-iceberg-access-delegation", "vended-credentials")
}

/// Without a slash at its end and without `/v1`.
fn base_of(uri: &str) -> &str {
    let uri = uri.trim().trim_end_matches('/');
    uri.strip_suffix("/v1").unwrap_or(uri)
}

fn check_spec(spec: &CatalogSpec, base: &str) -> Result<()> {
    if holds_credentials(&spec.uri) {
        // Not about the address, which holds them.
        return Err(Error::invalid("the catalog's address holds a user name or password")
            .with_hint("Take it out of the address and hand it over as a secret."));
    }
    let is_http = ["http://", "https://"].iter().any(|scheme| base.to_ascii_lowercase().starts_with(scheme));
    if !is_http || origin_of(base).is_none() {
        return Err(Error::invalid("a REST catalog's address starts with http:// or https://").about(&spec.uri));
    }
    let is = |name: &str, value: &str| spec.properties.get(name).is_some_and(|v| v.eq_ignore_ascii_case(value));
    if is("rest.sigv4-enabled", "true") || is("rest.auth.type", "sigv4") {
        return Err(Error::new(Code::Unsupported, "signing requests with AWS SigV4 is not built in")
            .about(&spec.uri)
            .with_hint("Use a catalog with OAuth2 or a token, or give the tables' folder on S3 as kind `files`."));
    }
    Ok(())
}

/// The address that the configuration names for all further requests. Credentials go only where the person sent them: to
/// the catalog's own origin, or to that of the property `uri` that they set.
fn moved_base<'a>(base: &'a str, spec: &CatalogSpec, merged: &'a BTreeMap<String, String>) -> Result<&'a str> {
    let Some(uri) = merged.get("uri").filter(|uri| uri.contains("://")) else { return Ok(base) };
    let given = spec.properties.get("uri");
    if same_origin(base, uri) || given.is_some_and(|given| same_origin(given, uri)) {
        return Ok(base_of(uri));
    }
    let target = origin_of(uri).unwrap_or_else(|| "something that is no address".into());
    Err(Error::new(Code::CatalogRefused, "the catalog's configuration names another server, which gets no credentials")
        .about(&spec.uri)
        .with_hint(
            "If you trust the server that the cause names, save it as the catalog's address, or as its property `uri`.",
        )
        .with_cause_text(format!("`uri` leads to {target}")))
}

/// May be several parts, and is used as it is given.
fn prefix(merged: &BTreeMap<String, String>) -> Result<String> {
    let prefix = merged.get("prefix").map(|prefix| prefix.trim_matches('/')).unwrap_or_default();
    let is_step = |part: &str| matches!(&*percent_decode_str(part).decode_utf8_lossy(), "." | "..");
    if prefix.contains(['?', '#', '\\']) || prefix.split('/').any(is_step) {
        return Err(Error::new(Code::CatalogRefused, "the catalog's `prefix` is no part of an address")
            .with_cause_text(format!("prefix {prefix:?}")));
    }
    Ok(if prefix.is_empty() { String::new() } else { format!("{prefix}/") })
}

fn separator(merged: &BTreeMap<String, String>) -> Result<String> {
    match merged.get("namespace-separator").filter(|separator| !separator.is_empty()) {
        None => Ok("%1F".into()),
        Some(separator) if separator.contains(['/', '?', '#', '\\']) => {
            Err(Error::new(Code::CatalogRefused, "the catalog's `namespace-separator` cannot be part of an address")
                .with_cause_text(format!("separator {separator:?}")))
        }
        Some(separator) => Ok(separator.clone()),
    }
}

/// Those of the sign-in, and `header.X` properties.
fn headers(properties: &BTreeMap<String, String>, of_sign_in: &BTreeMap<String, String>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let own = of_sign_in.iter().map(|(name, value)| (name.as_str(), value));
    let given = properties.iter().filter_map(|(k, v)| Some((k.strip_prefix("header.")?, v)));
    for (name, value) in own.chain(given) {
        // Decided for each request.
        if name.eq_ignore_ascii_case("x-iceberg-access-delegation") {
            continue;
        }
        let wrong =
            |part: &str| Error::invalid(format!("the {part} of the property `header.{name}` is no HTTP header"));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|e| wrong("name").with_cause(e))?;
        headers.insert(key, HeaderValue::from_str(value).map_err(|e| wrong("value").with_cause(e))?);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(name.to_string(), value.to_string())])
    }

    #[test]
    fn a_number_or_a_null_among_what_the_server_sets_is_read() {
        let told =
            r#"{"defaults":null,"overrides":{"client.pool":5,"s3.path-style-access":true,"x":null,"prefix":"p"}}"#;
        let config: Config = serde_json::from_str(told).unwrap();
        let merged = config.merged(&with("prefix", "own"));
        let of = |name: &str| merged.get(name).map(String::as_str);
        assert_eq!((of("client.pool"), of("s3.path-style-access"), of("x")), (Some("5"), Some("true"), None));
        assert_eq!(of("prefix"), Some("p"));
    }

    #[test]
    fn what_the_server_says_of_addresses_stays_within_its_own() {
        assert_eq!(prefix(&with("prefix", "/my/lake/")).unwrap(), "my/lake/");
        assert_eq!(prefix(&with("prefix", "a%2Fb")).unwrap(), "a%2Fb/");
        assert_eq!(prefix(&BTreeMap::new()).unwrap(), "");
        for wrong in ["a/../b", "..", "%2e%2E", "a?b", "a#b", "a/./b", "..\\x"] {
            assert!(prefix(&with("prefix", wrong)).is_err(), "{wrong}");
        }
        assert_eq!(separator(&BTreeMap::new()).unwrap(), "%1F");
        assert_eq!(separator(&with("namespace-separator", ".")).unwrap(), ".");
        assert!(separator(&with("namespace-separator", "/../")).is_err());
    }
}
