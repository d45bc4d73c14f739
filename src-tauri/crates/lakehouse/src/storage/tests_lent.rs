//! Lent credentials of every cloud: renewed before they end, after a refusal, and by prefix.

use super::{KeySource, Lent, LentKeys, Network, Storage};
use crate::limits::Limit;
use async_trait::async_trait;
use icebridge_loopback::{Reply, Server};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
}

/// Gives these answers, one after the other; the last one for ever.
#[derive(Debug)]
struct Answers {
    left: Mutex<Vec<Result<BTreeMap<String, String>>>>,
    asked: Mutex<usize>,
}

impl Answers {
    fn new(mut answers: Vec<Result<BTreeMap<String, String>>>) -> Arc<Self> {
        answers.reverse();
        Arc::new(Self { left: Mutex::new(answers), asked: Mutex::new(0) })
    }

    fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
}

#[async_trait]
impl KeySource for Answers {
    async fn keys(&self) -> Result<LentKeys> {
        *self.asked.lock().unwrap() += 1;
        let mut left = self.left.lock().unwrap();
        let answer = if left.len() > 1 { left.pop().unwrap() } else { left[0].clone() };
        answer.map(|config| LentKeys::of(&config).unwrap())
    }
}

fn token(token: &str, end: &str) -> BTreeMap<String, String> {
    map(&[("gcs.oauth2.token", token), ("gcs.oauth2.token-expires-at", end)])
}

fn in_seconds(seconds: i64) -> String {
    (jiff::Timestamp::now().as_millisecond() + seconds * 1000).to_string()
}

/// A server that lets in whoever has one of the tokens; all that it has is `hello`.
async fn google(good: &Arc<Mutex<Vec<&'static str>>>) -> Server {
    let good = good.clone();
    Server::start(move |asked| {
        let token = asked.header("authorization").unwrap_or_default().trim_start_matches("Bearer ").to_string();
        if !good.lock().unwrap().contains(&token.as_str()) {
            return Reply::With(401, Vec::new(), b"<Error><Code>AuthenticationRequired</Code></Error>".to_vec());
        }
        let meta = vec![("ETag", "\"e\"".into()), ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT".into())];
        Reply::With(200, meta, b"hello".to_vec())
    })
    .await
}

fn lent(server: &Server, prefix: &str, first: &BTreeMap<String, String>, source: Arc<Answers>) -> Lent {
    let properties = map(&[("gcs.service.host", &server.uri)]);
    Lent { prefix: prefix.into(), properties, keys: LentKeys::of(first).unwrap(), source }
}

fn storage(server: &Server, lent: Vec<Lent>) -> Storage {
    let own = map(&[("gcs.service.host", &server.uri)]);
    let secrets = BTreeMap::from([("gcs.oauth2.token".to_string(), Secret::new("own"))]);
    Storage::scoped(&Network::default(), &own, &own, &secrets, lent).unwrap()
}

#[tokio::test]
async fn credentials_are_renewed_before_they_end_and_once_after_a_refusal() {
    let good = Arc::new(Mutex::new(vec!["long"]));
    let server = google(&good).await;
    let read = async |storage: &Storage| storage.read("gs://b/f", Limit::Manifest).await;

    // Over when they are first used, and not when they came: new ones are asked for, without a try.
    let source = Answers::new(vec![Ok(token("long", &in_seconds(3600)))]);
    let soon = (jiff::Timestamp::now().as_millisecond() + 40).to_string();
    let late = storage(&server, vec![lent(&server, "", &token("old", &soon), source.clone())]);
    tokio::time::sleep(std::time::Duration::from_millis(60)).await;
    assert_eq!(read(&late).await.unwrap(), "hello");
    assert_eq!((source.asked(), server.requests().len()), (1, 1));
    assert_eq!(read(&late).await.unwrap(), "hello");
    assert_eq!(source.asked(), 1, "they are kept");

    // New ones that claim to be over are used: the clocks differ.
    let source = Answers::new(vec![Ok(token("long", "2"))]);
    let skewed = storage(&server, vec![lent(&server, "", &token("long", "1"), source.clone())]);
    assert!(read(&skewed).await.is_ok() && read(&skewed).await.is_ok());
    assert_eq!(source.asked(), 0);
    let skewed = storage(&server, vec![lent(&server, "", &token("old", "1"), source.clone())]);
    assert!(read(&skewed).await.is_ok() && read(&skewed).await.is_ok());
    assert_eq!(source.asked(), 1, "refused, and renewed once");

    // Refused although they should be good.
    let source = Answers::new(vec![Ok(token("long", &in_seconds(3600)))]);
    let early = storage(&server, vec![lent(&server, "gs://b", &token("revoked", &in_seconds(3600)), source.clone())]);
    assert_eq!(read(&early).await.unwrap(), "hello");
    assert_eq!(source.asked(), 1);

    // What the catalog says is told, with its own code.
    let gone = Error::new(Code::CatalogRefused, "the table is gone").with_hint("Look.");
    let source = Answers::new(vec![Err(gone)]);
    let closed = storage(&server, vec![lent(&server, "", &token("revoked", &in_seconds(3600)), source)]);
    let error = read(&closed).await.unwrap_err();
    assert_eq!((error.code, error.message.as_str()), (Code::CatalogRefused, "the table is gone"));
}

#[tokio::test]
async fn the_longest_prefix_lends_and_the_rest_is_opened_by_what_one_has() {
    let good = Arc::new(Mutex::new(vec!["inner", "outer", "own"]));
    let server = google(&good).await;
    let source = || Answers::new(vec![Ok(token("none", "1"))]);
    let end = in_seconds(3600);
    let storage = storage(
        &server,
        vec![
            lent(&server, "gs://b/t", &token("outer", &end), source()),
            lent(&server, "gs://b/t/inner/", &token("inner", &end), source()),
        ],
    );
    for (path, expected) in [("gs://b/t/f", "outer"), ("GS://b/t/inner/f", "inner"), ("gs://c/f", "own")] {
        storage.read(path, Limit::Manifest).await.unwrap();
        let sent = server.requests().last().unwrap().header("authorization").unwrap().to_string();
        assert_eq!(sent, format!("Bearer {expected}"), "{path}");
    }
}

#[tokio::test]
async fn ones_own_token_goes_to_no_address_that_a_catalog_names() {
    let good = Arc::new(Mutex::new(vec!["own", "lent"]));
    let (ours, theirs) = (google(&good).await, google(&good).await);
    let properties = map(&[("gcs.service.host", &theirs.uri), ("adls.endpoint", &theirs.uri)]);
    let own = map(&[("gcs.service.host", &ours.uri), ("adls.endpoint", &ours.uri)]);
    let secrets = [("gcs.oauth2.token", "own"), ("adls.token", "own")];
    let secrets = secrets.map(|(k, v)| (k.to_string(), Secret::new(v))).into();
    let storage = Storage::scoped(&Network::default(), &properties, &own, &secrets, Vec::new()).unwrap();
    storage.read("gs://b/f", Limit::Manifest).await.unwrap();
    storage.read("abfss://c@a.dfs.core.windows.net/f", Limit::Manifest).await.unwrap();
    assert_eq!((ours.requests().len(), theirs.requests().len()), (2, 0));
}
