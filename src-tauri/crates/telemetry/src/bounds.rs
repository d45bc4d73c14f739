//! How much log is kept.

#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Days, today among them.
    pub days: i64,
    /// Of all files together.
    pub total_bytes: u64,
    /// Of one file.
    pub file_bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { days: 7, total_bytes: 20_000_000, file_bytes: 2_000_000 }
    }
}

/// A longer value is cut, after it was scrubbed: a line must not fill a file.
pub const LONGEST_VALUE: usize = 8 << 10;
/// Fields of a line that is longer all the same are left out.
pub const LONGEST_LINE: usize = 64 << 10;
