//! The transport against a server on this machine.

use crate::limiter::{Family, Limits};
use crate::*;
use async_trait::async_trait;
use futures::StreamExt;
use icebridge_loopback::{Reply, Request, Server, json as ok};
use icebridge_metrics::Metrics;
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

pub(crate) static SERVICE: Service = Service {
    name: "the server",
    unreachable: Code::CatalogUnreachable,
    unreachable_hint: "Check the network.",
    certificate_hint: "Add the certificate.",
    proxy_hint: "Give the password.",
    refused: Code::CatalogRefused,
    not_this_service: "the server answers, but not as expected",
    not_this_service_hint: "Check the address.",
    empty_answer: "{}",
    explain: |refusal| Explanation {
        code: if refusal.status == 429 { Code::RateLimited } else { Code::CatalogRefused },
        message: "the server refuses the request",
        hint: "See the cause.",
    },
};

const PATH: &str = "/thing";
const FAMILY: Family = Family { name: "things", limits: Limits { start: 50.0, max: 200.0, at_once: 32 } };

/// Gives one token after the other.
#[derive(Debug, Default)]
struct Numbered(AtomicUsize);

#[async_trait]
impl Credentials for Numbered {
    async fn token(&self) -> Result<Option<Secret>> {
        Ok(Some(Secret::new(format!("canary-token-{}", self.0.load(Ordering::SeqCst)))))
    }
    async fn renew(&self, _stale: Option<&Secret>) -> Result<bool> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(true)
    }
    fn secrets(&self) -> Vec<Secret> {
        vec![Secret::new("canary-client-secret")]
    }
}

fn fast() -> RetryPolicy {
    RetryPolicy {
        first_wait: Duration::from_millis(2),
        max_wait: Duration::from_millis(10),
        attempts: 4,
        patience: Duration::from_secs(5),
        repeat_silence: true,
    }
}

fn transport(redirects: Redirects) -> Transport {
    Transport { proxy: Proxy::Direct, redirects, answer: Duration::from_millis(400), ..Transport::default() }
}

fn client_with(server: &Server, redirects: Redirects) -> HttpClient {
    HttpClient::new(&transport(redirects), &server.uri, &SERVICE)
        .unwrap()
        .with_limiters(Limiters::default())
        .with_policy(fast())
        .with_credentials(Arc::new(Numbered::default()))
}

fn client(server: &Server) -> HttpClient {
    client_with(server, Redirects::Never)
}

fn get() -> Call {
    Call::get(FAMILY, PATH)
}

fn post() -> Call {
    Call::post(FAMILY, PATH).json(&json!({"a": 1})).unwrap()
}

async fn ask(client: &HttpClient, call: Call) -> Result<Value, Failure> {
    Ok(client.send(&call).await?.value)
}

/// The replies one after the other; the last one again and again.
async fn scripted(replies: Vec<fn() -> Reply>) -> Server {
    let at = AtomicUsize::new(0);
    Server::start(move |_| replies[at.fetch_add(1, Ordering::SeqCst).min(replies.len() - 1)]()).await
}

fn status(status: u16) -> Reply {
    Reply::With(status, vec![], vec![])
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let server = Server::start(|request| match request.header("authorization") {
        Some("Bearer canary-token-1") => ok(json!({"x": 1})),
        _ => status(401),
    })
    .await;
    assert_eq!(ask(&client(&server), get()).await.unwrap(), json!({"x": 1}));
    assert_eq!(server.count("GET", PATH), 2);
    let never = scripted(vec![|| status(419)]).await;
    let failure = ask(&client(&never), get()).await.unwrap_err();
    assert_eq!(failure.refusal().map(|refusal| refusal.status), Some(419));
    assert_eq!(never.count("GET", PATH), 2);
}

/// Of the process: a family of its own keeps other tests out.
#[tokio::test]
async fn requests_retries_and_waits_are_counted_by_family() {
    const COUNTED: Family = Family { name: "counted", limits: FAMILY.limits };
    let server = scripted(vec![|| status(503), || status(429), || ok(json!({}))]).await;
    ask(&client(&server), Call::get(COUNTED, PATH)).await.unwrap();
    let gone = scripted(vec![|| status(404)]).await;
    ask(&client(&gone), Call::get(COUNTED, PATH)).await.unwrap_err();
    let text = Metrics::of_process().text();
    for (name, number) in [
        ("http_requests_total{family", 4),
        ("http_retries_total{family", 2),
        ("http_throttled_total{family", 1),
        ("limiter_wait_seconds_count{limiter", 4),
        ("limiter_waiting{limiter", 0),
    ] {
        let line = format!("icebridge_{name}=\"counted\"}} {number}");
        assert!(text.lines().any(|one| one == line), "{line}\n{text}");
    }
}

#[tokio::test]
async fn a_redirect_to_another_origin_gets_nothing() {
    let elsewhere = Server::start(|_| ok(json!({"stolen": true}))).await;
    for code in [301, 302, 303, 307, 308] {
        let target = format!("{}/x?q=1", elsewhere.uri);
        let server = Server::start(move |_| Reply::With(code, vec![("Location", target.clone())], vec![])).await;
        for redirects in [Redirects::Never, Redirects::SameOrigin] {
            for call in [get(), post()] {
                let error = Error::from(ask(&client_with(&server, redirects), call).await.unwrap_err());
                assert_eq!(error.causes, [format!("HTTP {code}: it redirects to {}", elsewhere.uri)], "{error}");
            }
        }
        let secret = Secret::new("canary-secret");
        let endpoint = format!("{}/token", server.uri);
        let request =
            TokenRequest { endpoint: &endpoint, form: vec![], secrets: vec![("client_secret", &secret)], basic: None };
        for redirects in [Redirects::Never, Redirects::SameOrigin] {
            let connection = transport(redirects).open().unwrap();
            let denied = request.send(&connection, &SERVICE, fast()).await.unwrap_err();
            assert!(matches!(&denied, TokenFailure::Refused(refusal) if refusal.status == code), "{denied:?}");
        }
    }
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn a_redirect_within_the_origin_is_followed_a_few_times() {
    let moved = |request: &Request| match request.path.as_str() {
        "/there" => ok(json!({"x": 1})),
        "/round" => Reply::With(307, vec![("Location", "/round".into())], vec![]),
        _ => Reply::With(307, vec![("Location", "/there".into())], vec![]),
    };
    let server = Server::start(moved).await;
    let client = client_with(&server, Redirects::SameOrigin);
    assert_eq!(ask(&client, get()).await.unwrap(), json!({"x": 1}));
    assert!(server.last("GET", "/there").header("authorization").is_some());
    assert!(ask(&client, Call::get(FAMILY, "/round")).await.is_err());
    assert!(server.count("GET", "/round") < 10);
}

#[tokio::test]
async fn no_error_repeats_what_was_sent() {
    let echo = |request: &Request| {
        let mut seen = request.header("authorization").unwrap_or_default().to_string();
        seen.push_str(&String::from_utf8_lossy(&request.body));
        // Sent earlier, to get the token.
        seen.push_str(" canary-client-secret");
        let headers = vec![("x-request-id", seen.clone())];
        match request.query("as") {
            "json" => Reply::With(400, headers, json!({"error_code": seen, "message": seen}).to_string().into_bytes()),
            "iceberg" => {
                let inner = json!({"message": seen, "type": "Bad", "code": 400});
                Reply::With(400, headers, json!({"error": inner}).to_string().into_bytes())
            }
            // The token lies across the place where long messages are cut.
            "long" => Reply::With(500, headers, format!("{}{seen}", "x".repeat(590)).into_bytes()),
            _ => Reply::With(400, headers, seen.into_bytes()),
        }
    };
    let server = Server::start(echo).await;
    let client = client(&server);
    let value = Secret::new("canary value");
    for form in ["json", "iceberg", "long", "text"] {
        let call = Call::post(FAMILY, PATH).query("as", form).json(&json!({"v": value})).unwrap().scrub(&value);
        let error = Error::from(ask(&client, call).await.unwrap_err());
        let shown = format!("{error} {error:?} {client:?} {}", serde_json::to_string(&error).unwrap());
        assert!(!shown.contains("canary"), "{form}: {shown}");
        assert!(shown.contains("***") || form == "long", "{form}: {shown}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let endless = || Reply::Endless(b"[\"a\",".to_vec());
    let server = scripted(vec![endless]).await;
    let client = client(&server).answer_within(Duration::from_secs(60));
    let error = Error::from(ask(&client, get()).await.unwrap_err());
    assert!(error.causes[0].contains("96 MiB"), "{error}");
    assert_eq!(server.count("GET", PATH), 1);
    let refused = Server::start(|_| Reply::EndlessWith(400, b"no ".to_vec())).await;
    let error = Error::from(ask(&self::client(&refused), get()).await.unwrap_err());
    assert!(error.causes[0].len() < 1000, "{}", error.causes[0].len());
}

#[tokio::test]
async fn a_proxy_that_asks_for_a_password_is_named_for_plain_http_too() {
    let proxy = scripted(vec![|| status(407)]).await;
    let transport = Transport { proxy: Proxy::At(Secret::new(proxy.uri.as_str())), ..transport(Redirects::Never) };
    let client = HttpClient::new(&transport, "http://h.example", &SERVICE).unwrap().with_policy(fast());
    let error = Error::from(ask(&client, get()).await.unwrap_err());
    assert_eq!(
        (error.code, error.message.as_str()),
        (Code::CatalogUnreachable, ConnectBlocker::ProxyPassword.message())
    );
}

#[tokio::test]
async fn a_server_that_never_answers_is_not_asked_again_while_connecting() {
    let server = scripted(vec![|| Reply::Slow(Duration::from_secs(30), Box::new(ok(json!({}))))]).await;
    let client = client(&server).with_policy(RetryPolicy { repeat_silence: false, ..fast() });
    let error = Error::from(ask(&client, get()).await.unwrap_err());
    assert_eq!((error.code, server.count("GET", PATH)), (Code::CatalogUnreachable, 1));
}

#[tokio::test]
async fn retry_after_is_honoured_in_both_forms_by_all_of_the_family() {
    let soon = || {
        // A date has whole seconds: this is one to two seconds from now.
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
        Reply::With(429, vec![("Retry-After", date)], vec![])
    };
    for reply in [soon as fn() -> Reply, || Reply::With(429, vec![("Retry-After", "1".into())], vec![])] {
        let server = scripted(vec![reply, || ok(json!({}))]).await;
        let client = client(&server);
        let begun = Instant::now();
        let (first, second) = futures::join!(ask(&client, get()), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            ask(&client, get()).await
        });
        first.unwrap();
        second.unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(950), "{:?}", begun.elapsed());
        assert_eq!(server.count("GET", PATH), 3);
    }
    let server = scripted(vec![|| Reply::With(429, vec![("Retry-After", "3600".into())], vec![])]).await;
    let error = Error::from(ask(&client(&server), get()).await.unwrap_err());
    assert_eq!(error.code, Code::RateLimited);
    assert!(error.causes.iter().any(|cause| cause.contains("wait 36")), "{error}");
    assert_eq!(server.count("GET", PATH), 1);
}

#[tokio::test]
async fn a_storm_of_429_ends_in_success_for_all() {
    const REQUESTS: usize = 80;
    let window = Mutex::new((Instant::now(), 0_u32));
    let refused = Arc::new(AtomicUsize::new(0));
    let counted = refused.clone();
    // Thirty a second, where the client begins with fifty.
    let server = Server::start(move |_| {
        let mut window = window.lock().unwrap();
        if window.0.elapsed() > Duration::from_millis(100) {
            *window = (Instant::now(), 0);
        }
        window.1 += 1;
        if window.1 <= 3 {
            return ok(json!({}));
        }
        counted.fetch_add(1, Ordering::SeqCst);
        status(429)
    })
    .await;
    let first_wait = Duration::from_millis(50);
    let patience = Duration::from_secs(30);
    let policy = RetryPolicy { first_wait, max_wait: first_wait * 8, attempts: 12, patience, ..fast() };
    let client = client(&server).with_policy(policy);
    let requests = (0..REQUESTS).map(|_| ask(&client, get()));
    let all: Vec<_> = futures::stream::iter(requests).buffer_unordered(32).collect().await;
    assert!(all.iter().all(Result::is_ok), "{:?}", all.iter().find(|one| one.is_err()));
    // It learned: without, nearly all of the first rush and much of what follows would be refused.
    let refused = refused.load(Ordering::SeqCst);
    assert!((1..REQUESTS).contains(&refused), "{refused}");
}
