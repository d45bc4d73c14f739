//! Every operation on files, by the kind of place their path names.

use super::bucket::{Bucket, split_key};
use super::common::cloud::Cloud;
use super::common::network::Network;
use super::common::types::{Child, Entry};
use super::lent::{KeySource, Lender, LentKeys};
use super::location::Location;
use super::pace::Pace;
use super::writer::Writer;
use super::writes::Writes;
use super::{azure, claim, google, local, s3};
use crate::limits::Limit;
use crate::location::canonical;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use icebridge_model::catalog::CatalogSpec;
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// Cheap to clone; connections are pooled per bucket.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Longest prefix first; the last one's is empty.
    scopes: Arc<[Scope]>,
    /// False where paths come from another host: it must not name files of this one.
    local_files: bool,
    writes: Writes,
    pace: Pace,
}

/// How to reach each cloud for paths that start with a prefix: catalogs may lend one set of keys for each prefix.
#[derive(Debug)]
struct Scope {
    /// In the one spelling of [`canonical`].
    prefix: String,
    s3: s3::Account,
    azure: azure::Account,
    google: google::Account,
}

/// What a catalog lends for the paths that start with a prefix.
#[derive(Debug)]
pub struct Lent {
    pub prefix: String,
    pub properties: BTreeMap<String, String>,
    pub keys: LentKeys,
    /// Where others come from when these end.
    pub source: Arc<dyn KeySource>,
}

/// A path after parsing, with its bucket opened.
pub(super) enum Opened {
    Local(PathBuf),
    Object(Arc<Bucket>, String),
}

/// Whether a catalog says in a form that is understood where it may be written to, and how fast it may be read.
pub fn check_bounds(spec: &CatalogSpec) -> Result<()> {
    Writes::of(spec)?;
    Pace::of(spec).map(drop)
}

impl Scope {
    fn new(
        network: &Network,
        prefix: &str,
        properties: &BTreeMap<String, String>,
        own: &BTreeMap<String, String>,
        secrets: &BTreeMap<String, Secret>,
        lender: Option<&Arc<Lender>>,
    ) -> Result<Self> {
        let for_cloud = |cloud| lender.filter(|lender| lender.lends(cloud)).cloned();
        // Azure and Google are shown a token. One of the person's own goes to no address that a catalog names.
        let known = |cloud| if for_cloud(cloud).is_some() { properties } else { own };
        Ok(Self {
            prefix: one_spelling(prefix),
            s3: s3::Account::new(network, properties, secrets, for_cloud(Cloud::S3))?,
            azure: azure::Account::new(network, known(Cloud::Azure), secrets, for_cloud(Cloud::Azure))?,
            google: google::Account::new(network, known(Cloud::Google), secrets, for_cloud(Cloud::Google))?,
        })
    }
}

/// A prefix may be a whole address, or its beginning: `s3`, `wasbs`.
fn one_spelling(prefix: &str) -> String {
    match prefix {
        "s3a" | "s3n" => "s3".into(),
        "abfs" | "wasb" | "wasbs" => "abfss".into(),
        other => canonical(other),
    }
}

fn foreign_path(path: &str) -> Error {
    Error::new(Code::StorageDenied, "a catalog on another host names a file of this machine").about(path).with_hint(
        "If the file is on a disk that you share with that host, allow it with the catalog's property \
         allow-local-files=true.",
    )
}

impl Storage {
    /// `properties` and `secrets` by PyIceberg's names (`s3.endpoint`, `adls.account-key`, `gcs.oauth2.token` …).
    pub fn new(properties: &BTreeMap<String, String>, secrets: &BTreeMap<String, Secret>) -> Result<Self> {
        Self::scoped(&Network::default(), properties, properties, secrets, Vec::new())
    }

    /// Local files, and each cloud by the environment's own credentials.
    pub fn local() -> Result<Self> {
        Self::new(&BTreeMap::new(), &BTreeMap::new())
    }

    /// As [`Storage::new`], except that paths below a prefix use what is lent for it, which is asked for again before it
    /// ends; the longest prefix wins. `own` is what the person set of the properties.
    pub fn scoped(
        network: &Network,
        properties: &BTreeMap<String, String>,
        own: &BTreeMap<String, String>,
        secrets: &BTreeMap<String, Secret>,
        lent: Vec<Lent>,
    ) -> Result<Self> {
        let mut scopes = Vec::with_capacity(lent.len() + 1);
        for Lent { prefix, properties, keys, source } in lent {
            let lender = Arc::new(Lender::new(keys, source));
            scopes.push(Scope::new(network, &prefix, &properties, own, secrets, Some(&lender))?);
        }
        scopes.sort_by_key(|s| std::cmp::Reverse(s.prefix.len()));
        if scopes.last().is_none_or(|s| !s.prefix.is_empty()) {
            scopes.push(Scope::new(network, "", properties, own, secrets, None)?);
        }
        Ok(Self { scopes: scopes.into(), local_files: true, writes: Writes::default(), pace: Pace::default() })
    }

    /// With or without local files.
    pub(crate) fn allowing_local_files(self, allowed: bool) -> Self {
        Self { local_files: allowed, ..self }
    }

    /// Written to where its catalog may be, and read as fast as it may be.
    pub(crate) fn of_catalog(self, spec: &CatalogSpec) -> Result<Self> {
        Ok(Self { writes: Writes::of(spec)?, pace: Pace::of(spec)?, ..self })
    }

    /// As another storage of the same catalog.
    pub(crate) fn bound_as(self, other: &Self) -> Self {
        Self { writes: other.writes.clone(), pace: other.pace.clone(), ..self }
    }

    pub(super) fn pace(&self) -> &Pace {
        &self.pace
    }

    pub(super) fn refuse_to_write(&self, path: &str) -> Result<()> {
        self.writes.refuse(path)
    }

    fn scope(&self, path: &str) -> &Scope {
        // The last scope's prefix is empty, so one always fits.
        let last = &self.scopes[self.scopes.len() - 1];
        if self.scopes.len() == 1 {
            return last;
        }
        let path = canonical(path);
        self.scopes.iter().find(|s| path.starts_with(&s.prefix)).unwrap_or(last)
    }

    /// What a path names, if this storage may name it.
    pub(super) fn locate(&self, path: &str) -> Result<Location> {
        match Location::parse(path)? {
            Location::Local(_) if !self.local_files => Err(foreign_path(path)),
            location => Ok(location),
        }
    }

    /// Whether any program of this machine can open the path.
    pub fn is_on_this_machine(&self, path: &str) -> bool {
        matches!(self.locate(path), Ok(Location::Local(_)))
    }

    pub(super) async fn open(&self, path: &str) -> Result<Opened> {
        let location = self.locate(path)?;
        let key = match &location {
            Location::Local(file) => return Ok(Opened::Local(file.clone())),
            Location::S3 { key, .. } | Location::Azure { key, .. } | Location::Google { key, .. } => key,
        };
        let (head, tail) = split_key(key);
        let scope = self.scope(path);
        let bucket = match &location {
            Location::Azure { container, .. } => scope.azure.container(container, &head).await,
            Location::Google { bucket, .. } => scope.google.bucket(bucket, &head).await,
            Location::S3 { bucket, .. } => scope.s3.bucket(bucket, &head).await,
            Location::Local(_) => return Err(Error::internal("a local file has no bucket").about(path)),
        };
        Ok(Opened::Object(bucket.map_err(|e| e.about(path))?, tail.to_string()))
    }

    /// Finds out whether a place for files can be reached, before anything is written there. Nothing is changed.
    pub async fn probe(&self, place: &str) -> Result<()> {
        let place = place.trim_end_matches('/');
        self.writes.refuse(place)?;
        match self.open(place).await? {
            // A folder that is not there yet is made by the first file.
            Opened::Local(_) => Ok(()),
            Opened::Object(bucket, key) => bucket.probe(&key, place).await,
        }
    }

    /// A whole file in memory, unless it is larger than `limit`: for metadata.
    pub async fn read(&self, path: &str, limit: Limit) -> Result<Bytes> {
        self.pace.take(1, 0).await;
        let bytes = match self.open(path).await? {
            Opened::Local(file) => local::read(file, path, limit).await,
            Opened::Object(bucket, key) => bucket.read(&key, path, limit).await,
        }?;
        self.pace.take(0, bytes.len() as u64).await;
        Ok(bytes)
    }

    pub async fn read_range(&self, path: &str, range: Range<u64>) -> Result<Bytes> {
        let mut pieces = self.read_ranges(path, std::slice::from_ref(&range)).await?;
        pieces.pop().ok_or_else(|| Error::internal("a range was not read").about(path))
    }

    /// Several ranges at once: near ones are fetched together, far ones at the same time. `file-broken` if the file ends
    /// before a range does.
    pub async fn read_ranges(&self, path: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.pace.ranges(ranges).await;
        match self.open(path).await? {
            Opened::Local(file) => local::read_ranges(file, path, ranges).await,
            Opened::Object(bucket, key) => bucket.read_ranges(&key, path, ranges).await,
        }
    }

    pub async fn size(&self, path: &str) -> Result<u64> {
        self.pace.take(1, 0).await;
        match self.open(path).await? {
            Opened::Local(file) => local::size(file, path).await,
            Opened::Object(bucket, key) => bucket.size(&key, path).await,
        }
    }

    pub async fn exists(&self, path: &str) -> Result<bool> {
        match self.size(path).await {
            Ok(_) => Ok(true),
            Err(e) if e.code == Code::FileMissing => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// All files below a folder, at any depth, in no order. A folder that is not there is empty.
    pub fn list(&self, prefix: &str) -> BoxStream<'static, Result<Entry>> {
        let this = self.clone();
        let prefix = prefix.trim_end_matches('/').to_string();
        futures::stream::once(async move {
            this.pace.take(1, 0).await;
            match this.open(&prefix).await {
                Ok(Opened::Local(folder)) => this.pace.listing(local::list(folder, prefix)),
                Ok(Opened::Object(bucket, key)) => this.pace.listing(bucket.list(&key, prefix)),
                Err(e) => futures::stream::once(async { Err(e) }).boxed(),
            }
        })
        .flatten()
        .boxed()
    }

    /// Files and folders straight in a folder, sorted by name. A folder that is not there is empty.
    pub async fn children(&self, folder: &str) -> Result<Vec<Child>> {
        self.pace.take(1, 0).await;
        let mut children = match self.open(folder).await? {
            Opened::Local(path) => local::children(path, folder).await?,
            Opened::Object(bucket, key) => bucket.children(&key, folder).await?,
        };
        children.sort();
        Ok(children)
    }

    /// A file that is not there counts as deleted.
    pub async fn delete(&self, path: &str) -> Result<()> {
        self.writes.refuse_deletion(path)?;
        match self.open(path).await? {
            Opened::Local(file) => local::delete(file, path).await,
            Opened::Object(bucket, key) => bucket.delete(&key, path).await,
        }
    }

    /// Deletes a folder with everything in it, once nothing in this process writes there any more. Refuses a bucket, a root and what lies straight below one: no table is there.
    pub async fn delete_prefix(&self, prefix: &str) -> Result<()> {
        let prefix = prefix.trim_end_matches('/');
        self.writes.refuse_deletion(prefix)?;
        claim::released(prefix).await;
        match self.open(prefix).await? {
            Opened::Local(folder) => local::delete_folder(folder, prefix).await,
            Opened::Object(bucket, key) => bucket.delete_folder(&key, prefix).await,
        }
    }

    /// Writes or replaces a file, atomically: a reader sees the old one or the new one.
    pub async fn write(&self, path: &str, bytes: Bytes) -> Result<()> {
        self.writes.refuse(path)?;
        match self.open(path).await? {
            Opened::Local(file) => local::write(file, path, bytes).await,
            Opened::Object(bucket, key) => bucket.write(&key, path, bytes).await,
        }
    }

    /// Writes a file unless there is one already; false then, and nothing is touched. Atomic, and on disk when it returns.
    pub async fn write_new(&self, path: &str, bytes: Bytes) -> Result<bool> {
        self.writes.refuse(path)?;
        match self.open(path).await? {
            Opened::Local(file) => local::write_new(file, path, bytes).await,
            Opened::Object(bucket, key) => bucket.write_new(&key, path, bytes).await,
        }
    }

    /// Makes everything that was written below a folder survive a power failure under its name. An object store does so by
    /// itself.
    pub async fn make_durable(&self, folder: &str) -> Result<()> {
        match self.open(folder).await? {
            Opened::Local(path) => local::make_durable(path, folder).await,
            Opened::Object(..) => Ok(()),
        }
    }

    /// Writes a file piece by piece. It appears, whole, at [`Writer::finish`]; a dropped writer leaves nothing.
    pub async fn writer(&self, path: &str) -> Result<Writer> {
        self.sized_writer(path, None).await
    }

    pub(super) async fn sized_writer(&self, path: &str, size: Option<u64>) -> Result<Writer> {
        self.writes.refuse(path)?;
        match self.open(path).await? {
            Opened::Local(file) => Writer::local(file, path).await,
            Opened::Object(bucket, key) => Writer::object(bucket, &key, path, size),
        }
    }
}
