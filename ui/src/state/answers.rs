//! What the backend's answers change: an answer to a question of another route changes nothing.

use super::{Basis, Fresh, MappingDraft, Page, Session, ShownRun, Work};
use icebridge_model::finding::PreflightOutline;
use icebridge_model::mapping::Mapping;
use icebridge_model::ops::{PlanSaved, Route};
use icebridge_model::run::RunOverview;
use icebridge_model::view::ViewPage;
use std::rc::Rc;

impl Session {
    pub(super) fn begin(&mut self, work: Work) {
        self.notices.retain(|notice| notice.work != work);
        if work == Work::Inventory {
            self.scan = None;
        }
        if !self.is_busy(&work) {
            self.busy.push(work);
        }
    }

    pub(super) fn inventory_read(&mut self, route: &Route, all: ViewPage) {
        if route.source == self.route().source {
            self.inventory = Some(Rc::new(all));
            self.inventory_version += 1;
        }
    }

    pub(super) fn inventory_changed(&mut self, whole: bool) {
        self.source_is_empty = whole && self.inventory.as_ref().is_some_and(|all| all.total == 0);
        self.scan = None;
        self.mapping = self.mapping.take().filter(MappingDraft::is_changed);
        self.age_from(Page::Mapping);
    }

    pub(super) fn mapping_read(&mut self, route: &Route, mapping: Mapping, counts: ViewPage) {
        if route == self.route() {
            self.mapping = Some(MappingDraft::new(mapping, counts));
        }
    }

    pub(super) fn mapping_saved(&mut self, mapping: Mapping) {
        let counts = self.mapping.as_ref().map(|draft| (*draft.counts).clone()).unwrap_or_default();
        self.mapping = Some(MappingDraft::new(mapping, counts));
        self.age_from(Page::Mapping);
    }

    pub(super) fn preflight_made(&mut self, route: &Route, basis: Basis, report: PreflightOutline) {
        if route != self.route() {
            return;
        }
        // The same answer once more takes nothing from the plan.
        if self.preflight.as_ref().is_none_or(|known| *known.value != report) {
            self.age_from(Page::Preflight);
        }
        let stale = basis.of_preflight != self.basis.of_preflight;
        self.preflight = Some(Fresh { value: Rc::new(report), stale });
        self.preflight_version += 1;
    }

    pub(super) fn plan_made(&mut self, basis: Basis, made: PlanSaved) {
        if made.plan.source != self.route().source || made.plan.target != self.route().target {
            return;
        }
        self.set_prefs(|prefs| prefs.plan_path.clone_from(&made.path));
        // A plan of the last session has no basis in this one; its settings tell at least.
        let stale = basis.of_plan != self.basis.of_plan || made.plan.settings != self.settings();
        self.plan = Some(Fresh { value: Rc::new(made), stale });
    }

    pub(super) fn show_run(&mut self, run: RunOverview) {
        self.run = Some(match &self.run {
            Some(shown) if shown.view.run_id == run.run_id => shown.replaced_by(run),
            _ => ShownRun::new(run),
        });
    }
}
