//! What the person can make happen: each asks the backend and puts the answer, or the error, into the session.
//!
//! Work goes on when its page is left: it belongs to the session and not to a component.

mod catalogs;
mod cutover;
mod links;
pub mod logs;
pub mod metrics;
mod opening;
mod plan;
mod runs;
mod sync;
mod tables;
mod work;
pub mod workspaces;

pub use catalogs::{check, choose, remove_catalog, sample, save_catalog};
pub use cutover::{check_moved, cut_over, finish_moved, look_at_cutover, move_back};
pub use links::{open_document, open_folder, open_link};
pub use opening::{arrive, open};
pub use plan::{accept, estimate_cost, make_plan, preflight};
pub use runs::{
    ask_bill, cancel_run, export_bundle, read_run, read_runs, resume_run, show_run, start_run, validate, verify_bundle,
};
pub use sync::{look, look_once, repeat_sync, stop_sync, sync, sync_again};
pub use tables::{
    count_mapping, read_mapping, read_sheet, refresh_inventory, save_mapping, stop_inventory, write_sheet,
};
pub use work::Handle;
