//! Requests to a REST catalog: addresses, names, retries.

use super::auth::Auth;
use super::failures::{Failure, Refusal, no_catalog, unreachable};
use crate::catalog::{Bearer, Secrets, WayOut};
use crate::storage::Network;
use icebridge_model::catalog::CatalogSpec;
use icebridge_model::way_out::Lacking;
use icebridge_model::{Code, Error, Result, TableIdent};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    pub(super) network: Network,
    /// Without a slash at its end and without `/v1`.
    base: String,
    /// With a slash at its end, unless it is empty.
    prefix: String,
    /// Between the levels of a namespace in a path; percent-encoded.
    separator: String,
    auth: Auth,
    headers: HeaderMap,
    pace: Pace,
    /// The server's defaults, the person's properties, the server's overrides.
    pub(super) properties: BTreeMap<String, String>,
    endpoints: Option<BTreeSet<String>>,
    /// The server has answered as a catalog.
    known: bool,
}

/// How long to wait between attempts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) first: Duration,
}

impl Pace {
    pub(super) const USUAL: Self = Self { first: Duration::from_millis(250) };

    /// Doubles, up to 15 s; a little different for everybody, so that those who were cut off together don't return together.
    pub(super) fn backoff(self, attempt: u32) -> Duration {
        let wait = self.first.saturating_mul(1 << attempt.min(8)).min(Duration::from_secs(15));
        let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_nanos();
        wait / 2 + wait / 2 * (nanos % 1000) / 1000
    }
}

const CONNECT: Duration = Duration::from_secs(8);
const ANSWER: Duration = Duration::from_secs(90);
const ATTEMPTS: u32 = 6;
/// Before the first answer, what does not answer is most likely a wrong address: somebody sits there and waits to be told.
/// A catalog that has answered once is given time to come back.
const OPENING_ATTEMPTS: u32 = 3;
pub(super) const OPENING_ANSWER: Duration = Duration::from_secs(15);
/// A server that asks for more than this is not waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    defaults: Option<BTreeMap<String, Option<String>>>,
    #[serde(default)]
    overrides: Option<BTreeMap<String, Option<String>>>,
    #[serde(default)]
    endpoints: Option<BTreeSet<String>>,
}

impl Client {
    /// Asks the server for its configuration, as the protocol begins.
    pub(super) async fn connect(
        spec: &CatalogSpec,
        secrets: &Secrets,
        bearer: Option<Arc<dyn Bearer>>,
        pace: Pace,
    ) -> Result<Self> {
        let trimmed = spec.uri.trim().trim_end_matches('/');
        let base = trimmed.strip_suffix("/v1").unwrap_or(trimmed).to_string();
        if !url::Url::parse(&base).is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.has_host()) {
            return Err(Error::invalid("a REST catalog's address starts with http:// or https://").about(&spec.uri));
        }
        if spec.properties.get("rest.sigv4-enabled").is_some_and(|v| v.eq_ignore_ascii_case("true"))
            || spec.properties.get("rest.auth.type").is_some_and(|v| v.eq_ignore_ascii_case("sigv4"))
        {
            return Err(Error::new(Code::Unsupported, "signing requests with AWS SigV4 is not built in")
                .about(&spec.uri)
                .with_hint("Use a catalog with OAuth2 or a token, or give the tables' folder on S3 as kind `files`."));
        }
        let way_out = match &bearer {
            Some(bearer) => bearer.way_out()?,
            None => WayOut {
                http: reqwest::Client::builder().user_agent(concat!("IceBridge/", env!("CARGO_PKG_VERSION"))),
                storage: Network::default(),
            },
        };
        let http = way_out
            .http
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .redirect(reqwest::redirect::Policy::limited(3))
            .build()
            .map_err(|e| Error::internal("the HTTP client cannot be made").with_cause(e))?;
        let mut client = Self {
            auth: Auth::new(&base, &spec.properties, secrets, bearer, pace)?,
            headers: headers(&spec.properties)?,
            http,
            network: way_out.storage,
            base,
            prefix: String::new(),
            separator: "%1F".into(),
            pace,
            properties: spec.properties.clone(),
            endpoints: None,
            known: false,
        };
        let warehouse = spec.warehouse.trim();
        let query: &[(&str, &str)] = if warehouse.is_empty() { &[] } else { &[("warehouse", warehouse)] };
        let config: Config = client.get("config", query).await.map_err(|failure| match failure {
            // A warehouse that is not there is refused in as many ways as there are servers.
            Failure::Refused(refusal) if matches!(refusal.status, 400 | 404) => {
                let mut error = refusal.into_error();
                error.code = Code::CatalogNotFound;
                error
            }
            other => other.into(),
        })?;
        let mut merged: BTreeMap<_, _> =
            config.defaults.into_iter().flatten().filter_map(|(k, v)| Some((k, v?))).collect();
        merged.extend(spec.properties.clone());
        merged.extend(config.overrides.into_iter().flatten().filter_map(|(k, v)| Some((k, v?))));
        if let Some(uri) = merged.get("uri").filter(|uri| uri.contains("://")) {
            let uri = uri.trim_end_matches('/');
            client.base = uri.strip_suffix("/v1").unwrap_or(uri).to_string();
        }
        if let Some(prefix) = merged.get("prefix").map(|p| p.trim_matches('/')).filter(|p| !p.is_empty()) {
            // May be several parts, and is to be used as it is given.
            client.prefix = format!("{prefix}/");
        }
        if let Some(separator) = merged.get("namespace-separator").filter(|s| !s.is_empty()) {
            client.separator = separator.clone();
        }
        client.headers = headers(&merged)?;
        client.properties = merged;
        client.endpoints = config.endpoints;
        client.known = true;
        Ok(client)
    }

    /// Whether the server lists the endpoint; `unless_said` if it lists none.
    pub(super) fn offers(&self, endpoint: &str, unless_said: bool) -> bool {
        self.endpoints.as_ref().map_or(unless_said, |all| all.contains(endpoint))
    }

    pub(super) fn pace(&self) -> Pace {
        self.pace
    }

    pub(super) fn namespaces_path(&self) -> String {
        format!("{}namespaces", self.prefix)
    }

    pub(super) fn namespace_path(&self, namespace: &[String]) -> String {
        let levels: Vec<_> = namespace.iter().map(|level| encode(level)).collect();
        format!("{}namespaces/{}", self.prefix, levels.join(&self.separator))
    }

    pub(super) fn table_path(&self, table: &TableIdent) -> String {
        format!("{}/tables/{}", self.namespace_path(&table.namespace), encode(&table.name))
    }

    /// A namespace as a query parameter; encoded by the caller's query.
    pub(super) fn namespace_text(&self, namespace: &[String]) -> String {
        namespace.join(&decode(&self.separator))
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, Failure> {
        self.send(Method::GET, path, query, None, false).await
    }

    /// As [`Client::get`], asking for credentials to the table's files.
    pub(super) async fn get_with_keys<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.send(Method::GET, path, &[], None, true).await
    }

    /// `keys`: ask for credentials to the table's files.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value, keys: bool) -> Result<T, Failure> {
        self.send(Method::POST, path, &[], Some(body), keys).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
        keys: bool,
    ) -> Result<T, Failure> {
        let address = format!("{}/v1/{path}", self.base);
        let changes = method != Method::GET;
        let lost = |e: Error| if changes { Failure::Unknown(e) } else { Failure::Failed(e) };
        let mut renewed = false;
        let mut attempt = 0;
        loop {
            let token = self.auth.token(&self.http).await.map_err(Failure::Failed)?;
            let mut request = self.http.request(method.clone(), &address).headers(self.headers.clone()).query(query);
            if let Some(token) = &token {
                request = request.bearer_auth(token.expose());
            }
            if keys {
                request = request.header("X-Iceberg-Access-Delegation", "vended-credentials");
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            if !self.known {
                request = request.timeout(OPENING_ANSWER);
            }
            let mut most = ATTEMPTS;
            let (failure, wait) = match request.send().await {
                Err(e) => {
                    most = if self.known { ATTEMPTS } else { attempts_to_open(&e) };
                    // Never sent: safe to repeat, whatever it is.
                    let sent = !(e.is_connect() || e.is_builder());
                    let error = unreachable(&address, e);
                    (if sent { lost(error) } else { Failure::Failed(error) }, None)
                }
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    let wait = retry_after(answer.headers());
                    match answer.bytes().await {
                        Err(e) => {
                            most = if self.known { ATTEMPTS } else { attempts_to_open(&e) };
                            (lost(unreachable(&address, e)), None)
                        }
                        Ok(text) if (200..300).contains(&status) => {
                            // Some answers have no content; they are asked for as a Value.
                            let text = if text.is_empty() { &b"null"[..] } else { &text };
                            return serde_json::from_slice(text).map_err(|e| lost(no_catalog(&address, e)));
                        }
                        Ok(text) => {
                            if !self.known && wait.is_none() {
                                most = OPENING_ATTEMPTS;
                            }
                            let refusal = Refusal::parse(status, &text, &address);
                            match status {
                                401 | 419 if !renewed => {
                                    renewed = true;
                                    if self.auth.renew(&self.http, token.as_ref()).await.map_err(Failure::Failed)? {
                                        continue;
                                    }
                                    return Err(Failure::Refused(refusal));
                                }
                                429 | 503 => (Failure::Refused(refusal), wait),
                                500 | 502 | 504 => (lost(refusal.into_error()), wait),
                                _ => return Err(Failure::Refused(refusal)),
                            }
                        }
                    }
                }
            };
            attempt += 1;
            // A request whose answer was lost is repeated by who sent it, after a look at what came of it.
            if matches!(failure, Failure::Unknown(_)) || attempt >= most || wait.is_some_and(|w| w > LONGEST_WAIT) {
                return Err(failure);
            }
            let wait = wait.unwrap_or_else(|| self.pace.backoff(attempt));
            tracing::debug!(address, attempt, ?wait, "the catalog is asked again");
            tokio::time::sleep(wait).await;
        }
    }
}

/// Waiting in silence once is enough, as is asking where a setting is missing; what is refused at once may be a server that is
/// just being restarted.
pub(super) fn attempts_to_open(failure: &reqwest::Error) -> u32 {
    if failure.is_timeout() || Lacking::of(failure).is_some() { 1 } else { OPENING_ATTEMPTS }
}

/// `header.X` properties.
fn headers(properties: &BTreeMap<String, String>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in properties.iter().filter_map(|(k, v)| Some((k.strip_prefix("header.")?, v))) {
        // Ours to decide for each request.
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

/// In seconds, or as a date.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// Everything but what RFC 3986 calls unreserved: what Java's servers decode to the same name.
fn encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match digits.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_as_one_part_of_a_path() {
        assert_eq!(encode("a b/c#?%ü+"), "a%20b%2Fc%23%3F%25%C3%BC%2B");
        assert_eq!(decode("%1F"), "\u{1f}");
        assert_eq!(decode("%2E%zz%"), ".%zz%");
    }

    #[test]
    fn both_forms_of_retry_after_are_read() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(text).unwrap());
            retry_after(&headers)
        };
        assert_eq!(of("7"), Some(Duration::from_secs(7)));
        assert_eq!(of("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(of("soon"), None);
    }
}
