//! What is known of the run's sync: its last answer, and how far the work under way is.

use icebridge_model::event::Event;
use icebridge_model::ids::RunId;
use icebridge_model::sync::SyncOutline;
use std::rc::Rc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub done: usize,
    pub tables: usize,
}

#[derive(Clone, Debug, Default)]
pub struct SyncDraft {
    pub outline: Option<Rc<SyncOutline>>,
    pub progress: Option<Progress>,
    /// What a cluster does for the round that is at work, in words.
    pub job: String,
    /// Grows when the tables should be asked for anew.
    pub version: u64,
    /// Looks and rounds that ended.
    pub answers: u64,
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

    /// The rows of the tables that are done are written before the event is sent.
    pub fn hear(&mut self, event: &Event) {
        match event {
            Event::Sync { done, tables, .. } => {
                self.progress = Some(Progress { done: *done, tables: *tables });
                self.version += 1;
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
    fn progress_lasts_until_the_answer() {
        let mut sync = SyncDraft::default();
        sync.hear(&Event::Sync { run_id: "r".into(), done: 1, tables: 3 });
        assert_eq!((sync.progress, sync.version), (Some(Progress { done: 1, tables: 3 }), 1));
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
