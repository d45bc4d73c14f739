//! The log files.

use super::work::{Handle, begin};
use crate::backend::{self, call};
use crate::state::Work;
use icebridge_model::logs::LogsRequest;
use icebridge_model::ops::op;

/// Opens their folder.
pub fn show(session: &Handle) {
    let page = session.prefs.page;
    begin(session, Work::Link(page), |_| async move {
        let logs = call::<op::logs_read>(LogsRequest { lines: 0, ..LogsRequest::default() }).await?;
        backend::open_folder(&logs.folder).await
    });
}
