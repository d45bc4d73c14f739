//! Azure storage over a container in memory.

use super::lent::LentKeys;
use super::{Child, KeySource, Lent, Network, OnBytes, Storage};
use crate::limits::Limit;
use async_trait::async_trait;
use futures::TryStreamExt;
use icebridge_loopback::{Reply, Request, Server};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The well-known key has this form.
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const PLACE: &str = "abfss://lake@acct.dfs.core.windows.net";

#[derive(Default)]
struct Account {
    /// By container and key, as they are decoded.
    blobs: BTreeMap<String, Vec<u8>>,
    blocks: BTreeMap<String, Vec<u8>>,
    /// Signatures that are let in; none: everybody is.
    good: Option<Vec<String>>,
    /// Answers to looks at a copy that is under way.
    pending: usize,
}

type Shared = Arc<Mutex<Account>>;

fn no(status: u16, code: &'static str) -> Reply {
    let headers = vec![("x-ms-error-code", code.to_string()), ("Content-Type", "application/xml".into())];
    Reply::With(status, headers, format!("<Error><Code>{code}</Code></Error>").into_bytes())
}

fn meta() -> Vec<(&'static str, String)> {
    vec![("ETag", "\"e\"".into()), ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT".into())]
}

fn decoded(path: &str) -> String {
    percent_encoding::percent_decode_str(path).decode_utf8().unwrap().into_owned()
}

impl Account {
    fn answer(&mut self, asked: &Request) -> Reply {
        if self.good.as_ref().is_some_and(|good| !good.contains(&asked.query("sig").to_string())) {
            return no(403, "AuthenticationFailed");
        }
        let path = decoded(&asked.path);
        let Some(name) = path.strip_prefix("/acct/").map(str::to_string) else { return no(404, "ResourceNotFound") };
        if !name.starts_with("lake") {
            return no(404, "ContainerNotFound");
        }
        match (asked.method.as_str(), asked.query.get("comp").map(String::as_str)) {
            ("PUT", Some("block")) => {
                self.blocks.insert(asked.query("blockid").into(), asked.body.clone());
                Reply::With(201, meta(), Vec::new())
            }
            ("PUT", Some("blocklist")) => {
                let body = String::from_utf8(asked.body.clone()).unwrap();
                let ids = body.split("<Uncommitted>").skip(1).map(|piece| piece.split('<').next().unwrap());
                let whole = ids.flat_map(|id| self.blocks.remove(id).unwrap()).collect();
                self.blobs.insert(name, whole);
                Reply::With(201, meta(), Vec::new())
            }
            ("PUT", None) => {
                if let Some(from) = asked.header("x-ms-copy-source") {
                    let from = url::Url::parse(from).unwrap();
                    let copy = self.blobs[decoded(from.path()).strip_prefix("/acct/").unwrap()].clone();
                    self.blobs.insert(name, copy);
                    return Reply::With(202, meta(), Vec::new());
                }
                if asked.header("if-none-match") == Some("*") && self.blobs.contains_key(&name) {
                    return no(409, "BlobAlreadyExists");
                }
                self.blobs.insert(name, asked.body.clone());
                Reply::With(201, meta(), Vec::new())
            }
            ("DELETE", None) => match self.blobs.remove(&name) {
                Some(_) => Reply::With(202, Vec::new(), Vec::new()),
                None => no(404, "BlobNotFound"),
            },
            ("GET", Some("list")) => self.list(&asked.query),
            ("HEAD", None) => match self.blobs.get(&name) {
                Some(blob) => {
                    let status = if self.pending > 0 { "pending" } else { "success" };
                    self.pending = self.pending.saturating_sub(1);
                    let headers = meta().into_iter().chain([("x-ms-copy-status", status.to_string())]).collect();
                    Reply::Announced(200, headers, Vec::new(), blob.len())
                }
                None => Reply::With(404, Vec::new(), Vec::new()),
            },
            ("GET", None) => self.get(&name, asked.header("range").or_else(|| asked.header("x-ms-range"))),
            other => panic!("{other:?} {}", asked.path),
        }
    }

    fn get(&self, name: &str, range: Option<&str>) -> Reply {
        let Some(blob) = self.blobs.get(name) else { return no(404, "BlobNotFound") };
        let Some(range) = range else { return Reply::With(200, meta(), blob.clone()) };
        let (start, end) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        let (start, end) = (start.parse::<usize>().unwrap(), end.parse::<usize>().unwrap());
        if start >= blob.len() {
            return no(416, "InvalidRange");
        }
        let end = (end + 1).min(blob.len());
        let mut headers = meta();
        headers.push(("Content-Range", format!("bytes {start}-{}/{}", end - 1, blob.len())));
        Reply::With(206, headers, blob[start..end].to_vec())
    }

    fn list(&self, query: &BTreeMap<String, String>) -> Reply {
        let prefix = query.get("prefix").cloned().unwrap_or_default();
        let mut text = String::from("<EnumerationResults><Blobs>");
        let mut folders = std::collections::BTreeSet::new();
        let found = self.blobs.iter().filter_map(|(name, blob)| Some((name.strip_prefix("lake/")?, blob)));
        for (key, blob) in found.filter(|(key, _)| key.starts_with(&prefix)) {
            match key[prefix.len()..].split_once('/').filter(|_| query.contains_key("delimiter")) {
                Some((folder, _)) => drop(folders.insert(format!("{prefix}{folder}/"))),
                None => text.push_str(&format!(
                    "<Blob><Name>{}</Name><Properties><Last-Modified>Sun, 06 Nov 1994 08:49:37 GMT</Last-Modified>\
                     <Content-Length>{}</Content-Length><Content-Type>x</Content-Type></Properties></Blob>",
                    key.replace('&', "&amp;"),
                    blob.len()
                )),
            }
        }
        for folder in folders {
            text.push_str(&format!("<BlobPrefix><Name>{folder}</Name></BlobPrefix>"));
        }
        let headers = vec![("Content-Type", "application/xml".into())];
        Reply::With(200, headers, (text + "</Blobs></EnumerationResults>").into_bytes())
    }
}

async fn account() -> (Shared, Storage, Server) {
    let shared = Shared::default();
    let inside = shared.clone();
    let server = Server::start(move |asked| inside.lock().unwrap().answer(asked)).await;
    let properties = BTreeMap::from([("adls.endpoint".to_string(), format!("{}/acct", server.uri))]);
    let keys = BTreeMap::from([("adls.account-key".to_string(), Secret::new(KEY))]);
    let storage = Storage::new(&properties, &keys).unwrap();
    (shared, storage, server)
}

#[tokio::test]
async fn keys_are_kept_to_the_byte_under_all_four_names() {
    let (account, storage, _server) = account().await;
    for key in ["w/a b/f", "w/%20/f", "w/%41=b/f", "ü/f", "a#b?c=d&e", "a+b", "/f", "db//t//f", "//f", "a b//%2F/f"] {
        let path = format!("{PLACE}/{key}");
        storage.write(&path, "hello".into()).await.unwrap();
        assert!(account.lock().unwrap().blobs.contains_key(&format!("lake/{key}")), "{key}");
        for other in
            ["abfs://lake@acct.blob.core.windows.net", "wasbs://lake@ACCT.blob.core.windows.net", "wasb://lake@acct"]
        {
            let path = format!("{other}/{key}");
            assert_eq!(storage.read(&path, Limit::Manifest).await.unwrap(), "hello", "{path}");
        }
        assert_eq!(storage.read_range(&path, 1..3).await.unwrap(), "el");
        assert_eq!(storage.size(&path).await.unwrap(), 5);
        storage.delete(&path).await.unwrap();
        assert!(account.lock().unwrap().blobs.is_empty(), "{key}");
    }
    assert_eq!(storage.children(&format!("{PLACE}/db/t//data")).await.unwrap_err().code, Code::Unsupported);
}

#[tokio::test]
async fn folders_are_listed_and_deleted_and_nothing_beside_them() {
    let (account, storage, _server) = account().await;
    for key in ["w/t/data/1", "w/t/data/2", "w/t/m", "w/t2/x"] {
        storage.write(&format!("{PLACE}/{key}"), "x".into()).await.unwrap();
    }
    let listed = storage.list(&format!("{PLACE}/w/t")).try_collect::<Vec<_>>().await.unwrap();
    let mut paths: Vec<_> = listed.into_iter().map(|entry| entry.path).collect();
    paths.sort();
    assert_eq!(paths, ["data/1", "data/2", "m"].map(|rest| format!("{PLACE}/w/t/{rest}")));
    let children = storage.children(&format!("{PLACE}/w/t")).await.unwrap();
    let child = |name: &str, is_folder| Child { name: name.into(), is_folder };
    assert_eq!(children, [child("data", true), child("m", false)]);
    storage.delete_prefix(&format!("{PLACE}/w/t")).await.unwrap();
    assert_eq!(account.lock().unwrap().blobs.keys().collect::<Vec<_>>(), ["lake/w/t2/x"]);
    assert!(storage.delete_prefix(PLACE).await.is_err());
    storage.delete(&format!("{PLACE}/gone")).await.unwrap();
    storage.probe(&format!("{PLACE}/any")).await.unwrap();
    let other = storage.probe("abfss://other@acct.dfs.core.windows.net/x").await.unwrap_err();
    assert!(other.code == Code::FileMissing && other.message.contains("no such container"), "{other}");
}

#[tokio::test]
async fn blobs_are_written_once_in_blocks_and_copied_on_the_server() {
    let (account, storage, _server) = account().await;
    let new = format!("{PLACE}/new");
    assert!(storage.write_new(&new, "one".into()).await.unwrap());
    assert!(!storage.write_new(&new, "two".into()).await.unwrap());
    assert_eq!(storage.read(&new, Limit::Manifest).await.unwrap(), "one");
    assert_eq!(storage.read_range(&new, 2..4).await.unwrap_err().code, Code::FileBroken);
    assert_eq!(storage.read_range(&new, 9..11).await.unwrap_err().code, Code::FileBroken);
    let numbered = storage.read_range(&format!("{PLACE}/part-00416-503.parquet"), 0..1).await.unwrap_err();
    assert_eq!(numbered.code, Code::FileMissing, "a number in a name is no status");
    assert_eq!(storage.size(&format!("{PLACE}/none")).await.unwrap_err().code, Code::FileMissing);

    let folder = tempfile::tempdir().unwrap();
    let (local, big) = (folder.path().join("f").display().to_string(), format!("{PLACE}/big"));
    std::fs::write(&local, (0..20_000_000_u32).map(|i| (i % 251) as u8).collect::<Vec<_>>()).unwrap();
    let each: OnBytes = Arc::new(|_| {});
    let up = storage.copy_from(&storage, &local, &big, &each).await.unwrap();
    let across = storage.copy_from(&storage, &big, &format!("{PLACE}/across"), &each).await.unwrap();
    assert_eq!(up, across);
    account.lock().unwrap().pending = 1;
    assert!(storage.server_copy_from(&storage, &big, &format!("{PLACE}/a b")).await.unwrap());
    let account = account.lock().unwrap();
    assert_eq!(account.blobs["lake/a b"], account.blobs["lake/big"]);
    assert_eq!(account.pending, 0, "a copy under way is waited for");
}

struct Renewed {
    account: Arc<Mutex<Vec<String>>>,
    asked: Mutex<usize>,
}

impl std::fmt::Debug for Renewed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Renewed")
    }
}

fn lent_keys(signature: &str) -> LentKeys {
    let name = "adls.sas-token.acct.dfs.core.windows.net".to_string();
    LentKeys::of(&BTreeMap::from([(name, format!("sv=2024-11-04&sig={signature}"))])).unwrap()
}

#[async_trait]
impl KeySource for Renewed {
    async fn keys(&self) -> Result<LentKeys> {
        *self.asked.lock().unwrap() += 1;
        Ok(lent_keys(&self.account.lock().unwrap().last().unwrap().clone()))
    }
}

#[tokio::test]
async fn a_lent_signature_that_ends_early_is_renewed_in_the_middle_and_never_told() {
    let (account, _, server) = account().await;
    let good = Arc::new(Mutex::new(vec!["first%2Bsecret".to_string()]));
    let properties = BTreeMap::from([("adls.endpoint".to_string(), format!("{}/acct", server.uri))]);
    let source = Arc::new(Renewed { account: good.clone(), asked: Mutex::new(0) });
    let lent = Lent {
        prefix: "wasbs://lake@acct.blob.core.windows.net/w".into(),
        properties: properties.clone(),
        keys: lent_keys("first%2Bsecret"),
        source: source.clone(),
    };
    let none = BTreeMap::new();
    let storage = Storage::scoped(&Network::default(), &properties, &properties, &none, vec![lent]).unwrap();
    account.lock().unwrap().good = Some(vec!["first+secret".into()]);
    let file = format!("{PLACE}/w/f");
    storage.write(&file, "hello".into()).await.unwrap();
    assert_eq!(*source.asked.lock().unwrap(), 0);

    // Over before anybody said so.
    good.lock().unwrap().push("second".into());
    account.lock().unwrap().good = Some(vec!["second".into()]);
    assert_eq!(storage.read(&file, Limit::Manifest).await.unwrap(), "hello");
    assert_eq!(*source.asked.lock().unwrap(), 1);
    // Refused again at once: it is not their age.
    account.lock().unwrap().good = Some(vec!["third".into()]);
    let refused = storage.read(&file, Limit::Manifest).await.unwrap_err();
    assert_eq!((refused.code, *source.asked.lock().unwrap()), (Code::StorageDenied, 1));
    for told in [format!("{refused:?} {refused}"), format!("{storage:?}")] {
        assert!(!told.contains("second") && !told.contains("sig="), "{told}");
    }
}
