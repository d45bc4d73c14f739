//! New files, written from a blocking thread.

use crate::storage::{Storage, Writer};
use crate::sync::lock;
use bytes::Bytes;
use icebridge_model::{Error, Result};
use parquet::errors::ParquetError;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use tokio::runtime::Handle;

/// Small writes are gathered before they cross to the storage's thread.
const GATHER: usize = 256 << 10;

/// A file being written. Clones are one file: Parquet's writer owns one of them, and the code that ends the file another.
#[derive(Clone, Debug)]
pub struct Output {
    inner: Arc<Mutex<Inner>>,
    runtime: Handle,
}

#[derive(Debug)]
struct Inner {
    writer: Option<Writer>,
    gathered: Vec<u8>,
    /// Storage's own error, which `std::io::Error` would flatten.
    failure: Option<Error>,
}

impl Output {
    pub fn create(runtime: &Handle, storage: &Storage, path: &str) -> Result<Self> {
        let writer = runtime.block_on(storage.writer(path))?;
        let inner = Inner { writer: Some(writer), gathered: Vec::new(), failure: None };
        Ok(Self { inner: Arc::new(Mutex::new(inner)), runtime: runtime.clone() })
    }

    /// Makes the file appear and gives its size.
    pub fn finish(self) -> Result<u64> {
        self.flush_gathered().map_err(|e| self.failure(ParquetError::External(Box::new(e))))?;
        let writer = self.lock().writer.take().ok_or_else(|| Error::internal("a file was ended twice"))?;
        self.runtime.block_on(writer.finish())
    }

    /// The error behind an error of Parquet's writer.
    pub fn failure(&self, error: ParquetError) -> Error {
        let ours = self.lock().failure.clone();
        ours.unwrap_or_else(|| Error::internal("a Parquet file cannot be written").with_cause(error))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    fn flush_gathered(&self) -> io::Result<()> {
        let mut inner = self.lock();
        if inner.gathered.is_empty() {
            return Ok(());
        }
        let bytes = Bytes::from(std::mem::take(&mut inner.gathered));
        let Some(writer) = inner.writer.as_mut() else {
            return Err(io::Error::other("the file is closed"));
        };
        match self.runtime.block_on(writer.write(bytes)) {
            Ok(()) => Ok(()),
            Err(error) => {
                let text = error.to_string();
                inner.failure = Some(error);
                Err(io::Error::other(text))
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let full = {
            let mut inner = self.lock();
            inner.gathered.extend_from_slice(bytes);
            inner.gathered.len() >= GATHER
        };
        if full {
            self.flush_gathered()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
