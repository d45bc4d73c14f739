//! The scripts that run on the cluster. They are part of this program: what is uploaded is what was built and tested with
//! it, and nothing has to be installed beside it.

use sha2::{Digest, Sha256};

/// Files by their path below the folder of the scripts.
#[derive(Clone, Debug)]
pub struct Scripts {
    files: Vec<(String, Vec<u8>)>,
}

macro_rules! spark {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../spark/", $name)))),*]
    };
}

/// A test holds this list equal to the folder.
const EMBEDDED: &[(&str, &[u8])] = spark![
    "bulk_copy.py",
    "gx_runner.py",
    "incremental_sync.py",
    "row_digest.py",
    "icebridge_jobs/__init__.py",
    "icebridge_jobs/batch_copy.py",
    "icebridge_jobs/batch_plan.py",
    "icebridge_jobs/carried_properties.py",
    "icebridge_jobs/column_measures.py",
    "icebridge_jobs/column_path.py",
    "icebridge_jobs/commit_marks.py",
    "icebridge_jobs/comparison.py",
    "icebridge_jobs/conversions.py",
    "icebridge_jobs/copy_input.py",
    "icebridge_jobs/copy_table.py",
    "icebridge_jobs/engine_error.py",
    "icebridge_jobs/errors.py",
    "icebridge_jobs/expectations.py",
    "icebridge_jobs/iceberg_table.py",
    "icebridge_jobs/job_input.py",
    "icebridge_jobs/outcome.py",
    "icebridge_jobs/runtime.py",
    "icebridge_jobs/session.py",
    "icebridge_jobs/source_changes.py",
    "icebridge_jobs/source_read.py",
    "icebridge_jobs/source_table.py",
    "icebridge_jobs/substitution.py",
    "icebridge_jobs/sync_input.py",
    "icebridge_jobs/sync_merge.py",
    "icebridge_jobs/sync_table.py",
    "icebridge_jobs/table_name.py",
    "icebridge_jobs/table_result.py",
    "icebridge_jobs/target_ddl.py",
    "icebridge_jobs/target_table.py",
    "icebridge_jobs/uniqueness.py",
    "icebridge_jobs/validation_input.py",
];

pub const BULK_COPY: &str = "bulk_copy.py";
pub const GX_RUNNER: &str = "gx_runner.py";
pub const INCREMENTAL_SYNC: &str = "incremental_sync.py";
/// What the second installs where it runs: the version that it is tested with. A test holds the two equal.
pub const GREAT_EXPECTATIONS: &str = "great_expectations==1.24.1";

impl Scripts {
    pub fn embedded() -> Self {
        Self::new(EMBEDDED.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec())))
    }

    /// Others, such as a company's own build of them.
    pub fn new(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let mut files: Vec<_> = files.into_iter().collect();
        files.sort();
        Self { files }
    }

    pub fn files(&self) -> &[(String, Vec<u8>)] {
        &self.files
    }

    /// Names the folder they lie in: other contents, other folder, and no run sees a file change under it.
    pub fn hash(&self) -> String {
        let mut digest = Sha256::new();
        for (name, content) in &self.files {
            for part in [name.as_bytes(), content] {
                digest.update((part.len() as u64).to_le_bytes());
                digest.update(part);
            }
        }
        let hash = hex::encode(digest.finalize());
        hash.get(..16).unwrap_or(&hash).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn the_program_holds_every_script_of_the_folder() {
        let spark = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../spark");
        let mut there = BTreeSet::new();
        for folder in ["", "icebridge_jobs"] {
            for entry in std::fs::read_dir(spark.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|ending| ending == "py") {
                    there.insert(path.strip_prefix(&spark).unwrap().to_str().unwrap().replace('\\', "/"));
                }
            }
        }
        let embedded: BTreeSet<String> = EMBEDDED.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(embedded, there);
    }

    #[test]
    fn a_cluster_installs_the_version_that_the_scripts_are_tested_with() {
        let pins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/requirements.txt");
        let pins = std::fs::read_to_string(pins).unwrap();
        let own: Vec<_> = pins.lines().filter(|line| line.starts_with("great_expectations")).collect();
        assert_eq!(own, [GREAT_EXPECTATIONS]);
    }

    #[test]
    fn no_script_would_be_taken_for_a_notebook() {
        for (name, content) in EMBEDDED {
            assert!(!content.starts_with(b"# Databricks notebook source"), "{name}");
        }
    }

    #[test]
    fn another_content_is_another_folder() {
        let of = |content: &str| Scripts::new([("a.py".to_owned(), content.as_bytes().to_vec())]).hash();
        assert_ne!(of("a"), of("b"));
        assert_eq!(Scripts::embedded().hash().len(), 16);
    }
}
