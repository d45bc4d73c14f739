//! What the compute of a plan may cost. The workspace's bill comes hours later, so the clock counts: each run costs what its
//! largest machines would cost from its start to its end, at the upper end of the prices.

use super::record::StepRecord;
use crate::mutex::lock;
use icebridge_databricks::jobs::Run;
use icebridge_model::{Code, Error, Result};
use std::collections::HashMap;
use std::sync::Mutex;

/// Cents an hour of one step, at the upper end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    pub clusters: f64,
    pub serverless: f64,
}

#[derive(Debug)]
pub struct SpendCap {
    dollars: u32,
    rates: Rates,
    /// Cents by step and attempt.
    spent: Mutex<HashMap<(String, u32), f64>>,
}

impl SpendCap {
    pub fn new(dollars: u32, rates: Rates) -> Self {
        Self { dollars, rates, spent: Mutex::default() }
    }

    /// What a run of the record's step has cost so far.
    pub fn count(&self, record: &StepRecord, milliseconds: u64) {
        let rate = if record.is_serverless() { self.rates.serverless } else { self.rates.clusters };
        let cents = milliseconds as f64 / 3_600_000.0 * rate;
        let mut spent = lock(&self.spent);
        let counted = spent.entry((record.step.clone(), record.attempt)).or_default();
        // What was spent is not given back, whatever a clock says.
        *counted = counted.max(cents);
    }

    pub fn is_reached(&self) -> bool {
        self.cents() >= f64::from(self.dollars) * 100.0
    }

    fn cents(&self) -> f64 {
        lock(&self.spent).values().sum()
    }

    /// Before anything is begun that costs.
    pub fn allow(&self) -> Result<()> {
        if self.is_reached() { Err(self.error()) } else { Ok(()) }
    }

    pub fn error(&self) -> Error {
        // Above any real bill: the cast only rounds.
        let cents = self.cents().round() as u64;
        let spent = format!("${}.{:02}", cents / 100, cents % 100);
        Error::new(Code::SpendCap, format!("the plan's clusters have reached the spend cap of ${}", self.dollars))
            .with_cause_text(format!(
                "by the clock and the upper end of the prices {spent} are spent; the workspace's own bill may be less"
            ))
    }
}

/// From a run's start on, until it ended or until now.
pub(super) fn milliseconds(run: &Run, now: i64) -> u64 {
    let given = |time: Option<i64>| time.filter(|time| *time > 0);
    let Some(start) = given(run.start_time) else { return 0 };
    let end = given(run.end_time).unwrap_or(now);
    u64::try_from(end.saturating_sub(start)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::record::started;
    use super::*;
    use serde_json::json;

    const HOUR: u64 = 3_600_000;

    #[test]
    fn runs_add_up_and_each_is_counted_once() {
        let cap = SpendCap::new(5, Rates { clusters: 1000.0, serverless: 200.0 });
        let mut record = started(Vec::new());
        cap.count(&record, HOUR);
        cap.count(&record, HOUR);
        assert!(cap.allow().is_ok(), "2 of 5 dollars");
        record.attempt = 2;
        cap.count(&record, HOUR);
        assert!(cap.allow().is_ok(), "4 of 5 dollars");
        cap.count(&record, 0);
        record.step = "alone-1".into();
        cap.count(&record, HOUR / 2);
        let error = cap.allow().unwrap_err();
        assert_eq!(error.code, Code::SpendCap);
        assert!(error.message.contains("$5") && error.causes[0].contains("$5.00"), "{error:?}");
    }

    #[test]
    fn nothing_at_all_may_be_spent_with_a_cap_of_nothing() {
        assert!(SpendCap::new(0, Rates { clusters: 1.0, serverless: 1.0 }).is_reached());
    }

    #[test]
    fn a_run_is_timed_by_what_the_workspace_says_of_it() {
        let run = |start: i64, end: i64| -> Run {
            serde_json::from_value(json!({"run_id": 1, "start_time": start, "end_time": end})).unwrap()
        };
        assert_eq!(milliseconds(&run(1000, 0), 5000), 4000);
        assert_eq!(milliseconds(&run(1000, 3000), 5000), 2000);
        assert_eq!(milliseconds(&run(9000, 0), 5000), 0, "a workspace whose clock is ahead");
        assert_eq!(milliseconds(&run(0, 0), 5000), 0);
        assert_eq!(milliseconds(&run(i64::MIN, i64::MAX), i64::MAX), 0);
    }
}
