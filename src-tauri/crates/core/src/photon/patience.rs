//! Asking a workspace that may be out of reach for hours.

use super::observer::{FollowPace, Observer};
use icebridge_model::photon::PhotonEvent;
use icebridge_model::{Code, Error, Result};
use icebridge_store::now;
use std::future::Future;
use tokio_util::sync::CancellationToken;

/// Of one step.
#[derive(Clone, Copy)]
pub(super) struct Patience<'a> {
    pub observer: &'a dyn Observer,
    pub step: &'a str,
    pub pace: &'a FollowPace,
}

/// A captive portal, or a proxy in trouble, answers in the workspace's place. It is waited out as well, but not for ever: the
/// workspace itself may mean it.
const STRANGE_ANSWERS: u32 = 20;

/// Whether to wait and ask again. The client has tried several times already.
fn passes(error: &Error, tries: u32) -> bool {
    match error.code {
        Code::WorkspaceUnreachable | Code::RateLimited => true,
        // Only asked again where that is safe: see the callers.
        Code::OutcomeUnknown => true,
        Code::WorkspaceRefused => error.retryable || tries < STRANGE_ANSWERS && is_strange(error),
        _ => error.retryable && error.code != Code::Cancelled && error.code != Code::StateLocked,
    }
}

/// An HTTP 500, or an answer that is none.
fn is_strange(error: &Error) -> bool {
    error.message.contains("not as a Databricks workspace")
        || error.causes.iter().any(|words| words.starts_with("HTTP 5"))
}

pub(super) fn cancelled() -> Error {
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
                        self.observer.told(PhotonEvent::Recovered { step: self.step.to_owned() });
                    }
                    return Ok(value);
                }
                Err(error) => error,
            };
            tries += 1;
            if !passes(&error, tries) {
                return Err(error);
            }
            if tries == 1 {
                since = now();
            }
            tracing::warn!(step = self.step, tries, %error, "the workspace cannot be asked; it is tried again");
            self.observer.told(PhotonEvent::Trouble { step: self.step.to_owned(), since: since.clone(), tries, error });
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
            assert!(passes(&Error::new(code, "x"), 100_000), "{code}");
        }
        for code in [Code::AccessDenied, Code::CredentialsRejected, Code::WorkspaceRefused, Code::ObjectNotFound] {
            assert!(!passes(&Error::new(code, "x"), 1), "{code}");
        }
        let inside = Error::new(Code::WorkspaceRefused, "x").with_cause_text("HTTP 500: INTERNAL_ERROR: y");
        assert!(passes(&inside, 1));
        assert!(!passes(&inside, STRANGE_ANSWERS), "an answer that stays strange is told");
    }
}
