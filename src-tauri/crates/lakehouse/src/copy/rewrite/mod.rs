//! The rows of the pinned snapshot in new files of a new table: deletes applied, one schema, one spec, no history.
//!
//! Where no row of a file changes and its columns lie as we would write them, its column chunks move into the new file
//! without a page being decoded. Row ids of format version 3 are given anew: row lineage is lost, which a finding says.

mod advance;
mod bounds;
mod carried;
mod columns;
mod compacted;
mod data_file;
mod decoded;
mod dictionary;
mod document;
mod first;
mod manifests;
mod metrics;
mod murmur3;
mod next_shape;
mod numbering;
mod options;
mod output;
mod partition;
mod projection;
mod round_reads;
mod transform;
mod unit_map;
mod units;
mod work;
mod writing;
mod written_columns;

use crate::copy::common::contract::{Copier, CopyTask, Discarded, Onto, Prepared};
use crate::copy::common::place;
use async_trait::async_trait;
use icebridge_model::Result;

pub use round_reads::{RoundReads, round_reads};

pub struct Rewrite;

#[async_trait]
impl Copier for Rewrite {
    #[tracing::instrument(name = "copy", skip_all, fields(mode = "rewrite"))]
    async fn copy(&self, task: &CopyTask<'_>) -> Result<Prepared> {
        first::copy(task).await.map_err(|e| e.about(&task.source.ident))
    }

    async fn discard(&self, task: &CopyTask<'_>) -> Result<Discarded> {
        place::discard(task).await
    }

    #[tracing::instrument(name = "advance", skip_all, fields(mode = "rewrite", round = onto.round))]
    async fn advance(&self, task: &CopyTask<'_>, onto: &Onto<'_>) -> Result<Prepared> {
        advance::advance(task, onto).await.map_err(|e| e.about(&task.source.ident))
    }
}
