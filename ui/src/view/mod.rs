//! What the pages compute before they draw: pure, and tested on the host.

pub mod catalogs;
pub mod clusters;
#[cfg(test)]
mod contrast;
pub mod format;
pub mod phase;
pub mod steps;
pub mod view_words;
pub mod window;
pub mod workspaces;
