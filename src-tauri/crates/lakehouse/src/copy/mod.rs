//! The three copy modes behind one trait.

mod clone;
mod common;
mod register;
pub(crate) mod relocate;
mod rewrite;

pub use crate::provenance::{
    PROPERTY_PLAN, PROPERTY_SOURCE_METADATA, PROPERTY_SOURCE_SNAPSHOT, PROPERTY_SOURCE_UUID, PROPERTY_SYNC_ROUND,
};
pub use crate::provenance::{is_left_empty, is_waiting_for_rows};
pub use common::by_job::{commits_since, noted_by_job};
pub use common::contract::{Checkpoint, Copier, CopyTask, Discarded, Observer, Onto, Prepared};
pub use common::place::{lies_in, remove_mark, take_back};
pub(crate) use common::round::source_location;
pub use common::round::{Standing, is_as_left, is_only_compacted_since, is_replacing, standing};
pub use rewrite::{RoundReads, round_reads};

use icebridge_model::plan::CopyMode;

/// The copier for a mode.
pub fn copier(mode: CopyMode) -> Box<dyn Copier> {
    match mode {
        CopyMode::Register => Box::new(register::Register),
        CopyMode::Clone => Box::new(clone::Clone),
        CopyMode::Rewrite => Box::new(rewrite::Rewrite),
    }
}
