//! What is known of the run's cut-over: its last answer, and how it shall be done.

use icebridge_model::cutover::CutoverOutline;
use icebridge_model::ids::RunId;
use std::rc::Rc;

#[derive(Clone, Debug)]
pub struct CutoverDraft {
    pub outline: Option<Rc<CutoverOutline>>,
    /// Grows when the tables should be asked for anew.
    pub version: u64,
    /// As they were typed.
    pub quiet_seconds: String,
    pub within_minutes: String,
    pub hooks: String,
}

impl Default for CutoverDraft {
    fn default() -> Self {
        Self {
            outline: None,
            version: 0,
            quiet_seconds: "60".into(),
            within_minutes: "30".into(),
            hooks: String::new(),
        }
    }
}

impl CutoverDraft {
    /// Of this run.
    pub fn of(&self, run_id: &RunId) -> Option<&Rc<CutoverOutline>> {
        self.outline.as_ref().filter(|outline| outline.run_id == *run_id)
    }

    pub fn answered(&mut self, outline: CutoverOutline) {
        self.outline = Some(Rc::new(outline));
        self.version += 1;
    }

    /// In seconds; None: what was typed is no time.
    pub fn quiet(&self) -> Option<u64> {
        self.quiet_seconds.trim().parse().ok().filter(|seconds| *seconds <= 86_400)
    }

    pub fn within(&self) -> Option<u64> {
        self.within_minutes.trim().parse::<u64>().ok().filter(|minutes| (1..=10_080).contains(minutes)).map(|m| m * 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_times_are_times() {
        let with = |quiet: &str, within: &str| {
            let draft =
                CutoverDraft { quiet_seconds: quiet.into(), within_minutes: within.into(), ..CutoverDraft::default() };
            (draft.quiet(), draft.within())
        };
        assert_eq!(with("60", "30"), (Some(60), Some(1800)));
        assert_eq!(with(" 0 ", "1"), (Some(0), Some(60)));
        for bad in ["", "-1", "1.5", "soon", "99999999999999999999", "100000"] {
            assert_eq!(with(bad, bad), (None, None), "{bad}");
        }
        assert_eq!(with("1", "0").1, None);
    }
}
