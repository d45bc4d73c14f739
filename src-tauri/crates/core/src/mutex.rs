//! Locks.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A poisoned lock means that its holder panicked between two plain assignments: the values are still good.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
