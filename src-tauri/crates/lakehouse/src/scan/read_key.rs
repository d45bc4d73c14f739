//! Names a read, so that two snapshots can be asked whether they read the same.

use super::FileTask;
use crate::location::canonical;
use crate::manifest::DataFile;
use sha2::{Digest, Sha256};

impl FileTask {
    /// Of the file, what it is read under, and each of its deletes; a file that got the name of an earlier one is another. `name` gives the name that a file goes by.
    pub fn read_key(&self, name: &impl Fn(&str) -> String) -> u128 {
        let of_file = |file: &DataFile| (canonical(&name(&file.path)), file.content_offset, file.added_by);
        let mut deletes: Vec<_> = self.deletes.iter().map(|delete| of_file(delete)).collect();
        deletes.sort();
        let mut hash = Sha256::new();
        for (path, offset, added_by) in std::iter::once(of_file(&self.file)).chain(deletes) {
            hash.update((path.len() as u64).to_be_bytes());
            hash.update(path);
            hash.update(offset.unwrap_or(u64::MAX).to_be_bytes());
            hash.update(added_by.to_be_bytes());
        }
        // Rows of one file may be filled in from its partition, by its spec.
        hash.update(self.file.spec_id.to_be_bytes());
        hash.update(format!("{:?}", self.file.partition));
        let mut key = [0; 16];
        key.copy_from_slice(&hash.finalize()[..16]);
        u128::from_be_bytes(key)
    }
}
