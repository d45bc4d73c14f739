//! What the programs say about their work: log lines without secrets, in files of bounded size, metrics for a Prometheus on
//! this machine, traces for a collector, and the archive that goes with a bug report.
//!
//! A crate of its own, below api: logging starts before the state folder is opened, both programs start it alike, and the
//! log of a state that cannot be opened is the one that is needed most. The format is in docs/logs.md, that of metrics in
//! docs/metrics.md, that of traces in docs/traces.md.

mod archive;
mod bounds;
mod file;
mod folder;
mod layer;
mod levels;
mod metrics;
pub mod names;
mod pattern;
mod read;
pub mod scrub;
mod sink;
mod start;
mod text;
mod traces;

pub use archive::Archive;
pub use bounds::Bounds;
pub use folder::{LogFile, log_files, logs_folder};
pub use levels::{LOG_VARIABLE, Levels};
pub use metrics::ServedMetrics;
pub use read::{Follower, read};
pub use start::Logging;
pub use text::one_line;
