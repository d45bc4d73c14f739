//! How the pinned snapshot's files are shared out: units of work that are made, checkpointed and repeated as a whole.

use crate::manifest::DataFile;
use crate::partition::PartitionValue;
use crate::scan::FileTask;
use icebridge_model::TableIdent;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// Column chunks move as they are, where the files' footers allow it.
    Move,
    /// Rows are decoded; all belong to the partition their files are in.
    Decode,
    /// Rows are decoded and find their partition by the new spec.
    Split,
}

#[derive(Clone, Debug)]
pub struct Unit {
    pub work: Work,
    pub files: Vec<FileTask>,
    /// Names the unit, its checkpoint and its files.
    pub id: String,
}

#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The spec that is the new table's, too; none: all rows find their partitions anew.
    pub kept_spec_id: Option<i32>,
    pub move_chunks: bool,
    pub target_bytes: u64,
    /// In a later round a file comes again with other deletes, and is another unit then.
    pub by_deletes: bool,
}

/// Files of one partition are packed up to the target size. The same files give the same units, in the same order.
pub fn units(mut tasks: Vec<FileTask>, rules: Rules, plan_hash: &str, target: &TableIdent) -> Vec<Unit> {
    tasks.sort_by(|a, b| a.file.path.cmp(&b.file.path));
    let mut groups: BTreeMap<(Work, i32, String), Vec<FileTask>> = BTreeMap::new();
    for task in tasks {
        let work = work(&task, rules);
        groups.entry((work, task.file.spec_id, partition_key(&task.file))).or_default().push(task);
    }
    let mut out = Vec::new();
    for ((work, _, _), tasks) in groups {
        let mut files: Vec<FileTask> = Vec::new();
        let mut bytes = 0;
        for task in tasks {
            if !files.is_empty() && bytes + task.file.size > rules.target_bytes {
                out.push(unit(work, std::mem::take(&mut files), rules, plan_hash, target));
                bytes = 0;
            }
            bytes += task.file.size;
            files.push(task);
        }
        if !files.is_empty() {
            out.push(unit(work, files, rules, plan_hash, target));
        }
    }
    // The largest first: the last ones to finish should be small.
    out.sort_by_key(|unit| std::cmp::Reverse(unit.files.iter().map(|t| t.file.size).sum::<u64>()));
    out
}

fn work(task: &FileTask, rules: Rules) -> Work {
    if rules.kept_spec_id != Some(task.file.spec_id) {
        Work::Split
    } else if rules.move_chunks && task.deletes.is_empty() && task.file.format == "PARQUET" {
        Work::Move
    } else {
        Work::Decode
    }
}

fn partition_key(file: &DataFile) -> String {
    let one = |value: &Option<PartitionValue>| match value {
        None => "-".to_string(),
        Some(value) => format!("{value:?}"),
    };
    file.partition.iter().map(one).collect::<Vec<_>>().join("\u{1f}")
}

fn unit(work: Work, files: Vec<FileTask>, rules: Rules, plan_hash: &str, target: &TableIdent) -> Unit {
    let mut hash = Sha256::new();
    let mut part = |bytes: &str| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(plan_hash);
    part(&target.to_string());
    part(&format!("{work:?}"));
    for task in &files {
        part(&task.file.path);
        if rules.by_deletes {
            part(&format!("{:032x}", task.read_key(&|path: &str| path.to_string())));
        }
    }
    let id = hex::encode(&hash.finalize()[..16]);
    Unit { work, files, id }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::FileContent;

    fn task(path: &str, size: u64, spec_id: i32, partition: i64) -> FileTask {
        FileTask {
            file: DataFile {
                content: FileContent::Data,
                path: path.into(),
                added_by: 1,
                format: "PARQUET".into(),
                spec_id,
                partition: vec![Some(PartitionValue::Integer(partition))],
                record_count: 1,
                size,
                has_key_metadata: false,
                equality_ids: vec![],
                sort_order_id: None,
                first_row_id: None,
                referenced_data_file: None,
                content_offset: None,
                content_size: None,
                path_bounds: None,
            },
            sequence_number: 1,
            deletes: vec![],
        }
    }

    fn rules() -> Rules {
        Rules { kept_spec_id: Some(1), move_chunks: true, target_bytes: 100, by_deletes: false }
    }

    #[test]
    fn files_pack_by_partition_and_size_whatever_their_order() {
        let tasks = vec![
            task("a", 60, 1, 1),
            task("b", 60, 1, 1),
            task("c", 30, 1, 1),
            task("d", 10, 1, 2),
            task("e", 10, 0, 1),
        ];
        let target = TableIdent::new(["n"], "t");
        let made = units(tasks.clone(), rules(), "p", &target);
        let names: Vec<Vec<&str>> =
            made.iter().map(|u| u.files.iter().map(|f| f.file.path.as_str()).collect()).collect();
        assert_eq!(names, [vec!["b", "c"], vec!["a"], vec!["d"], vec!["e"]]);
        assert_eq!(made[3].work, Work::Split);
        let reversed = units(tasks.into_iter().rev().collect(), rules(), "p", &target);
        assert_eq!(made.iter().map(|u| &u.id).collect::<Vec<_>>(), reversed.iter().map(|u| &u.id).collect::<Vec<_>>());
    }

    #[test]
    fn deletes_and_settings_ask_for_decoding() {
        let mut deleted = task("a", 1, 1, 1);
        deleted.deletes.push(std::sync::Arc::new(deleted.file.clone()));
        assert_eq!(work(&deleted, rules()), Work::Decode);
        assert_eq!(work(&task("a", 1, 1, 1), Rules { move_chunks: false, ..rules() }), Work::Decode);
        assert_eq!(work(&task("a", 1, 1, 1), rules()), Work::Move);
        assert_eq!(work(&task("a", 1, 1, 1), Rules { kept_spec_id: None, ..rules() }), Work::Split);
    }
}
