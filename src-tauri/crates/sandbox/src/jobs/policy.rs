//! Cluster policies: what they fill in, and what they refuse.

use crate::base::{Refusal, plain};
use regex::Regex;
use serde_json::{Map, Value, json};

#[derive(Clone, Debug)]
pub struct ClusterPolicy {
    pub id: String,
    pub name: String,
    pub creator: String,
    pub created: i64,
    /// Attribute to rule.
    pub definition: Map<String, Value>,
}

impl ClusterPolicy {
    pub fn new(id: &str, name: &str, creator: &str, created: i64, definition: &Value) -> Self {
        let definition = definition.as_object().cloned().unwrap_or_default();
        Self { id: id.to_owned(), name: name.to_owned(), creator: creator.to_owned(), created, definition }
    }

    /// Those that every sandbox has.
    pub fn usual(creator: &str) -> Vec<Self> {
        let photon = json!({
            "runtime_engine": {"type": "fixed", "value": "PHOTON"},
            "custom_tags.team": {"type": "fixed", "value": "lake"},
            "autoscale.max_workers": {"type": "range", "maxValue": 8, "isOptional": true},
        });
        vec![
            Self::new("00ACE0000000A1", "Photon jobs", creator, 0, &photon),
            Self::new("00ACE0000000B2", "Anything", creator, 0, &json!({})),
        ]
    }

    pub fn payload(&self) -> Value {
        json!({
            "policy_id": self.id, "name": self.name, "creator_user_name": self.creator,
            "created_at_timestamp": self.created, "is_default": false,
            "definition": Value::Object(self.definition.clone()).to_string(),
        })
    }

    /// The specification with what the policy sets; or everything in it that breaks a rule.
    pub fn apply(&self, place: &str, spec: &Value) -> Result<Value, Refusal> {
        let mut spec = spec.clone();
        let defaults = spec["apply_policy_default_values"] == true;
        for (path, rule) in &self.definition {
            let value = match rule["type"].as_str() {
                Some("fixed") => rule.get("value"),
                _ if defaults => rule.get("defaultValue"),
                _ => None,
            };
            if let Some(value) = value
                && get(&spec, path).is_none()
                && !is_virtual(path)
            {
                set(&mut spec, path, value.clone());
            }
        }
        let broken: Vec<String> =
            self.definition.iter().filter_map(|(path, rule)| broken(path, rule, get(&spec, path))).collect();
        if broken.is_empty() {
            return Ok(spec);
        }
        let message = format!("{place}: Cluster validation error: {}", broken.join("; "));
        Err(Refusal::invalid(message))
    }
}

/// Attributes that no specification has.
fn is_virtual(path: &str) -> bool {
    ["cluster_type", "dbus_per_hour"].contains(&path)
}

/// `a.b.c`, where a key may have dots in it, as those of spark_conf have.
fn get<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let whole = value.get(path).filter(|found| !found.is_null());
    whole.or_else(|| {
        let (first, rest) = path.split_once('.')?;
        get(value.get(first)?, rest)
    })
}

fn set(spec: &mut Value, path: &str, value: Value) {
    // Below these a key has dots; elsewhere each dot goes one deeper.
    let maps = ["custom_tags", "spark_conf", "spark_env_vars"];
    match path.split_once('.') {
        None => spec[path] = value,
        Some((first, rest)) if maps.contains(&first) => spec[first][rest] = value,
        Some((first, rest)) => {
            if !spec[first].is_object() {
                spec[first] = json!({});
            }
            set(&mut spec[first], rest, value);
        }
    }
}

/// How a value breaks a rule, in the vendor's words.
fn broken(path: &str, rule: &Value, value: Option<&Value>) -> Option<String> {
    if is_virtual(path) {
        return None;
    }
    let fail = |what: String| Some(format!("Validation failed for {path}, {what}"));
    let kind = rule["type"].as_str().unwrap_or_default();
    let Some(value) = value else {
        if kind == "forbidden" || kind == "fixed" || rule["isOptional"] == true {
            return None;
        }
        let (map, key) = path.split_once('.').unwrap_or((path, path));
        return Some(format!("Validation failed for {map}, {key} must be present"));
    };
    let text = plain(value);
    let listed = |name: &str| rule[name].as_array().into_iter().flatten().any(|one| plain(one) == text);
    match kind {
        "fixed" if plain(&rule["value"]) != text => {
            fail(format!("the value must be {} (is \"{text}\")", plain(&rule["value"])))
        }
        "forbidden" => fail("the value must not be present".to_owned()),
        "allowlist" if !listed("values") => {
            fail(format!("the value must be one of {} (is \"{text}\")", rule["values"]))
        }
        "blocklist" if listed("values") => {
            fail(format!("the value must not be one of {} (is \"{text}\")", rule["values"]))
        }
        "regex" => {
            let pattern = Regex::new(&format!("^(?:{})$", rule["pattern"].as_str().unwrap_or_default()));
            if pattern.is_ok_and(|pattern| pattern.is_match(&text)) {
                return None;
            }
            fail(format!("the value must match {} (is \"{text}\")", plain(&rule["pattern"])))
        }
        "range" => {
            let number: Option<f64> = text.parse().ok();
            let (least, most) = (rule["minValue"].as_f64(), rule["maxValue"].as_f64());
            match number {
                None => fail(format!("the value must be a number (is \"{text}\")")),
                Some(number) if least.is_some_and(|least| number < least) => {
                    fail(format!("the value must be at least {} (is \"{text}\")", rule["minValue"]))
                }
                Some(number) if most.is_some_and(|most| number > most) => {
                    fail(format!("the value must be at most {} (is \"{text}\")", rule["maxValue"]))
                }
                Some(_) => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(definition: Value) -> ClusterPolicy {
        ClusterPolicy::new("p", "p", "ada", 0, &definition)
    }

    #[test]
    fn fixed_values_are_filled_in_and_defaults_where_they_are_asked_for() {
        let policy = policy(json!({
            "node_type_id": {"type": "fixed", "value": "i3.xlarge", "hidden": true},
            "spark_conf.spark.a.b": {"type": "fixed", "value": "x"},
            "aws_attributes.ebs_volume_count": {"type": "fixed", "value": 1},
            "num_workers": {"type": "range", "minValue": 1, "maxValue": 4, "defaultValue": 2},
        }));
        let with = policy.apply("Task a", &json!({"apply_policy_default_values": true})).unwrap();
        let expected = json!({
            "apply_policy_default_values": true, "node_type_id": "i3.xlarge", "spark_conf": {"spark.a.b": "x"},
            "aws_attributes": {"ebs_volume_count": 1}, "num_workers": 2,
        });
        assert_eq!(with, expected);
        let without = policy.apply("Task a", &json!({})).unwrap_err();
        assert!(without.message.contains("Validation failed for num_workers, num_workers must be present"));
    }

    #[test]
    fn every_broken_rule_is_named() {
        let policy = policy(json!({
            "node_type_id": {"type": "allowlist", "values": ["i3.xlarge"]},
            "autoscale.max_workers": {"type": "range", "maxValue": 8, "isOptional": true},
            "instance_pool_id": {"type": "forbidden"},
            "spark_version": {"type": "regex", "pattern": "17\\..*"},
            "runtime_engine": {"type": "fixed", "value": "PHOTON"},
            "driver_node_type_id": {"type": "blocklist", "values": ["m4.large"], "isOptional": true},
            "custom_tags.team": {"type": "unlimited"},
        }));
        let spec = json!({
            "node_type_id": "m5.xlarge", "autoscale": {"max_workers": 9}, "instance_pool_id": "x", "spark_version": "16.4",
            "runtime_engine": "STANDARD", "driver_node_type_id": "m4.large",
        });
        let message = policy.apply("Task a", &spec).unwrap_err().message;
        for part in [
            "node_type_id, the value must be one of",
            "autoscale.max_workers, the value must be at most 8 (is \"9\")",
            "instance_pool_id, the value must not be present",
            "spark_version, the value must match",
            "runtime_engine, the value must be PHOTON (is \"STANDARD\")",
            "driver_node_type_id, the value must not be one of",
            "Validation failed for custom_tags, team must be present",
        ] {
            assert!(message.contains(part), "{part}: {message}");
        }
        let good = json!({"node_type_id": "i3.xlarge", "spark_version": "17.3.x", "custom_tags": {"team": "any"}});
        assert_eq!(policy.apply("Task a", &good).unwrap()["runtime_engine"], "PHOTON");
    }
}
