//! S3 over a bucket in memory.

use super::{Child, Network, OnBytes, Storage};
use crate::limits::Limit;
use futures::TryStreamExt;
use icebridge_loopback::{Reply, Request, Server};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Default)]
struct Bucket {
    objects: BTreeMap<String, Vec<u8>>,
    uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    begun: usize,
    /// Listings never end.
    endless: bool,
    /// Answers to give before any other.
    faults: Vec<Reply>,
}

type Shared = Arc<Mutex<Bucket>>;

fn xml(status: u16, text: String) -> Reply {
    Reply::With(status, vec![("Content-Type", "application/xml".into())], text.into_bytes())
}

fn no(status: u16, code: &str) -> Reply {
    xml(status, format!("<Error><Code>{code}</Code></Error>"))
}

fn meta() -> Vec<(&'static str, String)> {
    vec![("ETag", "\"e\"".into()), ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT".into())]
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

impl Bucket {
    fn answer(&mut self, asked: &Request) -> Reply {
        if let Some(fault) = self.faults.pop() {
            return fault;
        }
        let query = &asked.query;
        let path = decoded(&asked.path);
        let Some(key) = path.strip_prefix("/lake").map(|k| k.strip_prefix('/').unwrap_or(k).to_string()) else {
            return no(404, "NoSuchBucket");
        };
        match (asked.method.as_str(), query.get("uploadId")) {
            ("PUT", Some(upload)) => match self.uploads.get_mut(upload) {
                Some(parts) => {
                    parts.insert(query["partNumber"].parse().unwrap(), asked.body.clone());
                    Reply::With(200, meta(), Vec::new())
                }
                None => no(404, "NoSuchUpload"),
            },
            ("POST", Some(upload)) => {
                let whole = self.uploads.remove(upload).unwrap().into_values().flatten().collect();
                self.objects.insert(key, whole);
                xml(200, "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>".into())
            }
            ("DELETE", Some(upload)) => {
                self.uploads.remove(upload);
                Reply::With(204, Vec::new(), Vec::new())
            }
            ("POST", None) if query.contains_key("uploads") => {
                self.begun += 1;
                let id = format!("u{}", self.begun);
                self.uploads.insert(id.clone(), BTreeMap::new());
                let answer = format!("<UploadId>{id}</UploadId>");
                xml(200, format!("<InitiateMultipartUploadResult>{answer}</InitiateMultipartUploadResult>"))
            }
            ("POST", None) if query.contains_key("delete") => {
                let body = String::from_utf8(asked.body.clone()).unwrap();
                let mut deleted = String::new();
                for piece in body.split("<Key>").skip(1) {
                    let text = piece.split("</Key>").next().unwrap();
                    let key = text.replace("&lt;", "<").replace("&amp;", "&");
                    // A key that is not there counts as deleted, as on S3.
                    self.objects.remove(&key);
                    deleted.push_str(&format!("<Deleted><Key>{text}</Key></Deleted>"));
                }
                xml(200, format!("<DeleteResult>{deleted}</DeleteResult>"))
            }
            ("PUT", None) => {
                if let Some(from) = asked.header("x-amz-copy-source") {
                    let from = decoded(from);
                    let copy = self.objects[from.trim_start_matches('/').strip_prefix("lake/").unwrap()].clone();
                    self.objects.insert(key, copy);
                    let answer = "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>";
                    return xml(200, answer.into());
                }
                if asked.header("if-none-match") == Some("*") && self.objects.contains_key(&key) {
                    return no(412, "PreconditionFailed");
                }
                self.objects.insert(key, asked.body.clone());
                Reply::With(200, meta(), Vec::new())
            }
            ("GET", None) if query.contains_key("list-type") => self.list(query),
            ("HEAD", None) => match self.objects.get(&key) {
                Some(object) => Reply::Announced(200, meta(), Vec::new(), object.len()),
                None => Reply::With(404, Vec::new(), Vec::new()),
            },
            ("GET", None) => self.get(&key, asked.header("range")),
            other => panic!("{other:?} {}", asked.path),
        }
    }

    fn get(&self, key: &str, range: Option<&str>) -> Reply {
        let Some(object) = self.objects.get(key) else { return no(404, "NoSuchKey") };
        let Some(range) = range else { return Reply::With(200, meta(), object.clone()) };
        let (start, end) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        let (start, end) = (start.parse::<usize>().unwrap(), end.parse::<usize>().unwrap());
        if start >= object.len() {
            return no(416, "InvalidRange");
        }
        let end = (end + 1).min(object.len());
        let mut headers = meta();
        headers.push(("Content-Range", format!("bytes {start}-{}/{}", end - 1, object.len())));
        Reply::With(206, headers, object[start..end].to_vec())
    }

    fn list(&self, query: &BTreeMap<String, String>) -> Reply {
        let prefix = query.get("prefix").cloned().unwrap_or_default();
        let mut text = String::from("<ListBucketResult>");
        text.push_str(match self.endless {
            true => "<IsTruncated>true</IsTruncated><NextContinuationToken>more</NextContinuationToken>",
            false => "<IsTruncated>false</IsTruncated>",
        });
        let mut folders = std::collections::BTreeSet::new();
        for (key, object) in self.objects.iter().filter(|(key, _)| key.starts_with(&prefix)) {
            match key[prefix.len()..].split_once('/').filter(|_| query.contains_key("delimiter")) {
                Some((folder, _)) => drop(folders.insert(format!("{prefix}{folder}/"))),
                None => text.push_str(&format!(
                    "<Contents><Key>{}</Key><LastModified>2020-01-01T00:00:00.000Z</LastModified><Size>{}</Size></Contents>",
                    escaped(key),
                    object.len()
                )),
            }
        }
        for folder in folders {
            text.push_str(&format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escaped(&folder)));
        }
        xml(200, text + "</ListBucketResult>")
    }
}

fn decoded(path: &str) -> String {
    // A form decoder, kept from taking a plus for a space.
    let pair = format!("k={}", path.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(pair.as_bytes()).next().unwrap().1.into_owned()
}

async fn bucket() -> (Shared, Storage) {
    let shared = Shared::default();
    let bucket = shared.clone();
    let server = Server::start(move |asked| bucket.lock().unwrap().answer(asked)).await;
    (shared, storage_at(&server.uri, &Network::default()))
}

fn storage_at(endpoint: &str, network: &Network) -> Storage {
    let properties = [("s3.endpoint", endpoint), ("s3.region", "eu-central-1")];
    let properties = properties.map(|(k, v)| (k.to_string(), v.to_string())).into();
    let keys = [("s3.access-key-id", "id"), ("s3.secret-access-key", "topsecret")];
    let keys = keys.map(|(k, v)| (k.to_string(), Secret::new(v))).into();
    Storage::scoped(network, &properties, &properties, &keys, Vec::new()).unwrap()
}

#[tokio::test]
async fn keys_are_taken_literally_under_all_three_names() {
    let (bucket, storage) = bucket().await;
    for name in ["a b", "%20", "%41=b", "ü", "a#b", "a?b=c&d", "x=1/y=2", "a+b"] {
        let path = format!("s3://lake/w/{name}/f");
        storage.write(&path, "hello".into()).await.unwrap();
        assert!(bucket.lock().unwrap().objects.contains_key(&format!("w/{name}/f")), "{name}");
        for scheme in ["s3a", "s3n"] {
            assert_eq!(storage.read(&path.replacen("s3", scheme, 1), Limit::Manifest).await.unwrap(), "hello");
        }
        let found: Vec<_> = storage.list(&format!("s3://lake/w/{name}")).try_collect().await.unwrap();
        assert_eq!(found.iter().map(|e| e.path.as_str()).collect::<Vec<_>>(), [path.as_str()]);
    }
    bucket.lock().unwrap().endless = true;
    assert_eq!(storage.children("s3://lake/w").await.unwrap_err().code, Code::StorageFailed);
    bucket.lock().unwrap().endless = false;
    let children = storage.children("s3://lake/w").await.unwrap();
    assert!(children.contains(&Child { name: "a#b".into(), is_folder: true }), "{children:?}");
    storage.write("s3://lake/wide", "stays".into()).await.unwrap();
    storage.delete_prefix("s3://lake/w").await.unwrap();
    assert_eq!(bucket.lock().unwrap().objects.keys().collect::<Vec<_>>(), ["wide"], "a prefix is a folder");
    assert!(storage.delete_prefix("s3://lake").await.is_err());
    storage.delete("s3://lake/gone").await.unwrap();
    assert!(!format!("{storage:?}").contains("topsecret"));
}

#[tokio::test]
async fn keys_with_empty_parts_are_kept_to_the_byte() {
    let (bucket, storage) = bucket().await;
    for key in ["/db/t/f", "db/t//data/f", "db//t//f", "//f", "ü b//f", "/a//b/f"] {
        let path = format!("s3a://lake/{key}");
        storage.write(&path, "hello".into()).await.unwrap();
        assert!(bucket.lock().unwrap().objects.contains_key(key), "{key}: {:?}", bucket.lock().unwrap().objects.keys());
        assert_eq!(storage.read(&path, Limit::Manifest).await.unwrap(), "hello");
        assert_eq!(storage.read_range(&path, 1..3).await.unwrap(), "el");
        assert_eq!(storage.size(&path).await.unwrap(), 5);
    }
    assert_eq!(storage.read("s3://lake/db/t/f", Limit::Manifest).await.unwrap_err().code, Code::FileMissing);
    assert_eq!(storage.children("s3://lake/db/t//data").await.unwrap_err().code, Code::Unsupported);
    assert_eq!(storage.delete_prefix("s3://lake/db/t//data").await.unwrap_err().code, Code::Unsupported);
}

#[tokio::test]
async fn what_s3_says_gets_its_code() {
    let (bucket, storage) = bucket().await;
    storage.write("s3://lake/f", "0123456789".into()).await.unwrap();
    let pieces = storage.read_ranges("s3://lake/f", &[8..10, 0..1, 3..3]).await.unwrap();
    assert_eq!(pieces, ["89", "0", ""]);
    for range in [8..11, 10..12] {
        assert_eq!(storage.read_range("s3://lake/f", range).await.unwrap_err().code, Code::FileBroken);
    }
    assert_eq!(storage.read("s3://lake/none", Limit::Manifest).await.unwrap_err().code, Code::FileMissing);
    assert_eq!(storage.read("s3://other/none", Limit::Manifest).await.unwrap_err().code, Code::FileMissing);
    assert_eq!(storage.read("s3://lake/a//b", Limit::Manifest).await.unwrap_err().code, Code::FileMissing);
    assert!(!storage.exists("s3://lake/none").await.unwrap());
    let with_fault = async |fault: Reply| -> Result<_, Error> {
        bucket.lock().unwrap().faults.push(fault);
        storage.read("s3://lake/f", Limit::Manifest).await
    };
    assert_eq!(with_fault(no(403, "AccessDenied")).await.unwrap_err().code, Code::StorageDenied);
    assert_eq!(with_fault(no(400, "QuotaExceeded")).await.unwrap_err().code, Code::StorageFull);
    assert_eq!(with_fault(no(503, "SlowDown")).await.unwrap(), "0123456789", "tried again");
    assert_eq!(with_fault(Reply::Cut).await.unwrap(), "0123456789", "tried again");
    // The body breaks off in the middle.
    assert_eq!(with_fault(Reply::Announced(200, meta(), Vec::new(), 10)).await.unwrap(), "0123456789", "tried again");
}

#[tokio::test]
async fn a_new_object_is_never_written_over() {
    let (_, storage) = bucket().await;
    assert!(storage.write_new("s3://lake/m", "one".into()).await.unwrap());
    assert!(!storage.write_new("s3://lake/m", "two".into()).await.unwrap());
    assert_eq!(storage.read("s3://lake/m", Limit::Manifest).await.unwrap(), "one");
}

#[tokio::test]
async fn large_files_go_up_in_parts_and_half_of_one_is_taken_back() {
    let (bucket, storage) = bucket().await;
    let mut writer = storage.writer("s3://lake/big").await.unwrap();
    let mut whole = Vec::new();
    for i in 0..7_u8 {
        let piece = vec![i; 3_000_000 + usize::from(i)];
        whole.extend_from_slice(&piece);
        writer.write(piece.into()).await.unwrap();
    }
    assert!(!storage.exists("s3://lake/big").await.unwrap());
    assert_eq!(writer.finish().await.unwrap(), whole.len() as u64);
    {
        let bucket = bucket.lock().unwrap();
        assert_eq!((bucket.begun, bucket.uploads.len()), (1, 0));
        assert_eq!(bucket.objects["big"], whole);
    }
    let mut dropped = storage.writer("s3://lake/half").await.unwrap();
    dropped.write(vec![1; 20_000_000].into()).await.unwrap();
    assert_eq!(bucket.lock().unwrap().uploads.len(), 1);
    drop(dropped);
    for _ in 0..100 {
        if bucket.lock().unwrap().uploads.is_empty() {
            assert!(!bucket.lock().unwrap().objects.contains_key("half"));
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the parts of a dropped upload stay");
}

#[tokio::test]
async fn copies_go_every_way() {
    let (bucket, storage) = bucket().await;
    let folder = tempfile::tempdir().unwrap();
    let (local, back) = (folder.path().join("f").display().to_string(), folder.path().join("g").display().to_string());
    std::fs::write(&local, (0..20_000_000_u32).map(|i| (i % 251) as u8).collect::<Vec<_>>()).unwrap();
    let each: OnBytes = Arc::new(|_| {});
    let up = storage.copy_from(&storage, &local, "s3://lake/up", &each).await.unwrap();
    let across = storage.copy_from(&storage, "s3://lake/up", "s3://lake/across", &each).await.unwrap();
    let down = storage.copy_from(&storage, "s3://lake/across", &back, &each).await.unwrap();
    assert!(up == across && across == down, "{up:?} {across:?} {down:?}");
    assert_eq!(std::fs::read(&local).unwrap(), std::fs::read(&back).unwrap());
    assert!(storage.server_copy_from(&storage, "s3://lake/up", "s3://lake/a b").await.unwrap());
    {
        let mut bucket = bucket.lock().unwrap();
        assert_eq!(bucket.objects["a b"], bucket.objects["up"]);
        bucket.faults.push(no(403, "AccessDenied"));
    }
    let refused = storage.server_copy_from(&storage, "s3://lake/up", "s3://lake/c").await.unwrap();
    assert!(!refused, "without the right to read the source, the bytes are copied instead");
}

#[tokio::test]
async fn storage_is_reached_through_a_named_proxy() {
    let proxy = Server::start(|_| Reply::With(200, meta(), b"hello".to_vec())).await;
    let network = Network::new(None, Some(Secret::new(proxy.uri.as_str()))).unwrap();
    // A store that only the proxy knows the way to.
    let storage = storage_at("http://store.company.example", &network);
    assert_eq!(storage.read("s3://lake/f", Limit::Manifest).await.unwrap(), "hello");
    assert_eq!(proxy.count("GET", "http://store.company.example/lake/f"), 1);
}

#[test]
fn what_is_no_certificate_is_refused() {
    let broken = b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n";
    assert_eq!(Network::new(Some(broken), None).unwrap_err().code, Code::InvalidInput);
}
