//! A cluster: what its specification must have, and what became of it.

use super::offer;
use super::outcome::Outcome;
use super::terms::{RunAs, Terms};
use crate::base::{Fields, Refusal, plain};
use crate::state::ADMIN;
use crate::state::behaviour::Cloud;
use serde_json::{Value, json};

/// An all-purpose cluster that is always listed.
pub const ALL_PURPOSE: &str = "0101-120000-sandbox0";

/// Stands for a catalog that Spark on a cluster cannot open; its name is in the error that a script then gets.
const CLOSED: &str = "sandbox.DefaultStorageNeedsServerlessCompute";

/// The specification with settings that close these catalogs to Spark.
pub fn closed_to<'a>(mut spec: Value, catalogs: impl Iterator<Item = &'a String>) -> Value {
    for catalog in catalogs {
        spec["spark_conf"][format!("spark.sql.catalog.{catalog}")] = CLOSED.into();
    }
    spec
}

pub struct Cluster {
    pub id: String,
    pub name: String,
    pub spec: Value,
    pub cloud: Cloud,
    pub creator: String,
    pub run: u64,
    pub task_keys: Vec<String>,
    pub state: &'static str,
    pub started: i64,
    pub ended: i64,
    /// (time, type)
    pub events: Vec<(i64, &'static str)>,
}

/// The specification as it will be used, with what its policy and its access mode fill in. What is refused at once is refused
/// here; what only the cloud refuses comes later, as the run's end.
pub fn settle(place: &str, spec: &Value, terms: &Terms<'_>, run_as: &RunAs) -> Result<Value, Refusal> {
    if terms.behaviour.serverless_only {
        return Err(Refusal::invalid("Only serverless compute is supported in the workspace."));
    }
    let mut spec = spec.clone();
    if let Some(id) = spec["policy_id"].as_str() {
        let policy = terms.policies.iter().find(|policy| policy.id == id);
        let missing = || Refusal::invalid(format!("{place}: Can't find a cluster policy with id: {id}."));
        spec = policy.ok_or_else(missing)?.apply(place, &spec)?;
    }
    let fields = Fields(spec.as_object().cloned().unwrap_or_default());
    check(place, &fields)?;
    check_machines(place, &fields, terms.behaviour.cloud)?;
    check_access(place, &fields, run_as)?;
    let is_dedicated =
        ["SINGLE_USER", "DATA_SECURITY_MODE_DEDICATED"].contains(&plain(&spec["data_security_mode"]).as_str());
    if is_dedicated && spec["single_user_name"].is_null() {
        spec["single_user_name"] = run_as.group.as_ref().unwrap_or(&run_as.name).as_str().into();
    }
    Ok(spec)
}

fn check(place: &str, fields: &Fields) -> Result<(), Refusal> {
    let missing =
        |name: &str| Refusal::invalid(format!("{place}: cluster validation error: missing required field: {name}"));
    let invalid = |message: String| Err(Refusal::invalid(format!("{place}: {message}")));
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

/// Machines, pools and instance profiles: those of this workspace and of its cloud.
fn check_machines(place: &str, fields: &Fields, cloud: Cloud) -> Result<(), Refusal> {
    let invalid = |message: String| Err(Refusal::invalid(format!("{place}: {message}")));
    for (name, own) in
        [("aws_attributes", Cloud::Aws), ("azure_attributes", Cloud::Azure), ("gcp_attributes", Cloud::Gcp)]
    {
        if own != cloud && fields.get(name).is_some() {
            return invalid(format!("{name} cannot be given in a workspace on {}.", cloud.upper()));
        }
    }
    let pool = fields.text("instance_pool_id")?;
    for name in ["instance_pool_id", "driver_instance_pool_id"] {
        if let Some(id) = fields.text(name)?
            && offer::pool(id).is_none_or(|pool| pool.cloud != cloud)
        {
            return invalid(format!("Can't find an instance pool with id: {id}."));
        }
    }
    for name in ["node_type_id", "driver_node_type_id"] {
        if pool.is_some() && fields.text(name)?.is_some() {
            return invalid(format!("The field '{name}' cannot be supplied when an instance pool ID is provided."));
        }
    }
    let aws = fields.get("aws_attributes");
    if let Some(arn) = aws.and_then(|own| own["instance_profile_arn"].as_str())
        && arn != offer::INSTANCE_PROFILE
    {
        return invalid(format!("The instance profile {arn} is not registered in this workspace."));
    }
    let volumes = aws.and_then(|own| own["ebs_volume_count"].as_i64()).unwrap_or_default();
    if cloud == Cloud::Aws && volumes < 1 && !fields.flag("enable_elastic_disk") {
        for id in ["node_type_id", "driver_node_type_id"].iter().filter_map(|name| fields.text(name).ok().flatten()) {
            if offer::find(id).is_some_and(offer::Node::has_no_disks) {
                let message =
                    format!("At least one EBS volume must be attached for clusters created with node type {id}.");
                return Err(Refusal::invalid(message));
            }
        }
    }
    Ok(())
}

const ACCESS_MODES: [&str; 10] = [
    "SINGLE_USER",
    "USER_ISOLATION",
    "NONE",
    "DATA_SECURITY_MODE_AUTO",
    "DATA_SECURITY_MODE_STANDARD",
    "DATA_SECURITY_MODE_DEDICATED",
    "LEGACY_TABLE_ACL",
    "LEGACY_PASSTHROUGH",
    "LEGACY_SINGLE_USER",
    "LEGACY_SINGLE_USER_STANDARD",
];

/// A cluster of one user is of the user that the run runs as; one that is dedicated to a group, of a group that it is in.
fn check_access(place: &str, fields: &Fields, run_as: &RunAs) -> Result<(), Refusal> {
    let invalid = |message: String| Err(Refusal::invalid(format!("{place}: {message}")));
    let mode = fields.text("data_security_mode")?;
    if let Some(unknown) = mode.filter(|mode| !ACCESS_MODES.contains(mode)) {
        return invalid(format!("unknown data_security_mode {unknown}."));
    }
    let Some(single) = fields.text("single_user_name")? else { return Ok(()) };
    if mode.is_some_and(|mode| ["USER_ISOLATION", "DATA_SECURITY_MODE_STANDARD", "NONE"].contains(&mode)) {
        return invalid("single_user_name has no meaning in this access mode.".to_owned());
    }
    let is_group = run_as.groups.iter().chain(&run_as.group).any(|group| group == single);
    if single.eq_ignore_ascii_case(&run_as.name) || is_group {
        return Ok(());
    }
    invalid(format!("single_user_name {single} is not the user that the run runs as, {}.", run_as.name))
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
            let Some(node) = offer::find(id).filter(|node| node.cloud == self.cloud) else {
                let known: Vec<&str> = offer::nodes(self.cloud).map(|node| node.id).collect();
                return refused(format!("Node type {id} is not supported. Supported node types: {}", known.join(", ")));
            };
            if text("runtime_engine") == Some("PHOTON") && !node.photon {
                return refused(format!("Node type {id} does not support Photon."));
            }
        }
        // Whatever its script does, it does with tables of Unity Catalog, or it would not be here.
        let without = ["NONE", "LEGACY_TABLE_ACL", "LEGACY_PASSTHROUGH", "LEGACY_SINGLE_USER_STANDARD"];
        if text("data_security_mode").is_some_and(|mode| without.contains(&mode)) {
            return Some(Outcome::failed(
                "[UC_NOT_ENABLED] Unity Catalog is not enabled on this cluster. SQLSTATE: 56038",
            ));
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
        let pooled = spec["instance_pool_id"].as_str().and_then(offer::pool).and_then(|pool| offer::find(pool.node));
        let worker = node("node_type_id").or(pooled.map(|node| node.dbu)).unwrap_or(1.0);
        let driver = node("driver_node_type_id").unwrap_or(worker);
        let workers = spec["autoscale"]["max_workers"].as_f64().or(spec["num_workers"].as_f64()).unwrap_or(0.0);
        let plain = driver + worker * workers;
        if spec["runtime_engine"] == "PHOTON" { plain * 2.0 } else { plain }
    }

    pub fn payload(&self) -> Value {
        let mut payload = self.spec.clone();
        // The sandbox's own settings are not the client's.
        if let Some(conf) = payload["spark_conf"].as_object_mut() {
            conf.retain(|_, value| *value != CLOSED);
        }
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
    use crate::jobs::ClusterPolicy;
    use crate::state::behaviour::Behaviour;
    use crate::state::{PILOT, Principals};

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
        Cluster { id, name, spec, cloud: Cloud::Aws, creator, run: 1, task_keys, state, started: 0, ended: 0, events }
    }

    fn settled(more: Value, behaviour: &Behaviour) -> Result<Value, String> {
        let principals = Principals::default();
        let caller = principals.get(PILOT).cloned().unwrap();
        let definition =
            json!({"node_type_id": {"type": "fixed", "value": "m5d.large"}, "spark_conf.a": {"type": "forbidden"}});
        let policies = [ClusterPolicy::new("P1", "p", PILOT, 0, &definition)];
        let terms = Terms { behaviour, principals: &principals, caller: &caller, policies: &policies };
        let run_as = terms.run_as(&Fields::default()).unwrap();
        settle("Task a", &spec(more), &terms, &run_as).map_err(|refusal| refusal.message)
    }

    #[test]
    fn what_the_api_refuses_it_refuses_at_once() {
        let usual = Behaviour::default();
        let pool = offer::POOLS[0].id;
        let good = [
            json!({}),
            json!({"data_security_mode": "SINGLE_USER", "single_user_name": PILOT}),
            json!({"data_security_mode": "DATA_SECURITY_MODE_DEDICATED", "single_user_name": "migration-engineers"}),
            json!({"node_type_id": "m5.xlarge", "aws_attributes": {"ebs_volume_count": 1}}),
            json!({"node_type_id": "m5.xlarge", "enable_elastic_disk": true}),
            json!({"node_type_id": null, "instance_pool_id": pool}),
            json!({"aws_attributes": {"instance_profile_arn": offer::INSTANCE_PROFILE}}),
            json!({"policy_id": "P1", "node_type_id": null}),
        ];
        for more in good {
            assert!(settled(more.clone(), &usual).is_ok(), "{more}: {:?}", settled(more.clone(), &usual));
        }
        for (more, part) in [
            (json!({"spark_version": null}), "spark_version"),
            (json!({"spark_version": "12.2.x-aarch64-photon-scala2.12", "runtime_engine": "PHOTON"}), "not compatible"),
            (json!({"runtime_engine": "FAST"}), "unknown runtime_engine"),
            (json!({"node_type_id": null}), "node_type_id"),
            (json!({"num_workers": null}), "num_workers or autoscale"),
            (json!({"autoscale": {"min_workers": 2, "max_workers": 2}}), "greater than"),
            (json!({"node_type_id": "m5.xlarge"}), "At least one EBS volume must be attached"),
            (json!({"instance_pool_id": pool}), "The field 'node_type_id' cannot be supplied"),
            (json!({"node_type_id": null, "instance_pool_id": "none"}), "Can't find an instance pool"),
            (json!({"aws_attributes": {"instance_profile_arn": "arn:x"}}), "not registered"),
            (json!({"azure_attributes": {}}), "azure_attributes cannot be given"),
            (json!({"data_security_mode": "OPEN"}), "unknown data_security_mode"),
            (json!({"data_security_mode": "SINGLE_USER", "single_user_name": ADMIN}), "is not the user"),
            (
                json!({"data_security_mode": "DATA_SECURITY_MODE_DEDICATED", "single_user_name": "admins"}),
                "is not the user",
            ),
            (json!({"data_security_mode": "USER_ISOLATION", "single_user_name": PILOT}), "no meaning"),
            (json!({"policy_id": "P2"}), "Can't find a cluster policy"),
            (json!({"policy_id": "P1"}), "node_type_id, the value must be m5d.large (is \"i3.xlarge\")"),
            (
                json!({"policy_id": "P1", "node_type_id": null, "spark_conf": {"a": "1"}}),
                "spark_conf.a, the value must not",
            ),
        ] {
            let message = settled(more.clone(), &usual).unwrap_err();
            assert!(message.contains(part), "{more}: {message}");
        }
        let azure = Behaviour { cloud: Cloud::Azure, ..Behaviour::default() };
        assert!(settled(json!({"aws_attributes": {}}), &azure).unwrap_err().contains("aws_attributes cannot be given"));
        let serverless = Behaviour { serverless_only: true, ..Behaviour::default() };
        assert!(settled(json!({}), &serverless).unwrap_err().contains("Only serverless compute"));
        let filled = settled(json!({"data_security_mode": "SINGLE_USER"}), &usual).unwrap();
        assert_eq!(filled["single_user_name"], PILOT);
    }

    #[test]
    fn what_the_cloud_refuses_fails_the_start() {
        let failure = |more: Value| cluster(spec(more)).start_failure().map(|end| end.message);
        assert_eq!(failure(json!({})), None);
        assert!(failure(json!({"spark_version": "1.x"})).unwrap().contains("Spark version 1.x"));
        assert!(failure(json!({"driver_node_type_id": "none"})).unwrap().contains("Node type none"));
        assert!(
            failure(json!({"node_type_id": "Standard_D4ds_v5"})).unwrap().contains("is not supported"),
            "of another cloud"
        );
        assert!(failure(json!({"data_security_mode": "NONE"})).unwrap().contains("[UC_NOT_ENABLED]"));
        assert_eq!(failure(json!({"spark_version": "18.x-scala2.13"})), None);
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
