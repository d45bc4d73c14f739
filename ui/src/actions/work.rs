//! One piece of work at a time: asked of the backend, its answer or its error put into the session.

use crate::backend::call;
use crate::state::{Action, Session, Work};
use icebridge_model::Result;
use icebridge_model::ops::Operation;
use std::future::Future;
use wasm_bindgen_futures::spawn_local;
use yew::UseReducerHandle;

/// Reads the newest state whenever it is looked at, so an action may hold one across an await.
pub type Handle = UseReducerHandle<Session>;

/// Runs one piece of work unless it is under way already; its error becomes a notice.
pub fn begin<F>(session: &Handle, work: Work, task: impl FnOnce(Handle) -> F)
where
    F: Future<Output = Result<()>> + 'static,
{
    if session.is_busy(&work) {
        return;
    }
    session.dispatch(Action::Begin(work.clone()));
    let future = task(session.clone());
    let session = session.clone();
    spawn_local(async move {
        session.dispatch(match future.await {
            Ok(()) => Action::End(work),
            Err(error) => Action::Fail(work, error),
        });
    });
}

/// The work that is one question: its answer becomes an action.
pub fn ask<O: Operation + 'static>(
    session: &Handle,
    work: Work,
    request: O::Request,
    answered: impl FnOnce(O::Response) -> Action + 'static,
) {
    begin(session, work, |handle| async move {
        handle.dispatch(answered(call::<O>(request).await?));
        Ok(())
    });
}
