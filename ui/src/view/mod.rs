//! What the pages compute before they draw: pure, and tested on the host.

pub mod catalogs;
pub mod findings;
pub mod format;
pub mod order;
pub mod steps;
pub mod window;
