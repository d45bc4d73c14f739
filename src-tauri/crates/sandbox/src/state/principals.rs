//! Users, groups and the service principal.

use serde_json::{Value, json};

/// Owns the metastore and its catalogs; opens the governance gate.
pub const ADMIN: &str = "admin@sandbox.example";
/// The user who migrates.
pub const PILOT: &str = "pilot@sandbox.example";
/// The application id of the service principal, by which it is named in grants.
pub const SERVICE_PRINCIPAL: &str = "5f0c6c1e-7d1b-4f6e-9a51-0a3c1f5e2b77";
pub const ACCOUNT_USERS: &str = "account users";
pub const MIGRATORS: &str = "migration-engineers";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The name in grants and as owner: the mail address of a user, the application id of a service principal.
    pub name: String,
    pub display: String,
    pub id: u64,
    pub groups: Vec<String>,
    pub is_service: bool,
}

#[derive(Debug)]
pub struct Principals {
    principals: Vec<Principal>,
    groups: Vec<String>,
}

impl Default for Principals {
    fn default() -> Self {
        let principal = |name: &str, display: &str, id, groups: &[&str], is_service| Principal {
            name: name.to_owned(),
            display: display.to_owned(),
            id,
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            is_service,
        };
        Self {
            principals: vec![
                principal(ADMIN, "Ada Admin", 7_001, &[ACCOUNT_USERS, "admins"], false),
                principal(PILOT, "Pia Pilot", 7_002, &[ACCOUNT_USERS, MIGRATORS], false),
                principal(SERVICE_PRINCIPAL, "icebridge-robot", 7_003, &[ACCOUNT_USERS, MIGRATORS], true),
            ],
            groups: [ACCOUNT_USERS, MIGRATORS, "admins"].map(str::to_owned).to_vec(),
        }
    }
}

impl Principals {
    pub fn get(&self, name: &str) -> Option<&Principal> {
        self.principals.iter().find(|principal| principal.name == name)
    }

    pub fn knows(&self, principal: &str) -> bool {
        self.get(principal).is_some() || self.groups.iter().any(|group| group == principal)
    }

    /// Adds a user, if there is an @ in the name, or a group.
    pub fn add(&mut self, name: &str, groups: Vec<String>) {
        for group in &groups {
            if !self.groups.contains(group) {
                self.groups.push(group.clone());
            }
        }
        if !name.contains('@') {
            self.groups.push(name.to_owned());
        } else if self.get(name).is_none() {
            let id = 7_100 + self.principals.len() as u64;
            let groups = groups.into_iter().chain([ACCOUNT_USERS.to_owned()]).collect();
            self.principals.push(Principal {
                name: name.to_owned(),
                display: name.to_owned(),
                id,
                groups,
                is_service: false,
            });
        }
    }

    pub fn users(&self) -> impl Iterator<Item = &Principal> {
        self.principals.iter().filter(|principal| !principal.is_service)
    }
}

impl Principal {
    /// Whether this is the name of the principal or of one of its groups.
    pub fn is(&self, principal: &str) -> bool {
        self.name == principal || self.groups.iter().any(|group| group == principal)
    }

    /// As SCIM has it.
    pub fn payload(&self) -> Value {
        let groups: Vec<Value> = self
            .groups
            .iter()
            .enumerate()
            .map(|(at, group)| json!({"display": group, "value": (9_000 + at).to_string(), "type": "direct"}))
            .collect();
        let mut me = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": self.id.to_string(), "userName": self.name, "displayName": self.display, "active": true, "groups": groups,
            "entitlements": [{"value": "workspace-access"}, {"value": "databricks-sql-access"}],
        });
        if !self.is_service {
            me["emails"] = json!([{"type": "work", "value": self.name, "primary": true}]);
        }
        me
    }
}
