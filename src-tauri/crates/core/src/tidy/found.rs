//! What was found so far, and what shall become of it.

use icebridge_model::tidy::{Fate, Leftover, LeftoverKind, TidyRequest, TidyView, Unseen};
use icebridge_model::{Code, Error, Result};
use tokio_util::sync::CancellationToken;

pub(super) struct Found<'a> {
    pub request: TidyRequest,
    pub cancel: &'a CancellationToken,
    pub view: TidyView,
}

/// How the removal of something ended well.
pub(super) enum Removal {
    Done,
    /// It is not ours alone, or somebody needs it.
    Stays(String),
}

impl<'a> Found<'a> {
    pub fn new(request: TidyRequest, cancel: &'a CancellationToken) -> Self {
        Self { request, cancel, view: TidyView::default() }
    }

    pub fn unseen(&mut self, place: &str, error: Error) {
        self.view.unseen.push(Unseen { place: place.to_owned(), error });
    }

    pub fn stays(&mut self, (kind, place): (LeftoverKind, &str), name: impl Into<String>, why: impl Into<String>) {
        self.add((kind, place), name, Fate::Stays, why, None);
    }

    pub fn removable(&mut self, (kind, place): (LeftoverKind, &str), name: impl Into<String>, why: impl Into<String>) {
        self.add((kind, place), name, Fate::Removable, why, None);
    }

    /// Lists it, or removes it where that is asked for. An error: the whole is cancelled.
    pub async fn remove(
        &mut self,
        of: (LeftoverKind, &str),
        name: impl Into<String>,
        why: impl Into<String>,
        removal: impl Future<Output = Result<Removal>>,
    ) -> Result<()> {
        if !self.request.remove {
            self.removable(of, name, why);
            return Ok(());
        }
        if self.cancel.is_cancelled() {
            return Err(Error::new(Code::Cancelled, "tidying was cancelled").with_hint("What was removed is gone."));
        }
        self.removed(of, name, why, removal.await);
        Ok(())
    }

    /// After a removal was tried.
    pub fn removed(
        &mut self,
        of: (LeftoverKind, &str),
        name: impl Into<String>,
        why: impl Into<String>,
        ended: Result<Removal>,
    ) {
        let why = why.into();
        let (fate, why, error) = match ended {
            Ok(Removal::Done) => (Fate::Removed, why, None),
            Ok(Removal::Stays(reason)) => (Fate::Stays, reason, None),
            Err(error) => (Fate::Failed, why, Some(error)),
        };
        self.add(of, name, fate, why, error);
    }

    fn add(
        &mut self,
        (kind, place): (LeftoverKind, &str),
        name: impl Into<String>,
        fate: Fate,
        why: impl Into<String>,
        error: Option<Error>,
    ) {
        let (name, why) = (name.into(), why.into());
        self.view.leftovers.push(Leftover { kind, name, place: place.to_owned(), fate, why, error });
    }
}
