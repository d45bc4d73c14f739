//! The chosen source and target.

use super::{Role, Session};
use icebridge_model::catalog::CatalogSpec;
use std::rc::Rc;

impl Session {
    /// Another source or target: nothing read for the old pair holds.
    fn leave_route(&mut self, source_changed: bool) {
        if source_changed {
            self.inventory = None;
            self.source_is_empty = false;
            self.scan = None;
        }
        self.mapping = None;
        self.preflight = None;
        self.plan = None;
        self.set_prefs(|prefs| prefs.plan_path.clear());
    }

    pub(super) fn choose(&mut self, role: Role, name: String) {
        let current = match role {
            Role::Source => &self.prefs.route.source,
            Role::Target => &self.prefs.route.target,
        };
        if *current == name {
            return;
        }
        self.leave_route(role == Role::Source);
        self.set_prefs(|prefs| match role {
            Role::Source => prefs.route.source = name,
            Role::Target => prefs.route.target = name,
        });
    }

    pub(super) fn set_catalogs(&mut self, catalogs: Vec<CatalogSpec>) {
        let known = |name: &str, role: Role| catalogs.iter().any(|spec| spec.name == name && spec.role == role);
        for role in [Role::Source, Role::Target] {
            let chosen = match role {
                Role::Source => self.prefs.route.source.clone(),
                Role::Target => self.prefs.route.target.clone(),
            };
            let mut of_role = catalogs.iter().filter(|spec| spec.role == role);
            // A removed catalog is no longer chosen; the only one there is needs no choosing.
            if !known(&chosen, role) {
                let only = of_role.next().filter(|_| of_role.next().is_none());
                self.choose(role, only.map(|spec| spec.name.clone()).unwrap_or_default());
            }
        }
        self.checks.retain(|name, _| catalogs.iter().any(|spec| spec.name == *name));
        self.catalogs = Some(Rc::new(catalogs));
    }
}
