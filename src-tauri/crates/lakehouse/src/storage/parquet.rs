//! Storage as the Parquet reader wants it.

use super::local;
use super::location::Location;
use super::store::Storage;
use crate::limits::Limit;
use crate::pages::bounds::Chunks;
use crate::pages::{footer, strange_fields};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use icebridge_model::{Code, Error, Result};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

/// One file of a known size. A local file stays open, so that many small reads cost no more than they must.
#[derive(Clone, Debug)]
pub struct ObjectReader {
    storage: Storage,
    path: Arc<str>,
    size: u64,
    file: Option<Arc<File>>,
    /// Known once the footer was read.
    chunks: Option<Arc<Chunks>>,
    /// The rows of a batch, each of which may repeat a value of a dictionary.
    batch_rows: usize,
}

/// The rows that a batch may have: each of more could repeat a long value of a dictionary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmallerBatches(pub usize);

impl std::fmt::Display for SmallerBatches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "batches of {} rows fit into memory", self.0)
    }
}

impl std::error::Error for SmallerBatches {}

/// What a batch may hold of one column.
const BATCH_BYTES: u64 = 64 << 20;
const MAGIC: &[u8] = b"PAR1";
const MAGIC_OF_ENCRYPTED: &[u8] = b"PARE";

/// Most footers fit: one request in place of two.
const FOOTER_HINT: u64 = 64 << 10;

impl ObjectReader {
    /// `size` by [`Storage::size`].
    pub fn new(storage: Storage, path: impl Into<Arc<str>>, size: u64) -> Self {
        Self { storage, path: path.into(), size, file: None, chunks: None, batch_rows: 0 }
    }

    /// Batches of so many rows will be made of what is read.
    pub fn for_batches_of(&mut self, rows: usize) {
        self.batch_rows = rows;
    }

    /// From now on chunks are checked before anybody decompresses them.
    pub fn check_chunks_of(&mut self, metadata: &ParquetMetaData) -> Result<()> {
        let chunks = Chunks::of(metadata, self.size).map_err(|e| e.about(&self.path))?;
        self.chunks = Some(Arc::new(chunks));
        Ok(())
    }

    async fn read_chunks(&mut self, ranges: Vec<Range<u64>>) -> parquet::errors::Result<Vec<Bytes>> {
        let Some(chunks) = self.chunks.clone() else { return self.read_ranges(ranges).await.map_err(external) };
        let path = self.path.clone();
        let about = |error: Error| external(error.about(&path));
        let wanted = ranges.iter().map(|range| range.end.saturating_sub(range.start)).fold(0, u64::saturating_add);
        Limit::ParquetRowGroup.check(wanted).map_err(about)?;
        let pieces = self.read_ranges(ranges.clone()).await.map_err(external)?;
        let (mut pages, mut longest) = (0u64, 0);
        for (range, piece) in ranges.iter().zip(&pieces) {
            let needs = chunks.check(range, piece).map_err(about)?;
            pages = pages.saturating_add(needs.largest_page);
            longest = longest.max(needs.longest_value);
        }
        Limit::ParquetRowGroup.check(pages).map_err(about)?;
        let rows = usize::try_from(BATCH_BYTES / longest.max(1)).unwrap_or(usize::MAX).max(1);
        if rows < self.batch_rows {
            return Err(ParquetError::External(Box::new(SmallerBatches(rows))));
        }
        Ok(pieces)
    }

    pub async fn read_metadata(
        &mut self,
        decode: impl FnOnce(&[u8]) -> Result<ParquetMetaData>,
    ) -> Result<ParquetMetaData> {
        let bytes = self.footer().await?;
        footer::check(&bytes).map_err(|e| e.about(&self.path))?;
        match strange_fields::left_out(&bytes) {
            Some(kept) => decode(&kept),
            None => decode(&bytes),
        }
    }

    async fn read_one(&mut self, range: Range<u64>) -> Result<Bytes> {
        let pieces = self.read_ranges(std::iter::once(range).collect()).await?;
        pieces.into_iter().next().ok_or_else(|| Error::internal("a range was not read"))
    }

    /// The bytes of the footer, whose length is the file's own claim.
    async fn footer(&mut self) -> Result<Bytes> {
        let path = self.path.clone();
        let damaged = |why: &str| broken(&path).with_cause_text(why.to_string());
        let short = || damaged("it is shorter than it says");
        let tail_at = self.size.saturating_sub(FOOTER_HINT);
        let tail = self.read_one(tail_at..self.size).await?;
        let (rest, magic) = tail.split_last_chunk::<4>().ok_or_else(short)?;
        if magic == MAGIC_OF_ENCRYPTED {
            return Err(Error::new(Code::Unsupported, "an encrypted Parquet file cannot be read").about(&path));
        }
        if magic != MAGIC {
            return Err(damaged("it does not end as a Parquet file does"));
        }
        let (rest, length) = rest.split_last_chunk::<4>().ok_or_else(short)?;
        let length = u32::from_le_bytes(*length);
        Limit::ParquetFooter.check(length.into()).map_err(|e| e.about(&path))?;
        if let Some(at) = usize::try_from(length).ok().and_then(|length| rest.len().checked_sub(length)) {
            return Ok(tail.slice(at..rest.len()));
        }
        let end = self.size.saturating_sub(8);
        let start = end.checked_sub(length.into()).ok_or_else(short)?;
        self.read_one(start..end).await
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    pub async fn read_ranges(&mut self, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>> {
        let Location::Local(path) = self.storage.locate(&self.path)? else {
            return self.storage.read_ranges(&self.path, &ranges).await;
        };
        self.storage.pace().ranges(&ranges).await;
        let open = self.file.clone();
        let work = move || {
            let file = match open {
                Some(file) => file,
                None => Arc::new(local::open_regular(&path)?.0),
            };
            local::read_all(&file, &ranges).map(|pieces| (file, pieces))
        };
        let (file, pieces) = local::blocking("reading", &self.path, work).await?;
        self.file = Some(file);
        Ok(pieces)
    }
}

impl AsyncFileReader for ObjectReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        async move {
            let mut pieces = self.read_chunks(vec![range]).await?;
            pieces.pop().ok_or_else(|| ParquetError::General("a range was not read".into()))
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        self.read_chunks(ranges).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        let decode = |bytes: &[u8]| ParquetMetaDataReader::decode_metadata(bytes).map_err(|e| from_parquet(e, ""));
        async move { self.read_metadata(decode).await.map(Arc::new).map_err(external) }.boxed()
    }
}

fn external(error: Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

/// What went wrong with a Parquet file: our own error where storage raised it, else `file-broken`.
pub fn from_parquet(error: ParquetError, path: &str) -> Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<Error>() {
            Ok(ours) => ours.about(path),
            Err(cause) => broken(path).with_cause_text(cause.to_string()),
        },
        ParquetError::ArrowError(text) | ParquetError::General(text) => broken(path).with_cause_text(text),
        other => broken(path).with_cause(other),
    }
}

fn broken(path: &str) -> Error {
    Error::new(Code::FileBroken, "the Parquet file cannot be decoded")
        .about(path)
        .with_hint("The file is damaged. Restore it at the source from a backup or an older snapshot.")
}
