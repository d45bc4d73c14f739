//! The settings that every question about a route is asked with.

use super::prefs::Prefs;
use super::unity::Place;
use super::{Page, Session};
use icebridge_model::Error;
use icebridge_model::catalog::CatalogKind;
use icebridge_model::plan::Settings;

impl Session {
    pub fn target_is_unity(&self) -> bool {
        self.catalog(&self.route().target).is_some_and(|spec| spec.kind == CatalogKind::Unity)
    }

    /// What every question about this route is asked with.
    pub fn settings(&self) -> Settings {
        let mut settings = self.prefs.settings.clone();
        if self.target_is_unity() {
            self.prefs.unity.join(&mut settings);
        }
        settings
    }

    pub fn settings_problem(&self) -> Option<(Place, Error)> {
        self.prefs.unity.problem().filter(|_| self.target_is_unity())
    }

    pub(super) fn change_settings(&mut self, change: impl FnOnce(&mut Prefs)) {
        let before = self.settings();
        self.set_prefs(change);
        let now = self.settings();
        if now != before {
            // Pre-flight chooses the mode and the engine of each table, and rests on no other setting.
            let of_preflight = |of: &Settings| (of.mode, of.engine, of.photon.clone());
            let page = if of_preflight(&now) == of_preflight(&before) { Page::Preflight } else { Page::Mapping };
            self.age_from(page);
        }
    }
}
