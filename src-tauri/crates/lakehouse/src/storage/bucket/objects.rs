//! One bucket of any cloud: its objects by their literal keys.

use crate::limits::Limit;
use crate::storage::common::cloud::Cloud;
use crate::storage::common::errors::{from_io, from_store};
use crate::storage::common::types::{Child, Entry};
use crate::storage::lent::Lender;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use icebridge_model::{Code, Error, Result};
use object_store::list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore};
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Filtered listings may have empty pages, one after the other, but not without end.
const MAX_PAGES_WITHOUT_NEWS: u32 = 100;
const DELETES_AT_ONCE: usize = 16;

/// What all of the three clouds' clients can do.
pub(in crate::storage) trait Objects: ObjectStore + PaginatedListStore {}

impl<T: ObjectStore + PaginatedListStore> Objects for T {}

/// Requests that a cloud's client cannot send by itself, or not as they are needed.
#[async_trait]
pub(in crate::storage) trait Direct: Send + Sync {
    async fn remove(&self, key: &Key) -> object_store::Result<()>;
    /// Waits for a copy on the server's side. False if it did not come to be.
    async fn copied(&self, key: &Key) -> object_store::Result<bool>;
}

pub(in crate::storage) struct Bucket {
    pub cloud: Cloud,
    pub objects: Arc<dyn Objects>,
    pub direct: Option<Box<dyn Direct>>,
    /// Who lends the credentials, if they are lent.
    pub lender: Option<Arc<Lender>>,
    pub name: String,
    /// Before every key; see [`super::split_key`].
    pub head: String,
    pub endpoint: Option<String>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.name)
    }
}

impl Bucket {
    /// As it is: [`Key::from`] would percent-encode what the cloud knows literally.
    pub(in crate::storage) fn key(&self, text: &str, path: &str) -> Result<Key> {
        Key::parse(text).map_err(|e| self.failed(e.into(), "reading", path))
    }

    pub(in crate::storage) fn failed(&self, cause: object_store::Error, doing: &str, path: &str) -> Error {
        from_store(self.cloud, cause, doing, path)
    }

    /// Asks a second time, with new credentials, where lent ones are refused: they may end before they said.
    pub(in crate::storage) async fn admitted<T, F: Future<Output = Result<T>>>(
        &self,
        ask: impl Fn() -> F,
    ) -> Result<T> {
        let Some(lender) = &self.lender else { return ask().await };
        let generation = lender.generation();
        match ask().await {
            Err(e) if e.code == Code::StorageDenied && lender.renew_after(generation).await => ask().await,
            other => other,
        }
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

    pub(in crate::storage) fn is_same_as(&self, other: &Self) -> bool {
        self.cloud == other.cloud
            && self.name == other.name
            && self.endpoint == other.endpoint
            && self.head.is_empty()
            && other.head.is_empty()
    }

    pub(in crate::storage) async fn read(&self, k: &str, path: &str, limit: Limit) -> Result<Bytes> {
        let k = self.key(k, path)?;
        let mut attempt = 0;
        loop {
            let read = self.admitted(|| async {
                let object = self.objects.get(&k).await.map_err(|e| self.failed(e, "reading", path))?;
                limit.check(object.meta.size).map_err(|e| e.about(path))?;
                object.bytes().await.map_err(|e| self.failed(e, "reading", path))
            });
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
        let k = self.key(k, path)?;
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
            let read = self.admitted(|| async {
                let read = match ranges {
                    [one] => self.objects.get_range(k, one.clone()).await.map(|b| vec![b]),
                    many => self.objects.get_ranges(k, many).await,
                };
                read.map_err(|e| self.range_error(e, path))
            });
            let read = read.await.and_then(|pieces| {
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
        let k = self.key(k, path)?;
        self.admitted(|| async {
            self.objects.head(&k).await.map(|m| m.size).map_err(|e| self.failed(e, "reading", path))
        })
        .await
    }

    pub(in crate::storage) fn list(self: Arc<Self>, k: &str, prefix: String) -> BoxStream<'static, Result<Entry>> {
        let k = match self.has_whole_keys(&prefix).and_then(|()| self.key(k, &prefix)) {
            Ok(k) => k,
            Err(e) => return futures::stream::once(async { Err(e) }).boxed(),
        };
        let below = k.as_ref().len();
        let listed = self.objects.list(Some(&k));
        listed
            .map(move |found| match found {
                Ok(found) => {
                    let rest = found.location.as_ref().get(below..).unwrap_or_default();
                    Ok(Entry { path: format!("{prefix}/{}", rest.trim_start_matches('/')), size: found.size })
                }
                Err(e) => Err(self.failed(e, "listing", &prefix)),
            })
            .boxed()
    }

    pub(in crate::storage) async fn children(&self, k: &str, path: &str) -> Result<Vec<Child>> {
        self.has_whole_keys(path)?;
        let prefix = Some(self.key(k, path)?).filter(|k| !k.as_ref().is_empty()).map(|k| format!("{k}/"));
        let name = |k: &Key| k.filename().map(str::to_string);
        let mut children = BTreeSet::new();
        let mut page_token = None;
        let mut pages_without_news = 0;
        loop {
            let known = children.len();
            let options = PaginatedListOptions { delimiter: Some("/".into()), page_token, ..Default::default() };
            let found = self.page(prefix.as_deref(), options, path).await?;
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
                .with_hint(format!("Check {}, and the server's own log.", self.cloud.address())));
            }
        }
    }

    async fn page(
        &self,
        prefix: Option<&str>,
        options: PaginatedListOptions,
        path: &str,
    ) -> Result<PaginatedListResult> {
        self.admitted(|| async {
            let found = self.objects.list_paginated(prefix, options.clone()).await;
            found.map_err(|e| self.failed(e, "listing", path))
        })
        .await
    }

    /// Whether the bucket answers, and to these credentials, by listing one object.
    pub(in crate::storage) async fn probe(&self, k: &str, path: &str) -> Result<()> {
        let prefix = Some(self.key(k, path)?).filter(|k| !k.as_ref().is_empty()).map(|k| format!("{k}/"));
        let options = PaginatedListOptions { max_keys: Some(1), ..Default::default() };
        self.page(prefix.as_deref(), options, path).await.map(drop)
    }

    pub(in crate::storage) async fn delete(&self, k: &str, path: &str) -> Result<()> {
        let k = self.key(k, path)?;
        self.admitted(|| self.remove(&k, path)).await
    }

    async fn remove(&self, k: &Key, path: &str) -> Result<()> {
        let removed = match &self.direct {
            Some(direct) => direct.remove(k).await,
            None => self.objects.delete(k).await,
        };
        match removed {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(self.failed(e, "deleting", path)),
        }
    }

    pub(in crate::storage) async fn delete_folder(&self, k: &str, path: &str) -> Result<()> {
        self.has_whole_keys(path)?;
        if k.is_empty() {
            return Err(Error::internal(format!("a whole {} is never deleted", self.cloud.bucket())).about(path));
        }
        let found = self.objects.list(Some(&self.key(k, path)?)).map(|m| m.map(|m| m.location)).boxed();
        if self.direct.is_some() {
            let removed = found.map_err(|e| self.failed(e, "listing", path));
            return removed
                .try_for_each_concurrent(
                    DELETES_AT_ONCE,
                    |k| async move { self.admitted(|| self.remove(&k, path)).await },
                )
                .await;
        }
        let mut deleted = self.objects.delete_stream(found);
        while let Some(result) = deleted.next().await {
            match result {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(e) => return Err(self.failed(e, "deleting", path)),
            }
        }
        Ok(())
    }

    pub(in crate::storage) async fn put(&self, k: &Key, path: &str, bytes: Bytes) -> Result<()> {
        self.admitted(|| async {
            self.objects.put(k, bytes.clone().into()).await.map(drop).map_err(|e| self.failed(e, "writing", path))
        })
        .await
    }

    pub(in crate::storage) async fn write(&self, k: &str, path: &str, bytes: Bytes) -> Result<()> {
        self.put(&self.key(k, path)?, path, bytes).await
    }

    pub(in crate::storage) async fn write_new(&self, k: &str, path: &str, bytes: Bytes) -> Result<bool> {
        let k = self.key(k, path)?;
        let put = self.admitted(|| async {
            let options = PutOptions { mode: PutMode::Create, ..Default::default() };
            match self.objects.put_opts(&k, bytes.clone().into(), options).await {
                Ok(_) => Ok(true),
                Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
                Err(e) => Err(self.failed(e, "writing", path)),
            }
        });
        let error = match put.await {
            Err(error) if error.causes.iter().any(|c| c.contains("501") || c.contains("NotImplemented")) => error,
            other => return other,
        };
        // A store without conditional puts: look first, which is all that can be done there.
        tracing::debug!(%error, "conditional puts are not to be had");
        if self.objects.head(&k).await.is_ok() {
            return Ok(false);
        }
        self.put(&k, path, bytes).await.map(|()| true)
    }

    pub(in crate::storage) async fn copy(&self, from: &str, to: &str, path: &str) -> Result<bool> {
        let (from, to) = (self.key(from, path)?, self.key(to, path)?);
        let copied = async {
            self.objects.copy(&from, &to).await?;
            match &self.direct {
                Some(direct) => direct.copied(&to).await,
                None => Ok(true),
            }
        };
        match copied.await {
            Ok(copied) => Ok(copied),
            Err(e) => {
                let error = self.failed(e, "copying", path);
                match error.code {
                    // These keys may not read the source, the object is over 5 GB, or the server cannot copy.
                    Code::StorageDenied | Code::StorageFailed | Code::StorageFull => Ok(false),
                    _ => Err(error),
                }
            }
        }
    }

    fn range_error(&self, e: object_store::Error, path: &str) -> Error {
        let text = format!("{e} {:?}", std::error::Error::source(&e).map(ToString::to_string));
        if text.contains("416 Range Not Satisfiable")
            || text.contains("InvalidRange")
            || text.contains("Wanted range starting at")
        {
            return ends_early(path);
        }
        self.failed(e, "reading", path)
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

fn ends_early(path: &str) -> Error {
    from_io(std::io::ErrorKind::UnexpectedEof.into(), "reading", path)
}
