//! Keeps migrated tables up with their sources, round by round.
//!
//! A round of a table takes the source as it is now, copies the files that the target does not have, writes one new metadata
//! file beside the target's own, compares source and target, and only then makes the target show it: one pointer of the
//! catalog, moved while it is still where the round before left it. So a round that is killed anywhere has happened or has
//! not, readers see no state that was not compared, and a write by somebody else is never overwritten.
//!
//! Which state of the source a target has, the target says itself ([`icebridge_lakehouse::copy::standing`]); the journal has
//! what was compared. Either may be lost and the next round is still right.
//!
//! Tables that clusters copied are brought on by jobs (`job_rounds` and what lies beside it). What a job commits shows before it is
//! compared, and nothing in Databricks holds it to the state that it has looked at: what others write meanwhile is found afterwards.

mod active;
mod comparison;
mod history;
mod job_changes;
mod job_proof;
mod job_rounds;
mod job_standing;
mod job_told;
mod past;
mod rounds;
mod session;
mod standing;
mod table_round;

pub(crate) use active::begin as begin_cancellable;
pub use active::cancel;
pub use past::rounds_of;
pub use rounds::{look, round};
pub(crate) use session::{Session, check_identity};
pub(crate) use table_round::take as take_round;

use icebridge_model::{Code, Error};

fn cancelled() -> Error {
    Error::new(Code::Cancelled, "the sync was cancelled")
        .with_hint("Rounds that were committed stay; the next sync goes on with the others.")
}
