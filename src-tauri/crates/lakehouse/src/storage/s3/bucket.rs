//! One bucket: its objects by their literal keys.

use crate::limits::Limit;
use crate::storage::common::errors::{from_io, from_s3};
use crate::storage::common::types::{Child, Entry};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use icebridge_model::{Code, Error, Result};
use object_store::aws::AmazonS3;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Filtered listings may have empty pages, one after the other, but not without end.
const MAX_PAGES_WITHOUT_NEWS: u32 = 100;

pub(in crate::storage) struct Bucket {
    store: AmazonS3,
    name: String,
    /// Before every key; see [`super::split_key`].
    head: String,
    endpoint: Option<String>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.name)
    }
}

/// As it is: [`Key::from`] would percent-encode what S3 knows literally.
pub(in crate::storage) fn key(text: &str, path: &str) -> Result<Key> {
    Key::parse(text).map_err(|e| from_s3(e.into(), "reading", path))
}

impl Bucket {
    pub(super) fn new(store: AmazonS3, name: &str, head: &str, endpoint: Option<String>) -> Self {
        Self { store, name: name.into(), head: head.into(), endpoint }
    }

    /// A listing has the whole key in its query, where the head would be missing.
    fn has_whole_keys(&self, path: &str) -> Result<()> {
        if self.head.is_empty() {
            return Ok(());
        }
        Err(Error::new(Code::Unsupported, "a folder with an empty part in its name cannot be listed")
            .about(path)
            .with_hint("Name the table's metadata.json, or use its catalog as the source."))
    }

    pub(in crate::storage) fn store(&self) -> &AmazonS3 {
        &self.store
    }

    pub(in crate::storage) fn is_same_as(&self, other: &Self) -> bool {
        self.name == other.name && self.endpoint == other.endpoint && self.head.is_empty() && other.head.is_empty()
    }

    pub(in crate::storage) async fn read(&self, k: &str, path: &str, limit: Limit) -> Result<Bytes> {
        let k = key(k, path)?;
        let mut attempt = 0;
        loop {
            let read = async {
                let object = self.store.get(&k).await.map_err(|e| from_s3(e, "reading", path))?;
                limit.check(object.meta.size).map_err(|e| e.about(path))?;
                object.bytes().await.map_err(|e| from_s3(e, "reading", path))
            };
            match again(read.await, &mut attempt).await {
                Some(result) => return result,
                None => continue,
            }
        }
    }

    pub(in crate::storage) async fn read_ranges(
        &self,
        k: &str,
        path: &str,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>> {
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
                // A server cuts a range at the end of the object without an error.
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

    pub(in crate::storage) async fn size(&self, k: &str, path: &str) -> Result<u64> {
        self.store.head(&key(k, path)?).await.map(|m| m.size).map_err(|e| from_s3(e, "reading", path))
    }

    pub(in crate::storage) fn list(self: Arc<Self>, k: &str, prefix: String) -> BoxStream<'static, Result<Entry>> {
        let k = match self.has_whole_keys(&prefix).and_then(|()| key(k, &prefix)) {
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

    pub(in crate::storage) async fn children(&self, k: &str, path: &str) -> Result<Vec<Child>> {
        self.has_whole_keys(path)?;
        let prefix = Some(key(k, path)?).filter(|k| !k.as_ref().is_empty()).map(|k| format!("{k}/"));
        let name = |k: &Key| k.filename().map(str::to_string);
        let mut children = BTreeSet::new();
        let mut page_token = None;
        let mut pages_without_news = 0;
        loop {
            let known = children.len();
            let options = PaginatedListOptions { delimiter: Some("/".into()), page_token, ..Default::default() };
            let found = self.store.list_paginated(prefix.as_deref(), options).await;
            let found = found.map_err(|e| from_s3(e, "listing", path))?;
            let folders = found.result.common_prefixes.iter().filter_map(name);
            children.extend(folders.map(|name| Child { name, is_folder: true }));
            let files = found.result.objects.iter().filter_map(|object| name(&object.location));
            children.extend(files.map(|name| Child { name, is_folder: false }));
            page_token = found.page_token;
            if page_token.is_none() {
                return Ok(children.into_iter().collect());
            }
            Limit::FolderEntries.check(children.len() as u64).map_err(|e| e.about(path))?;
            pages_without_news = if children.len() == known { pages_without_news + 1 } else { 0 };
            if pages_without_news > MAX_PAGES_WITHOUT_NEWS {
                return Err(Error::new(
                    Code::StorageFailed,
                    "the listing does not end: page after page has nothing new",
                )
                .about(path)
                .with_hint("Check s3.endpoint, and the server's own log."));
            }
        }
    }

    pub(in crate::storage) async fn delete(&self, k: &str, path: &str) -> Result<()> {
        match self.store.delete(&key(k, path)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(from_s3(e, "deleting", path)),
        }
    }

    pub(in crate::storage) async fn delete_folder(&self, k: &str, path: &str) -> Result<()> {
        self.has_whole_keys(path)?;
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

    pub(in crate::storage) async fn write(&self, k: &str, path: &str, bytes: Bytes) -> Result<()> {
        self.store.put(&key(k, path)?, bytes.into()).await.map(drop).map_err(|e| from_s3(e, "writing", path))
    }

    pub(in crate::storage) async fn write_new(&self, k: &str, path: &str, bytes: Bytes) -> Result<bool> {
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

    pub(in crate::storage) async fn copy(&self, from: &str, to: &str, path: &str) -> Result<bool> {
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
    from_io(std::io::ErrorKind::UnexpectedEof.into(), "reading", path)
}
