//! The place where a journey's state lives.

/// Set below.
#[derive(Clone, Debug)]
pub struct Workspace {}
