//! Sign-in against a token server on loopback that rotates refresh tokens and takes each one once.

use super::grant::{Grant, now};
use super::*;
use crate::client::Client;
use crate::host::{Host, HostKind};
use crate::testing::{Reply, Request, Server, Workspace, direct, fast, ok, options, refused};
use async_trait::async_trait;
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error};
use serde_json::json;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The state of the token server.
#[derive(Default)]
pub(crate) struct Tokens {
    /// The refresh token that is good now is `canary-r-<number>`.
    pub number: AtomicUsize,
    pub refreshes: AtomicUsize,
    pub life: AtomicUsize,
    pub revoked: Mutex<Vec<String>>,
    pub lose_next_answer: AtomicBool,
    pub challenge: Mutex<String>,
}

impl Tokens {
    fn granted(&self) -> Reply {
        let number = self.number.fetch_add(1, Ordering::SeqCst) + 1;
        ok(json!({
            "access_token": format!("canary-a-{number}"), "refresh_token": format!("canary-r-{number}"),
            "token_type": "Bearer", "expires_in": self.life.load(Ordering::SeqCst),
        }))
    }

    fn answer(&self, uri: &str, asked: &Request) -> Reply {
        if asked.path == "/oidc/.well-known/oauth-authorization-server" {
            return ok(json!({
                "authorization_endpoint": format!("{uri}/oidc/v1/authorize"), "token_endpoint": format!("{uri}/oidc/v1/token"),
                "revocation_endpoint": format!("{uri}/oidc/v1/revoke"), "issuer": format!("{uri}/oidc"),
            }));
        }
        let form = asked.form();
        let field = |name: &str| form.get(name).cloned().unwrap_or_default();
        match (asked.path.as_str(), field("grant_type").as_str()) {
            ("/oidc/v1/token", "authorization_code") => {
                use base64::Engine;
                use sha2::Digest;
                let digest = sha2::Sha256::digest(field("code_verifier").as_bytes());
                let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest);
                match field("code") == "canary-code" && challenge == *self.challenge.lock().unwrap() {
                    true => self.granted(),
                    false => Reply::Json(400, json!({"error": "invalid_grant", "error_description": field("code")})),
                }
            }
            ("/oidc/v1/token", "refresh_token") => {
                self.refreshes.fetch_add(1, Ordering::SeqCst);
                let good = format!("canary-r-{}", self.number.load(Ordering::SeqCst));
                if field("refresh_token") != good {
                    let words = format!("Refresh token is invalid: {}", field("refresh_token"));
                    return Reply::Json(400, json!({"error": "invalid_grant", "error_description": words}));
                }
                let reply = self.granted();
                if self.lose_next_answer.swap(false, Ordering::SeqCst) {
                    Reply::Cut
                } else {
                    Reply::Slow(Duration::from_millis(30), Box::new(reply))
                }
            }
            ("/oidc/v1/revoke", _) => {
                self.revoked.lock().unwrap().push(field("token"));
                Reply::With(200, vec![], vec![])
            }
            _ => refused(404, "NOT_FOUND"),
        }
    }
}

async fn token_server(tokens: &Arc<Tokens>) -> Server {
    let tokens = tokens.clone();
    Server::start(move |asked| {
        let uri = format!("http://{}", asked.header("host").unwrap());
        tokens.answer(&uri, asked)
    })
    .await
}

fn key(server: &Server) -> GrantKey {
    GrantKey::of(&server.host(), None, "databricks-cli")
}

fn grant(server: &Server, number: usize, expires_at: u64) -> Grant {
    Grant {
        client_id: "databricks-cli".into(),
        token_endpoint: format!("{}/oidc/v1/token", server.uri),
        revocation_endpoint: Some(format!("{}/oidc/v1/revoke", server.uri)),
        access_token: Secret::new(format!("canary-a-{number}")),
        refresh_token: Some(Secret::new(format!("canary-r-{number}"))),
        issued_at: expires_at.saturating_sub(3600),
        expires_at,
        spent_at: None,
        ended: false,
    }
}

struct Fixture {
    tokens: Arc<Tokens>,
    server: Server,
    store: Arc<MemoryTokens>,
    folder: tempfile::TempDir,
}

impl Fixture {
    /// Signed in, with a token that has just run out.
    async fn new() -> Self {
        let tokens =
            Arc::new(Tokens { number: AtomicUsize::new(1), life: AtomicUsize::new(3600), ..Tokens::default() });
        let server = token_server(&tokens).await;
        let store = Arc::new(MemoryTokens::default());
        store.put(&key(&server), &grant(&server, 1, now() - 1).to_secret().unwrap()).await.unwrap();
        Self { tokens, server, store, folder: tempfile::tempdir().unwrap() }
    }

    fn person(&self) -> Arc<Person> {
        self.person_with(self.store.clone())
    }

    fn person_with(&self, store: Arc<dyn TokenStore>) -> Arc<Person> {
        Person::new(key(&self.server), store, self.folder.path().into(), &direct(), fast()).unwrap()
    }

    async fn stored(&self) -> Grant {
        Grant::from_secret(&self.store.get(&key(&self.server)).await.unwrap().unwrap()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_and_two_processes_renew_once() {
    let fixture = Fixture::new().await;
    // Two handles on one store, as two processes have.
    let (one, other) = (fixture.person(), fixture.person());
    let all = (0..20).map(|number| {
        let person = if number % 2 == 0 { one.clone() } else { other.clone() };
        tokio::spawn(async move { person.token(None).await })
    });
    for token in futures::future::join_all(all).await {
        assert_eq!(token.unwrap().unwrap().expose(), "canary-a-2");
    }
    assert_eq!(fixture.tokens.refreshes.load(Ordering::SeqCst), 1);
    let stored = fixture.stored().await;
    assert_eq!((stored.refresh_token.unwrap().expose(), stored.spent_at), ("canary-r-2", None));
}

#[tokio::test]
async fn a_refused_token_is_renewed_and_a_fresh_one_of_another_process_taken() {
    let fixture = Fixture::new().await;
    let (one, other) = (fixture.person(), fixture.person());
    let first = one.token(None).await.unwrap();
    // Another process renews; ours still holds the older one, which the workspace then refuses.
    assert_eq!(other.token(Some(&first)).await.unwrap().expose(), "canary-a-3");
    assert_eq!(one.token(None).await.unwrap().expose(), "canary-a-2");
    assert_eq!(one.token(Some(&first)).await.unwrap().expose(), "canary-a-3");
    assert_eq!(fixture.tokens.refreshes.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_take_the_new_token_with_it() {
    let fixture = Fixture::new().await;
    let person = fixture.person();
    // The answer takes 30 ms.
    assert!(tokio::time::timeout(Duration::from_millis(10), person.token(None)).await.is_err());
    assert_eq!(person.token(None).await.unwrap().expose(), "canary-a-2");
    assert_eq!(fixture.tokens.refreshes.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn after_a_refusal_the_store_is_read_once_more() {
    let fixture = Fixture::new().await;
    /// Another process without our lock renews just before our request arrives.
    #[derive(Debug)]
    struct Overtaken {
        store: Arc<MemoryTokens>,
        fresh: Secret,
        stale: Secret,
        reads: AtomicUsize,
    }
    #[async_trait]
    impl TokenStore for Overtaken {
        async fn get(&self, key: &GrantKey) -> icebridge_model::Result<Option<Secret>> {
            // First what was there before the other one wrote.
            match self.reads.fetch_add(1, Ordering::SeqCst) {
                0 => Ok(Some(self.stale.clone())),
                _ => self.store.get(key).await,
            }
        }
        async fn put(&self, key: &GrantKey, grant: &Secret) -> icebridge_model::Result<()> {
            self.store.put(key, grant).await
        }
        async fn erase(&self, key: &GrantKey) -> icebridge_model::Result<()> {
            self.store.erase(key).await
        }
        async fn compare_and_store(
            &self,
            key: &GrantKey,
            _: Option<&Secret>,
            _: &Secret,
        ) -> icebridge_model::Result<bool> {
            // Our mark is written over by theirs.
            self.store.put(key, &self.fresh).await?;
            Ok(true)
        }
    }
    fixture.tokens.number.store(7, Ordering::SeqCst);
    let store = Overtaken {
        store: fixture.store.clone(),
        fresh: grant(&fixture.server, 7, now() + 3600).to_secret().unwrap(),
        stale: grant(&fixture.server, 1, now() - 1).to_secret().unwrap(),
        reads: AtomicUsize::new(0),
    };
    let person = fixture.person_with(Arc::new(store));
    assert_eq!(person.token(None).await.unwrap().expose(), "canary-a-7");
    assert_eq!(fixture.tokens.refreshes.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_ended_sign_in_is_found_once_and_not_asked_for_again() {
    let fixture = Fixture::new().await;
    // A crash between using the token and storing the next one.
    let crashed = Grant { spent_at: Some(now() - 30), ..grant(&fixture.server, 1, now() - 1) };
    fixture.store.put(&key(&fixture.server), &crashed.to_secret().unwrap()).await.unwrap();
    fixture.tokens.number.store(2, Ordering::SeqCst);
    let person = fixture.person();
    let error = person.token(None).await.unwrap_err();
    assert_eq!(error.code, Code::CredentialsRejected);
    assert!(error.causes.iter().any(|cause| cause.contains("interrupted")), "{error}");
    assert!(!format!("{error} {error:?} {person:?}").contains("canary"), "{error:?}");
    assert!(!person.is_signed_in().await.unwrap());
    for _ in 0..3 {
        assert_eq!(person.token(None).await.unwrap_err().code, Code::CredentialsRejected);
    }
    assert_eq!(fixture.tokens.refreshes.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_lost_answer_ends_the_sign_in_and_says_so() {
    let fixture = Fixture::new().await;
    fixture.tokens.lose_next_answer.store(true, Ordering::SeqCst);
    let error = fixture.person().token(None).await.unwrap_err();
    assert_eq!(error.code, Code::CredentialsRejected);
    // Once, and once more in case it had not arrived.
    assert_eq!(fixture.tokens.refreshes.load(Ordering::SeqCst), 2);
}

/// A keychain that can be locked.
#[derive(Debug)]
struct Lockable {
    inner: Arc<MemoryTokens>,
    /// So many writes succeed before it locks.
    writes_left: AtomicUsize,
    locked: AtomicBool,
}

#[async_trait]
impl TokenStore for Lockable {
    async fn get(&self, key: &GrantKey) -> icebridge_model::Result<Option<Secret>> {
        self.inner.get(key).await
    }
    async fn put(&self, key: &GrantKey, grant: &Secret) -> icebridge_model::Result<()> {
        if self.locked.load(Ordering::SeqCst) && self.writes_left.load(Ordering::SeqCst) == 0 {
            return Err(Error::new(Code::KeychainUnavailable, "the keychain cannot be used"));
        }
        let _ = self.writes_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(1)));
        self.inner.put(key, grant).await
    }
    async fn erase(&self, key: &GrantKey) -> icebridge_model::Result<()> {
        self.inner.erase(key).await
    }
}

#[tokio::test]
async fn a_locked_keychain_is_noticed_before_the_token_is_spent() {
    let fixture = Fixture::new().await;
    let store =
        Lockable { inner: fixture.store.clone(), writes_left: AtomicUsize::new(0), locked: AtomicBool::new(true) };
    let error = fixture.person_with(Arc::new(store)).token(None).await.unwrap_err();
    assert_eq!(error.code, Code::KeychainUnavailable);
    assert_eq!(fixture.tokens.refreshes.load(Ordering::SeqCst), 0);
    assert_eq!(fixture.person().token(None).await.unwrap().expose(), "canary-a-2");
}

#[tokio::test]
async fn a_new_token_that_cannot_be_stored_is_neither_used_nor_lost() {
    let fixture = Fixture::new().await;
    // The mark is written; then it locks.
    let store = Arc::new(Lockable {
        inner: fixture.store.clone(),
        writes_left: AtomicUsize::new(1),
        locked: AtomicBool::new(true),
    });
    let person = fixture.person_with(store.clone());
    for _ in 0..2 {
        assert_eq!(person.token(None).await.unwrap_err().code, Code::KeychainUnavailable);
    }
    store.locked.store(false, Ordering::SeqCst);
    assert_eq!(person.token(None).await.unwrap().expose(), "canary-a-2");
    assert_eq!(fixture.tokens.refreshes.load(Ordering::SeqCst), 1);
    assert_eq!(fixture.stored().await.refresh_token.unwrap().expose(), "canary-r-2");
}

#[tokio::test]
async fn a_token_server_out_of_order_does_not_stop_a_token_that_is_still_good() {
    let server = Server::start(|_| refused(503, "TEMPORARILY_UNAVAILABLE")).await;
    let store = Arc::new(MemoryTokens::default());
    let folder = tempfile::tempdir().unwrap();
    let person = Person::new(key(&server), store.clone(), folder.path().into(), &direct(), fast()).unwrap();
    // Less than five minutes are left.
    store.put(&key(&server), &grant(&server, 1, now() + 120).to_secret().unwrap()).await.unwrap();
    assert_eq!(person.token(None).await.unwrap().expose(), "canary-a-1");
    let error = person.token(Some(&Secret::new("canary-a-1"))).await.unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::WorkspaceUnreachable, true));
    // It was not spent, and is not marked as spent.
    let stored = Grant::from_secret(&store.get(&key(&server)).await.unwrap().unwrap()).unwrap();
    assert_eq!((stored.spent_at, stored.ended), (None, false));
}

#[tokio::test]
async fn signing_out_revokes_and_erases_everywhere() {
    let fixture = Fixture::new().await;
    let person = fixture.person();
    let token = person.token(None).await.unwrap();
    let out = sign_out(&*fixture.store, &key(&fixture.server), fixture.folder.path(), &direct()).await.unwrap();
    assert_eq!(out, Revocation::Revoked);
    assert_eq!(*fixture.tokens.revoked.lock().unwrap(), ["canary-r-2", "canary-a-2"]);
    assert!(fixture.store.get(&key(&fixture.server)).await.unwrap().is_none());
    // A client that still holds the token hears so from the workspace, and then from the store.
    assert_eq!(person.token(Some(&token)).await.unwrap_err().code, Code::CredentialsMissing);
    let again = sign_out(&*fixture.store, &key(&fixture.server), fixture.folder.path(), &direct()).await.unwrap();
    assert_eq!(again, Revocation::NothingThere);
    // A server that is out of reach, or offers nothing of the kind: erased all the same.
    let nowhere = Grant { revocation_endpoint: Some("http://127.0.0.1:9/x".into()), ..grant(&fixture.server, 1, 1) };
    fixture.store.put(&key(&fixture.server), &nowhere.to_secret().unwrap()).await.unwrap();
    let failed = sign_out(&*fixture.store, &key(&fixture.server), fixture.folder.path(), &direct()).await.unwrap();
    assert!(matches!(failed, Revocation::Failed(_)));
    let unoffered = Grant { revocation_endpoint: None, ..nowhere };
    fixture.store.put(&key(&fixture.server), &unoffered.to_secret().unwrap()).await.unwrap();
    let out = sign_out(&*fixture.store, &key(&fixture.server), fixture.folder.path(), &direct()).await.unwrap();
    assert_eq!(out, Revocation::NotOffered);
    assert!(fixture.store.get(&key(&fixture.server)).await.unwrap().is_none());
}

/// The browser's part: goes to where it is sent, with what it was given.
async fn browse(address: &str) -> (u16, String) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let url = url::Url::parse(address).unwrap();
    let place = (url.host_str().unwrap(), url.port().unwrap());
    let mut stream = tokio::net::TcpStream::connect(place).await.unwrap();
    let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    stream.write_all(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, page) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), page.to_string())
}

async fn begun(server: &Server, ports: std::ops::RangeInclusive<u16>) -> (SignIn, BTreeMap<String, String>) {
    let application = Application { ports, ..Application::default() };
    let sign_in = SignIn::begin(server.host(), None, application, &direct()).await.unwrap();
    let query = sign_in.address().unwrap().query_pairs().into_owned().collect();
    (sign_in, query)
}

use std::collections::BTreeMap;

#[tokio::test]
async fn a_person_signs_in_through_the_browser() {
    let fixture = Fixture::new().await;
    fixture.tokens.number.store(10, Ordering::SeqCst);
    let (sign_in, query) = begun(&fixture.server, 28120..=28139).await;
    assert_eq!(query["response_type"], "code");
    assert_eq!(query["client_id"], "databricks-cli");
    assert_eq!(query["scope"], "offline_access all-apis");
    assert_eq!(query["code_challenge_method"], "S256");
    assert!(sign_in.address().unwrap().as_str().starts_with(&format!("{}/oidc/v1/authorize?", fixture.server.uri)));
    let redirect = query["redirect_uri"].clone();
    assert!(redirect.starts_with("http://localhost:281") && !redirect.ends_with('/'), "{redirect}");
    *fixture.tokens.challenge.lock().unwrap() = query["code_challenge"].clone();
    let shown = format!("{sign_in:?}");
    assert!(!shown.contains(&query["state"]), "{shown}");
    let browser = async {
        // Another page sends the browser here with a state of its own; an icon is asked for; a socket stays silent.
        let port: u16 = redirect.rsplit(':').next().unwrap().parse().unwrap();
        let _silent = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        assert_eq!(browse(&format!("{redirect}/?code=canary-evil&state=other")).await.0, 400);
        assert_eq!(browse(&format!("{redirect}/favicon.ico")).await.0, 404);
        assert_eq!(browse(&format!("{redirect}/?state={}", query["state"])).await.0, 400);
        browse(&format!("{redirect}/?code=canary-code&state={}", query["state"])).await
    };
    let cancel = CancellationToken::new();
    let finish = sign_in.finish(fixture.store.clone(), fixture.folder.path().into(), fast(), &cancel);
    let (person, (status, page)) = futures::join!(finish, browser);
    assert_eq!(status, 200);
    assert!(page.contains("You are signed in") && !page.contains("canary"), "{page}");
    let person = person.unwrap();
    assert_eq!(person.token(None).await.unwrap().expose(), "canary-a-11");
    assert_eq!(fixture.stored().await.refresh_token.unwrap().expose(), "canary-r-11");
    let exchange = fixture.server.last("POST", "/oidc/v1/token").form();
    assert_eq!((&exchange["redirect_uri"], &exchange["client_id"]), (&redirect, &"databricks-cli".to_string()));
    assert_eq!(fixture.server.count("POST", "/oidc/v1/token"), 1);
}

#[tokio::test]
async fn a_state_of_another_sign_in_never_reaches_the_token_server() {
    let fixture = Fixture::new().await;
    let (sign_in, query) = begun(&fixture.server, 28140..=28159).await;
    let redirect = query["redirect_uri"].clone();
    let cancel = CancellationToken::new();
    let finish = sign_in.within(Duration::from_millis(500)).finish(
        fixture.store.clone(),
        fixture.folder.path().into(),
        fast(),
        &cancel,
    );
    let (person, (status, _)) = futures::join!(finish, browse_owned(format!("{redirect}/?code=canary-code&state=x")));
    assert_eq!(status, 400);
    let error = person.unwrap_err();
    assert_eq!(error.code, Code::CredentialsMissing);
    assert!(error.causes[0].contains("state of another sign-in"), "{error}");
    assert_eq!(fixture.server.count("POST", "/oidc/v1/token"), 0);
}

async fn browse_owned(address: String) -> (u16, String) {
    browse(&address).await
}

#[tokio::test]
async fn a_refusal_in_the_browser_and_a_wrong_proof_are_reported() {
    let fixture = Fixture::new().await;
    for (number, answer) in
        ["error=access_denied&error_description=app+disabled", "code=canary-code"].into_iter().enumerate()
    {
        let (sign_in, query) = begun(&fixture.server, 28160..=28179).await;
        // The second time the token server expects another verifier than ours.
        *fixture.tokens.challenge.lock().unwrap() = "another".into();
        let cancel = CancellationToken::new();
        let finish = sign_in.finish(fixture.store.clone(), fixture.folder.path().into(), fast(), &cancel);
        let address = format!("{}/?{answer}&state={}", query["redirect_uri"], query["state"]);
        let (person, (status, page)) = futures::join!(finish, browse_owned(address));
        assert_eq!(status, 400);
        assert!(page.contains("did not succeed"));
        let error = person.unwrap_err();
        assert_eq!(error.code, Code::CredentialsRejected, "{number}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
}

#[tokio::test]
async fn the_first_free_port_is_taken_and_waiting_can_be_cancelled() {
    let fixture = Fixture::new().await;
    let held = std::net::TcpListener::bind("127.0.0.1:28180").unwrap();
    let (sign_in, query) = begun(&fixture.server, 28180..=28181).await;
    assert_eq!(query["redirect_uri"], "http://localhost:28181");
    let none_left = Application { ports: 28180..=28181, ..Application::default() };
    let error = SignIn::begin(fixture.server.host(), None, none_left, &direct()).await.unwrap_err();
    assert!(error.message.contains("28180 to 28181"), "{error}");
    drop(held);
    let cancel = CancellationToken::new();
    cancel.cancel();
    let error = sign_in.finish(fixture.store.clone(), fixture.folder.path().into(), fast(), &cancel).await.unwrap_err();
    assert_eq!(error.code, Code::Cancelled);
    assert_eq!(Application::default().ports, 8020..=8040);
}

#[tokio::test]
async fn each_kind_of_host_is_asked_in_its_own_way() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/oidc/accounts/acc%201/.well-known/oauth-authorization-server" => {
            let uri = format!("http://{}", asked.header("host").unwrap());
            ok(json!({"authorization_endpoint": format!("{uri}/a"), "token_endpoint": format!("{uri}/t")}))
        }
        "/.well-known/databricks-config" => {
            ok(json!({"host_type": "UNIFIED_HOST", "account_id": "acc 1", "workspace_id": 42, "oidc_endpoint": "x"}))
        }
        _ => refused(404, "NOT_FOUND"),
    })
    .await;
    let http = direct().open().unwrap();
    let found = describe_host(server.host(), &direct()).await.unwrap();
    assert_eq!(found.host.kind(), HostKind::Unified);
    assert_eq!((found.account_id.as_deref(), found.workspace_id.as_deref()), (Some("acc 1"), Some("42")));
    let endpoints = oidc::discover(&http, &found.host, Some("acc 1")).await.unwrap();
    assert_eq!(endpoints.token_endpoint, format!("{}/t", server.uri));
    // An account console that says nothing of itself.
    let account = server.host().with_kind(HostKind::Account);
    let endpoints = oidc::discover(&http, &account, Some("other")).await.unwrap();
    assert_eq!(endpoints.authorization_endpoint, format!("{}/oidc/accounts/other/v1/authorize", server.uri));
    assert_eq!(oidc::discover(&http, &account, None).await.unwrap_err().code, Code::CredentialsMissing);
    let error = oidc::discover(&http, &server.host(), None).await.unwrap_err();
    assert_eq!(error.code, Code::Unsupported);
    // A host that would have secrets sent in the clear.
    let evil =
        Server::start(|_| ok(json!({"authorization_endpoint": "https://x/a", "token_endpoint": "http://x/t"}))).await;
    assert_eq!(oidc::discover(&http, &evil.host(), None).await.unwrap_err().code, Code::WorkspaceRefused);
}

#[tokio::test]
async fn a_service_principal_is_renewed_when_it_is_refused() {
    let granted = Arc::new(AtomicUsize::new(0));
    let count = granted.clone();
    let server = Server::start(move |asked| {
        let uri = format!("http://{}", asked.header("host").unwrap());
        match asked.path.as_str() {
            "/oidc/.well-known/oauth-authorization-server" => {
                ok(json!({"authorization_endpoint": format!("{uri}/a"), "token_endpoint": format!("{uri}/t")}))
            }
            "/t" => {
                assert!(asked.header("authorization").unwrap().starts_with("Basic "));
                assert_eq!(asked.form()["scope"], "all-apis");
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                ok(json!({"access_token": format!("canary-{number}"), "expires_in": 3600}))
            }
            _ if asked.header("authorization") == Some("Bearer canary-1") => refused(401, "UNAUTHENTICATED"),
            _ => ok(json!({"userName": "sp"})),
        }
    })
    .await;
    let machine =
        Machine::new(server.host(), None, "id".into(), Secret::new("canary-secret"), &direct(), fast()).unwrap();
    let client = server.client_with(Auth::Machine(Arc::new(machine)));
    let (one, other) = futures::join!(client.me(), client.me());
    assert_eq!((one.unwrap().user_name.as_str(), other.unwrap().user_name.as_str()), ("sp", "sp"));
    // One for both at first, one for both after the refusal.
    assert_eq!(granted.load(Ordering::SeqCst), 2);
    assert!(!format!("{client:?}").contains("canary"), "{client:?}");
}

#[tokio::test]
async fn a_token_that_stays_refused_is_an_error_and_not_a_loop() {
    let server = Server::start(|_| refused(401, "UNAUTHENTICATED")).await;
    let error = server.client().me().await.unwrap_err();
    assert_eq!(error.code, Code::CredentialsRejected);
    assert_eq!(server.requests().len(), 1);
    for text in ["", "a b", "a\n"] {
        assert!(Auth::token_of(Secret::new(text)).is_err());
    }
}

#[tokio::test]
async fn workspaces_side_by_side_do_not_mix() {
    let (one, other) = (Fixture::new().await, Fixture::new().await);
    let store = one.store.clone();
    store.put(&key(&other.server), &grant(&other.server, 1, now() - 1).to_secret().unwrap()).await.unwrap();
    other.tokens.number.store(1, Ordering::SeqCst);
    let folder: &Path = one.folder.path();
    let of = |server: &Server| Person::new(key(server), store.clone(), folder.into(), &direct(), fast()).unwrap();
    let clients = [&one.server, &other.server]
        .map(|server| Client::new(server.host(), None, Auth::Person(of(server)), &options()).unwrap());
    for client in &clients {
        assert_eq!(client.auth().token().await.unwrap().expose(), "canary-a-2");
    }
    sign_out(&*store, &key(&one.server), folder, &direct()).await.unwrap();
    assert!(store.get(&key(&other.server)).await.unwrap().is_some());
    assert!(Host::parse(&one.server.uri).unwrap() != Host::parse(&other.server.uri).unwrap());
}
