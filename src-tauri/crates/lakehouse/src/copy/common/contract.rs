//! What a copy is given, and what it gives back.

use crate::catalog::{Publication, TargetCatalog};
use crate::table::Table;
use async_trait::async_trait;
use icebridge_model::conversion::{Conversion, PartitionWay};
use icebridge_model::plan::Settings;
use icebridge_model::run::CopyOutcome;
use icebridge_model::{Code, Error, Result, TableIdent};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// What a copier reports while it works. Called often: it must be cheap.
pub trait Observer: Send + Sync {
    fn bytes(&self, more: u64);
    fn rows(&self, more: u64);
}

/// Finished units of work, kept across a kill. A unit is named by what it makes, so that the same unit of the same table
/// has the same name at every resume.
#[async_trait]
pub trait Checkpoint: Send + Sync {
    async fn done(&self, unit: &str) -> Result<Option<Value>>;
    async fn record(&self, unit: &str, output: Value) -> Result<()>;
}

pub struct CopyTask<'a> {
    pub source: &'a Table,
    /// The pin.
    pub snapshot_id: Option<i64>,
    pub target: &'a dyn TargetCatalog,
    pub target_ident: &'a TableIdent,
    /// In the table's properties.
    pub plan_hash: &'a str,
    /// Names the place where the table is staged. No other state has it, and no place that was published is named by it again.
    pub place: &'a str,
    /// The state that runs the plan: marks places that the catalog names.
    pub owner: &'a str,
    pub settings: &'a Settings,
    /// What the target would refuse, in the form that it takes.
    pub conversions: &'a [Conversion],
    /// The one of their ways of laying the table out that is tried; none where they have none.
    pub partitioning: Option<&'a PartitionWay>,
    /// The target staged the table and did not take it: it is made empty first.
    pub make_empty: bool,
    /// One permit for each file being copied or written, over all tables.
    pub writers: Arc<Semaphore>,
    pub observer: Arc<dyn Observer>,
    pub checkpoint: Arc<dyn Checkpoint>,
    pub cancel: CancellationToken,
}

/// The table that a round of a sync goes on from.
pub struct Onto<'a> {
    pub target: &'a Table,
    /// The first copy is round 0.
    pub round: u64,
    /// Files that the source calls replaced, without a change of rows, are not written anew.
    pub trusts_compaction: bool,
    /// Every row is written anew: what was kept is not what the source has.
    pub anew: bool,
}

/// All files are in place; one publish away from being visible.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub publication: Publication,
    pub outcome: CopyOutcome,
}

#[async_trait]
pub trait Copier: Send + Sync {
    /// Repeatable: what was finished before a kill is found and kept, what was half made is made again.
    async fn copy(&self, task: &CopyTask<'_>) -> Result<Prepared>;
    /// Takes back what `copy` left in storage. The target is asked first: files of a published table stay.
    async fn discard(&self, task: &CopyTask<'_>) -> Result<Discarded>;
    /// Brings a table that `copy` made to the state that the source has in `task`: its files and one new metadata file, which
    /// is not visible yet. Repeatable, and nothing that the target uses is changed.
    async fn advance(&self, task: &CopyTask<'_>, _onto: &Onto<'_>) -> Result<Prepared> {
        Err(Error::new(
            Code::Unsupported,
            "a table that was copied this way is not brought to a later state of its source",
        )
        .about(&task.source.ident)
        .with_hint("Copy it anew, by a new plan."))
    }
}

/// What became of a staged place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discarded {
    Removed,
    /// A table of the target lies in it: nothing was removed.
    Published,
    /// The catalog names a place in which nothing of this state is. What was staged in another is not found.
    Elsewhere,
}
