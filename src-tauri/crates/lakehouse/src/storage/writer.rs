//! A file written piece by piece.

use super::bucket::Bucket;
use super::claim::Claim;
use super::common::errors::from_io;
use super::lent::Renewal;
use super::local;
use super::pending_file::PendingFile;
use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use futures::future::BoxFuture;
use icebridge_model::{Error, Result};
use object_store::path::Path as Key;
use object_store::{MultipartUpload, PutMultipartOptions};
use parquet::arrow::async_writer::AsyncFileWriter;
use parquet::errors::ParquetError;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Small writes are gathered up to this before a thread is asked to write them.
const GATHER: usize = 1 << 20;
/// S3 and Google take at most 10,000 parts, so a file of unknown size ends at 80 GB; a copy knows its size and takes larger parts.
const PART: usize = 8 << 20;
const MAX_PARTS: u64 = 9_000;
const PARTS_AT_ONCE: usize = 4;

/// Nothing is visible under its path before `finish`. Dropped before, it leaves nothing.
#[derive(Debug)]
pub struct Writer {
    path: String,
    written: u64,
    gathered: BytesMut,
    sink: Option<Sink>,
}

#[derive(Debug)]
enum Sink {
    Local { file: Option<File>, pending: PendingFile },
    Object(Upload),
}

#[derive(Debug)]
struct Upload {
    bucket: Arc<Bucket>,
    key: Key,
    part: usize,
    /// Begun with the second part: a small file is one put.
    multipart: Option<Box<dyn MultipartUpload>>,
    parts: JoinSet<object_store::Result<()>>,
}

impl Writer {
    pub(super) async fn local(file: PathBuf, path: &str) -> Result<Self> {
        let claim = Claim::of(path);
        let (out, pending) = local::blocking("writing", path, move || PendingFile::create(&file, claim)).await?;
        Ok(Self::new(path, Sink::Local { file: Some(out), pending }))
    }

    pub(super) fn object(bucket: Arc<Bucket>, key: &str, path: &str, size: Option<u64>) -> Result<Self> {
        let part = usize::try_from(size.unwrap_or(0).div_ceil(MAX_PARTS)).unwrap_or(PART).max(PART);
        let key = bucket.key(key, path)?;
        Ok(Self::new(path, Sink::Object(Upload { bucket, key, part, multipart: None, parts: JoinSet::new() })))
    }

    fn new(path: &str, sink: Sink) -> Self {
        Self { path: path.into(), written: 0, gathered: BytesMut::new(), sink: Some(sink) }
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    /// What was written so far: the file's size once it is finished.
    pub fn bytes_written(&self) -> u64 {
        self.written
    }

    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.written += bytes.len() as u64;
        match &mut self.sink {
            None => Err(closed(&self.path)),
            Some(Sink::Local { file, .. }) => {
                if self.gathered.is_empty() && bytes.len() >= GATHER {
                    return write_local(file, bytes, &self.path).await;
                }
                self.gathered.extend_from_slice(&bytes);
                if self.gathered.len() >= GATHER {
                    write_local(file, self.gathered.split().freeze(), &self.path).await?;
                }
                Ok(())
            }
            Some(Sink::Object(upload)) => {
                let mut rest = bytes;
                // Parts of one size: some stores (R2) refuse others.
                while self.gathered.len() + rest.len() >= upload.part {
                    let missing = upload.part - self.gathered.len();
                    let part = if self.gathered.is_empty() {
                        rest.split_to(missing)
                    } else {
                        self.gathered.extend_from_slice(&rest.split_to(missing));
                        self.gathered.split().freeze()
                    };
                    upload.send(part, &self.path).await?;
                }
                self.gathered.extend_from_slice(&rest);
                Ok(())
            }
        }
    }

    /// Makes the file appear and gives its size.
    pub async fn finish(mut self) -> Result<u64> {
        self.close().await?;
        Ok(self.written)
    }

    async fn close(&mut self) -> Result<()> {
        let rest = self.gathered.split().freeze();
        match self.sink.take() {
            None => Err(closed(&self.path)),
            Some(Sink::Local { mut file, pending }) => {
                if !rest.is_empty() {
                    write_local(&mut file, rest, &self.path).await?;
                }
                let file = file.ok_or_else(|| closed(&self.path))?;
                local::blocking("writing", &self.path, move || pending.rename(file)).await
            }
            Some(Sink::Object(upload)) => upload.finish(rest, &self.path).await,
        }
    }
}

async fn write_local(file: &mut Option<File>, bytes: Bytes, path: &str) -> Result<()> {
    // Absent after a failed write: the file is lost then, and a second try must not make a file with a hole.
    let mut out = file.take().ok_or_else(|| closed(path))?;
    let work = move || out.write_all(&bytes).map(|()| out);
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(out)) => {
            *file = Some(out);
            Ok(())
        }
        Ok(Err(e)) => Err(from_io(e, "writing", path)),
        Err(e) => Err(Error::internal("a write was cut short").about(path).with_cause(e)),
    }
}

fn closed(path: &str) -> Error {
    Error::internal("a file was written to after it was closed or after a failed write").about(path)
}

/// A part that lent credentials could not send any more is sent again with new ones.
fn options(bucket: &Bucket) -> PutMultipartOptions {
    match &bucket.lender {
        Some(lender) => PutMultipartOptions::default().with_retry_policy(Arc::new(Renewal::of(lender.clone()))),
        None => PutMultipartOptions::default(),
    }
}

impl Upload {
    async fn send(&mut self, part: Bytes, path: &str) -> Result<()> {
        while self.parts.len() >= PARTS_AT_ONCE {
            self.next_part(path).await?;
        }
        if self.multipart.is_none() {
            let bucket = &self.bucket;
            let begun = bucket.admitted(|| async {
                let begun = bucket.objects.put_multipart_opts(&self.key, options(bucket)).await;
                begun.map_err(|e| bucket.failed(e, "writing", path))
            });
            self.multipart = Some(begun.await?);
        }
        if let Some(multipart) = &mut self.multipart {
            self.parts.spawn(multipart.put_part(part.into()));
        }
        Ok(())
    }

    async fn next_part(&mut self, path: &str) -> Result<()> {
        match self.parts.join_next().await {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(e))) => Err(self.bucket.failed(e, "writing", path)),
            Some(Err(e)) => Err(Error::internal("an upload was cut short").about(path).with_cause(e)),
        }
    }

    async fn finish(mut self, rest: Bytes, path: &str) -> Result<()> {
        if self.multipart.is_none() {
            return self.bucket.put(&self.key, path, rest).await;
        }
        if !rest.is_empty() {
            self.send(rest, path).await?;
        }
        while !self.parts.is_empty() {
            self.next_part(path).await?;
        }
        if let Some(multipart) = &mut self.multipart {
            multipart.complete().await.map_err(|e| self.bucket.failed(e, "writing", path))?;
        }
        self.multipart = None;
        Ok(())
    }
}

impl Drop for Upload {
    /// Parts of an upload that never ends are invisible and cost money for ever.
    fn drop(&mut self) {
        if let Some(mut multipart) = self.multipart.take() {
            let mut parts = std::mem::take(&mut self.parts);
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move {
                    // A part that arrives after the abort would stay.
                    parts.abort_all();
                    while parts.join_next().await.is_some() {}
                    if let Err(e) = multipart.abort().await {
                        tracing::warn!(error = %e, "an unfinished upload could not be taken back");
                    }
                });
            }
        }
    }
}

impl AsyncFileWriter for Writer {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, parquet::errors::Result<()>> {
        async move { Writer::write(self, bytes).await.map_err(|e| ParquetError::External(Box::new(e))) }.boxed()
    }

    fn complete(&mut self) -> BoxFuture<'_, parquet::errors::Result<()>> {
        async move { self.close().await.map_err(|e| ParquetError::External(Box::new(e))) }.boxed()
    }
}
