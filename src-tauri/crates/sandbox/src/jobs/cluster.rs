//! A cluster: what its specification must have, and what became of it.

use super::offer;
use super::outcome::Outcome;
use crate::base::{Fields, Refusal};
use crate::state::ADMIN;
use serde_json::{Value, json};

/// An all-purpose cluster that is always listed.
pub const ALL_PURPOSE: &str = "0101-120000-sandbox0";

pub struct Cluster {
    pub id: String,
    pub name: String,
    pub spec: Value,
    pub creator: String,
    pub run: u64,
    pub task_keys: Vec<String>,
    pub state: &'static str,
    pub started: i64,
    pub ended: i64,
    /// (time, type)
    pub events: Vec<(i64, &'static str)>,
}

/// What is refused at once. What only the cloud refuses comes later, as the run's end.
pub fn check(place: &str, spec: &Value) -> Result<(), Refusal> {
    let missing =
        |name: &str| Refusal::invalid(format!("{place}: cluster validation error: missing required field: {name}"));
    let invalid = |message: String| Err(Refusal::invalid(format!("{place}: {message}")));
    let fields = Fields(spec.as_object().cloned().unwrap_or_default());
    let version = fields.must_text("spark_version").map_err(|_| missing("spark_version"))?;
    let engine = fields.text("runtime_engine")?;
    if engine.is_some() && version.contains("-photon-") {
        return invalid(format!("runtime_engine is not compatible with the Spark version {version}."));
    }
    if engine.is_some_and(|engine| !["PHOTON", "STANDARD", "NULL"].contains(&engine)) {
        return invalid(format!("unknown runtime_engine {engine:?}."));
    }
    if fields.text("instance_pool_id")?.is_none() && fields.text("node_type_id")?.is_none() {
        return Err(missing("node_type_id"));
    }
    if let Some(scale) = fields.get("autoscale") {
        let of = |name: &str| scale.get(name).and_then(Value::as_i64).unwrap_or_default();
        if of("max_workers") <= of("min_workers") || of("min_workers") < 0 {
            return invalid("autoscale.max_workers must be greater than min_workers.".to_owned());
        }
    } else if fields.int("num_workers")?.is_none() && fields.get("is_single_node").is_none() {
        return Err(missing("size: num_workers or autoscale"));
    }
    if fields.get("custom_tags").and_then(Value::as_object).is_some_and(|tags| tags.len() > 45) {
        return invalid("at most 45 custom tags are supported.".to_owned());
    }
    Ok(())
}

impl Cluster {
    /// Why it does not come up.
    pub fn start_failure(&self) -> Option<Outcome> {
        let refused =
            |message: String| Some(Outcome::new("FAILED", "INVALID_CLUSTER_REQUEST", "CLIENT_ERROR", message));
        let text = |name: &str| self.spec[name].as_str();
        let version = text("spark_version").unwrap_or_default();
        if !offer::VERSIONS.iter().any(|(key, _)| *key == version) {
            return refused(format!("Spark version {version} does not exist or is not supported in this workspace."));
        }
        for id in ["node_type_id", "driver_node_type_id"].into_iter().filter_map(text) {
            let Some(node) = offer::find(id) else {
                return refused(format!("Node type {id} is not supported."));
            };
            if text("runtime_engine") == Some("PHOTON") && !node.photon {
                return refused(format!("Node type {id} does not support Photon."));
            }
        }
        None
    }

    pub fn set_state(&mut self, state: &'static str, event: &'static str, now: i64) {
        self.state = state;
        self.events.push((now, event));
    }

    /// Of all its nodes; the most that autoscaling allows.
    pub fn dbu_per_hour(&self) -> f64 {
        let spec = &self.spec;
        let node = |name: &str| spec[name].as_str().and_then(offer::find).map(|node| node.dbu);
        let worker = node("node_type_id").unwrap_or(1.0);
        let driver = node("driver_node_type_id").unwrap_or(worker);
        let workers = spec["autoscale"]["max_workers"].as_f64().or(spec["num_workers"].as_f64()).unwrap_or(0.0);
        let plain = driver + worker * workers;
        if spec["runtime_engine"] == "PHOTON" { plain * 2.0 } else { plain }
    }

    pub fn payload(&self) -> Value {
        let mut payload = self.spec.clone();
        let own = json!({
            "cluster_id": self.id, "cluster_name": self.name, "state": self.state, "cluster_source": "JOB",
            "creator_user_name": self.creator, "start_time": self.started, "terminated_time": self.ended,
            "state_message": "", "default_tags": {"Vendor": "Databricks", "RunName": self.name, "ClusterId": self.id},
        });
        if let (Some(into), Some(from)) = (payload.as_object_mut(), own.as_object()) {
            into.extend(from.clone());
        }
        if self.state == "TERMINATED" {
            payload["termination_reason"] = json!({"code": "JOB_FINISHED", "type": "SUCCESS"});
        }
        payload
    }
}

pub fn all_purpose() -> Value {
    json!({
        "cluster_id": ALL_PURPOSE, "cluster_name": "shared", "state": "TERMINATED", "cluster_source": "UI",
        "creator_user_name": ADMIN, "spark_version": "17.3.x-scala2.13", "node_type_id": "i3.xlarge", "num_workers": 2,
        "data_security_mode": "USER_ISOLATION", "runtime_engine": "PHOTON",
        "termination_reason": {"code": "INACTIVITY", "type": "SUCCESS", "parameters": {"inactivity_duration_min": "60"}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(more: Value) -> Value {
        let mut spec = json!({"spark_version": "17.3.x-scala2.13", "node_type_id": "i3.xlarge", "num_workers": 2});
        for (name, value) in more.as_object().unwrap() {
            spec[name] = value.clone();
        }
        spec
    }

    fn cluster(spec: Value) -> Cluster {
        let (id, name, creator) = (String::new(), String::new(), String::new());
        let (state, task_keys, events) = ("PENDING", Vec::new(), Vec::new());
        Cluster { id, name, spec, creator, run: 1, task_keys, state, started: 0, ended: 0, events }
    }

    #[test]
    fn what_the_api_refuses_it_refuses_at_once() {
        assert!(check("Task a", &spec(json!({}))).is_ok());
        for (more, part) in [
            (json!({"spark_version": null}), "spark_version"),
            (json!({"spark_version": "12.2.x-aarch64-photon-scala2.12", "runtime_engine": "PHOTON"}), "not compatible"),
            (json!({"runtime_engine": "FAST"}), "unknown runtime_engine"),
            (json!({"node_type_id": null}), "node_type_id"),
            (json!({"num_workers": null}), "num_workers or autoscale"),
            (json!({"autoscale": {"min_workers": 2, "max_workers": 2}}), "greater than"),
        ] {
            let refusal = check("Task a", &spec(more)).unwrap_err();
            assert!(refusal.message.starts_with("Task a: ") && refusal.message.contains(part), "{}", refusal.message);
        }
    }

    #[test]
    fn what_the_cloud_refuses_fails_the_start() {
        let failure = |more: Value| cluster(spec(more)).start_failure().map(|end| end.message);
        assert_eq!(failure(json!({})), None);
        assert!(failure(json!({"spark_version": "1.x"})).unwrap().contains("Spark version 1.x"));
        assert!(failure(json!({"driver_node_type_id": "none"})).unwrap().contains("Node type none"));
        let photon = json!({"runtime_engine": "PHOTON", "node_type_id": "m4.large"});
        assert!(failure(photon).unwrap().contains("does not support Photon"));
    }

    #[test]
    fn all_nodes_are_billed_and_photon_doubles() {
        assert!((cluster(spec(json!({}))).dbu_per_hour() - 3.0).abs() < 1e-9);
        let more =
            json!({"runtime_engine": "PHOTON", "driver_node_type_id": "i3.2xlarge", "autoscale": {"max_workers": 4}});
        assert!((cluster(spec(more)).dbu_per_hour() - 12.0).abs() < 1e-9);
    }
}
