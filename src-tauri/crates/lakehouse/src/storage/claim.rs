//! Which paths this process writes to. A blocking thread does not notice that its caller is gone: it writes on for
//! a while, and would put a file into a folder that was just cleared. So it claims its place, and clearing waits for it.

use crate::location::{canonical, is_below};
use crate::sync::lock;
use std::sync::Mutex;
use tokio::sync::Notify;

static CLAIMED: Mutex<Vec<String>> = Mutex::new(Vec::new());
static RELEASED: Notify = Notify::const_new();

/// Held while something may still be written at a path or below it.
#[derive(Debug)]
pub struct Claim(String);

impl Claim {
    pub fn of(path: &str) -> Self {
        let path = canonical(path);
        lock(&CLAIMED).push(path.clone());
        Self(path)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claimed = lock(&CLAIMED);
        if let Some(at) = claimed.iter().position(|path| *path == self.0) {
            claimed.swap_remove(at);
        }
        drop(claimed);
        RELEASED.notify_waiters();
    }
}

/// Waits until nothing is written below the folder.
pub async fn released(folder: &str) {
    loop {
        // Before the look: a release in between wakes it.
        let release = RELEASED.notified();
        let claimed = lock(&CLAIMED).iter().any(|path| is_below(path, folder));
        if !claimed {
            return;
        }
        release.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn clearing_a_folder_waits_for_writes_in_it_and_for_no_others() {
        let (one, two) = (Claim::of("/claims/a/1.parquet"), Claim::of("file:///claims/a/1.parquet"));
        let _other = Claim::of("/claims/ab/1.parquet");
        let cleared = released("/claims/a");
        tokio::pin!(cleared);
        assert!(cleared.as_mut().now_or_never().is_none());
        drop(one);
        assert!(cleared.as_mut().now_or_never().is_none());
        drop(two);
        cleared.await;
    }
}
