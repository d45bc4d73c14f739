//! The Parquet and Arrow crates on the bytes of a stranger: some damaged files make them panic, which is an error like
//! another and no reason to print a stack.

use futures::Stream;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll};

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// None if it panics.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(
            move |info| {
                if IS_GUARDED.get() { tracing::debug!(%info, "a decoder panicked") } else { usual(info) }
            },
        ));
    });
    let before = IS_GUARDED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(before);
    done.ok()
}

/// A stream whose panics become what `panicked` gives, and its end.
pub struct Guarded<S, P> {
    stream: Option<S>,
    panicked: P,
}

impl<S, P> Guarded<S, P> {
    pub fn new(stream: S, panicked: P) -> Self {
        Self { stream: Some(stream), panicked }
    }
}

impl<S: Stream + Unpin, P: Fn() -> S::Item + Unpin> Stream for Guarded<S, P> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let Some(stream) = self.stream.as_mut() else { return Poll::Ready(None) };
        match guarded(|| Pin::new(stream).poll_next(context)) {
            Some(polled) => polled,
            None => {
                self.stream = None;
                Poll::Ready(Some((self.panicked)()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{StreamExt, stream};

    #[tokio::test]
    async fn a_panic_is_the_last_item() {
        let numbers = stream::iter([1, 2, 3]).map(|n| if n < 2 { n } else { panic!("at {n}") });
        assert_eq!(Guarded::new(numbers, || -1).collect::<Vec<_>>().await, [1, -1]);
        assert_eq!(guarded(|| 7), Some(7));
        assert_eq!(guarded(|| -> i32 { panic!("no") }), None);
    }
}
