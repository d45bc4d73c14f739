//! What Great Expectations found of each copy that is done, by what the checks left. A pure function. A copy stays what it
//! is: a check that failed, or never came, makes it one that is not proved.

use super::judge::Evidence;
use super::record::{LaneCheck, StepRecord};
use super::result_file::{CheckEntry, Left, error_of};
use icebridge_model::photon::{ClusterResult, ClusterValidation, CopyEnd};
use icebridge_model::validation::Check;
use icebridge_model::{Code, Error, TableIdent};

/// Of a check's example values, which can be as long as a cell of the table.
const LONGEST_DETAIL: usize = 500;

/// `left`: of each lane's check, in the lanes' order.
pub(super) fn add(results: &mut [ClusterResult], record: &StepRecord, evidence: &Evidence, left: &[Left<CheckEntry>]) {
    for (at, lane) in record.lanes.iter().enumerate() {
        let Some(check) = &lane.check else { continue };
        let left = left.get(at).unwrap_or(&Left::Missing);
        for table in &lane.tables {
            let copy = results.iter_mut().find(|result| result.target == table.target);
            if let Some(copy) = copy.filter(|copy| copy.end == CopyEnd::Done) {
                copy.validation = Some(of(&table.target, check, evidence, left));
            }
        }
    }
}

fn of(target: &TableIdent, check: &LaneCheck, evidence: &Evidence, left: &Left<CheckEntry>) -> ClusterValidation {
    // Also of a file that was never completed: an entry is written when its table is through.
    let entry = left.file().ok().and_then(|file| file.entry(target)).cloned();
    let error = match &entry {
        Some(entry) => entry.error.as_ref().map(error_of).or_else(|| (!entry.passed).then(unexplained)),
        None => Some(never_came(check, evidence, left)),
    };
    let entry = entry.unwrap_or_default();
    ClusterValidation {
        passed: entry.passed && error.is_none(),
        rows: entry.rows,
        digest: entry.digest,
        expected_rows: entry.expected_rows,
        expected_digest: entry.expected_digest,
        failed_columns: entry.failed_columns,
        checks: entry.checks.into_iter().map(short).collect(),
        docs: check.docs_path.clone(),
        milliseconds: entry.milliseconds,
        error: error.map(|error| error.about(target)),
    }
}

fn short(mut check: Check) -> Check {
    if let Some((end, _)) = check.detail.char_indices().nth(LONGEST_DETAIL) {
        check.detail.truncate(end);
    }
    check
}

fn unexplained() -> Error {
    Error::new(Code::ValidationFailed, "the copy does not validate, and the check does not say why")
}

fn never_came(check: &LaneCheck, evidence: &Evidence, left: &Left<CheckEntry>) -> Error {
    let mut error = Error::new(Code::RunFailed, "the table was copied, and the check on the cluster never came to it")
        .with_hint("Nothing is wrong with the copy as far as is known. Compare it here, or see the run's page.");
    let why = match left.file() {
        Ok(file) => match &file.error {
            Some(stopped) => error_of(stopped).to_string(),
            None => format!("its result file {} does not have this table", check.result_path),
        },
        Err(why) => format!("its result file {} {why}", check.result_path),
    };
    let task = evidence.end_of(&check.key).explanation();
    error = error.with_cause_text(why).with_cause_text(format!("of the task: {task}"));
    error.causes.extend(evidence.printed(&check.key).iter().cloned());
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::judge::{Output, RunEnd, TaskEnds, never};
    use crate::cluster::record::{Lane, sample, started};
    use crate::cluster::result_file::read;
    use icebridge_databricks::jobs::{Outcome, TerminationCode, explain_termination};
    use icebridge_model::photon::ClusterCopy;
    use serde_json::{Value, json};

    fn record(checked: bool) -> StepRecord {
        started(vec![Lane::new("/Volumes/m/d/v/s", 1, vec![sample("a", 1), sample("b", 1), sample("c", 1)], checked)])
    }

    /// `a` and `b` are done, `c` is not.
    fn added(checked: bool, left: &Left<CheckEntry>) -> Vec<Option<ClusterValidation>> {
        let record = record(checked);
        let one = |table: &ClusterCopy| {
            let end = if table.target.name == "c" { CopyEnd::Failed } else { CopyEnd::Done };
            never(table, end, &Error::internal("x"))
        };
        let mut results: Vec<_> = record.tables().map(one).collect();
        let failed = Outcome::Failed(explain_termination(Some(&TerminationCode::RunExecutionError), ""));
        let evidence = Evidence {
            end: RunEnd::Over(failed.clone()),
            tasks: TaskEnds::from([("check-1".to_owned(), failed)]),
            output: Output::from([("check-1".to_owned(), vec!["last line".to_owned()])]),
        };
        add(&mut results, &record, &evidence, std::slice::from_ref(left));
        results.into_iter().map(|result| result.validation).collect()
    }

    fn file(complete: bool, tables: &Value) -> Left<CheckEntry> {
        let text = json!({"result_version": 1, "plan_hash": "p", "complete": complete, "tables": tables});
        read(text.to_string().as_bytes(), "p")
    }

    fn entry(name: &str, passed: bool) -> Value {
        let check = json!({"name": "range:id", "passed": passed, "source": "1 to 9", "target": "1 to 8", "column": "id",
            "expectation": "expect_x", "detail": "é".repeat(2 * LONGEST_DETAIL)});
        let error = json!({"code": "validation-failed", "message": "1 of 1 checks failed (range:id)", "object": null,
            "hint": null, "causes": [], "retryable": false});
        json!({"target": format!("Main.s.{name}"), "passed": passed, "rows": 8, "digest": "d", "expected_rows": 9,
            "expected_digest": "e", "failed_columns": ["id"], "checks": [check], "milliseconds": 7,
            "error": if passed { Value::Null } else { error }})
    }

    #[test]
    fn each_copy_that_is_done_has_its_answer_and_no_other() {
        let all = added(true, &file(true, &json!([entry("a", true), entry("b", false), entry("c", false)])));
        let [Some(a), Some(b), None] = all.as_slice() else { panic!("{all:?}") };
        assert!(a.passed && a.error.is_none());
        assert_eq!((a.rows, a.expected_rows, a.milliseconds), (Some(8), Some(9), Some(7)));
        assert_eq!((a.digest.as_deref(), a.expected_digest.as_deref()), (Some("d"), Some("e")));
        assert_eq!(a.docs, "/Volumes/m/d/v/s/docs-1");
        assert_eq!(a.checks[0].name, "range:id");
        assert_eq!(a.checks[0].detail.chars().count(), LONGEST_DETAIL);
        assert!(!b.passed && b.failed_columns == ["id"]);
        let error = b.error.as_ref().unwrap();
        assert_eq!((error.code, error.object.as_deref()), (Code::ValidationFailed, Some("main.s.b")));
        assert_eq!(added(false, &Left::Missing), [None, None, None], "it was not asked for");
    }

    #[test]
    fn the_error_of_a_check_that_did_not_run_says_what_is_known() {
        let broken = read::<CheckEntry>(b"{\"result_", "p");
        for (left, why) in
            [(Left::Missing, "is not there"), (broken, "breaks off"), (file(false, &json!([])), "not have this table")]
        {
            let found = added(true, &left)[0].clone().unwrap();
            let error = found.error.unwrap();
            assert!(!found.passed && error.code == Code::RunFailed, "{error}");
            let causes = error.causes.join("\n");
            assert!(causes.contains(why) && causes.contains("the script failed"), "{causes}");
            assert!(causes.ends_with("last line"), "{causes}");
        }
        // What it came to before it was killed counts.
        let all = added(true, &file(false, &json!([entry("a", true)])));
        assert!(all[0].as_ref().unwrap().passed && !all[1].as_ref().unwrap().passed, "{all:?}");
        // A pass is said, and not the lack of an error.
        let unsaid = added(true, &file(true, &json!([{"target": "main.s.a"}])));
        assert!(!unsaid[0].as_ref().unwrap().passed);
    }

    #[test]
    fn a_record_from_before_there_were_checks_still_reads() {
        let mut old = serde_json::to_value(record(true)).unwrap();
        old["lanes"][0].as_object_mut().unwrap().remove("check");
        let read: StepRecord = serde_json::from_value(old).unwrap();
        assert_eq!(read, record(false));
    }
}
