//! What long operations send while they work.

use crate::run::{ParallelTables, RunCounters, RunId, RunState};
use crate::sync::SyncProgress;
use crate::view::ViewRow;
use serde::{Deserialize, Serialize};

/// What a long operation sends while it works, at most ten times a second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    Inventory {
        source: String,
        done: usize,
        total: usize,
        table: String,
    },
    /// A sign-in waits for the browser: this is the address to open. It holds no secret.
    SignIn {
        workspace: String,
        address: String,
        opened: bool,
    },
    /// Tables of Unity Catalog listed so far; how many there are is not known before the end.
    Unity {
        workspace: String,
        schemas: usize,
        tables: usize,
        last: String,
    },
    /// What has changed in a run since the event before: at most ten times a second, whatever the number of tables.
    Changes(RunChanges),
    Run {
        run_id: RunId,
        state: RunState,
    },
    /// How far a look or a round is.
    Sync {
        run_id: RunId,
        #[serde(flatten)]
        progress: SyncProgress,
    },
    /// What the cluster of a round does, in words.
    SyncJob {
        run_id: RunId,
        message: String,
        run_page_url: Option<String>,
    },
    /// Tables of a cut-over have come to another step.
    CutOver {
        run_id: RunId,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunChanges {
    pub run_id: RunId,
    pub counters: RunCounters,
    pub bytes_per_second: u64,
    pub seconds_left: Option<u64>,
    /// Where the run finds out how many tables in parallel pay off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<ParallelTables>,
    /// Tables that have changed, at most [`CHANGED_ROWS`]; what is over comes with the next event. The columns are those of
    /// the run's view, and of a table that a cluster copies `stage` and `stage_message`.
    pub rows: Vec<ViewRow>,
}

/// The most rows in one event.
pub const CHANGED_ROWS: usize = 200;
