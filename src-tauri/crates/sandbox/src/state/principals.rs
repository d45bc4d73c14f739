//! Users, groups and service principals.

use serde_json::{Value, json};

/// Owns the metastore and its catalogs; opens the governance gate.
pub const ADMIN: &str = "admin@sandbox.example";
/// The user who migrates.
pub const PILOT: &str = "pilot@sandbox.example";
/// Reads what is granted to it, and never signs in.
pub const ANALYST: &str = "analysts@sandbox.example";
/// The application id of the service principal, by which it is named in grants.
pub const SERVICE_PRINCIPAL: &str = "5f0c6c1e-7d1b-4f6e-9a51-0a3c1f5e2b77";
pub const ACCOUNT_USERS: &str = "account users";
pub const MIGRATORS: &str = "migration-engineers";
const ADMINS: &str = "admins";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The name in grants and as owner: the mail address of a user, the application id of a service principal.
    pub name: String,
    pub display: String,
    pub id: u64,
    pub groups: Vec<String>,
    pub is_service: bool,
    /// Of a service principal: who may let jobs run as it.
    pub users: Vec<String>,
}

#[derive(Clone, Debug)]
struct Group {
    name: String,
    id: u64,
}

#[derive(Debug)]
pub struct Principals {
    principals: Vec<Principal>,
    groups: Vec<Group>,
    last_id: u64,
}

impl Default for Principals {
    fn default() -> Self {
        let principal = |name: &str, display: &str, id, groups: &[&str], is_service| Principal {
            name: name.to_owned(),
            display: display.to_owned(),
            id,
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            is_service,
            users: Vec::new(),
        };
        let group = |(id, name): (u64, &str)| Group { name: name.to_owned(), id };
        Self {
            principals: vec![
                principal(ADMIN, "Ada Admin", 7_001, &[ACCOUNT_USERS, ADMINS], false),
                principal(PILOT, "Pia Pilot", 7_002, &[ACCOUNT_USERS, MIGRATORS], false),
                principal(SERVICE_PRINCIPAL, "icebridge-robot", 7_003, &[ACCOUNT_USERS, MIGRATORS], true),
                principal(ANALYST, "Analysts", 7_004, &[ACCOUNT_USERS], false),
            ],
            groups: (9_000..).zip([ACCOUNT_USERS, MIGRATORS, ADMINS]).map(group).collect(),
            last_id: 10_000,
        }
    }
}

impl Principals {
    pub fn get(&self, name: &str) -> Option<&Principal> {
        self.principals.iter().find(|principal| principal.is_named(name))
    }

    /// The spelling that the workspace keeps. Users are found in any letter case, groups in theirs alone.
    pub fn spelled(&self, name: &str) -> Option<&str> {
        let group = self.groups.iter().find(|group| group.name == name).map(|group| group.name.as_str());
        self.get(name).map(|principal| principal.name.as_str()).or(group)
    }

    pub fn id(&self, name: &str) -> Option<u64> {
        let group = self.groups.iter().find(|group| group.name == name).map(|group| group.id);
        self.get(name).map(|principal| principal.id).or(group)
    }

    pub fn knows(&self, name: &str) -> bool {
        self.spelled(name).is_some()
    }

    pub fn is_group(&self, name: &str) -> bool {
        self.groups.iter().any(|group| group.name == name)
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn add_group(&mut self, name: &str) {
        if !self.is_group(name) {
            let id = self.next_id();
            self.groups.push(Group { name: name.to_owned(), id });
        }
    }

    /// Adds a user, if there is an @ in the name, or a group. Unity Catalog keeps users in lower case.
    pub fn add(&mut self, name: &str, groups: Vec<String>) {
        for group in &groups {
            self.add_group(group);
        }
        if !name.contains('@') {
            return self.add_group(name);
        }
        if self.get(name).is_none() {
            let id = self.next_id();
            self.principals.push(Principal {
                name: name.to_lowercase(),
                display: name.to_owned(),
                id,
                groups: groups.into_iter().chain([ACCOUNT_USERS.to_owned()]).collect(),
                is_service: false,
                users: Vec::new(),
            });
        }
    }

    /// Lets these run jobs as a service principal. False: there is no such one.
    pub fn set_users(&mut self, service: &str, users: Vec<String>) -> bool {
        let found = self.principals.iter_mut().find(|one| one.is_service && one.name == service);
        found.map(|one| one.users = users).is_some()
    }

    /// Deletes a user, service principal or group; gives its name and id.
    pub fn remove(&mut self, name: &str) -> Option<(String, u64)> {
        let (name, id) = (self.spelled(name)?.to_owned(), self.id(name)?);
        self.principals.retain(|principal| principal.name != name);
        self.groups.retain(|group| group.name != name);
        for principal in &mut self.principals {
            principal.groups.retain(|group| *group != name);
        }
        Some((name, id))
    }

    pub fn users(&self) -> impl Iterator<Item = &Principal> {
        self.principals.iter().filter(|principal| !principal.is_service)
    }
}

impl Principal {
    fn is_named(&self, name: &str) -> bool {
        if self.is_service { self.name == name } else { self.name.eq_ignore_ascii_case(name) }
    }

    /// Whether this is the name of the principal or of one of its groups.
    pub fn is(&self, name: &str) -> bool {
        self.is_named(name) || self.groups.iter().any(|group| group == name)
    }

    pub fn is_admin(&self) -> bool {
        self.is(ADMINS)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_in_any_case_and_groups_in_theirs() {
        let mut principals = Principals::default();
        principals.add("Lea@New.Example", vec!["Data Team".to_owned()]);
        assert_eq!(principals.spelled("LEA@new.example"), Some("lea@new.example"));
        assert_eq!((principals.spelled("Data Team"), principals.spelled("data team")), (Some("Data Team"), None));
        assert_eq!(principals.spelled(&SERVICE_PRINCIPAL.to_uppercase()), None);
    }

    #[test]
    fn one_who_comes_back_under_the_old_name_is_somebody_else() {
        let mut principals = Principals::default();
        principals.add("lea@new.example", vec!["team".to_owned()]);
        let (name, id) = principals.remove("Lea@new.example").unwrap();
        assert_eq!((name.as_str(), principals.knows("lea@new.example")), ("lea@new.example", false));
        assert!(principals.remove("lea@new.example").is_none());
        principals.add("lea@new.example", vec!["team".to_owned()]);
        assert_ne!(principals.id("lea@new.example"), Some(id));
        principals.remove("team").unwrap();
        assert!(!principals.get("lea@new.example").unwrap().is("team"));
    }
}
