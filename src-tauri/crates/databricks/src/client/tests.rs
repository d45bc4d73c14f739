use super::*;
use crate::loopback::{Reply, Server, conduct, direct, ok, page, refused};
use crate::transport::Proxy;
use futures::{StreamExt, TryStreamExt};
use icebridge_model::Code;
use icebridge_model::secret::Secret;
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;
use tokio::time::Instant;

const PATH: &str = "/api/2.0/thing";

fn get() -> Call {
    Call::get(Family::Sql, PATH)
}

fn post() -> Call {
    Call::post(Family::Sql, PATH).json(&json!({"a": 1})).unwrap()
}

/// The replies one after the other; the last one again and again.
async fn scripted(replies: Vec<fn() -> Reply>) -> Server {
    let at = AtomicUsize::new(0);
    Server::start(move |_| replies[at.fetch_add(1, Ordering::SeqCst).min(replies.len() - 1)]()).await
}

async fn asked(server: &Server, call: Call) -> Result<Value> {
    server.client().ask::<Value>(call).await
}

#[tokio::test]
async fn reading_survives_what_passes() {
    let replies: Vec<fn() -> Reply> =
        vec![|| Reply::Cut, || refused(500, "INTERNAL_ERROR"), || Reply::With(503, vec![], b"<html>".to_vec()), || {
            ok(json!({"x": 1}))
        }];
    let server = scripted(replies).await;
    assert_eq!(asked(&server, get()).await.unwrap(), json!({"x": 1}));
    assert_eq!(server.count("GET", PATH), 4);
    let shown = server.last("GET", PATH);
    assert_eq!(shown.header("user-agent"), Some(crate::USER_AGENT));
    assert_eq!(shown.header("authorization"), Some("Bearer canary-token"));
    // Cut off in the middle, and mixed up.
    let replies: Vec<fn() -> Reply> = vec![
        || Reply::Short(vec![], br#"{"x":"#.to_vec(), 50),
        || Reply::With(200, vec![], b"{\"x\": 1, garbage".to_vec()),
        || Reply::Slow(Duration::from_secs(30), Box::new(ok(json!({})))),
        || ok(json!({"x": 2})),
    ];
    assert_eq!(asked(&scripted(replies).await, get()).await.unwrap(), json!({"x": 2}));
}

#[tokio::test]
async fn patience_ends() {
    let server = scripted(vec![|| refused(500, "INTERNAL_ERROR")]).await;
    assert_eq!(asked(&server, get()).await.unwrap_err().code, Code::WorkspaceFailed);
    assert_eq!(server.count("GET", PATH), 4);
    let server = scripted(vec![|| Reply::Slow(Duration::from_secs(30), Box::new(ok(json!({}))))]).await;
    let begun = Instant::now();
    let error = asked(&server, get()).await.unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::WorkspaceUnreachable, true));
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn what_changes_something_is_not_sent_again_after_a_lost_answer() {
    let lost: [fn() -> Reply; 6] = [
        || Reply::Cut,
        || refused(500, "INTERNAL_ERROR"),
        || refused(502, ""),
        || Reply::With(503, vec![], vec![]),
        || Reply::Short(vec![], br#"{"run_id":"#.to_vec(), 50),
        || Reply::With(200, vec![], b"{\"run_id\": garbage".to_vec()),
    ];
    for (number, reply) in lost.into_iter().enumerate() {
        let server = scripted(vec![reply]).await;
        let error = asked(&server, post()).await.unwrap_err();
        assert_eq!(error.code, Code::OutcomeUnknown, "{number}: {error}");
        assert_eq!(server.count("POST", PATH), 1, "{number}");
    }
    let server = scripted(vec![|| Reply::Slow(Duration::from_secs(30), Box::new(ok(json!({}))))]).await;
    assert_eq!(asked(&server, post()).await.unwrap_err().code, Code::OutcomeUnknown);
    // With an idempotency key it is.
    let server = scripted(vec![|| Reply::Cut, || ok(json!({"run_id": 7}))]).await;
    assert_eq!(asked(&server, post().harmless()).await.unwrap(), json!({"run_id": 7}));
    // Refused, and so not done: 429, and 503 that asks to come again.
    let replies: Vec<fn() -> Reply> = vec![
        || refused(429, "REQUEST_LIMIT_EXCEEDED"),
        || Reply::With(503, vec![("Retry-After", "0".into())], vec![]),
        || ok(json!({"run_id": 8})),
    ];
    assert_eq!(asked(&scripted(replies).await, post()).await.unwrap(), json!({"run_id": 8}));
    // Nobody listens: never sent.
    let error = Client::new(
        Host::parse("http://127.0.0.1:9").unwrap(),
        None,
        Auth::token_of(Secret::new("t")).unwrap(),
        &conduct(),
    );
    let error = error.unwrap().ask::<Value>(post()).await.unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::WorkspaceUnreachable, true));
}

#[tokio::test]
async fn retry_after_is_honoured_in_both_forms_and_seen_in_the_budget() {
    let soon = || {
        // A date has whole seconds: this is one to two seconds from now.
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
        Reply::With(429, vec![("Retry-After", date)], vec![])
    };
    for reply in [soon as fn() -> Reply, || Reply::With(429, vec![("Retry-After", "1".into())], vec![])] {
        let server = scripted(vec![reply, || ok(json!({}))]).await;
        let client = server.client();
        let begun = std::time::Instant::now();
        let (first, second) = futures::join!(client.ask::<Value>(get()), async {
            // Others of the same family wait too.
            tokio::time::sleep(Duration::from_millis(300)).await;
            let budget = client.budget();
            assert!(budget[0].paused_seconds > 0.2 && budget[0].throttled == 1, "{budget:?}");
            client.ask::<Value>(get()).await
        });
        first.unwrap();
        second.unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(950), "{:?}", begun.elapsed());
        let budget = client.budget();
        assert_eq!((budget[0].family, budget[0].throttled, budget[0].sent), (Family::Sql, 1, 3));
        assert!(budget[0].rate < 10.0, "{budget:?}");
    }
    let server = scripted(vec![|| Reply::With(429, vec![("Retry-After", "3600".into())], vec![])]).await;
    let error = asked(&server, get()).await.unwrap_err();
    assert_eq!(error.code, Code::RateLimited);
    assert!(error.causes.iter().any(|cause| cause.contains("wait 36")), "{error}");
    assert_eq!(server.count("GET", PATH), 1);
}

#[tokio::test]
async fn a_storm_of_429_ends_in_success_for_all() {
    const REQUESTS: u64 = 80;
    let taken = Mutex::new((Instant::now(), 0_u32));
    // Thirty a second, where we begin with fifty.
    let server = Server::start(move |_| {
        let mut taken = taken.lock().unwrap();
        if taken.0.elapsed() > Duration::from_millis(100) {
            *taken = (Instant::now(), 0);
        }
        taken.1 += 1;
        if taken.1 > 3 { refused(429, "REQUEST_LIMIT_EXCEEDED") } else { ok(json!({})) }
    })
    .await;
    let mut conduct = conduct();
    let first = Duration::from_millis(50);
    conduct.pace = Pace { first, longest: first * 8, attempts: 12, patience: Duration::from_secs(30) };
    let client = Client::new(server.host(), None, Auth::token_of(Secret::new("t")).unwrap(), &conduct).unwrap();
    let call = || Call::get(Family::UnityCatalog, PATH);
    let requests = (0..REQUESTS).map(|_| client.ask::<Value>(call()));
    let all: Vec<Result<Value>> = futures::stream::iter(requests).buffer_unordered(32).collect().await;
    assert!(all.iter().all(Result::is_ok), "{:?}", all.iter().find(|one| one.is_err()));
    let budget = &client.budget()[0];
    assert!(budget.throttled > 0 && budget.rate < 50.0, "{budget:?}");
    // It learned: without, nearly all of the first rush and much of what follows would be refused.
    assert!(budget.throttled < REQUESTS, "{budget:?}");
}

#[tokio::test]
async fn listings_go_on_over_empty_pages_and_end_in_circles() {
    let server = Server::start(|asked| match asked.query("page_token") {
        "" => page("things", json!([]), Some("a")),
        "a" => page("things", json!([{"n": 1}, {"n": 2}]), Some("b")),
        "b" => page("things", json!([]), Some("c")),
        "c" => page("things", json!([{"n": 3}]), Some("")),
        other => panic!("{other}"),
    })
    .await;
    let all: Vec<Value> = server.client().items(get(), "things").try_collect().await.unwrap();
    assert_eq!(all, [json!({"n": 1}), json!({"n": 2}), json!({"n": 3})]);
    assert_eq!(server.client().all::<Value>(&get(), "things").await.unwrap().len(), 3);
    let circle = Server::start(|asked| match asked.query("page_token") {
        "a" => page("things", json!([1]), Some("b")),
        _ => page("things", json!([2]), Some("a")),
    })
    .await;
    let error = circle.client().items::<Value>(get(), "things").try_collect::<Vec<_>>().await.unwrap_err();
    assert!(error.message.contains("circle"), "{error}");
    assert!(circle.client().all::<Value>(&get(), "things").await.is_err());
    // As many as there are pages, and no more is held than one of them: taken one by one.
    let endless = Server::start(|asked| {
        let number: u64 = asked.query("page_token").parse().unwrap_or(0);
        page("things", json!([number]), Some(&(number + 1).to_string()))
    })
    .await;
    let some: Vec<_> = endless.client().items::<Value>(get(), "things").take(5).collect().await;
    assert_eq!(some.len(), 5);
    assert!(endless.count("GET", PATH) <= 6, "{}", endless.count("GET", PATH));
}

#[tokio::test]
async fn a_listing_whose_page_fails_says_so() {
    let server = Server::start(|asked| match asked.query("page_token") {
        "" => page("things", json!([1]), Some("a")),
        _ => refused(403, "PERMISSION_DENIED"),
    })
    .await;
    let all: Vec<Result<Value>> = server.client().items(get(), "things").collect().await;
    assert!(matches!(&all[..], [Ok(_), Err(error)] if error.code == Code::AccessDenied), "{all:?}");
}

#[tokio::test]
async fn request_ids_are_kept() {
    let replies: Vec<fn() -> Reply> = vec![
        || Reply::With(400, vec![("x-request-id", "r-1".into())], br#"{"error_code":"BAD","message":"m"}"#.to_vec()),
        || Reply::With(200, vec![("x-request-id", "r-2".into())], b"{}".to_vec()),
    ];
    let server = scripted(replies).await;
    let error = asked(&server, post()).await.unwrap_err();
    assert_eq!(error.causes, ["HTTP 400: BAD: m", "request id r-1"]);
    assert_eq!(error.object.as_deref(), Some(&*format!("POST {}{PATH}", server.uri)));
    let answer: Answer<Value> = server.client().send(post()).await.unwrap();
    assert_eq!(answer.request_id.as_deref(), Some("r-2"));
}

#[tokio::test]
async fn a_page_or_a_sign_in_elsewhere_is_no_answer() {
    let html = || Reply::With(200, vec![("content-type", "text/html".into())], b"<html>sign in</html>".to_vec());
    let server = scripted(vec![html]).await;
    let error = asked(&server, get()).await.unwrap_err();
    assert_eq!(error.code, Code::WorkspaceFailed, "{error}");
    assert_eq!(server.count("GET", PATH), 1);
    let server = scripted(vec![|| Reply::With(302, vec![("location", "/login.html".into())], vec![])]).await;
    assert!(asked(&server, get()).await.unwrap_err().message.contains("elsewhere"));
    assert_eq!(server.count("GET", "/login.html"), 0);
}

#[tokio::test]
async fn the_token_is_in_no_error_and_no_debug() {
    let echo = || Reply::With(403, vec![], br#"{"error_code":"X","message":"bad token canary-token"}"#.to_vec());
    let server = scripted(vec![echo]).await;
    let client = server.client();
    let error = client.ask::<Value>(get()).await.unwrap_err();
    let shown = format!("{error} {error:?} {client:?} {:?} {}", client.auth(), serde_json::to_string(&error).unwrap());
    assert!(!shown.contains("canary"), "{shown}");
    assert!(error.causes[0].contains("***"));
}

#[tokio::test]
async fn unified_hosts_are_told_the_workspace_and_proxies_are_used() {
    let proxy = Server::start(|_| ok(json!({"by": "proxy"}))).await;
    let mut conduct = conduct();
    conduct.transport = crate::Transport { proxy: Proxy::At(Secret::new(&proxy.uri)), ..direct() };
    let host = Host::parse("http://localhost:9").unwrap();
    let client = Client::new(host, Some("42"), Auth::token_of(Secret::new("t")).unwrap(), &conduct).unwrap();
    assert_eq!(client.ask::<Value>(get()).await.unwrap(), json!({"by": "proxy"}));
    let asked = proxy.asked.lock().unwrap()[0].clone();
    assert_eq!(asked.header("x-databricks-workspace-id"), Some("42"));
}
