//! Moves readers and writers of migrated tables from the source to the target: quickly, proved, and with a way back.
//!
//! While writers still write, the target is brought up to the source and every row is compared. Then the writers are stopped,
//! by hooks of the user's or by hand; once the source has been quiet for long enough, its last changes are brought over and
//! compared, and readers and writers are moved. What the move is only the user knows: a new name in their programs, a view,
//! a setting. So it is a hook, or a message to people. The source is kept as it is, and is looked at: somebody may have been
//! overlooked. Until the cut-over is finished, one action moves everybody back.
//!
//! Every step is written down before it is done. One that was begun and not confirmed is done again, with the same key for
//! its hooks, or taken back.

mod at_work;
mod attempt;
mod back;
mod finish;
mod freeze;
mod look;
mod moving;
mod probation;
mod runbook;
mod sides;
mod told;
mod unsynced;
mod wave;
mod waves;

pub use back::back;
pub use finish::finish;
pub use look::look;
pub use moving::run;
pub use probation::check;
pub use runbook::{RunbookForm, runbook};
pub use waves::waves;

use icebridge_model::{Code, Error};

fn cancelled() -> Error {
    Error::new(Code::Cancelled, "the cut-over was cancelled")
        .with_hint("Tables that were moved stay moved; all others are where they were. See `icebridge cutover look`.")
}
