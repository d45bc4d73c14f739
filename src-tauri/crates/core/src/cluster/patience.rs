//! Asking a workspace that may be out of reach for hours.

use super::observer::{FollowPace, Observer};
use icebridge_model::photon::ClusterEvent;
use icebridge_model::{Code, Error, Result};
use icebridge_store::now;
use std::future::Future;
use tokio_util::sync::CancellationToken;

/// Of one step.
#[derive(Clone, Copy)]
pub(crate) struct Patience<'a> {
    pub observer: &'a dyn Observer,
    pub step: &'a str,
    pub pace: &'a FollowPace,
}

/// After so many failed answers the error is given up to the caller. An internal error of the workspace, or an answer of a
/// proxy or captive portal in its place, usually passes; but it may also be the workspace's last word.
const MAX_FAILED_ANSWERS: u32 = 20;

/// Whether to wait and ask again. The client has tried several times already.
fn is_waited_out(error: &Error, tries: u32) -> bool {
    match error.code {
        Code::WorkspaceUnreachable | Code::RateLimited => true,
        // Only asked again where that is safe: see the callers.
        Code::OutcomeUnknown => true,
        Code::WorkspaceFailed => error.retryable || tries < MAX_FAILED_ANSWERS,
        Code::Cancelled | Code::StateLocked => false,
        // The client has asked twice: it will be answered so tomorrow too.
        Code::AnswerNotUnderstood => false,
        _ => error.retryable,
    }
}

pub(crate) fn cancelled() -> Error {
    Error::new(Code::Cancelled, "the copy was cancelled")
        .with_hint("Resume whenever you like: what is finished is kept.")
}

impl Patience<'_> {
    /// Until there is an answer that means something. With `cancel`, a cancel ends the waiting.
    pub async fn ask<T, F, Answer>(&self, cancel: Option<&CancellationToken>, mut ask: F) -> Result<T>
    where
        F: FnMut() -> Answer,
        Answer: Future<Output = Result<T>>,
    {
        let (mut tries, mut pause, mut since) = (0, self.pace.trouble_first, String::new());
        loop {
            let error = match ask().await {
                Ok(value) => {
                    if tries > 0 {
                        self.observer.event(ClusterEvent::Recovered { step: self.step.to_owned() });
                    }
                    return Ok(value);
                }
                Err(error) => error,
            };
            tries += 1;
            if !is_waited_out(&error, tries) {
                return Err(error);
            }
            if tries == 1 {
                since = now();
            }
            tracing::warn!(step = self.step, tries, %error, "the workspace cannot be asked; it is tried again");
            self.observer.event(ClusterEvent::Trouble {
                step: self.step.to_owned(),
                since: since.clone(),
                tries,
                error,
            });
            match cancel {
                Some(cancel) => tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = cancel.cancelled() => return Err(cancelled()),
                },
                None => tokio::time::sleep(pause).await,
            }
            pause = (pause * 2).min(self.pace.trouble_longest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_waited_out_and_what_is_meant_is_not() {
        for code in [Code::WorkspaceUnreachable, Code::RateLimited, Code::OutcomeUnknown] {
            assert!(is_waited_out(&Error::new(code, "x"), 100_000), "{code}");
        }
        for code in [Code::AccessDenied, Code::CredentialsRejected, Code::WorkspaceRefused, Code::ObjectNotFound] {
            assert!(!is_waited_out(&Error::new(code, "x"), 1), "{code}");
        }
        assert!(is_waited_out(&Error::new(Code::WorkspaceRefused, "x").retryable(), 100_000));
        let failed = Error::new(Code::WorkspaceFailed, "x");
        assert!(is_waited_out(&failed, 1));
        assert!(!is_waited_out(&failed, MAX_FAILED_ANSWERS), "an answer that keeps failing is an error");
        for code in [Code::Cancelled, Code::StateLocked, Code::AnswerNotUnderstood] {
            assert!(!is_waited_out(&Error::new(code, "x").retryable(), 1), "{code}");
        }
    }
}
