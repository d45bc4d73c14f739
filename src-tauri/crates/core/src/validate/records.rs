//! The rows that were read, against what the metadata says there are; and deletes that delete nothing.
//!
//! Both sides are read by one reader, so that a delete it does not see is missing from both digests. These checks count the
//! rows in another way: records in the manifests, less the positions in the delete files.

use icebridge_model::check::CheckKind;
use icebridge_model::copy_mode::CopyMode;
use icebridge_model::finding::{DANGLING_DELETES, Finding};
use icebridge_model::records::RecordCounts;
use icebridge_model::validation::{Check, Measurement};

/// None where a side was not counted. `mode`: a rewritten table has manifests of its own, which have to be right. Those of the others are the
/// source's, with whatever is wrong in them.
pub(super) fn check(source: &Measurement, target: &Measurement, mode: CopyMode) -> Option<Check> {
    let (from, to) = (Side::of(source)?, Side::of(target)?);
    let is_right = to.by_manifests.allow(to.rows);
    let is_carried = mode != CopyMode::Rewrite && to.by_manifests.data == from.by_manifests.data;
    let notes: Vec<String> =
        [("source", &from), ("target", &to)].iter().filter_map(|(name, side)| side.note(name)).collect();
    Some(Check {
        name: CheckKind::Records.into(),
        passed: from.holds() && (is_right || is_carried && to.holds()),
        source: from.shown(),
        target: to.shown(),
        detail: notes.join("; "),
    })
}

/// Of a table that a cluster alone compared: the rows that it read of the source, against the source's own metadata. A reader
/// that a row filter keeps rows from finds fewer, on both sides alike.
pub(super) fn check_source(rows: u64, by_manifests: &RecordCounts, by_footers: Option<&RecordCounts>) -> Check {
    let side = Side { rows, by_manifests, by_footers };
    Check {
        name: CheckKind::Records.into(),
        passed: side.holds(),
        source: side.shown(),
        target: String::new(),
        detail: side.note("source").unwrap_or_default(),
    }
}

struct Side<'a> {
    rows: u64,
    by_manifests: &'a RecordCounts,
    by_footers: Option<&'a RecordCounts>,
}

impl<'a> Side<'a> {
    fn of(measurement: &'a Measurement) -> Option<Self> {
        Some(Self {
            rows: measurement.rows,
            by_manifests: measurement.records.as_ref()?,
            by_footers: measurement.records_by_footers.as_ref(),
        })
    }

    /// Some writers put wrong counts into manifests. The files' own footers are right, or the file is broken.
    fn holds(&self) -> bool {
        self.by_manifests.allow(self.rows) || self.by_footers.is_some_and(|footers| footers.allow(self.rows))
    }

    fn counts(&self) -> &RecordCounts {
        self.by_footers.unwrap_or(self.by_manifests)
    }

    fn shown(&self) -> String {
        let counts = self.counts();
        let deletes = &counts.deletes;
        let mut text = format!("{} rows of {} records", self.rows, counts.data);
        if deletes.positions > 0 {
            text += &format!(", {} deleted by {} positions", deletes.applied, deletes.positions);
        }
        if deletes.keys > 0 {
            text += &format!(", {} delete keys", deletes.keys);
        }
        text
    }

    fn note(&self, side: &str) -> Option<String> {
        let (least, most) = self.counts().rows();
        let expected = if least == most { most.to_string() } else { format!("{least} to {most}") };
        match (self.by_footers, self.holds()) {
            (None, _) => None,
            (Some(_), false) => Some(format!("the {side} has {} rows where {expected} are expected", self.rows)),
            (Some(footers), true) => Some(format!(
                "the {side}'s manifests say {} records where its files have {}: engines that count by manifests give a wrong \
                 count",
                self.by_manifests.data, footers.data
            )),
        }
    }
}

/// Deletes that nothing explains keep a table from being migrated, unless they were accepted before the run. None where there
/// are no deletes at all.
pub(super) fn dangling(source: &Measurement, findings: &[Finding]) -> Option<Check> {
    let deletes = &source.records.as_ref()?.deletes;
    if deletes.positions == 0 {
        return None;
    }
    let accepted = findings.iter().any(|finding| finding.code == DANGLING_DELETES && finding.accepted);
    let detail = match (deletes.unexplained, accepted) {
        (0, _) => String::new(),
        (count, true) => format!("{count} positions without a data file were accepted as {DANGLING_DELETES}"),
        (count, false) => format!(
            "{count} positions name no data file that the table has or had{}: take the inventory again and decide about \
             {DANGLING_DELETES}",
            deletes.unexplained_path.as_ref().map_or(String::new(), |path| format!(", such as {path}"))
        ),
    };
    Some(Check {
        name: CheckKind::Deletes.into(),
        passed: deletes.unexplained == 0 || accepted,
        source: format!("{} of {} positions delete nothing", deletes.dangling, deletes.positions),
        target: String::new(),
        detail,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::finding::Verdict;
    use icebridge_model::records::DeleteCounts;

    fn read(rows: u64, data: u64, deletes: DeleteCounts, by_footers: Option<u64>) -> Measurement {
        Measurement {
            snapshot_id: Some(1),
            rows,
            digest: "d".into(),
            columns: Vec::new(),
            records_by_footers: by_footers.map(|data| RecordCounts { data, deletes: deletes.clone() }),
            records: Some(RecordCounts { data, deletes }),
        }
    }

    fn by_position(positions: u64, applied: u64, unexplained: u64) -> DeleteCounts {
        DeleteCounts { positions, applied, dangling: unexplained, unexplained, ..DeleteCounts::default() }
    }

    fn compared(source: &Measurement, target: &Measurement) -> Check {
        check(source, target, CopyMode::Rewrite).unwrap()
    }

    #[test]
    fn a_target_counts_right_unless_its_manifests_are_the_sources() {
        let (wrong, right) = (read(3, 9, DeleteCounts::default(), Some(3)), read(3, 3, DeleteCounts::default(), None));
        assert!(!compared(&right, &wrong).passed, "the files are right, and the manifests are ours");
        for mode in [CopyMode::Clone, CopyMode::Register] {
            assert!(check(&wrong, &wrong, mode).unwrap().passed, "wrong as the source's are");
            assert!(!check(&right, &wrong, mode).unwrap().passed, "and in no other way");
        }
        assert!(!compared(&wrong, &wrong).passed);
    }

    #[test]
    fn rows_that_metadata_does_not_allow_fail_the_table() {
        let whole = read(9, 10, by_position(1, 1, 0), None);
        assert!(compared(&whole, &read(9, 9, DeleteCounts::default(), None)).passed);
        // A reader that passes over the delete gives ten rows on both sides.
        let resurrected = read(10, 10, by_position(1, 1, 0), Some(10));
        let found = compared(&resurrected, &resurrected);
        assert!(!found.passed);
        assert!(found.detail.contains("10 rows where 9 are expected"), "{}", found.detail);
        assert!(!compared(&whole, &read(8, 9, DeleteCounts::default(), Some(9))).passed);
    }

    #[test]
    fn wrong_counts_in_manifests_are_told_and_do_no_harm() {
        let found = compared(&read(3, 9, DeleteCounts::default(), Some(3)), &read(3, 3, DeleteCounts::default(), None));
        assert!(found.passed && found.detail.contains("manifests say 9 records where its files have 3"));
    }

    #[test]
    fn a_side_that_was_not_counted_has_no_check() {
        let counted = read(1, 1, DeleteCounts::default(), None);
        let uncounted = Measurement { records: None, ..counted.clone() };
        assert!(check(&counted, &uncounted, CopyMode::Rewrite).is_none() && dangling(&uncounted, &[]).is_none());
    }

    #[test]
    fn deletes_without_a_data_file_want_an_acceptance() {
        let finding = |code: &'static str, accepted| Finding {
            code: code.into(),
            verdict: Verdict::Loses,
            title: "".into(),
            reason: String::new(),
            fix: "".into(),
            link: "".into(),
            accepted,
            way: None,
        };
        let found = read(3, 3, by_position(2, 0, 2), None);
        assert!(!dangling(&found, &[]).unwrap().passed);
        assert!(!dangling(&found, &[finding(DANGLING_DELETES, false), finding("IB-F101", true)]).unwrap().passed);
        assert!(dangling(&found, &[finding(DANGLING_DELETES, true)]).unwrap().passed);
        assert!(dangling(&read(2, 3, by_position(1, 1, 0), None), &[]).unwrap().passed);
        assert!(dangling(&read(3, 3, DeleteCounts::default(), None), &[]).is_none());
    }
}
