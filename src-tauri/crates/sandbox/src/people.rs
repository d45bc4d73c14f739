//! Who lives in the workspace.

use serde_json::{Value, json};

/// Owns the metastore and its catalogs; opens the governance gate.
pub const ADMIN: &str = "admin@sandbox.example";
/// The one who migrates.
pub const PILOT: &str = "pilot@sandbox.example";
/// The application id of the service principal, by which it is named in grants.
pub const ROBOT: &str = "5f0c6c1e-7d1b-4f6e-9a51-0a3c1f5e2b77";
pub const EVERYBODY: &str = "account users";
pub const MIGRATORS: &str = "migration-engineers";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name in grants and as owner: the mail address of a user, the application id of a service principal.
    pub name: String,
    pub display: String,
    pub id: u64,
    pub groups: Vec<String>,
    pub robot: bool,
}

#[derive(Debug)]
pub struct People {
    people: Vec<Person>,
    groups: Vec<String>,
}

impl Default for People {
    fn default() -> Self {
        let person = |name: &str, display: &str, id, groups: &[&str], robot| Person {
            name: name.to_owned(),
            display: display.to_owned(),
            id,
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            robot,
        };
        Self {
            people: vec![
                person(ADMIN, "Ada Admin", 7_001, &[EVERYBODY, "admins"], false),
                person(PILOT, "Pia Pilot", 7_002, &[EVERYBODY, MIGRATORS], false),
                person(ROBOT, "icebridge-robot", 7_003, &[EVERYBODY, MIGRATORS], true),
            ],
            groups: [EVERYBODY, MIGRATORS, "admins"].map(str::to_owned).to_vec(),
        }
    }
}

impl People {
    pub fn person(&self, name: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.name == name)
    }

    pub fn knows(&self, principal: &str) -> bool {
        self.person(principal).is_some() || self.groups.iter().any(|group| group == principal)
    }

    /// A user or a group more.
    pub fn add(&mut self, name: &str, groups: Vec<String>) {
        for group in &groups {
            if !self.groups.contains(group) {
                self.groups.push(group.clone());
            }
        }
        if !name.contains('@') {
            self.groups.push(name.to_owned());
        } else if self.person(name).is_none() {
            let id = 7_100 + self.people.len() as u64;
            let groups = groups.into_iter().chain([EVERYBODY.to_owned()]).collect();
            self.people.push(Person { name: name.to_owned(), display: name.to_owned(), id, groups, robot: false });
        }
    }

    pub fn users(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| !person.robot)
    }
}

impl Person {
    /// Whether the name is theirs or one of their groups'.
    pub fn is(&self, principal: &str) -> bool {
        self.name == principal || self.groups.iter().any(|group| group == principal)
    }

    pub fn scim(&self) -> Value {
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
        if !self.robot {
            me["emails"] = json!([{"type": "work", "value": self.name, "primary": true}]);
        }
        me
    }
}
