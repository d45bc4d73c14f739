//! Locks that outlive a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What these locks guard is whole between any two statements, so a panic elsewhere is no reason to fail here too.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn into_inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}
