//! How commands end.

/// How a command ended that has said all there is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Done,
    /// Not everything that was asked for: a table was not migrated, a check did not hold, a catalog is out of reach.
    Short,
}

impl Ended {
    pub fn done_if(good: bool) -> Self {
        if good { Self::Done } else { Self::Short }
    }
}
