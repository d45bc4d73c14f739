//! Google Cloud Storage over a server in memory, as far as its own address is concerned: what it answers is S3's language.

use super::{OnBytes, Storage};
use crate::limits::Limit;
use icebridge_loopback::{Reply, Request, Server};
use icebridge_model::Code;
use icebridge_model::secret::Secret;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Bucket {
    objects: BTreeMap<String, Vec<u8>>,
    parts: BTreeMap<String, Vec<u8>>,
}

fn meta() -> Vec<(&'static str, String)> {
    vec![
        ("ETag", "\"e\"".into()),
        ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT".into()),
        ("x-goog-generation", "1".into()),
    ]
}

fn xml(text: &str) -> Reply {
    Reply::With(200, meta(), text.as_bytes().to_vec())
}

impl Bucket {
    fn answer(&mut self, asked: &Request) -> Reply {
        let path = percent_encoding::percent_decode_str(&asked.path).decode_utf8().unwrap().into_owned();
        let Some(key) = path.strip_prefix("/lake/").map(str::to_string) else {
            if asked.query.contains_key("list-type") && path == "/lake" {
                let found = self.objects.keys().filter(|key| key.starts_with(asked.query("prefix")));
                let found = found.map(|key| {
                    format!("<Contents><Key>{key}</Key><LastModified>2020-01-01T00:00:00.000Z</LastModified><Size>5</Size></Contents>")
                });
                let found: String = found.collect();
                return xml(&format!("<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>"));
            }
            return Reply::With(404, Vec::new(), b"<Error><Code>NoSuchBucket</Code></Error>".to_vec());
        };
        match asked.method.as_str() {
            "POST" if asked.query.contains_key("uploads") => {
                xml("<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
            }
            "POST" => {
                let whole = std::mem::take(&mut self.parts).into_values().flatten().collect();
                self.objects.insert(key, whole);
                xml("<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>")
            }
            "PUT" if asked.query.contains_key("uploadId") => {
                self.parts.insert(asked.query("partNumber").into(), asked.body.clone());
                Reply::With(200, meta(), Vec::new())
            }
            "PUT" => {
                if let Some(from) = asked.header("x-goog-copy-source") {
                    let from = percent_encoding::percent_decode_str(from).decode_utf8().unwrap().into_owned();
                    let copy = self.objects[from.strip_prefix("lake/").unwrap()].clone();
                    self.objects.insert(key, copy);
                    return Reply::With(200, meta(), Vec::new());
                }
                if asked.header("x-goog-if-generation-match") == Some("0") && self.objects.contains_key(&key) {
                    return Reply::With(412, Vec::new(), Vec::new());
                }
                self.objects.insert(key, asked.body.clone());
                Reply::With(200, meta(), Vec::new())
            }
            "DELETE" => match self.objects.remove(&key) {
                Some(_) => Reply::With(204, Vec::new(), Vec::new()),
                None => Reply::With(404, Vec::new(), Vec::new()),
            },
            _ => self.get(&key, asked),
        }
    }

    fn get(&self, key: &str, asked: &Request) -> Reply {
        let Some(object) = self.objects.get(key) else { return Reply::With(404, Vec::new(), Vec::new()) };
        if asked.method == "HEAD" {
            return Reply::Announced(200, meta(), Vec::new(), object.len());
        }
        let Some(range) = asked.header("range") else { return Reply::With(200, meta(), object.clone()) };
        let (start, end) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        let (start, end) = (start.parse::<usize>().unwrap(), (end.parse::<usize>().unwrap() + 1).min(object.len()));
        let mut headers = meta();
        headers.push(("Content-Range", format!("bytes {start}-{}/{}", end - 1, object.len())));
        Reply::With(206, headers, object[start..end].to_vec())
    }
}

async fn bucket(secret: Option<&str>) -> (Arc<Mutex<Bucket>>, Storage, Server) {
    let shared = Arc::new(Mutex::new(Bucket::default()));
    let inside = shared.clone();
    let server = Server::start(move |asked| inside.lock().unwrap().answer(asked)).await;
    let mut properties = BTreeMap::from([("gcs.service.host".to_string(), server.uri.clone())]);
    let mut secrets = BTreeMap::new();
    match secret {
        Some(token) => drop(secrets.insert("gcs.oauth2.token".to_string(), Secret::new(token))),
        None => drop(properties.insert("gcs.no-auth".into(), "true".into())),
    }
    (shared, Storage::new(&properties, &secrets).unwrap(), server)
}

#[tokio::test]
async fn keys_are_kept_to_the_byte() {
    let (bucket, storage, server) = bucket(Some("t0ken")).await;
    for key in ["w/a b/f", "w/%20/f", "%41=b", "ü/f", "a#b?c=d&e", "a+b", "/f", "db//t//f", "//f", "a b//%2F/f"] {
        let path = format!("gs://lake/{key}");
        storage.write(&path, "hello".into()).await.unwrap();
        assert!(bucket.lock().unwrap().objects.contains_key(key), "{key}: {:?}", bucket.lock().unwrap().objects.keys());
        assert_eq!(storage.read(&path, Limit::Manifest).await.unwrap(), "hello", "{key}");
        assert_eq!(storage.read_range(&path, 1..3).await.unwrap(), "el");
        assert_eq!(storage.size(&path).await.unwrap(), 5);
        storage.delete(&path).await.unwrap();
        assert!(bucket.lock().unwrap().objects.is_empty(), "{key}");
    }
    assert!(server.requests().iter().all(|asked| asked.header("authorization") == Some("Bearer t0ken")));
    assert_eq!(storage.read("gs://other/f", Limit::Manifest).await.unwrap_err().code, Code::FileMissing);
}

#[tokio::test]
async fn objects_are_written_once_in_parts_copied_and_deleted() {
    let (bucket, storage, _server) = bucket(Some("t")).await;
    assert!(storage.write_new("gs://lake/new", "one".into()).await.unwrap());
    assert!(!storage.write_new("gs://lake/new", "two".into()).await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().join("f").display().to_string();
    std::fs::write(&local, (0..20_000_000_u32).map(|i| (i % 251) as u8).collect::<Vec<_>>()).unwrap();
    let each: OnBytes = Arc::new(|_| {});
    let up = storage.copy_from(&storage, &local, "gs://lake/w/big", &each).await.unwrap();
    let across = storage.copy_from(&storage, "gs://lake/w/big", "gs://lake/w/across", &each).await.unwrap();
    assert_eq!(up, across);
    assert!(storage.server_copy_from(&storage, "gs://lake/w/big", "gs://lake/w/a b").await.unwrap());
    storage.probe("gs://lake/w").await.unwrap();
    storage.delete_prefix("gs://lake/w").await.unwrap();
    assert_eq!(bucket.lock().unwrap().objects.keys().collect::<Vec<_>>(), ["new"]);
}

#[tokio::test]
async fn without_a_sign_in_no_address_but_the_bucket_is_asked() {
    let (_bucket, storage, server) = bucket(None).await;
    storage.write("gs://lake/f", "hello".into()).await.unwrap();
    assert_eq!(storage.read("gs://lake/f", Limit::Manifest).await.unwrap(), "hello");
    assert!(server.requests().len() >= 2);
}

#[tokio::test]
async fn a_key_of_a_service_account_that_is_none_is_refused_without_its_text() {
    let secrets =
        BTreeMap::from([("gcs.service-account-key".to_string(), Secret::new("{\"private_key\": \"hidden\"}"))]);
    let storage = Storage::new(&BTreeMap::new(), &secrets).unwrap();
    let error = storage.size("gs://lake/f").await.unwrap_err();
    assert!(error.code == Code::CredentialsMissing && !format!("{error:?}").contains("hidden"), "{error:?}");
}
