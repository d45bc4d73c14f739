//! What is known of the workspaces: who is signed in, how the gate stands, and the part of Unity Catalog that is in sight.

pub mod tables;

pub use tables::{Question, Tables};

use icebridge_model::databricks::{Gate, ProfileName, SchemaName, SignedOut, WorkspaceSpec, WorkspaceStatus};
use icebridge_model::event::Event;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The name under which the app's own sandbox is listed.
pub const SANDBOX: &str = "sandbox";

/// A sandbox of this app ends with it, and its workspace stays in the list.
pub fn is_ended_sandbox(spec: &WorkspaceSpec, running: Option<&str>) -> bool {
    spec.name == SANDBOX && spec.host.starts_with("http://127.0.0.1:") && running != Some(&*spec.host)
}

/// A sign-in that waits for the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub address: String,
    /// Whether a browser was started with it.
    pub opened: bool,
}

/// A verdict, and what it was asked of.
#[derive(Clone, Debug, PartialEq)]
pub struct GateSeen {
    pub targets: Vec<SchemaName>,
    pub gate: Rc<Gate>,
}

/// How far the listing of Unity Catalog has got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub schemas: usize,
    pub tables: usize,
    pub last: String,
}

#[derive(Clone, Debug, Default)]
pub struct Workspaces {
    pub specs: Option<Rc<Vec<WorkspaceSpec>>>,
    pub profiles: Option<Rc<Vec<ProfileName>>>,
    pub statuses: BTreeMap<String, Rc<WorkspaceStatus>>,
    pub waiting: BTreeMap<String, Waiting>,
    /// What the last sign-out of a workspace came to.
    pub signed_out: BTreeMap<String, SignedOut>,
    pub gates: BTreeMap<String, GateSeen>,
    pub listings: BTreeMap<String, Listing>,
    pub tables: Option<Tables>,
    /// The address of the sandbox that runs in this app.
    pub sandbox: Option<String>,
}

#[derive(Debug)]
pub enum Change {
    Specs(Vec<WorkspaceSpec>),
    Profiles(Vec<ProfileName>),
    Status(WorkspaceStatus),
    /// The address may be told late or never: a sign-in without a browser ends at once.
    SignInBegun(String),
    SignInEnded(String),
    SignedOut(String, SignedOut),
    Gate(String, Vec<SchemaName>, Gate),
    ListingBegun(String),
    ListingEnded(String),
    Tables(tables::Change),
    Sandbox(Option<String>),
}

impl Workspaces {
    pub fn spec(&self, name: &str) -> Option<&WorkspaceSpec> {
        self.specs.as_ref()?.iter().find(|spec| spec.name == name)
    }

    pub fn is_signed_in(&self, name: &str) -> bool {
        self.statuses.get(name).is_some_and(|status| status.signed_in)
    }

    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Specs(specs) => self.set_specs(specs),
            Change::Profiles(profiles) => self.profiles = Some(Rc::new(profiles)),
            Change::Status(status) => {
                if status.signed_in {
                    self.signed_out.remove(&status.name);
                } else {
                    // What a person could see who is gone says nothing about the next one.
                    self.gates.remove(&status.name);
                }
                self.statuses.insert(status.name.clone(), Rc::new(status));
            }
            Change::SignInBegun(name) => {
                self.signed_out.remove(&name);
                self.waiting.remove(&name);
            }
            Change::SignInEnded(name) => drop(self.waiting.remove(&name)),
            Change::SignedOut(name, outcome) => {
                self.statuses.remove(&name);
                self.gates.remove(&name);
                self.signed_out.insert(name, outcome);
            }
            Change::Gate(name, targets, gate) => {
                self.gates.insert(name, GateSeen { targets, gate: Rc::new(gate) });
            }
            Change::ListingBegun(name) => drop(self.listings.insert(name, Listing::default())),
            Change::ListingEnded(name) => drop(self.listings.remove(&name)),
            Change::Tables(change) => self.tables = Tables::changed(self.tables.take(), change),
            Change::Sandbox(url) => self.sandbox = url,
        }
    }

    /// What is announced counts only while it is waited for: an event may come after its operation has ended.
    pub fn hear(&mut self, event: Event, is_signing_in: bool) {
        match event {
            Event::SignIn { workspace, address, opened } if is_signing_in => {
                self.waiting.insert(workspace, Waiting { address, opened });
            }
            Event::Unity { workspace, schemas, tables, last } => {
                if let Some(listing) = self.listings.get_mut(&workspace) {
                    *listing = Listing { schemas, tables, last };
                }
            }
            _ => {}
        }
    }

    /// Nothing is kept of a workspace that is gone, or that leads elsewhere now.
    fn set_specs(&mut self, specs: Vec<WorkspaceSpec>) {
        let before = self.specs.take();
        let same = |name: &String| {
            let old = before.iter().flat_map(|specs| specs.iter()).find(|spec| spec.name == *name);
            let new = specs.iter().find(|spec| spec.name == *name);
            new.is_some() && (old.is_none() || old == new)
        };
        self.statuses.retain(|name, _| same(name));
        self.gates.retain(|name, _| same(name));
        self.signed_out.retain(|name, _| same(name));
        if self.tables.as_ref().is_some_and(|tables| !same(&tables.question.workspace)) {
            self.tables = None;
        }
        self.specs = Some(Rc::new(specs));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::databricks::SignInMethod;

    pub fn spec(name: &str, host: &str) -> WorkspaceSpec {
        WorkspaceSpec {
            name: name.into(),
            host: host.into(),
            account_id: None,
            workspace_id: None,
            sign_in: SignInMethod::Browser { client_id: None },
            ca_file: None,
            proxy: None,
            secrets: Vec::new(),
        }
    }

    fn status(name: &str, signed_in: bool) -> WorkspaceStatus {
        WorkspaceStatus { name: name.into(), signed_in, ..WorkspaceStatus::default() }
    }

    fn open() -> Gate {
        Gate { host: String::new(), principal: String::new(), unmet: Vec::new(), met: Vec::new() }
    }

    fn after(changes: impl IntoIterator<Item = Change>) -> Workspaces {
        let mut all = Workspaces::default();
        changes.into_iter().for_each(|change| all.apply(change));
        all
    }

    #[test]
    fn a_workspace_that_leads_elsewhere_starts_anew() {
        let known = || {
            vec![
                Change::Specs(vec![spec("dev", "https://a"), spec("prod", "https://b")]),
                Change::Status(status("dev", true)),
                Change::Status(status("prod", true)),
            ]
        };
        let mut changes = known();
        changes.push(Change::Specs(vec![spec("dev", "https://elsewhere"), spec("prod", "https://b")]));
        let all = after(changes);
        assert!(!all.is_signed_in("dev") && all.is_signed_in("prod"));
        let mut changes = known();
        changes.push(Change::Specs(vec![spec("prod", "https://b")]));
        assert!(!after(changes).statuses.contains_key("dev"));
    }

    #[test]
    fn signing_out_forgets_what_that_person_saw() {
        let mut all = after([
            Change::Specs(vec![spec("dev", "https://a")]),
            Change::Status(status("dev", true)),
            Change::Gate("dev".into(), Vec::new(), open()),
            Change::SignedOut("dev".into(), SignedOut::Revoked),
        ]);
        assert!(!all.is_signed_in("dev") && all.gates.is_empty());
        assert_eq!(all.signed_out["dev"], SignedOut::Revoked);
        all.apply(Change::Status(status("dev", true)));
        assert!(all.signed_out.is_empty(), "the old outcome is of no interest to whoever is signed in");
    }

    #[test]
    fn an_address_that_comes_late_is_not_shown() {
        let told = || Event::SignIn { workspace: "dev".into(), address: "https://a/oidc".into(), opened: true };
        let mut all = after([Change::SignInBegun("dev".into())]);
        all.hear(told(), true);
        assert_eq!(all.waiting["dev"].address, "https://a/oidc");
        all.apply(Change::SignInEnded("dev".into()));
        all.hear(told(), false);
        assert!(all.waiting.is_empty());
    }

    #[test]
    fn progress_counts_only_while_a_listing_runs() {
        let told = || Event::Unity { workspace: "dev".into(), schemas: 1, tables: 7, last: "a.b".into() };
        let mut all = after([Change::ListingBegun("dev".into())]);
        all.hear(told(), false);
        assert_eq!(all.listings["dev"].tables, 7);
        all.apply(Change::ListingEnded("dev".into()));
        all.hear(told(), false);
        assert!(all.listings.is_empty());
    }
}
