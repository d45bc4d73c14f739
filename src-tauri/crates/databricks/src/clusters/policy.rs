//! Cluster policies: what they fix, bound or forbid, and a cluster made to fit
//! (<https://docs.databricks.com/aws/en/admin/clusters/policy-definition>).

use super::spec::ClusterSpec;
use crate::client::{Call, Client, Family};
use icebridge_model::{Error, Result};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The rules of a policy, by the path of the attribute. One that is not understood stands for none.
#[derive(Clone, Debug, Default)]
pub struct ClusterPolicy {
    rules: BTreeMap<String, Rule>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Rule {
    #[serde(rename = "type")]
    kind: String,
    value: Option<Value>,
    #[serde(deserialize_with = "or_none")]
    values: Vec<Value>,
    #[serde(rename = "minValue", deserialize_with = "number")]
    min: Option<f64>,
    #[serde(rename = "maxValue", deserialize_with = "number")]
    max: Option<f64>,
    #[serde(rename = "defaultValue")]
    default: Option<Value>,
}

fn or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Value>, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// Some write it as text.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    Value::deserialize(from).map(|value| value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()))
}

/// What a rule makes of an attribute.
enum Wanted {
    AsItIs,
    /// Left to the workspace, which puts in what the policy says.
    Absent,
    This(Value),
}

/// A policy as the workspace lists it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PolicyText {
    pub policy_id: String,
    pub name: String,
    /// JSON in a text.
    pub definition: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Policies {
    policies: Vec<PolicyText>,
}

const SINGLE_USER: &str = "SINGLE_USER";

const KINDS: [&str; 7] = ["fixed", "forbidden", "allowlist", "blocklist", "regex", "range", "unlimited"];

impl Client {
    pub async fn cluster_policies(&self) -> Result<Vec<PolicyText>> {
        let all: Policies = self.fetch(Call::get(Family::Clusters, "/api/2.0/policies/clusters/list")).await?;
        Ok(all.policies)
    }

    /// None: the workspace has no such policy, or does not show it.
    pub async fn cluster_policy(&self, id: &str) -> Result<Option<ClusterPolicy>> {
        let call = Call::get(Family::Clusters, "/api/2.0/policies/clusters/get").query("policy_id", id);
        let Some(answer) = self.find::<PolicyText>(call).await? else { return Ok(None) };
        Ok(Some(ClusterPolicy::read(&answer.definition)))
    }
}

impl ClusterPolicy {
    pub fn read(definition: &str) -> Self {
        let rules: BTreeMap<String, Value> = serde_json::from_str(definition).unwrap_or_default();
        let read = |(path, rule)| Some((path, serde_json::from_value::<Rule>(rule).ok()?));
        Self { rules: rules.into_iter().filter_map(read).collect() }
    }

    /// Whether every rule of a definition is of a kind that is known here.
    pub fn understands(definition: &str) -> bool {
        let Ok(rules) = serde_json::from_str::<BTreeMap<String, Value>>(definition) else { return false };
        rules.values().all(|rule| rule["type"].as_str().is_some_and(|kind| KINDS.contains(&kind)))
    }

    /// The value that the policy fixes for an attribute.
    pub fn fixed(&self, path: &str) -> Option<&Value> {
        self.rules.get(path).filter(|rule| rule.kind == "fixed").and_then(|rule| rule.value.as_ref())
    }

    /// The cluster as the policy takes it. What it forbids is left out, what it fixes is set, and a value that it does not
    /// take becomes the nearest that it does.
    pub fn fit(&self, spec: ClusterSpec) -> Result<ClusterSpec> {
        let broken = |e: serde_json::Error| Error::internal("a cluster cannot be fitted to its policy").with_cause(e);
        let mut value = serde_json::to_value(&spec).map_err(broken)?;
        let Some(fields) = value.as_object_mut() else { return Ok(spec) };
        let asked = fields.clone();
        self.fit_workers(fields);
        for (path, rule) in &self.rules {
            match path.strip_suffix(".*") {
                // All of a kind, such as tags of any name.
                Some(parent) if rule.kind == "forbidden" => remove(fields, parent),
                Some(_) => {}
                None => apply(fields, path, rule),
            }
        }
        // Where the policy says nothing of the driver, it is of the workers' kind: that of ours may be of another processor.
        if fields.get("node_type_id") != asked.get("node_type_id") && !self.rules.contains_key("driver_node_type_id") {
            fields.remove("driver_node_type_id");
        }
        let is_dedicated = matches!(fields.get("data_security_mode").and_then(Value::as_str), None | Some(SINGLE_USER));
        if !is_dedicated {
            fields.remove("single_user_name");
        }
        if fields.get("instance_pool_id").is_some_and(|pool| !pool.is_null()) {
            // The pool says which machines, and of which kind.
            for other in ["node_type_id", "driver_node_type_id", "aws_attributes", "azure_attributes", "gcp_attributes"]
            {
                fields.remove(other);
            }
        }
        serde_json::from_value(value).map_err(broken)
    }

    /// A cluster has either a number of workers or bounds: a policy that fixes one forbids the other.
    fn fit_workers(&self, fields: &mut Map<String, Value>) {
        let speaks_of = |path: &str| self.rules.get(path).is_some_and(|rule| rule.kind != "forbidden");
        let forbids = |path: &str| self.rules.get(path).is_some_and(|rule| rule.kind == "forbidden");
        let bounds = fields.get("autoscale").cloned();
        if let Some(bounds) = bounds
            && (forbids("autoscale.min_workers")
                || forbids("autoscale.max_workers")
                || self.fixed("num_workers").is_some())
        {
            fields.remove("autoscale");
            fields.insert("num_workers".into(), bounds["max_workers"].clone());
        } else if let Some(workers) = fields.get("num_workers").cloned()
            && (forbids("num_workers") || speaks_of("autoscale.max_workers"))
        {
            fields.remove("num_workers");
            fields.insert("autoscale".into(), serde_json::json!({"min_workers": 1, "max_workers": workers}));
        }
    }
}

fn apply(fields: &mut Map<String, Value>, path: &str, rule: &Rule) {
    let ours = get(fields, path).cloned();
    match rule.wanted(ours.as_ref()) {
        Wanted::AsItIs => {}
        Wanted::Absent => remove(fields, path),
        // Attributes that the API does not have, such as `dbus_per_hour`, only bound what comes out.
        Wanted::This(value) if ours.is_some() || is_attribute(path) => set(fields, path, value),
        Wanted::This(_) => {}
    }
}

impl Rule {
    fn wanted(&self, ours: Option<&Value>) -> Wanted {
        let default = || self.default.clone().map_or(Wanted::Absent, Wanted::This);
        match (self.kind.as_str(), &self.value, ours) {
            ("forbidden", _, _) => Wanted::Absent,
            // Runtimes such as `auto:latest-lts` are found out by the workspace.
            ("fixed", Some(Value::String(text)), _) if text.starts_with("auto:") => Wanted::Absent,
            ("fixed", Some(value), _) => Wanted::This(value.clone()),
            ("allowlist", _, Some(ours)) if !self.takes(ours) => {
                let is_value = |value: &&Value| value.as_str().is_none_or(|text| !text.starts_with("auto:"));
                let first = self.default.iter().chain(&self.values).find(is_value);
                first.map_or(Wanted::Absent, |value| Wanted::This(value.clone()))
            }
            ("blocklist", _, Some(ours)) if self.values.contains(ours) => default(),
            ("range", _, Some(ours)) => match ours.as_f64() {
                Some(number) if self.min.is_some_and(|min| number < min) => whole(self.min),
                Some(number) if self.max.is_some_and(|max| number > max) => whole(self.max),
                _ => Wanted::AsItIs,
            },
            _ => Wanted::AsItIs,
        }
    }

    fn takes(&self, ours: &Value) -> bool {
        // A runtime by name, where the list has it as the newest of its kind, is for the workspace to judge.
        self.values.contains(ours)
    }
}

fn whole(number: Option<f64>) -> Wanted {
    number.map_or(Wanted::AsItIs, |number| Wanted::This(Value::from(number as i64)))
}

/// Those that a cluster of ours has a field for.
fn is_attribute(path: &str) -> bool {
    const OURS: &[&str] = &[
        "spark_version",
        "runtime_engine",
        "node_type_id",
        "driver_node_type_id",
        "num_workers",
        "autoscale.min_workers",
        "autoscale.max_workers",
        "data_security_mode",
        "single_user_name",
        "instance_pool_id",
        "driver_instance_pool_id",
        "aws_attributes.availability",
        "aws_attributes.first_on_demand",
        "aws_attributes.zone_id",
        "aws_attributes.spot_bid_price_percent",
        "aws_attributes.instance_profile_arn",
        "aws_attributes.ebs_volume_type",
        "aws_attributes.ebs_volume_count",
        "aws_attributes.ebs_volume_size",
        "azure_attributes.availability",
        "azure_attributes.first_on_demand",
        "azure_attributes.spot_bid_max_price",
        "gcp_attributes.availability",
        "gcp_attributes.first_on_demand",
    ];
    OURS.contains(&path)
        || ["custom_tags.", "spark_conf.", "spark_env_vars."].iter().any(|start| path.starts_with(start))
}

/// An attribute is at the top or one below it; names of tags and of Spark's settings may hold dots of their own.
fn split(path: &str) -> (&str, Option<&str>) {
    path.split_once('.').map_or((path, None), |(parent, name)| (parent, Some(name)))
}

fn get<'a>(fields: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let (parent, name) = split(path);
    let found = fields.get(parent)?;
    name.map_or(Some(found), |name| found.get(name))
}

fn set(fields: &mut Map<String, Value>, path: &str, value: Value) {
    let (parent, name) = split(path);
    let Some(name) = name else {
        fields.insert(parent.into(), value);
        return;
    };
    let inner = fields.entry(parent).or_insert_with(|| Value::Object(Map::new()));
    if let Some(inner) = inner.as_object_mut() {
        inner.insert(name.into(), value);
    }
}

fn remove(fields: &mut Map<String, Value>, path: &str) {
    let (parent, name) = split(path);
    match name {
        None => drop(fields.remove(parent)),
        Some(name) => {
            if let Some(inner) = fields.get_mut(parent).and_then(Value::as_object_mut) {
                inner.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fitted(policy: Value, spec: Value) -> Value {
        let spec: ClusterSpec = serde_json::from_value(spec).unwrap();
        serde_json::to_value(ClusterPolicy::read(&policy.to_string()).fit(spec).unwrap()).unwrap()
    }

    fn ours() -> Value {
        json!({"spark_version": "17.3.x-scala2.13", "node_type_id": "i3.xlarge", "driver_node_type_id": "i3.xlarge",
            "autoscale": {"min_workers": 1, "max_workers": 8}, "data_security_mode": "SINGLE_USER",
            "custom_tags": {"team": "lake"}, "spark_conf": {"spark.a.b": "c"},
            "aws_attributes": {"availability": "SPOT_WITH_FALLBACK", "first_on_demand": 1, "zone_id": "auto"}})
    }

    #[test]
    fn what_a_policy_fixes_bounds_or_forbids_is_kept_to() {
        let policy = json!({
            "spark_version": {"type": "fixed", "value": "auto:latest-lts"},
            "node_type_id": {"type": "allowlist", "values": ["m5d.xlarge", "m5d.2xlarge"], "defaultValue": "m5d.2xlarge"},
            "driver_node_type_id": {"type": "fixed", "value": "m5d.large", "hidden": true},
            "autoscale.max_workers": {"type": "range", "maxValue": 4},
            "aws_attributes.availability": {"type": "fixed", "value": "ON_DEMAND"},
            "aws_attributes.zone_id": {"type": "forbidden"},
            "custom_tags.cost": {"type": "fixed", "value": "42"}, "spark_conf.spark.a.b": {"type": "fixed", "value": "d"},
            "dbus_per_hour": {"type": "range", "maxValue": 10}, "cluster_type": {"type": "fixed", "value": "job"},
            "data_security_mode": {"type": "allowlist", "values": ["SINGLE_USER", "USER_ISOLATION"]},
        });
        let spec = fitted(policy, ours());
        assert_eq!((&spec["node_type_id"], &spec["driver_node_type_id"]), (&json!("m5d.2xlarge"), &json!("m5d.large")));
        assert_eq!(spec["autoscale"], json!({"min_workers": 1, "max_workers": 4}));
        assert_eq!(spec["aws_attributes"]["availability"], "ON_DEMAND");
        assert_eq!(spec["custom_tags"], json!({"team": "lake", "cost": "42"}));
        assert_eq!(
            (&spec["spark_conf"]["spark.a.b"], &spec["data_security_mode"]),
            (&json!("d"), &json!("SINGLE_USER"))
        );
        assert!(spec.get("dbus_per_hour").is_none() && spec.get("cluster_type").is_none());
    }

    #[test]
    fn a_pool_takes_the_place_of_machines_and_a_number_that_of_bounds() {
        let policy = json!({"instance_pool_id": {"type": "fixed", "value": "pool-1"}, "num_workers": {"type": "fixed", "value": 2}});
        let spec = fitted(policy, ours());
        assert_eq!((&spec["instance_pool_id"], &spec["num_workers"]), (&json!("pool-1"), &json!(2)));
        assert!(
            ["node_type_id", "driver_node_type_id", "aws_attributes", "autoscale"]
                .iter()
                .all(|gone| spec.get(gone).is_none())
        );
    }

    #[test]
    fn what_follows_from_what_a_policy_fixes_is_kept_to_as_well() {
        let spec = fitted(json!({"node_type_id": {"type": "fixed", "value": "m5d.large"}}), ours());
        assert!(spec.get("driver_node_type_id").is_none(), "{spec}");
        for rule in [
            json!({"type": "fixed", "value": "USER_ISOLATION"}),
            json!({"type": "allowlist", "values": ["USER_ISOLATION"]}),
        ] {
            let spec = fitted(json!({"data_security_mode": rule}), ours());
            assert!(spec.get("single_user_name").is_none() && spec["data_security_mode"] == "USER_ISOLATION", "{spec}");
        }
        let runtimes = json!({"type": "allowlist", "values": ["auto:latest-lts", "16.4.x-scala2.12"]});
        assert_eq!(fitted(json!({"spark_version": runtimes}), ours())["spark_version"], "16.4.x-scala2.12");
        let spec = fitted(json!({"spark_version": {"type": "allowlist", "values": ["auto:latest-lts"]}}), ours());
        assert!(spec["spark_version"].as_str().is_none_or(|version| !version.starts_with("auto:")), "{spec}");
        let spec = fitted(json!({"autoscale.max_workers": {"type": "range", "maxValue": "4", "values": null}}), ours());
        assert_eq!(spec["autoscale"]["max_workers"], 4);
    }

    #[test]
    fn what_is_no_policy_changes_nothing() {
        for odd in ["", "[]", "no json", r#"{"node_type_id": 7, "num_workers": {"type": "from the future"}}"#] {
            let spec: ClusterSpec = serde_json::from_value(ours()).unwrap();
            assert_eq!(ClusterPolicy::read(odd).fit(spec.clone()).unwrap(), spec, "{odd}");
        }
    }
}
