//! How far each step is, for the rail.

use crate::state::{Page, Session, Work};
use crate::view::format;
use icebridge_model::run::{RunState, TableState};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// An earlier step is missing.
    Waiting,
    Ready,
    Working,
    /// It is done as far as it goes, but a person has to look.
    Attention,
    Done,
}

impl StepState {
    pub fn word(self) -> &'static str {
        match self {
            StepState::Waiting => "not yet",
            StepState::Ready => "ready",
            StepState::Working => "working",
            StepState::Attention => "needs attention",
            StepState::Done => "done",
        }
    }
}

/// The state, and a few words under the step's name.
pub fn step(session: &Session, page: Page) -> (StepState, String) {
    match page {
        Page::Connect => connect(session),
        Page::Inventory => inventory(session),
        Page::Mapping => mapping(session),
        Page::Preflight => preflight(session),
        Page::Plan => plan(session),
        Page::Run => run(session),
        Page::Validate => validate(session),
        Page::Sync => sync(session),
        Page::Cutover => cutover(session),
        Page::Audit => audit(session),
        Page::Workspaces | Page::History => (StepState::Ready, String::new()),
    }
}

/// A few words on the workspaces; they are beside the steps, and never done.
pub fn workspaces(session: &Session) -> String {
    let all = &session.workspaces;
    if session.busy.iter().any(|work| matches!(work, Work::SignIn(_))) {
        return "waiting for the browser".into();
    }
    let Some(listing) = all.listings.values().next() else {
        let signed_in = all.statuses.values().filter(|status| status.signed_in).count() as u64;
        return match all.specs.as_ref().map_or(0, |specs| specs.len()) {
            0 => "none yet".into(),
            _ if signed_in > 0 => format!("{} signed in", format::count(signed_in)),
            all => format::counted(all as u64, "workspace", "workspaces"),
        };
    };
    format!("reading, {}", format::tables(listing.tables))
}

fn connect(session: &Session) -> (StepState, String) {
    let route = session.route();
    if session.is_busy(&Work::Sample) {
        (StepState::Working, "making the sample".into())
    } else if session.has_route() {
        (StepState::Done, format!("{} → {}", route.source, route.target))
    } else {
        (StepState::Ready, "source and target".into())
    }
}

fn inventory(session: &Session) -> (StepState, String) {
    if session.is_busy(&Work::Inventory) {
        let words = session.scan.as_ref().map(|scan| format!("{} of {}", scan.done, scan.total));
        return (StepState::Working, words.unwrap_or_else(|| "reading".into()));
    }
    match &session.inventory {
        _ if session.route().source.is_empty() => (StepState::Waiting, String::new()),
        _ if session.source_is_empty => (StepState::Attention, "no table".into()),
        Some(all) if all.total > 0 => {
            let problems = all.count("state", "unreadable");
            let state = if problems > 0 { StepState::Attention } else { StepState::Done };
            (state, format::tables(all.total))
        }
        _ => (StepState::Ready, "not read yet".into()),
    }
}

fn has_inventory(session: &Session) -> bool {
    session.has_route() && session.has_inventory()
}

fn mapping(session: &Session) -> (StepState, String) {
    match &session.mapping {
        _ if !has_inventory(session) => (StepState::Waiting, String::new()),
        Some(draft) if draft.is_changed() => (StepState::Attention, "not saved".into()),
        Some(draft) if draft.conflicts() > 0 => {
            (StepState::Attention, format::counted(draft.conflicts() as u64, "conflict", "conflicts"))
        }
        Some(draft) => (StepState::Done, format!("{} mapped", format::count(draft.mapped() as u64))),
        None => (StepState::Ready, String::new()),
    }
}

fn preflight(session: &Session) -> (StepState, String) {
    if session.is_busy(&Work::Preflight) {
        return (StepState::Working, "checking".into());
    }
    match &session.preflight {
        _ if !has_inventory(session) => (StepState::Waiting, String::new()),
        Some(report) if report.stale => (StepState::Attention, "out of date".into()),
        Some(report) if report.value.needs_acceptance > 0 => {
            (StepState::Attention, format!("{} to accept", report.value.needs_acceptance))
        }
        Some(report) => (StepState::Done, format!("{} ready", report.value.ready)),
        None => (StepState::Ready, String::new()),
    }
}

fn plan(session: &Session) -> (StepState, String) {
    if session.is_busy(&Work::Plan) {
        return (StepState::Working, "planning".into());
    }
    match &session.plan {
        _ if !has_inventory(session) => (StepState::Waiting, String::new()),
        Some(plan) if plan.stale => (StepState::Attention, "out of date".into()),
        Some(plan) => (StepState::Done, format::tables(plan.value.plan.tables)),
        None => (StepState::Ready, String::new()),
    }
}

fn run(session: &Session) -> (StepState, String) {
    if session.is_busy(&Work::Run) && session.run.as_ref().is_none_or(|run| !run.is_running()) {
        return (StepState::Working, "starting".into());
    }
    if let Some(run) = &session.run {
        let counters = &run.view.counters;
        return match run.view.state {
            RunState::Running => (StepState::Working, format!("{} of {}", counters.ended(), counters.tables())),
            RunState::Succeeded => (StepState::Done, format!("{} migrated", counters.of(TableState::Migrated))),
            RunState::Incomplete => (StepState::Attention, format!("{} failed", counters.of(TableState::Failed))),
            RunState::Cancelled => (StepState::Attention, "cancelled".into()),
            RunState::Interrupted => (StepState::Attention, "interrupted".into()),
        };
    }
    match &session.plan {
        Some(plan) if !plan.stale && plan.value.plan.tables > 0 => (StepState::Ready, "ready to start".into()),
        _ => (StepState::Waiting, String::new()),
    }
}

fn validate(session: &Session) -> (StepState, String) {
    let Some(run) = &session.run else { return (StepState::Waiting, String::new()) };
    let counters = &run.view.counters;
    if session.is_busy(&Work::Validate) || counters.of(TableState::Validating) > 0 {
        return (StepState::Working, "comparing".into());
    }
    match (counters.equal, counters.equal + counters.differ) {
        (_, 0) => (StepState::Waiting, String::new()),
        (passed, all) if passed < all => (StepState::Attention, format!("{} differ", all - passed)),
        (passed, _) if run.is_running() => (StepState::Working, format!("{passed} proved")),
        (passed, _) => (StepState::Done, format!("{passed} proved")),
    }
}

/// It is never done: a source may move on at any time.
fn sync(session: &Session) -> (StepState, String) {
    if session.is_busy(&Work::Sync) {
        let words = session.sync.progress.map(|progress| format!("{} of {}", progress.done, progress.tables));
        return (StepState::Working, words.unwrap_or_else(|| "syncing".into()));
    }
    let Some(run) = session.run.as_ref().filter(|run| !run.is_running()) else {
        return (StepState::Waiting, String::new());
    };
    if run.view.counters.of(TableState::Migrated) == 0 {
        return (StepState::Waiting, String::new());
    }
    let known = session.sync.outline.as_ref().filter(|outline| outline.run_id == run.view.run_id);
    let Some(outline) = known else { return (StepState::Ready, String::new()) };
    let count = |state: &str| outline.by_state.get(state).copied().unwrap_or(0);
    match (count("stopped") + count("failed"), count("behind")) {
        (0, 0) => (StepState::Done, "up to date".into()),
        (0, behind) => (StepState::Ready, format!("{behind} behind")),
        (wrong, _) => (StepState::Attention, format!("{wrong} not synced")),
    }
}

fn cutover(session: &Session) -> (StepState, String) {
    if session.is_busy(&Work::Cutover) {
        return (StepState::Working, "moving".into());
    }
    let Some(run) = session.run.as_ref().filter(|run| !run.is_running()) else {
        return (StepState::Waiting, String::new());
    };
    if run.view.counters.of(TableState::Migrated) == 0 {
        return (StepState::Waiting, String::new());
    }
    let Some(outline) = session.cutover.of(&run.view.run_id) else { return (StepState::Ready, String::new()) };
    let count = |state: &str| outline.by_state.get(state).copied().unwrap_or(0);
    match (count("failed") + count("moving") + count("returning"), count("on_probation"), count("finished")) {
        _ if outline.errors > 0 => {
            (StepState::Attention, format::counted(outline.errors as u64, "needs a look", "need a look"))
        }
        (1.., _, _) => (StepState::Attention, "not ended".into()),
        (_, moved @ 1.., _) => (StepState::Ready, format!("{moved} on probation")),
        (_, _, finished @ 1..) if count("not_begun") == 0 => (StepState::Done, format!("{finished} finished")),
        _ => (StepState::Ready, String::new()),
    }
}

fn audit(session: &Session) -> (StepState, String) {
    match (&session.run, &session.bundle) {
        _ if session.is_busy(&Work::Export) => (StepState::Working, "exporting".into()),
        (Some(run), Some((run_id, _))) if run.view.run_id == *run_id => (StepState::Done, "exported".into()),
        (Some(run), _) if run.view.exported_at.is_some() => (StepState::Done, "exported".into()),
        (Some(run), _) if !run.is_running() => (StepState::Ready, "not exported".into()),
        _ => (StepState::Waiting, String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::ShownRun;
    use crate::state::run::tests::run;

    #[test]
    fn nothing_is_ready_but_connecting_at_first() {
        let session = Session::default();
        for page in Page::STEPS {
            let expected = if page == Page::Connect { StepState::Ready } else { StepState::Waiting };
            assert_eq!(step(&session, page).0, expected, "{page:?}");
        }
    }

    #[test]
    fn a_failed_table_asks_for_attention() {
        let run = ShownRun::new(run(RunState::Incomplete, &[("failed", 1), ("migrated", 1)]));
        let mut session = Session::default();
        session.run = Some(run);
        assert_eq!(step(&session, Page::Run).0, StepState::Attention);
        assert_eq!(step(&session, Page::Validate).0, StepState::Waiting);
        assert_eq!(step(&session, Page::Audit).0, StepState::Ready);
    }
}
