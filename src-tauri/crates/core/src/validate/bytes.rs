//! The bytes check of a clone: every file in the target is hashed again and compared with what was read from the source.

use futures::{StreamExt, TryStreamExt, stream};
use icebridge_lakehouse::Table;
use icebridge_model::check::CheckKind;
use icebridge_model::run::{CopyOutcome, FileSum};
use icebridge_model::validation::Check;
use icebridge_model::{Code, Error, Result};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

const PIECE: u64 = 4 << 20;
const AT_ONCE: usize = 4;
const SHOWN: usize = 20;

pub(super) async fn check(target: &Table, outcome: &CopyOutcome, cancel: &CancellationToken) -> Result<Check> {
    let sums = &outcome.checksums;
    let differing: Vec<String> = stream::iter(0..sums.len())
        .map(|i| differs(target, &sums[i], cancel))
        .buffered(AT_ONCE)
        .try_filter_map(|found| async { Ok(found) })
        .try_collect()
        .await?;
    let bytes: u64 = sums.iter().fold(0, |all, s| all.saturating_add(s.bytes));
    let mut detail = differing.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    if differing.len() > SHOWN {
        detail += &format!("; and {} more", differing.len() - SHOWN);
    }
    // They hold paths, which a clone has to change; what they delete is proved by the digest.
    let relocated = outcome.files_copied.saturating_sub(sums.len() as u64);
    if relocated > 0 && differing.is_empty() {
        detail = format!("{relocated} delete files hold paths and were written anew; the digest covers them");
    }
    if outcome.stale_sizes > 0 && differing.is_empty() {
        let also = if detail.is_empty() { "" } else { "; " };
        detail += &format!("{also}{} files have another size than the source's metadata says", outcome.stale_sizes);
    }
    Ok(Check {
        name: CheckKind::Bytes.into(),
        passed: differing.is_empty(),
        source: format!("{} files, {bytes} bytes", sums.len()),
        target: format!("{} of {} files have the same SHA-256", sums.len() - differing.len(), sums.len()),
        detail,
    })
}

/// What is wrong with one file of the target; none if it is the source's.
async fn differs(target: &Table, sum: &FileSum, cancel: &CancellationToken) -> Result<Option<String>> {
    let path = format!("{}/{}", target.metadata.location.trim_end_matches('/'), sum.path);
    let size = match target.storage.size(&path).await {
        Ok(size) => size,
        Err(e) if e.code == Code::FileMissing => return Ok(Some(format!("{} is missing", sum.path))),
        Err(e) => return Err(e),
    };
    if size != sum.bytes {
        return Ok(Some(format!("{} has {size} bytes in place of {}", sum.path, sum.bytes)));
    }
    let mut hasher = Sha256::new();
    let mut at = 0;
    while at < size {
        if cancel.is_cancelled() {
            return Err(Error::new(Code::Cancelled, "cancelled while comparing files"));
        }
        let end = size.min(at + PIECE);
        let piece = target.storage.read_range(&path, at..end).await?;
        // Hashing is work for a processor, not for the thread that serves all tasks.
        hasher = tokio::task::spawn_blocking(move || hasher.chain_update(&piece))
            .await
            .map_err(|e| Error::internal("hashing a file panicked").about(&path).with_cause(e))?;
        at = end;
    }
    let found = hex::encode(hasher.finalize());
    Ok((found != sum.sha256).then(|| format!("{} has other bytes", sum.path)))
}
