//! What is known of the run's sync: its last answer, and how far the work under way is.

use icebridge_model::event::Event;
use icebridge_model::ids::RunId;
use icebridge_model::sync::{SyncOutline, SyncProgress, SyncState, rounds_apart};
use std::rc::Rc;

/// Rounds again and again, for as long as the window is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    pub run_id: RunId,
    pub minutes: u32,
    /// Rounds in a row of which nothing came.
    pub failed: u32,
}

impl Repeat {
    pub fn pause_ms(&self) -> f64 {
        f64::from(self.minutes) * 60_000.0 * f64::from(rounds_apart(self.failed))
    }
}

#[derive(Clone, Debug, Default)]
pub struct SyncDraft {
    pub outline: Option<Rc<SyncOutline>>,
    pub progress: Option<SyncProgress>,
    /// What a cluster does for the round that is at work, in words.
    pub job: String,
    /// Grows when the tables should be asked for anew.
    pub version: u64,
    /// Looks and rounds that ended.
    pub answers: u64,
    pub repeat: Option<Repeat>,
    /// When the next round begins, in milliseconds since 1970.
    pub due: Option<f64>,
}

impl SyncDraft {
    /// Whether the run was looked at in this session.
    pub fn knows(&self, run_id: &RunId) -> bool {
        self.outline.as_ref().is_some_and(|outline| outline.run_id == *run_id)
    }

    pub fn answered(&mut self, outline: SyncOutline) {
        self.outline = Some(Rc::new(outline));
        self.progress = None;
        self.job.clear();
        self.version += 1;
        self.answers += 1;
    }

    pub fn round_answered(&mut self, outline: SyncOutline) {
        let failed = outline.by_state.get(SyncState::Failed.as_str()).is_some_and(|count| *count > 0);
        // One table that fails must not slow down the others.
        self.round_ended(!failed || outline.rounds > 0);
        self.answered(outline);
    }

    pub fn round_ended(&mut self, is_good: bool) {
        self.due = None;
        if let Some(repeat) = &mut self.repeat {
            repeat.failed = if is_good { 0 } else { repeat.failed.saturating_add(1) };
        }
    }

    pub fn repeat(&mut self, repeat: Option<Repeat>) {
        self.repeat = repeat;
        self.due = None;
    }

    /// How often the rounds of this run are repeated.
    pub fn minutes(&self, run_id: &RunId) -> Option<u32> {
        self.repeat.as_ref().filter(|repeat| repeat.run_id == *run_id).map(|repeat| repeat.minutes)
    }

    /// The rows of the tables that are done are written before the event is sent.
    pub fn hear(&mut self, event: &Event) {
        match event {
            Event::Sync { progress, .. } => {
                if self.progress.is_none_or(|before| before.done != progress.done) {
                    self.version += 1;
                }
                self.progress = Some(*progress);
            }
            Event::SyncJob { message, .. } => self.job.clone_from(message),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_that_fail_are_further_and_further_apart() {
        let repeat = Repeat { run_id: "r".into(), minutes: 5, failed: 0 };
        let mut sync = SyncDraft { repeat: Some(repeat), due: Some(1.0), ..SyncDraft::default() };
        let mut pauses = Vec::new();
        for is_good in [true, false, false, false, false, false, true] {
            sync.round_ended(is_good);
            pauses.push(sync.repeat.as_ref().unwrap().pause_ms() / 300_000.0);
        }
        assert_eq!(pauses, [1.0, 2.0, 4.0, 8.0, 16.0, 16.0, 1.0]);
        assert_eq!((sync.due, sync.minutes(&"r".into()), sync.minutes(&"s".into())), (None, Some(5), None));
    }

    #[test]
    fn progress_lasts_until_the_answer() {
        let mut sync = SyncDraft::default();
        let progress = SyncProgress { done: 1, tables: 3, ..SyncProgress::default() };
        sync.hear(&Event::Sync { run_id: "r".into(), progress });
        assert_eq!((sync.progress, sync.version), (Some(progress), 1));
        // More bytes of the same tables change no row.
        sync.hear(&Event::Sync { run_id: "r".into(), progress: SyncProgress { bytes: 9, ..progress } });
        assert_eq!(sync.version, 1);
        sync.hear(&Event::SyncJob { run_id: "r".into(), message: "running".into(), run_page_url: None });
        assert_eq!((sync.job.as_str(), sync.version), ("running", 1));
        let outline = SyncOutline {
            run_id: "r".into(),
            at: String::new(),
            tables: 3,
            by_state: [("behind".into(), 2)].into(),
            rounds: 0,
            files_copied: 0,
            bytes_written: 0,
        };
        sync.answered(outline);
        assert!(sync.progress.is_none() && sync.job.is_empty() && sync.knows(&"r".into()) && !sync.knows(&"s".into()));
    }
}
