//! Panics of one table stay with that table.

use futures::FutureExt;
use futures::future::BoxFuture;
use icebridge_model::{Error, Result};
use std::panic::AssertUnwindSafe;

/// A panic is a defect of ours in one table: it becomes that table's error.
pub(crate) async fn guarded<T>(work: BoxFuture<'_, Result<T>>) -> Result<T> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => {
            let message = panic
                .downcast_ref::<&str>()
                .map(ToString::to_string)
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no message".to_string());
            Err(Error::internal("a step panicked").with_cause_text(message))
        }
    }
}
