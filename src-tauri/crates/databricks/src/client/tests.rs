use super::*;
use crate::auth::Auth;
use crate::host::Host;
use crate::testing::{Reply, Server, Workspace, direct, ok, options, page, refused};
use futures::{StreamExt, TryStreamExt};
use icebridge_http::{Proxy, Transport};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Result};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
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
    server.client().fetch::<Value>(call).await
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
        || Reply::Announced(200, vec![], br#"{"x":"#.to_vec(), 50),
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
        || Reply::Announced(200, vec![], br#"{"run_id":"#.to_vec(), 50),
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
    assert_eq!(asked(&server, post().idempotent()).await.unwrap(), json!({"run_id": 7}));
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
        &options(),
    );
    let error = error.unwrap().fetch::<Value>(post()).await.unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::WorkspaceUnreachable, true));
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
    assert!(error.message.contains("does not end"), "{error}");
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
    assert!(asked(&server, get()).await.unwrap_err().message.contains("redirects"));
    assert_eq!(server.count("GET", "/login.html"), 0);
}

#[tokio::test]
async fn an_answer_that_is_not_understood_is_asked_for_twice_and_then_told() {
    #[derive(Debug, serde::Deserialize)]
    struct Made {
        #[expect(dead_code, reason = "read only")]
        run_id: i64,
    }
    let server = scripted(vec![|| ok(json!({"run_id": {"secret": "canary"}}))]).await;
    let error = server.client().fetch::<Made>(get()).await.unwrap_err();
    assert_eq!((error.code, error.causes), (Code::AnswerNotUnderstood, vec!["`run_id` is not a whole number".into()]));
    assert_eq!(server.count("GET", PATH), 2);
    // What changes something is sent once, and may have been done.
    let failure = server.client().send::<Made>(post()).await.unwrap_err();
    assert!(matches!(&failure, Failure::Unknown(error) if error.code == Code::AnswerNotUnderstood), "{failure:?}");
    assert_eq!(server.count("POST", PATH), 1);
    let once = scripted(vec![|| ok(json!([])), || ok(json!({"run_id": "7"}))]).await;
    assert!(once.client().fetch::<Made>(get()).await.is_ok(), "something in between may have answered once");
}

#[tokio::test]
async fn an_odd_item_of_a_listing_costs_itself_alone() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Item {
        id: i64,
    }
    let server = scripted(vec![
        || ok(json!({"items": [null, {"id": "1"}, {"id": []}, 5], "next_page_token": 5, "more": true})),
        || ok(json!({"items": [{"id": 2.0}], "next_page_token": null})),
    ])
    .await;
    assert_eq!(server.client().all::<Item>(&get(), "items").await.unwrap(), [Item { id: 1 }, Item { id: 2 }]);
    assert_eq!(server.requests()[1].query("page_token"), "5");
    // Never as if there was nothing.
    for body in [|| ok(json!([])), || ok(json!({"items": {"id": 1}})), || ok(json!({"next_page_token": {}}))] {
        let server = scripted(vec![body]).await;
        let error = icebridge_model::Error::from(server.client().all::<Item>(&get(), "items").await.unwrap_err());
        assert_eq!(error.code, Code::AnswerNotUnderstood);
    }
}

#[tokio::test]
async fn the_token_is_in_no_error_and_no_debug() {
    let echo = || Reply::With(403, vec![], br#"{"error_code":"X","message":"bad token canary-token"}"#.to_vec());
    let server = scripted(vec![echo]).await;
    let client = server.client();
    let error = client.fetch::<Value>(get()).await.unwrap_err();
    let shown = format!("{error} {error:?} {client:?} {:?} {}", client.auth(), serde_json::to_string(&error).unwrap());
    assert!(!shown.contains("canary"), "{shown}");
    assert!(error.causes[0].contains("***"));
}

#[tokio::test]
async fn unified_hosts_get_the_workspace_id_and_proxies_are_used() {
    let proxy = Server::start(|_| ok(json!({"by": "proxy"}))).await;
    let mut options = options();
    options.transport = Transport { proxy: Proxy::At(Secret::new(&proxy.uri)), ..direct() };
    let host = Host::parse("http://localhost:9").unwrap();
    let client = Client::new(host, Some("42"), Auth::token_of(Secret::new("t")).unwrap(), &options).unwrap();
    assert_eq!(client.fetch::<Value>(get()).await.unwrap(), json!({"by": "proxy"}));
    let asked = proxy.requests()[0].clone();
    assert_eq!(asked.header("x-databricks-workspace-id"), Some("42"));
}
