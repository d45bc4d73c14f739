//! Records of one snapshot, counted without reading a data file: how many rows a reader must find.

use serde::{Deserialize, Serialize};

/// Counted from the manifests and the position delete files alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordCounts {
    /// Records of all live data files, before any delete.
    pub data: u64,
    #[serde(default)]
    pub deletes: DeleteCounts,
}

/// Delete records of one snapshot. Those that are neither applied nor dangling name a row once more, or are part of a deletion
/// vector that replaced them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeleteCounts {
    /// Positions in position delete files and deletion vectors.
    pub positions: u64,
    /// Rows of live data files that they delete, each counted once.
    pub applied: u64,
    /// Positions that delete nothing: no live data file has that path, or that row.
    pub dangling: u64,
    /// Of the dangling ones, those that no removed data file explains: neither this nor an earlier snapshot that is kept has
    /// had a data file of that path.
    pub unexplained: u64,
    /// One path that is not explained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unexplained_path: Option<String>,
    /// The live data file of the same name as that path, in another place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_name: Option<String>,
    /// Keys in equality delete files. How many rows they delete is known to a reader alone.
    pub keys: u64,
    /// Of them, keys in delete files that reach no live data file.
    pub keys_out_of_reach: u64,
}

impl RecordCounts {
    /// The rows that a reader finds at least and at most; the same where no equality delete is involved.
    pub fn rows(&self) -> (u64, u64) {
        let most = self.data.saturating_sub(self.deletes.applied);
        (if self.deletes.keys > 0 { 0 } else { most }, most)
    }

    /// Whether a reader that found so many rows can have read what the metadata describes.
    pub fn allow(&self, rows: u64) -> bool {
        let (least, most) = self.rows();
        (least..=most).contains(&rows)
    }
}

impl DeleteCounts {
    pub fn is_empty(&self) -> bool {
        self.positions == 0 && self.keys == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_leave_a_range_and_positions_a_number() {
        let deletes = DeleteCounts { positions: 5, applied: 3, dangling: 2, ..DeleteCounts::default() };
        let counts = RecordCounts { data: 10, deletes };
        assert_eq!((counts.rows(), counts.allow(7), counts.allow(6), counts.allow(8)), ((7, 7), true, false, false));
        let deletes = DeleteCounts { keys: 4, ..counts.deletes };
        let counts = RecordCounts { deletes, ..counts };
        assert_eq!((counts.rows(), counts.allow(0), counts.allow(7), counts.allow(8)), ((0, 7), true, true, false));
        let broken = DeleteCounts { applied: 11, ..DeleteCounts::default() };
        assert_eq!(RecordCounts { data: 10, deletes: broken }.rows(), (0, 0), "a vector that names more than there is");
    }
}
