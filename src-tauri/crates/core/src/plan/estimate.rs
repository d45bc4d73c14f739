//! Bytes, rows, files and seconds of one table, from what its manifests say. docs/estimates.md explains the rates.

use icebridge_model::facts::TableFacts;
use icebridge_model::plan::{CopyMode, Estimate};

/// Bytes a second, one table at a time, measured as docs/estimates.md says.
const CLONE_RATE: u64 = 300_000_000;
const REWRITE_RATE: u64 = 30_000_000;
/// Of Parquet bytes read, decoded and digested.
const DIGEST_RATE: u64 = 60_000_000;
/// Opening, checking and naming one file.
const FILE_MILLISECONDS: u64 = 3;
/// Of one cluster of standard size: an assumption, none was measured.
const CLUSTER_RATE: u64 = 200_000_000;
const CLUSTER_START_MILLISECONDS: u64 = 240_000;
/// Loading, committing and journaling one table.
const TABLE_MILLISECONDS: u64 = 200;

pub fn of(facts: &TableFacts, mode: CopyMode) -> Estimate {
    let files = &facts.files;
    let (live_bytes, live_files) = (facts.live_bytes(), facts.live_files());
    let (bytes, count, rate) = match mode {
        CopyMode::Register => (0, 0, CLONE_RATE),
        CopyMode::Clone => (
            files.history_bytes.max(live_bytes + files.manifest_bytes),
            files.history_files.max(live_files + files.manifests),
            CLONE_RATE,
        ),
        CopyMode::Rewrite => (files.data_bytes, files.data_files, REWRITE_RATE),
    };
    let copy = bytes.saturating_mul(1000) / rate + count * FILE_MILLISECONDS;
    // Both sides are read.
    let digest = 2 * (live_bytes.saturating_mul(1000) / DIGEST_RATE + live_files * FILE_MILLISECONDS);
    Estimate {
        bytes,
        rows: facts.live_rows(),
        files: count,
        seconds: (TABLE_MILLISECONDS + copy + digest).div_ceil(1000),
    }
}

/// By a cluster that reads both sides itself; in a shared one the start counts for each of its tables.
pub fn on_cluster(facts: &TableFacts) -> Estimate {
    let bytes = facts.files.data_bytes;
    let copy = bytes.saturating_mul(1000) / CLUSTER_RATE;
    let digest = 2 * copy;
    let milliseconds = CLUSTER_START_MILLISECONDS + copy + digest;
    Estimate { bytes, rows: facts.live_rows(), files: facts.files.data_files, seconds: milliseconds.div_ceil(1000) }
}
