//! Storage as the Parquet reader wants it.

use super::local;
use super::location::Location;
use super::store::Storage;
use crate::limits::Limit;
use crate::pages::bounds::Chunks;
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
    /// What is asked for is the footer, whose length is the file's own claim.
    reads_footer: bool,
    /// Known once the footer was read.
    chunks: Option<Arc<Chunks>>,
}

/// Most footers fit: one request in place of two.
const FOOTER_HINT: usize = 64 << 10;

impl ObjectReader {
    /// `size` by [`Storage::size`].
    pub fn new(storage: Storage, path: impl Into<Arc<str>>, size: u64) -> Self {
        Self { storage, path: path.into(), size, file: None, reads_footer: false, chunks: None }
    }

    /// From now on chunks are checked before anybody decompresses them.
    pub fn check_chunks_of(&mut self, metadata: &ParquetMetaData) -> Result<()> {
        let chunks = Chunks::of(metadata, self.size).map_err(|e| e.about(&self.path))?;
        self.chunks = Some(Arc::new(chunks));
        Ok(())
    }

    async fn read_chunks(&mut self, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>> {
        let Some(chunks) = self.chunks.clone() else { return self.read_ranges(ranges).await };
        let wanted = ranges.iter().map(|range| range.end.saturating_sub(range.start)).fold(0, u64::saturating_add);
        Limit::ParquetRowGroup.check(wanted).map_err(|error| error.about(&self.path))?;
        let pieces = self.read_ranges(ranges.clone()).await?;
        for (range, piece) in ranges.iter().zip(&pieces) {
            chunks.check(range, piece).map_err(|error| error.about(&self.path))?;
        }
        Ok(pieces)
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
            if self.reads_footer {
                let length = range.end.saturating_sub(range.start);
                Limit::ParquetFooter.check(length).map_err(|e| external(e.about(&self.path)))?;
            }
            let mut pieces = self.read_ranges(vec![range]).await.map_err(external)?;
            pieces.pop().ok_or_else(|| ParquetError::General("a range was not read".into()))
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        async move { self.read_chunks(ranges).await.map_err(external) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        async move {
            let size = self.size;
            let reader =
                ParquetMetaDataReader::new().with_arrow_reader_options(options).with_prefetch_hint(Some(FOOTER_HINT));
            self.reads_footer = true;
            let metadata = reader.load_and_finish(&mut *self, size).await;
            self.reads_footer = false;
            Ok(Arc::new(metadata?))
        }
        .boxed()
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
