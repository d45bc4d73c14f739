//! What is opened outside the window.

use super::work::{Handle, begin};
use crate::backend;
use crate::state::Work;

pub fn open_link(session: &Handle, url: String) {
    let page = session.prefs.page;
    begin(session, Work::Link(page), |_| async move { backend::open_link(&url).await });
}

pub fn open_folder(session: &Handle, path: String) {
    let page = session.prefs.page;
    begin(session, Work::Link(page), |_| async move { backend::open_folder(&path).await });
}

/// A page of ours on this machine, such as the Data Docs of a validation.
pub fn open_document(session: &Handle, path: String) {
    let page = session.prefs.page;
    begin(session, Work::Link(page), |_| async move { backend::open_document(&path).await });
}
