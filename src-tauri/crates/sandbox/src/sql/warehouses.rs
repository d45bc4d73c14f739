//! SQL warehouses: stopped until a statement needs them, and not for everybody.

use crate::base::{Refusal, millis};
use crate::state::{ADMIN, Principal};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warehouse {
    pub id: String,
    pub name: String,
    #[serde(default = "Warehouse::usual_size")]
    pub cluster_size: String,
    /// CLASSIC or PRO.
    #[serde(default = "Warehouse::usual_type")]
    pub warehouse_type: String,
    #[serde(default)]
    pub enable_serverless_compute: bool,
    /// Who may use it; everybody, if nobody is named.
    #[serde(default)]
    pub may_use: Vec<String>,
    #[serde(default)]
    running: bool,
    /// When it is up; None while it is stopped.
    #[serde(skip)]
    ready: Option<i64>,
}

/// The ones of a sandbox.
pub struct Warehouses(Vec<Warehouse>);

impl Default for Warehouses {
    fn default() -> Self {
        Self(vec![Warehouse {
            id: "5a4db0c5a4db0c51".to_owned(),
            name: "Sandbox Warehouse".to_owned(),
            cluster_size: Warehouse::usual_size(),
            warehouse_type: Warehouse::usual_type(),
            enable_serverless_compute: true,
            may_use: Vec::new(),
            running: false,
            ready: None,
        }])
    }
}

impl Warehouse {
    fn usual_size() -> String {
        "Small".to_owned()
    }

    fn usual_type() -> String {
        "PRO".to_owned()
    }

    fn is_for(&self, caller: &Principal) -> bool {
        self.may_use.is_empty() || caller.is_admin() || self.may_use.iter().any(|name| caller.is(name))
    }

    /// STOPPED, STARTING or RUNNING.
    pub fn state(&self, now: i64) -> &'static str {
        match self.ready {
            None => "STOPPED",
            Some(at) if at > now => "STARTING",
            Some(_) => "RUNNING",
        }
    }

    /// True if it was stopped: a start that has begun is not begun again.
    pub fn start(&mut self, takes: Duration, now: i64) -> bool {
        let stopped = self.ready.is_none();
        if stopped {
            self.ready = Some(now + millis(takes));
        }
        stopped
    }

    pub fn stop(&mut self) {
        self.ready = None;
    }

    pub fn payload(&self, now: i64) -> Value {
        let state = self.state(now);
        json!({
            "id": self.id, "name": self.name, "state": state, "size": self.cluster_size.to_uppercase().replace('-', "_"),
            "cluster_size": self.cluster_size, "min_num_clusters": 1, "max_num_clusters": 1,
            "num_clusters": i32::from(state == "RUNNING"), "auto_stop_mins": 10, "enable_photon": true,
            "enable_serverless_compute": self.enable_serverless_compute, "warehouse_type": self.warehouse_type,
            "creator_name": ADMIN, "spot_instance_policy": "COST_OPTIMIZED", "num_active_sessions": 0,
            "health": {"status": "HEALTHY"},
            "odbc_params": {
                "hostname": "127.0.0.1", "path": format!("/sql/1.0/warehouses/{}", self.id), "port": 443, "protocol": "https",
            },
        })
    }
}

impl Warehouses {
    /// Instead of those that were there.
    pub fn replace(&mut self, mut all: Vec<Warehouse>, now: i64) -> Result<(), Refusal> {
        for one in &mut all {
            if !["CLASSIC", "PRO"].contains(&one.warehouse_type.as_str()) {
                return Err(Refusal::invalid(format!("warehouse_type cannot be {}", one.warehouse_type)));
            }
            one.ready = one.running.then_some(now);
        }
        self.0 = all;
        Ok(())
    }

    /// Those that the caller may use.
    pub fn of<'a>(&'a self, caller: &'a Principal) -> impl Iterator<Item = &'a Warehouse> {
        self.0.iter().filter(|one| one.is_for(caller))
    }

    pub fn get(&mut self, id: &str, caller: &Principal) -> Result<&mut Warehouse, Refusal> {
        let absent = || Refusal::absent(format!("SQL warehouse {id} does not exist."));
        let found = self.0.iter_mut().find(|one| one.id == id).ok_or_else(absent)?;
        if found.is_for(caller) {
            return Ok(found);
        }
        let message = format!("{} does not have permission to use the SQL warehouse {id}.", caller.name);
        Err(Refusal::new(403, "PERMISSION_DENIED", message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{PILOT, Principals};

    #[test]
    fn a_warehouse_starts_once() {
        let mut all = Warehouses::default();
        let warehouse = &mut all.0[0];
        assert_eq!(warehouse.state(0), "STOPPED");
        assert!(warehouse.start(Duration::from_millis(100), 0));
        assert!(!warehouse.start(Duration::from_millis(100), 50));
        assert_eq!((warehouse.state(99), warehouse.state(100)), ("STARTING", "RUNNING"));
        warehouse.stop();
        assert_eq!(warehouse.state(100), "STOPPED");
    }

    #[test]
    fn some_are_for_some() {
        let mut all = Warehouses::default();
        let big = json!({"id": "b", "name": "big", "cluster_size": "2X-Large", "may_use": ["admins"]});
        let small = json!({"id": "s", "name": "small", "warehouse_type": "CLASSIC", "running": true});
        let read = |one: &Value| serde_json::from_value::<Warehouse>(one.clone()).unwrap();
        all.replace(vec![read(&big), read(&small)], 5).unwrap();
        let principals = Principals::default();
        let (pilot, admin) = (principals.get(PILOT).unwrap(), principals.get(ADMIN).unwrap());
        let names = |who| all.of(who).map(|one| one.id.as_str()).collect::<Vec<_>>();
        assert_eq!((names(pilot), names(admin)), (vec!["s"], vec!["b", "s"]));
        assert_eq!(all.get("b", pilot).unwrap_err().status, 403);
        assert_eq!(all.get("none", pilot).unwrap_err().status, 404);
        let payload = all.get("b", admin).unwrap().payload(5);
        assert_eq!((&payload["size"], &payload["state"]), (&json!("2X_LARGE"), &json!("STOPPED")));
        assert_eq!(all.get("s", pilot).unwrap().state(5), "RUNNING");
    }
}
