//! Byte-for-byte copies in bounded memory.

use super::claim::Claim;
use super::common::errors::from_io;
use super::local::{self, CopyFailure};
use super::location::Location;
use super::store::{Opened, Storage};
use futures::{StreamExt, TryStreamExt};
use icebridge_model::{Code, Error, Result};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Called for every few megabytes that were copied.
pub type OnBytes = Arc<dyn Fn(u64) + Send + Sync>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    pub bytes: u64,
    /// Of the bytes as they were read, in hexadecimal digits.
    pub sha256: String,
}

/// Of objects: pieces fetched at the same time, in order.
const PIECE: u64 = 8 << 20;
const PIECES_AT_ONCE: usize = 4;

impl Storage {
    /// Copies a file from (another) storage to this one. The target appears whole or not at all; dropping the future stops
    /// the copy.
    pub async fn copy_from(&self, source: &Storage, from: &str, to: &str, each: &OnBytes) -> Result<Copied> {
        self.refuse_to_write(to)?;
        if let (Location::Local(from_file), Location::Local(to_file)) = (source.locate(from)?, self.locate(to)?) {
            let stop = StopOnDrop(Arc::new(AtomicBool::new(false)));
            let (stopped, each, claim, pace) = (stop.0.clone(), each.clone(), Claim::of(to), source.pace().clone());
            let work = move || {
                let is_stopped = || stopped.load(Ordering::Relaxed);
                local::copy(&from_file, &to_file, claim, |n| {
                    pace.take_blocking(1, n, is_stopped);
                    each(n);
                    !is_stopped()
                })
            };
            let copied = match tokio::task::spawn_blocking(work).await {
                Ok(copied) => copied,
                Err(e) => return Err(Error::internal("a copy was cut short").about(to).with_cause(e)),
            };
            return match copied {
                Ok((bytes, sum)) => Ok(Copied { bytes, sha256: hex::encode(sum) }),
                Err(CopyFailure::Read(e)) => Err(from_io(e, "reading", from)),
                Err(CopyFailure::Write(e)) => Err(from_io(e, "writing", to)),
                Err(CopyFailure::Stopped) => Err(Error::new(Code::Cancelled, "the copy was stopped").about(to)),
            };
        }
        let size = source.size(from).await?;
        let mut writer = self.sized_writer(to, Some(size)).await?;
        let mut sum = Sha256::new();
        let pieces = (0..size.div_ceil(PIECE)).map(|i| {
            let range = i * PIECE..((i + 1) * PIECE).min(size);
            async move { source.read_range(from, range).await }
        });
        let mut pieces = futures::stream::iter(pieces).buffered(PIECES_AT_ONCE);
        while let Some(piece) = pieces.try_next().await? {
            sum.update(&piece);
            let length = piece.len() as u64;
            writer.write(piece).await?;
            each(length);
        }
        writer.finish().await?;
        Ok(Copied { bytes: size, sha256: hex::encode(sum.finalize()) })
    }

    /// Lets a cloud itself copy an object, where source and target are in the same bucket and these credentials may read both.
    /// False if that cannot be: nothing was done, copy the bytes. No checksum: the bytes never come here.
    pub async fn server_copy_from(&self, source: &Storage, from: &str, to: &str) -> Result<bool> {
        self.refuse_to_write(to)?;
        let (Opened::Object(from_bucket, from_key), Opened::Object(to_bucket, to_key)) =
            (source.open(from).await?, self.open(to).await?)
        else {
            return Ok(false);
        };
        if !to_bucket.is_same_as(&from_bucket) {
            return Ok(false);
        }
        source.pace().take(1, 0).await;
        to_bucket.copy(&from_key, &to_key, to).await
    }
}

/// A blocking thread does not notice that its future was dropped: this tells it.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
