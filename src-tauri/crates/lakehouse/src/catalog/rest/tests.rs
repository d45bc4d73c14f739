use super::{Catalog, RestCatalog, Secrets};
use crate::catalog::{Draft, Publication, TargetCatalog};
use crate::provenance::PROPERTY_PLAN;
use icebridge_http::RetryPolicy;
use icebridge_loopback::{Reply, Request, Server, json as ok};
use icebridge_model::catalog::{CatalogKind, CatalogSpec, Role};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Result, TableIdent};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(super) fn refused(status: u16, kind: &str) -> Reply {
    Reply::Json(status, json!({"error": {"message": "no", "type": kind, "code": status}}))
}

pub(super) const TABLES: &str = "/v1/namespaces/ns/tables";
const TABLE: &str = "/v1/namespaces/ns/tables/t";

pub(super) fn spec(uri: &str) -> CatalogSpec {
    CatalogSpec {
        name: "rest".into(),
        role: Role::Source,
        kind: CatalogKind::Rest,
        uri: uri.into(),
        warehouse: String::new(),
        properties: BTreeMap::new(),
        secrets: Vec::new(),
    }
}

pub(super) fn secrets(pairs: &[(&str, &str)]) -> Secrets {
    pairs.iter().map(|(k, v)| (k.to_string(), Secret::new(*v))).collect()
}

pub(super) async fn open(spec: &CatalogSpec, secrets: &Secrets) -> Result<RestCatalog> {
    let retry = RetryPolicy { first_wait: Duration::from_millis(2), ..super::usual_retry() };
    RestCatalog::open_with(spec, secrets, None, retry).await
}

pub(super) async fn plain(server: &Server) -> RestCatalog {
    open(&spec(&server.uri), &Secrets::new()).await.unwrap()
}

pub(super) fn ident() -> TableIdent {
    TableIdent::new(["ns"], "t")
}

pub(super) fn document(uuid: &str, plan: &str) -> Value {
    json!({"format-version": 2, "table-uuid": uuid, "location": "s3://b/ns/t", "last-column-id": 1,
        "schemas": [{"schema-id": 0, "type": "struct", "fields": [{"id": 1, "name": "a", "required": false, "type": "int"}]}],
        "current-schema-id": 0, "partition-specs": [{"spec-id": 0, "fields": []}], "default-spec-id": 0,
        "sort-orders": [{"order-id": 0, "fields": []}], "default-sort-order-id": 0, "properties": {PROPERTY_PLAN: plan}})
}

fn loaded(metadata: Value) -> Reply {
    ok(json!({"metadata-location": "s3://b/ns/t/metadata/v1.metadata.json", "metadata": metadata, "unknown": 1}))
}

pub(super) fn loaded_table() -> Reply {
    loaded(document("u", "p"))
}

fn parameter(asked: &Request, name: &str) -> Option<String> {
    asked.query.get(name).cloned()
}

#[tokio::test]
async fn every_page_of_every_level_is_listed_and_views_are_not_tables() {
    let server = Server::start(|asked| {
        let (parent, token) = (parameter(asked, "parent"), parameter(asked, "pageToken").unwrap_or_default());
        match (asked.path.as_str(), parent.as_deref(), token.as_str()) {
            ("/v1/config", ..) => ok(json!({
                "defaults": {}, "overrides": {"prefix": "my/lake"},
                "endpoints": ["GET /v1/{prefix}/namespaces/{namespace}/views"],
            })),
            ("/v1/my/lake/namespaces", None, "") => ok(json!({"namespaces": [["a"]], "next-page-token": "2"})),
            ("/v1/my/lake/namespaces", None, "2") => ok(json!({"namespaces": [], "next-page-token": "3"})),
            ("/v1/my/lake/namespaces", None, "3") => ok(json!({"namespaces": [["b c"]], "next-page-token": null})),
            ("/v1/my/lake/namespaces", Some("a"), _) => ok(json!({"namespaces": [["a", "x#1"]]})),
            // A server that takes no parents: everything again, or a refusal.
            ("/v1/my/lake/namespaces", Some("b c"), _) => ok(json!({"namespaces": [["a"], ["b c"]]})),
            ("/v1/my/lake/namespaces", Some("a\u{1f}x#1"), _) => refused(400, "BadRequestException"),
            ("/v1/my/lake/namespaces/a/tables", _, "") => ok(json!({"identifiers": [], "next-page-token": "n"})),
            ("/v1/my/lake/namespaces/a/tables", _, "n") => {
                ok(json!({"identifiers": [{"namespace": ["a"], "name": "t"}]}))
            }
            ("/v1/my/lake/namespaces/a%1Fx%231/tables", ..) => ok(json!({"identifiers": [
                {"namespace": ["a", "x#1"], "name": "v"}, {"namespace": ["a", "x#1"], "name": "t/ü"}]})),
            ("/v1/my/lake/namespaces/a%1Fx%231/views", ..) => {
                ok(json!({"identifiers": [{"namespace": ["a", "x#1"], "name": "v"}]}))
            }
            ("/v1/my/lake/namespaces/a/views", ..) => ok(json!({"identifiers": []})),
            ("/v1/my/lake/namespaces/b%20c/tables", ..) => refused(403, "ForbiddenException"),
            ("/v1/my/lake/namespaces/a%1Fx%231/tables/t%2F%C3%BC", ..) => loaded(document("u", "p")),
            (other, ..) => panic!("{other} {parent:?} {token}"),
        }
    })
    .await;
    // A slash at the end, and the version in the address, are common slips.
    let catalog = open(&spec(&format!("{}/v1/", server.uri)), &Secrets::new()).await.unwrap();
    let namespaces: Vec<_> = catalog.namespaces().await.unwrap().iter().map(|n| n.join("|")).collect();
    assert_eq!(namespaces, ["a", "a|x#1", "b c"]);
    let tables = catalog.tables().await.unwrap();
    assert_eq!(tables, [TableIdent::new(["a"], "t"), TableIdent::new(["a", "x#1"], "t/ü")]);
    assert_eq!(catalog.load(&tables[1]).await.unwrap().metadata.uuid, "u");
    let agent = server.last("GET", "/v1/config").header("user-agent").unwrap().to_string();
    assert_eq!(agent, concat!("IceBridge/", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn pages_that_go_in_a_circle_end() {
    let server = Server::start(|asked| match asked.path.starts_with("/v1/config") {
        true => ok(json!({"defaults": {}, "overrides": {}})),
        false => ok(json!({"namespaces": [], "next-page-token": "same"})),
    })
    .await;
    assert_eq!(plain(&server).await.namespaces().await.unwrap_err().code, Code::CatalogRefused);
}

/// Grants `token-1`, `token-2` …, and accepts the one that `current` says.
fn guarded(current: Arc<AtomicUsize>, granted: Arc<AtomicUsize>, life: u64) -> impl Fn(&Request) -> Reply {
    move |asked| {
        if asked.is("POST", "/v1/oauth/tokens") {
            let number = granted.fetch_add(1, Ordering::SeqCst) + 1;
            return ok(json!({"access_token": format!("token-{number}"), "token_type": "bearer", "expires_in": life}));
        }
        let wanted = format!("Bearer token-{}", current.load(Ordering::SeqCst));
        match (asked.header("authorization") == Some(&wanted), asked.is("GET", "/v1/config")) {
            (false, _) => refused(401, "NotAuthorizedException"),
            (true, true) => ok(json!({})),
            (true, false) => loaded(document("u", "p")),
        }
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_for_all() {
    let (current, granted) = (Arc::new(AtomicUsize::new(1)), Arc::new(AtomicUsize::new(0)));
    let server = Server::start(guarded(current.clone(), granted.clone(), 3600)).await;
    let mut described = spec(&server.uri);
    described.properties = BTreeMap::from([
        ("scope".into(), "PRINCIPAL_ROLE:ALL".into()),
        ("audience".into(), "lake".into()),
        ("header.X-Team".into(), "blue".into()),
    ]);
    let catalog = open(&described, &secrets(&[("credential", "id:se:cret")])).await.unwrap();
    let form = String::from_utf8(server.last("POST", "/v1/oauth/tokens").body).unwrap();
    for part in
        ["grant_type=client_credentials", "client_id=id", "client_secret=se%3Acret", "audience=lake", "ROLE%3AALL"]
    {
        assert!(form.contains(part), "{form}");
    }
    catalog.load(&ident()).await.unwrap();
    assert_eq!(granted.load(Ordering::SeqCst), 1, "the token is kept");
    assert_eq!(server.last("GET", TABLE).header("x-team"), Some("blue"));
    current.store(2, Ordering::SeqCst);
    let (table, all) = (ident(), (0..8).map(|_| ()).collect::<Vec<_>>());
    let loads = all.iter().map(|()| catalog.load(&table));
    for result in futures::future::join_all(loads).await {
        result.unwrap();
    }
    assert_eq!(granted.load(Ordering::SeqCst), 2, "eight refusals, one renewal");
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let (current, granted) = (Arc::new(AtomicUsize::new(1)), Arc::new(AtomicUsize::new(0)));
    // One second: less than the spare time, so it counts for half its life.
    let server = Server::start(guarded(current.clone(), granted.clone(), 1)).await;
    let catalog = open(&spec(&server.uri), &secrets(&[("credential", "id:s")])).await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    current.store(2, Ordering::SeqCst);
    catalog.load(&ident()).await.unwrap();
    assert_eq!(server.count("GET", TABLE), 1, "no request was wasted on the old token");
}

#[tokio::test]
async fn wrong_credentials_are_named_as_such() {
    let server = Server::start(|asked| match asked.is("POST", "/v1/oauth/tokens") {
        true => Reply::Json(401, json!({"error": "invalid_client", "error_description": "who?"})),
        false => refused(401, "NotAuthorizedException"),
    })
    .await;
    for given in [secrets(&[("credential", "id:topsecret")]), secrets(&[("token", "topsecret")]), Secrets::new()] {
        let error = open(&spec(&server.uri), &given).await.unwrap_err();
        assert_eq!(error.code, Code::CredentialsRejected);
        assert!(!format!("{error:?}").contains("topsecret"));
    }
    assert_eq!(server.count("POST", "/v1/oauth/tokens"), 1, "a refused client is not tried again");
    let catalog_debug = Server::start(|_| ok(json!({}))).await;
    let catalog = open(&spec(&catalog_debug.uri), &secrets(&[("token", "topsecret")])).await.unwrap();
    assert!(!format!("{catalog:?}").contains("topsecret"));
}

#[tokio::test]
async fn retry_after_is_honoured_and_an_endless_one_is_not_waited_for() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/v1/config" => ok(json!({})),
        path if path.contains("busy") => match counted.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::With(429, vec![("Retry-After", "1".into())], b"{}".to_vec()),
            1 => refused(503, "SlowDownException"),
            2 => Reply::Cut,
            _ => loaded(document("u", "p")),
        },
        _ => Reply::With(429, vec![("Retry-After", "9999".into())], b"{}".to_vec()),
    })
    .await;
    let catalog = plain(&server).await;
    let begun = Instant::now();
    catalog.load(&TableIdent::new(["ns"], "busy")).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(calls.load(Ordering::SeqCst), 4);
    let error = catalog.load(&ident()).await.unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::RateLimited, true));
    assert_eq!(server.count("GET", TABLE), 1);
}

#[tokio::test]
async fn a_wrong_server_and_an_absent_one_have_different_codes() {
    let page = Server::start(|_| Reply::With(200, vec![], b"<html>Sign in</html>".to_vec())).await;
    assert_eq!(open(&spec(&page.uri), &Secrets::new()).await.unwrap_err().code, Code::CatalogRefused);
    let warehouse = Server::start(|_| refused(400, "BadRequestException")).await;
    assert_eq!(open(&spec(&warehouse.uri), &Secrets::new()).await.unwrap_err().code, Code::CatalogNotFound);
    let absent = open(&spec("http://127.0.0.1:9"), &Secrets::new()).await.unwrap_err();
    assert_eq!((absent.code, absent.retryable), (Code::CatalogUnreachable, true));
    for uri in ["", "lake", "ftp://h"] {
        assert_eq!(open(&spec(uri), &Secrets::new()).await.unwrap_err().code, Code::InvalidInput, "{uri}");
    }
    let missing = Server::start(|asked| match asked.is("GET", "/v1/config") {
        true => ok(json!({})),
        false => refused(404, "NoSuchTableException"),
    })
    .await;
    assert_eq!(plain(&missing).await.load(&ident()).await.unwrap_err().code, Code::TableNotFound);
}

#[tokio::test]
async fn keys_are_asked_for_unless_one_has_ones_own() {
    let server = Server::start(|asked| match asked.is("GET", "/v1/config") {
        true => ok(json!({"defaults": {"s3.region": "eu-west-1"}})),
        false => ok(json!({
            "metadata-location": "s3://b/ns/t/m.json", "metadata": document("u", "p"),
            "config": {"s3.endpoint": "http://127.0.0.1:9", "s3.path-style-access": true},
            "storage-credentials": [{"prefix": "s3://b/ns", "config": {"s3.access-key-id": "lent",
                "s3.secret-access-key": "topsecret", "s3.session-token-expires-at-ms": "4102444800000"}}],
        })),
    })
    .await;
    let table = plain(&server).await.load(&ident()).await.unwrap();
    assert_eq!(server.last("GET", TABLE).header("x-iceberg-access-delegation"), Some("vended-credentials"));
    let shown = format!("{:?}", table.storage);
    assert!(shown.contains("s3://b/ns") && shown.contains("127.0.0.1:9") && !shown.contains("topsecret"), "{shown}");
    let own = secrets(&[("s3.access-key-id", "own"), ("s3.secret-access-key", "x")]);
    open(&spec(&server.uri), &own).await.unwrap().load(&ident()).await.unwrap();
    assert_eq!(server.last("GET", TABLE).header("x-iceberg-access-delegation"), None);
}

/// A target whose table appears when `commit` says so.
struct Target {
    table: Arc<Mutex<Option<Value>>>,
    server: Server,
}

impl Target {
    /// `commit` gets the number of the attempt and the table's place, and gives the answer.
    async fn start(commit: impl Fn(usize, &mut Option<Value>) -> Reply + Send + Sync + 'static) -> Self {
        let table = Arc::new(Mutex::new(None));
        let (kept, attempts) = (table.clone(), AtomicUsize::new(0));
        let server = Server::start(move |asked| {
            let mut table = kept.lock().unwrap();
            if asked.is("GET", "/v1/config") {
                ok(json!({}))
            } else if asked.is("GET", TABLE) {
                table.clone().map_or_else(|| refused(404, "NoSuchTableException"), loaded)
            } else if asked.is("POST", TABLE) {
                commit(attempts.fetch_add(1, Ordering::SeqCst), &mut table)
            } else {
                refused(404, "NotFoundException")
            }
        })
        .await;
        Self { table, server }
    }

    async fn publish(&self) -> (Result<()>, u32) {
        let catalog = plain(&self.server).await;
        let publication = Publication::Create { metadata: document("u", "plan"), metadata_location: "s3://b/m".into() };
        let mut attempts = 0u32;
        let result = catalog.publish(&ident(), &publication, &mut attempts).await;
        (result.map(drop), attempts)
    }
}

#[tokio::test]
async fn a_commit_is_sent_as_updates_and_not_twice() {
    let target = Target::start(|_, table| {
        *table = Some(document("u", "plan"));
        ok(json!({}))
    })
    .await;
    let (result, attempts) = target.publish().await;
    result.unwrap();
    assert_eq!(attempts, 1);
    let body = target.server.last("POST", TABLE).json();
    assert_eq!(body["requirements"], json!([{"type": "assert-create"}]));
    assert_eq!(body["updates"][2]["schema"]["fields"][0]["id"], 1);
    let (again, attempts) = target.publish().await;
    again.unwrap();
    assert_eq!((attempts, target.server.count("POST", TABLE)), (0, 1), "the second run commits nothing");
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_looked_for() {
    for lost in [|| Reply::Cut, || refused(504, "Gateway"), || refused(500, "CommitStateUnknownException")] {
        // It happened.
        let target = Target::start(move |_, table| {
            *table = Some(document("u", "plan"));
            lost()
        })
        .await;
        let (result, attempts) = target.publish().await;
        result.unwrap();
        assert_eq!(attempts, 1);
        // It did not: sent again.
        let target = Target::start(move |attempt, table| match attempt {
            0 => lost(),
            _ => {
                *table = Some(document("u", "plan"));
                ok(json!({}))
            }
        })
        .await;
        let (result, attempts) = target.publish().await;
        result.unwrap();
        assert_eq!(attempts, 2);
        // Nobody knows, ever.
        let (result, _) = Target::start(move |_, _| lost()).await.publish().await;
        assert_eq!(result.unwrap_err().code, Code::CommitUnknown);
    }
}

#[tokio::test]
async fn a_conflict_is_ours_or_anothers_or_tried_again() {
    let databricks = || Reply::Json(400, json!({"error_code": "BAD_REQUEST", "message": "ErrorCode: 2010"}));
    // A proxy repeated our own request: the second one hears that the table is there.
    let (result, _) = Target::start(|_, table| {
        *table = Some(document("u", "plan"));
        refused(409, "AlreadyExistsException")
    })
    .await
    .publish()
    .await;
    result.unwrap();
    let (result, attempts) = Target::start(move |attempt, table| match attempt {
        0 => refused(409, "CommitFailedException"),
        1 => databricks(),
        _ => {
            *table = Some(document("u", "plan"));
            ok(json!({}))
        }
    })
    .await
    .publish()
    .await;
    result.unwrap();
    assert_eq!(attempts, 3);
    let target = Target::start(|_, table| {
        *table = Some(document("other", "other plan"));
        refused(409, "AlreadyExistsException")
    })
    .await;
    assert_eq!(target.publish().await.0.unwrap_err().code, Code::TableExists);
    assert_eq!(target.table.lock().unwrap().as_ref().unwrap()["table-uuid"], "other");
    let (result, attempts) = Target::start(|_, _| refused(409, "CommitFailedException")).await.publish().await;
    let error = result.unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::CommitConflict, true));
    assert!(attempts > 1 && attempts < 20);
    // What the server will never take is not sent again.
    let (result, attempts) = Target::start(|_, _| refused(400, "ValidationException")).await.publish().await;
    assert_eq!((result.unwrap_err().code, attempts), (Code::CatalogRefused, 1));
}

#[tokio::test]
async fn registering_asks_the_catalog_what_it_has() {
    let there = Arc::new(AtomicBool::new(false));
    let seen = there.clone();
    let server = Server::start(move |asked| {
        if asked.is("GET", "/v1/config") {
            ok(json!({}))
        } else if asked.is("POST", "/v1/namespaces/ns/register") {
            seen.store(true, Ordering::SeqCst);
            Reply::Cut
        } else if seen.load(Ordering::SeqCst) {
            loaded(document("u", "p"))
        } else {
            refused(404, "NoSuchTableException")
        }
    })
    .await;
    let catalog = plain(&server).await;
    let location = "s3://b/ns/t/metadata/v1.metadata.json";
    let publication = Publication::Register { metadata_location: location.into() };
    let table = catalog.publish(&ident(), &publication, &mut 0u32).await.unwrap();
    assert_eq!(table.metadata_location, location);
    let sent = server.last("POST", "/v1/namespaces/ns/register").json();
    assert_eq!(sent, json!({"name": "t", "metadata-location": location}));
}

#[tokio::test]
async fn a_staged_place_is_the_plans_own_where_the_server_allows_it() {
    let strict = Arc::new(AtomicBool::new(false));
    let refuses = strict.clone();
    let server = Server::start(move |asked| {
        if asked.is("GET", "/v1/config") {
            return ok(json!({}));
        }
        assert!(asked.is("POST", TABLES), "{asked:?}");
        let body = asked.json();
        assert_eq!(body["stage-create"], true);
        match body["location"].as_str() {
            Some(_) if refuses.load(Ordering::SeqCst) => refused(403, "ForbiddenException"),
            location => {
                let mut metadata = document("staged", "p");
                metadata["location"] = json!(location.unwrap_or("s3://b/wh/ns/t-random"));
                ok(json!({"metadata": metadata, "config": {}}))
            }
        }
    })
    .await;
    let catalog = plain(&server).await;
    let draft = document("u", "p");
    let staged = catalog.stage(&ident(), "0123abcd", Draft::adopted(&draft)).await.unwrap();
    assert_eq!(staged.location, "s3://b/wh/ns/t-0123abcd");
    strict.store(true, Ordering::SeqCst);
    assert_eq!(
        catalog.stage(&ident(), "0123abcd", Draft::adopted(&draft)).await.unwrap().location,
        "s3://b/wh/ns/t-random"
    );
}

#[tokio::test]
async fn a_server_that_cannot_stage_is_asked_for_the_namespace() {
    let server = Server::start(|asked| match (asked.method.as_str(), asked.path.as_str()) {
        (_, "/v1/config") => ok(json!({})),
        ("GET", "/v1/namespaces/ns") => ok(json!({"namespace": ["ns"], "properties": {"location": "s3://b/ns"}})),
        ("GET", "/v1/namespaces/bare") => ok(json!({"namespace": ["bare"]})),
        _ => refused(406, "UnsupportedOperationException"),
    })
    .await;
    let catalog = plain(&server).await;
    let draft = document("u", "p");
    assert_eq!(catalog.stage(&ident(), "tok", Draft::adopted(&draft)).await.unwrap().location, "s3://b/ns/t-tok");
    let bare = TableIdent::new(["bare"], "t");
    assert_eq!(catalog.stage(&bare, "tok", Draft::adopted(&draft)).await.unwrap_err().code, Code::Unsupported);
    let mut described = spec(&server.uri);
    described.properties.insert("warehouse".into(), "s3://w".into());
    let catalog = open(&described, &Secrets::new()).await.unwrap();
    assert_eq!(catalog.stage(&bare, "tok", Draft::adopted(&draft)).await.unwrap().location, "s3://w/bare/t-tok");
}

#[tokio::test]
async fn namespaces_are_made_level_by_level_and_only_if_missing() {
    let server = Server::start(|asked| match (asked.method.as_str(), asked.path.as_str()) {
        (_, "/v1/config") | ("GET", "/v1/namespaces/a") => ok(json!({})),
        ("POST", "/v1/namespaces") => refused(409, "AlreadyExistsException"),
        _ => refused(404, "NoSuchNamespaceException"),
    })
    .await;
    let catalog = plain(&server).await;
    catalog.ensure_namespace(&["a".into(), "b".into()]).await.unwrap();
    assert_eq!(server.count("POST", "/v1/namespaces"), 1);
    assert_eq!(server.last("POST", "/v1/namespaces").json()["namespace"], json!(["a", "b"]));
}

#[tokio::test]
async fn a_server_that_says_it_takes_no_tables_is_no_target() {
    const READ: &str = "GET /v1/{prefix}/namespaces/{namespace}/tables";
    for (offered, taken) in [
        (json!({"endpoints": [READ]}), false),
        (json!({"endpoints": [READ, READ.replace("GET", "POST")]}), true),
        // Servers from before there was such a list.
        (json!({}), true),
        (json!({"endpoints": []}), true),
    ] {
        let server = Server::start(move |_| ok(offered.clone())).await;
        let opened = RestCatalog::open_target(&spec(&server.uri), &Secrets::new(), None).await;
        assert_eq!(opened.map(drop).map_err(|e| e.code), if taken { Ok(()) } else { Err(Code::Unsupported) });
    }
}
