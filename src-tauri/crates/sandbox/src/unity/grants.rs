//! Grants, as they were made: securable to principal to privileges.

use super::securable::Securable;
use crate::state::Principal;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub struct Grants(BTreeMap<Securable, BTreeMap<String, BTreeSet<String>>>);

impl Grants {
    pub fn add(&mut self, securable: &Securable, principal: &str, privilege: &str) {
        let principals = self.0.entry(securable.clone()).or_default();
        principals.entry(principal.to_owned()).or_default().insert(privilege.to_owned());
    }

    pub fn remove(&mut self, securable: &Securable, principal: &str, privilege: &str) {
        if let Some(principals) = self.0.get_mut(securable)
            && let Some(privileges) = principals.get_mut(principal)
        {
            privileges.remove(privilege);
            if privileges.is_empty() {
                principals.remove(principal);
            }
        }
    }

    /// What was granted to the one is the other's.
    pub fn rename(&mut self, from: &str, to: &str) {
        for principals in self.0.values_mut() {
            if let Some(privileges) = principals.remove(from) {
                principals.insert(to.to_owned(), privileges);
            }
        }
    }

    /// Granted to the principal or one of its groups, on this very object.
    pub fn holds(&self, principal: &Principal, securable: &Securable, privilege: &str) -> bool {
        self.of(securable).any(|(name, privileges)| principal.is(name) && privileges.contains(privilege))
    }

    pub fn of(&self, securable: &Securable) -> impl Iterator<Item = (&String, &BTreeSet<String>)> {
        self.0.get(securable).into_iter().flatten()
    }
}
