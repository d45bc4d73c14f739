//! S3 and what speaks its language.

use super::errors::from_s3;
use super::{Child, Entry, Network};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredential, resolve_bucket_region};
use object_store::path::Path as Key;
use object_store::{
    BackoffConfig, ClientOptions, CredentialProvider, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig,
};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::sync::OnceCell;

/// Keys that a catalog lends for a while.
#[derive(Clone, Debug)]
pub struct S3Keys {
    pub access_key_id: Secret,
    pub secret_access_key: Secret,
    pub session_token: Option<Secret>,
    pub expires_at: Option<SystemTime>,
}

/// Where such keys come from. Asked again shortly before they expire.
#[async_trait]
pub trait S3KeySource: fmt::Debug + Send + Sync {
    async fn keys(&self) -> Result<S3Keys>;
}

/// How to reach buckets: one set of properties and credentials.
pub(super) struct Account {
    endpoint: Option<String>,
    region: Option<String>,
    path_style: Option<bool>,
    anonymous: bool,
    keys: Keys,
    network: Network,
    /// Opened once each: a bucket's client holds its connections.
    buckets: Mutex<HashMap<String, Arc<OnceCell<Arc<Bucket>>>>>,
}

enum Keys {
    Fixed(Arc<AwsCredential>),
    Lent(Arc<Lent>),
    /// AWS_* variables, web identity, container or instance role.
    Surroundings,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl Account {
    pub(super) fn new(
        network: &Network,
        properties: &BTreeMap<String, String>,
        secrets: &BTreeMap<String, Secret>,
        source: Option<Arc<dyn S3KeySource>>,
    ) -> Result<Self> {
        let property = |name: &str| properties.get(name).map(|v| v.trim()).filter(|v| !v.is_empty());
        let secret = |name: &str| secrets.get(name).filter(|s| !s.is_empty());
        let keys = match (source, secret("s3.access-key-id"), secret("s3.secret-access-key")) {
            (Some(source), _, _) => Keys::Lent(Arc::new(Lent { source, now: tokio::sync::Mutex::new(None) })),
            (None, Some(id), Some(key)) => Keys::Fixed(Arc::new(AwsCredential {
                key_id: id.expose().into(),
                secret_key: key.expose().into(),
                token: secret("s3.session-token").map(|t| t.expose().into()),
            })),
            (None, None, None) => Keys::Surroundings,
            (None, id, _) => {
                let missing = if id.is_some() { "s3.secret-access-key" } else { "s3.access-key-id" };
                return Err(Error::new(Code::CredentialsMissing, format!("{missing} is missing"))
                    .with_hint("Give both s3.access-key-id and s3.secret-access-key, or neither."));
            }
        };
        let endpoint = property("s3.endpoint").map(|e| e.trim_end_matches('/').to_string());
        if let Some(endpoint) = &endpoint
            && !url::Url::parse(endpoint).is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.has_host())
        {
            return Err(Error::invalid("s3.endpoint is not an http or https address").about(endpoint));
        }
        let flag = |name: &str| property(name).map(|v| v.eq_ignore_ascii_case("true"));
        Ok(Self {
            endpoint,
            region: property("s3.region").or_else(|| property("client.region")).map(Into::into),
            path_style: flag("s3.path-style-access").or_else(|| flag("s3.force-virtual-addressing").map(|v| !v)),
            anonymous: flag("s3.anonymous").unwrap_or(false),
            keys,
            network: network.clone(),
            buckets: Mutex::default(),
        })
    }

    pub(super) async fn bucket(&self, name: &str) -> Result<Arc<Bucket>> {
        let cell = {
            let mut buckets = self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            buckets.entry(name.to_string()).or_default().clone()
        };
        cell.get_or_try_init(|| self.connect(name)).await.cloned()
    }

    async fn connect(&self, name: &str) -> Result<Arc<Bucket>> {
        let failed = |e| from_s3(e, "opening the bucket", &format!("s3://{name}"));
        let mut builder = match &self.keys {
            Keys::Surroundings => AmazonS3Builder::from_env(),
            Keys::Fixed(keys) => AmazonS3Builder::new().with_credentials(Arc::new(
                object_store::StaticCredentialProvider::new(AwsCredential {
                    key_id: keys.key_id.clone(),
                    secret_key: keys.secret_key.clone(),
                    token: keys.token.clone(),
                }),
            )),
            Keys::Lent(lent) => AmazonS3Builder::new().with_credentials(lent.clone()),
        };
        // No limit on a whole request, which may be a large body on a slow line; one on silence.
        let usual = ClientOptions::new()
            .with_allow_http(true)
            .with_connect_timeout(Duration::from_secs(10))
            .with_timeout_disabled()
            .with_read_timeout(Duration::from_secs(120));
        let client = self.network.of(usual);
        let region = match &self.region {
            Some(region) => region.clone(),
            None => self.find_region(name, &client).await,
        };
        builder = builder
            .with_bucket_name(name)
            .with_region(region)
            .with_skip_signature(self.anonymous)
            .with_retry(RetryConfig {
                backoff: BackoffConfig { init_backoff: Duration::from_millis(200), ..Default::default() },
                max_retries: 5,
                retry_timeout: Duration::from_secs(60),
            })
            .with_client_options(client);
        // Servers that are not AWS seldom have a DNS name for each bucket; nor does AWS's certificate fit a name with dots.
        let path_style = self.path_style.unwrap_or(self.endpoint.is_some() || name.contains('.'));
        if let Some(endpoint) = &self.endpoint {
            builder = match (path_style, endpoint.split_once("://")) {
                (false, Some((scheme, host))) => builder.with_endpoint(format!("{scheme}://{name}.{host}")),
                _ => builder.with_endpoint(endpoint),
            };
        }
        builder = builder.with_virtual_hosted_style_request(!path_style);
        let store = builder.build().map_err(failed)?;
        Ok(Arc::new(Bucket { store, name: name.into(), endpoint: self.endpoint.clone() }))
    }

    async fn find_region(&self, bucket: &str, client: &ClientOptions) -> String {
        let named = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| std::env::var(name).ok());
        match (named, &self.endpoint) {
            (Some(region), _) if !region.is_empty() => region,
            (_, None) if std::env::var_os("AWS_ENDPOINT_URL").is_none() => {
                resolve_bucket_region(bucket, client).await.unwrap_or_else(|e| {
                    tracing::debug!(bucket, error = %e, "the bucket's region is not known; trying us-east-1");
                    "us-east-1".into()
                })
            }
            _ => "us-east-1".into(),
        }
    }
}

/// Keys fetched from their source when there are none or they are about to expire; one fetch at a time.
#[derive(Debug)]
struct Lent {
    source: Arc<dyn S3KeySource>,
    now: tokio::sync::Mutex<Option<(Arc<AwsCredential>, SystemTime)>>,
}

/// A request that starts with these keys must also end with them.
const SPARE: Duration = Duration::from_secs(5 * 60);
/// For keys that do not say when they expire: an hour is the shortest that AWS lends by default.
const UNSAID: Duration = Duration::from_secs(30 * 60);

#[async_trait]
impl CredentialProvider for Lent {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut now = self.now.lock().await;
        if let Some((keys, until)) = &*now
            && SystemTime::now() < *until
        {
            return Ok(keys.clone());
        }
        let keys = match self.source.keys().await {
            Ok(keys) => keys,
            Err(e) => return Err(object_store::Error::Generic { store: "S3", source: Box::new(e) }),
        };
        let here = SystemTime::now();
        let until = match keys.expires_at {
            // Keys that live shorter than the spare time are used for half their life.
            Some(end) => {
                let left = end.duration_since(here).unwrap_or_default();
                here + left.saturating_sub(SPARE).max(left / 2)
            }
            None => here + UNSAID,
        };
        let credential = Arc::new(AwsCredential {
            key_id: keys.access_key_id.expose().into(),
            secret_key: keys.secret_access_key.expose().into(),
            token: keys.session_token.as_ref().map(|t| t.expose().into()),
        });
        *now = Some((credential.clone(), until));
        Ok(credential)
    }
}

pub(super) struct Bucket {
    store: AmazonS3,
    name: String,
    endpoint: Option<String>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.name)
    }
}

/// As it is: [`Key::from`] would percent-encode what S3 knows literally.
pub(super) fn key(text: &str, path: &str) -> Result<Key> {
    Key::parse(text).map_err(|e| from_s3(e.into(), "reading", path))
}

impl Bucket {
    pub(super) fn store(&self) -> &AmazonS3 {
        &self.store
    }

    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.name == other.name && self.endpoint == other.endpoint
    }

    pub(super) async fn read(&self, k: &str, path: &str) -> Result<Bytes> {
        let k = key(k, path)?;
        let mut attempt = 0;
        loop {
            let read = async { self.store.get(&k).await?.bytes().await };
            match again(read.await.map_err(|e| from_s3(e, "reading", path)), &mut attempt).await {
                Some(result) => return result,
                None => continue,
            }
        }
    }

    pub(super) async fn read_ranges(&self, k: &str, path: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let k = key(k, path)?;
        if ranges.iter().any(|r| r.start >= r.end) {
            // S3 cannot answer an empty range.
            let full: Vec<_> = ranges.iter().filter(|r| r.start < r.end).cloned().collect();
            let mut pieces =
                if full.is_empty() { Vec::new() } else { self.full_ranges(&k, path, &full).await? }.into_iter();
            return Ok(ranges
                .iter()
                .map(|r| if r.start < r.end { pieces.next().unwrap_or_default() } else { Bytes::new() })
                .collect());
        }
        self.full_ranges(&k, path, ranges).await
    }

    async fn full_ranges(&self, k: &Key, path: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let mut attempt = 0;
        loop {
            let read = match ranges {
                [one] => self.store.get_range(k, one.clone()).await.map(|b| vec![b]),
                many => self.store.get_ranges(k, many).await,
            };
            let read = read.map_err(|e| range_error(e, path)).and_then(|pieces| {
                // A server cuts a range at the end of the object without a word.
                if pieces.iter().zip(ranges).any(|(p, r)| p.len() as u64 != r.end - r.start) {
                    return Err(ends_early(path));
                }
                Ok(pieces)
            });
            if let Some(result) = again(read, &mut attempt).await {
                return result;
            }
        }
    }

    pub(super) async fn size(&self, k: &str, path: &str) -> Result<u64> {
        self.store.head(&key(k, path)?).await.map(|m| m.size).map_err(|e| from_s3(e, "reading", path))
    }

    pub(super) fn list(self: Arc<Self>, k: &str, prefix: String) -> BoxStream<'static, Result<Entry>> {
        let k = match key(k, &prefix) {
            Ok(k) => k,
            Err(e) => return futures::stream::once(async { Err(e) }).boxed(),
        };
        let below = k.as_ref().len();
        let listed = self.store.list(Some(&k));
        listed
            .map(move |found| match found {
                Ok(found) => {
                    let rest = found.location.as_ref().get(below..).unwrap_or_default();
                    Ok(Entry { path: format!("{prefix}/{}", rest.trim_start_matches('/')), size: found.size })
                }
                Err(e) => Err(from_s3(e, "listing", &prefix)),
            })
            .boxed()
    }

    pub(super) async fn children(&self, k: &str, path: &str) -> Result<Vec<Child>> {
        let found =
            self.store.list_with_delimiter(Some(&key(k, path)?)).await.map_err(|e| from_s3(e, "listing", path))?;
        let name = |k: &Key| k.filename().map(str::to_string);
        let folders = found.common_prefixes.iter().filter_map(name).map(|name| Child { name, is_folder: true });
        let files = found.objects.iter().filter_map(|o| name(&o.location)).map(|name| Child { name, is_folder: false });
        Ok(folders.chain(files).collect())
    }

    pub(super) async fn delete(&self, k: &str, path: &str) -> Result<()> {
        match self.store.delete(&key(k, path)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(from_s3(e, "deleting", path)),
        }
    }

    pub(super) async fn delete_folder(&self, k: &str, path: &str) -> Result<()> {
        if k.is_empty() {
            return Err(Error::internal("a whole bucket is never deleted").about(path));
        }
        let found = self.store.list(Some(&key(k, path)?)).map(|m| m.map(|m| m.location)).boxed();
        let mut deleted = self.store.delete_stream(found);
        while let Some(result) = deleted.next().await {
            match result {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(e) => return Err(from_s3(e, "deleting", path)),
            }
        }
        Ok(())
    }

    pub(super) async fn write(&self, k: &str, path: &str, bytes: Bytes) -> Result<()> {
        self.store.put(&key(k, path)?, bytes.into()).await.map(drop).map_err(|e| from_s3(e, "writing", path))
    }

    pub(super) async fn write_new(&self, k: &str, path: &str, bytes: Bytes) -> Result<bool> {
        let k = key(k, path)?;
        let options = PutOptions { mode: PutMode::Create, ..Default::default() };
        match self.store.put_opts(&k, bytes.clone().into(), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(e) => {
                let error = from_s3(e, "writing", path);
                if !error.causes.iter().any(|c| c.contains("501") || c.contains("NotImplemented")) {
                    return Err(error);
                }
                // A store without conditional puts: look first, which is all that can be done there.
                if self.store.head(&k).await.is_ok() {
                    return Ok(false);
                }
                self.store.put(&k, bytes.into()).await.map(|_| true).map_err(|e| from_s3(e, "writing", path))
            }
        }
    }

    pub(super) async fn copy(&self, from: &str, to: &str, path: &str) -> Result<bool> {
        match self.store.copy(&key(from, path)?, &key(to, path)?).await {
            Ok(()) => Ok(true),
            Err(e) => {
                let error = from_s3(e, "copying", path);
                match error.code {
                    // These keys may not read the source, the object is over 5 GB, or the server cannot copy.
                    Code::StorageDenied | Code::StorageFailed | Code::StorageFull => Ok(false),
                    _ => Err(error),
                }
            }
        }
    }
}

/// Some, if the result is final. A body that broke off in the middle is not retried by the client.
async fn again<T>(result: Result<T>, attempt: &mut u32) -> Option<Result<T>> {
    match result {
        Err(e) if e.retryable && *attempt < 3 => {
            *attempt += 1;
            tokio::time::sleep(Duration::from_millis(250 << *attempt)).await;
            None
        }
        other => Some(other),
    }
}

fn range_error(e: object_store::Error, path: &str) -> Error {
    let text = format!("{e} {:?}", std::error::Error::source(&e).map(ToString::to_string));
    if text.contains("416") || text.contains("InvalidRange") || text.contains("Wanted range starting at") {
        return ends_early(path);
    }
    from_s3(e, "reading", path)
}

fn ends_early(path: &str) -> Error {
    super::errors::from_io(std::io::ErrorKind::UnexpectedEof.into(), "reading", path)
}
