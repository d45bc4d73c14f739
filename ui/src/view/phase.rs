//! What a run is doing at this moment, in words: a rate of nothing says neither that it waits nor for what.

use crate::view::format;
use icebridge_model::run::{RunCounters, TableState};
use icebridge_model::view::{ViewRow, measures};

/// How much of a table's copy is done. A cluster counts the rows.
pub fn of_table(row: &ViewRow, state: TableState) -> (u64, u64) {
    let counted = match row.text("engine") {
        "photon" => (row.amount("rows_copied"), row.amount("rows")),
        _ => (row.amount("bytes_copied"), row.amount("bytes_to_copy")),
    };
    measures::progress(state, counted)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtWork {
    pub queued: usize,
    pub copying: usize,
    pub committing: usize,
    pub validating: usize,
}

impl AtWork {
    pub fn of(counters: &RunCounters) -> Self {
        let of = |state| counters.of(state);
        Self {
            queued: of(TableState::Queued),
            copying: of(TableState::Copying),
            committing: of(TableState::Committing),
            validating: of(TableState::Committed) + of(TableState::Validating),
        }
    }

    /// Whether a rate and the time left mean anything: only a copy moves bytes.
    pub fn moves_bytes(self) -> bool {
        self.copying > 0
    }

    /// `2 copying, 1 committing, 3 queued`.
    pub fn counts(self) -> String {
        let named = [
            (self.copying, "copying"),
            (self.committing, "committing"),
            (self.validating, "validating"),
            (self.queued, "queued"),
        ];
        let words: Vec<String> = named
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{} {word}", format::count(*count as u64)))
            .collect();
        if words.is_empty() { "finishing".into() } else { words.join(", ") }
    }

    /// Why no byte moves although tables are at work; nothing while one does.
    pub fn waiting(self, commits_per_minute: Option<u32>) -> Option<String> {
        if self.moves_bytes() {
            return None;
        }
        if self.committing > 0 {
            let limit = commits_per_minute.map_or_else(String::new, |most| {
                format!("; the plan allows {} a minute", format::counted(u64::from(most), "commit", "commits"))
            });
            let (tables, wait) = match self.committing {
                1 => ("1 table is".to_string(), "waits for its commit"),
                many => (format!("{} tables are", format::count(many as u64)), "wait for their commits"),
            };
            return Some(format!("{tables} copied and {wait}{limit}."));
        }
        if self.validating > 0 {
            return Some("Everything begun is copied; both sides are being read and compared.".into());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_work(states: &[TableState]) -> AtWork {
        let mut counters = RunCounters::default();
        for state in states {
            *counters.by_state.entry(state.as_str().into()).or_default() += 1;
        }
        AtWork::of(&counters)
    }

    #[test]
    fn a_run_that_only_waits_for_commits_says_so() {
        let now = at_work(&[TableState::Committing, TableState::Committing, TableState::Queued, TableState::Migrated]);
        assert!(!now.moves_bytes());
        assert_eq!(now.counts(), "2 committing, 1 queued");
        assert_eq!(
            now.waiting(Some(1)).as_deref(),
            Some("2 tables are copied and wait for their commits; the plan allows 1 commit a minute.")
        );
        let one = at_work(&[TableState::Committing]);
        assert_eq!(one.waiting(None).as_deref(), Some("1 table is copied and waits for its commit."));
    }

    #[test]
    fn a_copy_has_a_rate_and_no_excuse() {
        let now = at_work(&[TableState::Copying, TableState::Committing, TableState::Validating]);
        assert!(now.moves_bytes());
        assert_eq!(now.waiting(Some(60)), None);
        assert_eq!(now.counts(), "1 copying, 1 committing, 1 validating");
    }

    #[test]
    fn comparing_moves_no_bytes() {
        let now = at_work(&[TableState::Committed, TableState::Validating]);
        assert!(now.waiting(None).is_some_and(|words| words.contains("compared")));
        assert_eq!(at_work(&[TableState::Migrated]).counts(), "finishing");
    }
}
