//! Every operation on files, by the kind of place their path names.

use super::common::network::Network;
use super::common::types::{Child, Entry};
use super::location::Location;
use super::s3::{self, S3KeySource};
use super::writer::Writer;
use super::{claim, local};
use crate::limits::Limit;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
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
}

/// The S3 account to use for paths that start with a prefix: catalogs may vend one set of keys for each prefix.
#[derive(Debug)]
struct Scope {
    prefix: String,
    s3: s3::Account,
}

/// A path after parsing, with the S3 bucket opened.
pub(super) enum Opened {
    Local(PathBuf),
    S3(Arc<s3::Bucket>, String),
}

fn foreign_path(path: &str) -> Error {
    Error::new(Code::StorageDenied, "a catalog on another host names a file of this machine").about(path).with_hint(
        "If the file is on a disk that you share with that host, allow it with the catalog's property \
         allow-local-files=true.",
    )
}

impl Storage {
    /// `properties` and `secrets` by PyIceberg's names (`s3.endpoint`, `s3.access-key-id` …).
    pub fn new(properties: &BTreeMap<String, String>, secrets: &BTreeMap<String, Secret>) -> Result<Self> {
        Self::scoped(&Network::default(), properties, secrets, Vec::new())
    }

    /// Local files, and S3 by the environment's own credentials.
    pub fn local() -> Result<Self> {
        Self::new(&BTreeMap::new(), &BTreeMap::new())
    }

    /// As [`Storage::new`], except that paths below a prefix use what is given for it, with keys asked for again before they
    /// expire; the longest prefix wins.
    pub fn scoped(
        network: &Network,
        properties: &BTreeMap<String, String>,
        secrets: &BTreeMap<String, Secret>,
        vended: Vec<(String, BTreeMap<String, String>, Arc<dyn S3KeySource>)>,
    ) -> Result<Self> {
        let mut scopes = Vec::with_capacity(vended.len() + 1);
        for (prefix, properties, keys) in vended {
            scopes.push(Scope { prefix, s3: s3::Account::new(network, &properties, &BTreeMap::new(), Some(keys))? });
        }
        scopes.sort_by_key(|s| std::cmp::Reverse(s.prefix.len()));
        if scopes.last().is_none_or(|s| !s.prefix.is_empty()) {
            scopes.push(Scope { prefix: String::new(), s3: s3::Account::new(network, properties, secrets, None)? });
        }
        Ok(Self { scopes: scopes.into(), local_files: true })
    }

    /// With or without local files.
    pub(crate) fn allowing_local_files(self, allowed: bool) -> Self {
        Self { local_files: allowed, ..self }
    }

    fn scope(&self, path: &str) -> &Scope {
        // The last scope's prefix is empty, so one always fits.
        self.scopes.iter().find(|s| path.starts_with(&s.prefix)).unwrap_or(&self.scopes[self.scopes.len() - 1])
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
        match self.locate(path)? {
            Location::Local(file) => Ok(Opened::Local(file)),
            Location::S3 { bucket, key } => {
                let (head, tail) = s3::split_key(&key);
                Ok(Opened::S3(self.scope(path).s3.bucket(&bucket, &head).await?, tail.to_string()))
            }
        }
    }

    /// A whole file in memory, unless it is larger than `limit`: for metadata.
    pub async fn read(&self, path: &str, limit: Limit) -> Result<Bytes> {
        match self.open(path).await? {
            Opened::Local(file) => local::read(file, path, limit).await,
            Opened::S3(bucket, key) => bucket.read(&key, path, limit).await,
        }
    }

    pub async fn read_range(&self, path: &str, range: Range<u64>) -> Result<Bytes> {
        let mut pieces = self.read_ranges(path, std::slice::from_ref(&range)).await?;
        pieces.pop().ok_or_else(|| Error::internal("a range was not read").about(path))
    }

    /// Several ranges at once: near ones are fetched together, far ones at the same time. `file-broken` if the file ends
    /// before a range does.
    pub async fn read_ranges(&self, path: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        match self.open(path).await? {
            Opened::Local(file) => local::read_ranges(file, path, ranges).await,
            Opened::S3(bucket, key) => bucket.read_ranges(&key, path, ranges).await,
        }
    }

    pub async fn size(&self, path: &str) -> Result<u64> {
        match self.open(path).await? {
            Opened::Local(file) => local::size(file, path).await,
            Opened::S3(bucket, key) => bucket.size(&key, path).await,
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
            match this.open(&prefix).await {
                Ok(Opened::Local(folder)) => local::list(folder, prefix),
                Ok(Opened::S3(bucket, key)) => bucket.list(&key, prefix),
                Err(e) => futures::stream::once(async { Err(e) }).boxed(),
            }
        })
        .flatten()
        .boxed()
    }

    /// Files and folders straight in a folder, sorted by name. A folder that is not there is empty.
    pub async fn children(&self, folder: &str) -> Result<Vec<Child>> {
        let mut children = match self.open(folder).await? {
            Opened::Local(path) => local::children(path, folder).await?,
            Opened::S3(bucket, key) => bucket.children(&key, folder).await?,
        };
        children.sort();
        Ok(children)
    }

    /// A file that is not there counts as deleted.
    pub async fn delete(&self, path: &str) -> Result<()> {
        match self.open(path).await? {
            Opened::Local(file) => local::delete(file, path).await,
            Opened::S3(bucket, key) => bucket.delete(&key, path).await,
        }
    }

    /// Deletes a folder with everything in it, once nothing in this process writes there any more. Refuses a bucket, a root and what lies straight below one: no table is there.
    pub async fn delete_prefix(&self, prefix: &str) -> Result<()> {
        let prefix = prefix.trim_end_matches('/');
        claim::released(prefix).await;
        match self.open(prefix).await? {
            Opened::Local(folder) => local::delete_folder(folder, prefix).await,
            Opened::S3(bucket, key) => bucket.delete_folder(&key, prefix).await,
        }
    }

    /// Writes or replaces a file, atomically: a reader sees the old one or the new one.
    pub async fn write(&self, path: &str, bytes: Bytes) -> Result<()> {
        match self.open(path).await? {
            Opened::Local(file) => local::write(file, path, bytes).await,
            Opened::S3(bucket, key) => bucket.write(&key, path, bytes).await,
        }
    }

    /// Writes a file unless there is one already; false then, and nothing is touched. Atomic, and on disk when it returns.
    pub async fn write_new(&self, path: &str, bytes: Bytes) -> Result<bool> {
        match self.open(path).await? {
            Opened::Local(file) => local::write_new(file, path, bytes).await,
            Opened::S3(bucket, key) => bucket.write_new(&key, path, bytes).await,
        }
    }

    /// Makes everything that was written below a folder survive a power failure under its name. An object store does so by
    /// itself.
    pub async fn make_durable(&self, folder: &str) -> Result<()> {
        match self.open(folder).await? {
            Opened::Local(path) => local::make_durable(path, folder).await,
            Opened::S3(..) => Ok(()),
        }
    }

    /// Writes a file piece by piece. It appears, whole, at [`Writer::finish`]; a dropped writer leaves nothing.
    pub async fn writer(&self, path: &str) -> Result<Writer> {
        self.sized_writer(path, None).await
    }

    pub(super) async fn sized_writer(&self, path: &str, size: Option<u64>) -> Result<Writer> {
        match self.open(path).await? {
            Opened::Local(file) => Writer::local(file, path).await,
            Opened::S3(bucket, key) => Writer::s3(bucket, &key, path, size),
        }
    }
}
