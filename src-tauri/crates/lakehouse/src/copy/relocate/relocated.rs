use serde::{Deserialize, Serialize};

/// What changes in a manifest entry when the file it names had to be written anew.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Relocated {
    pub size: u64,
    /// Smallest and largest path in a position delete file.
    pub path_bounds: Option<(Vec<u8>, Vec<u8>)>,
    /// Bytes of each column by field id.
    pub column_sizes: Vec<(i32, i64)>,
    pub split_offsets: Vec<i64>,
}
