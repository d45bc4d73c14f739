//! What a submission is checked against: who asks, and what this workspace has.

use super::policy::ClusterPolicy;
use crate::base::{Fields, Refusal, plain};
use crate::state::behaviour::Behaviour;
use crate::state::{Principal, Principals};
use serde_json::Value;

pub struct Terms<'a> {
    pub behaviour: &'a Behaviour,
    pub principals: &'a Principals,
    pub caller: &'a Principal,
    pub policies: &'a [ClusterPolicy],
}

/// Who a run runs as: the identity that its processes have, and the group whose rights it shows, if it is one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunAs {
    pub name: String,
    pub group: Option<String>,
    /// Those that the identity is in.
    pub groups: Vec<String>,
}

impl RunAs {
    fn of(principal: &Principal, group: Option<String>) -> Self {
        Self { name: principal.name.clone(), group, groups: principal.groups.clone() }
    }
}

impl Terms<'_> {
    /// By `run_as`, of which exactly one field may be given; the caller where there is none.
    pub fn run_as(&self, fields: &Fields) -> Result<RunAs, Refusal> {
        let caller = self.caller;
        let Some(wanted) = fields.get("run_as").and_then(Value::as_object) else {
            return Ok(RunAs::of(caller, None));
        };
        let given: Vec<(&String, &Value)> = wanted.iter().filter(|(_, value)| !value.is_null()).collect();
        let [(kind, name)] = given.as_slice() else {
            let message = "Exactly one of user_name, service_principal_name and group_name must be given in run_as.";
            return Err(Refusal::invalid(message));
        };
        let name = plain(name);
        let denied = |message: String| Err(Refusal::new(403, "PERMISSION_DENIED", message));
        match kind.as_str() {
            "user_name" => {
                let user = self.principals.get(&name).filter(|one| !one.is_service);
                let user =
                    user.ok_or_else(|| Refusal::invalid(format!("User {name} does not exist in this workspace.")))?;
                if user.name != caller.name && !caller.is_admin() {
                    return denied(format!("User {} cannot set run_as to another user.", caller.name));
                }
                Ok(RunAs::of(user, None))
            }
            "service_principal_name" => {
                let service = self.principals.get(&name).filter(|one| one.is_service);
                let service =
                    service.ok_or_else(|| Refusal::invalid(format!("Service principal {name} does not exist.")))?;
                if service.name != caller.name && !service.users.iter().any(|user| caller.is(user)) {
                    return denied(format!("{} needs the role servicePrincipal/user on {name}.", caller.name));
                }
                Ok(RunAs::of(service, None))
            }
            "group_name" => {
                if !self.principals.is_group(&name) {
                    return Err(Refusal::invalid(format!("Group {name} does not exist in this workspace.")));
                }
                if !caller.is(&name) {
                    return denied(format!("User {} is no member of the group {name}.", caller.name));
                }
                Ok(RunAs::of(caller, Some(name)))
            }
            other => Err(Refusal::invalid(format!("Unknown field in run_as: {other}"))),
        }
    }

    /// The checks that all of a submission's compute has in common.
    pub fn check_offer(&self, key: &str, fields: &Fields) -> Result<(), Refusal> {
        let serverless = fields.get("environment_key").is_some();
        if self.behaviour.serverless_only && !serverless {
            return Err(Refusal::invalid("Only serverless compute is supported in the workspace."));
        }
        if self.behaviour.classic_only && serverless {
            let message = format!("Task {key}: serverless compute for workflows is not enabled in this workspace.");
            return Err(Refusal::new(400, "FEATURE_DISABLED", message));
        }
        Ok(())
    }
}

/// The environments of a submission, and what it says of serverless compute.
pub fn check_environments(fields: &Fields, tasks: &[Value]) -> Result<(), Refusal> {
    let environments = fields.list("environments");
    if environments.len() > 10 {
        return Err(Refusal::invalid("At most 10 environments are supported."));
    }
    for one in environments {
        let own = Fields(one.as_object().cloned().unwrap_or_default());
        let key = own.must_text("environment_key")?;
        let Some(spec) = own.get("spec") else { continue };
        let spec = Fields(spec.as_object().cloned().unwrap_or_default());
        let (client, version) = (spec.text("client")?, spec.text("environment_version")?);
        if client.is_some() && version.is_some() {
            let message = format!("Environment {key}: client and environment_version cannot both be given.");
            return Err(Refusal::invalid(message));
        }
        let number = client
            .or(version)
            .ok_or_else(|| Refusal::invalid(format!("Environment {key}: environment_version must be given.")))?;
        if number.split('.').next().is_none_or(|major| major.parse::<u32>().is_err()) {
            return Err(Refusal::invalid(format!("Environment {key}: there is no environment version {number}.")));
        }
    }
    for wanted in tasks.iter().filter_map(|task| task["environment_key"].as_str()) {
        if !environments.iter().any(|one| one["environment_key"] == wanted) {
            return Err(Refusal::invalid(format!("There is no environment with the key {wanted}.")));
        }
    }
    match fields.text("performance_target")? {
        None | Some("STANDARD" | "PERFORMANCE_OPTIMIZED") => Ok(()),
        Some(other) => Err(Refusal::invalid(format!("performance_target cannot be {other}."))),
    }
}

/// `usage_policy_id`, or `budget_policy_id` as it was called before.
pub fn usage_policy(fields: &Fields) -> Result<Option<String>, Refusal> {
    let (new, old) = (fields.text("usage_policy_id")?, fields.text("budget_policy_id")?);
    if new.is_some() && old.is_some() && new != old {
        return Err(Refusal::invalid("usage_policy_id and budget_policy_id must not differ."));
    }
    Ok(new.or(old).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{ADMIN, PILOT, SERVICE_PRINCIPAL};
    use serde_json::json;

    #[test]
    fn who_a_run_runs_as_has_to_be_allowed() {
        let (behaviour, mut principals) = (Behaviour::default(), Principals::default());
        let ask = |principals: &Principals, caller: &str, wanted: Value| {
            let caller = principals.get(caller).cloned().unwrap();
            let terms = Terms { behaviour: &behaviour, principals, caller: &caller, policies: &[] };
            let fields = Fields(json!({"run_as": wanted}).as_object().cloned().unwrap());
            terms.run_as(&fields).map(|run_as| (run_as.name, run_as.group)).map_err(|refusal| refusal.status)
        };
        let named = |name: &str| Ok((name.to_owned(), None));
        assert_eq!(ask(&principals, PILOT, json!(null)), named(PILOT));
        assert_eq!(ask(&principals, PILOT, json!({"user_name": PILOT.to_uppercase()})), named(PILOT));
        assert_eq!(ask(&principals, PILOT, json!({"user_name": ADMIN})), Err(403));
        assert_eq!(ask(&principals, ADMIN, json!({"user_name": PILOT})), named(PILOT));
        assert_eq!(ask(&principals, ADMIN, json!({"user_name": "none@sandbox.example"})), Err(400));
        assert_eq!(ask(&principals, PILOT, json!({"service_principal_name": SERVICE_PRINCIPAL})), Err(403));
        assert!(principals.set_users(SERVICE_PRINCIPAL, vec![PILOT.to_owned()]));
        assert_eq!(
            ask(&principals, PILOT, json!({"service_principal_name": SERVICE_PRINCIPAL})),
            named(SERVICE_PRINCIPAL)
        );
        let group = ask(&principals, PILOT, json!({"group_name": "migration-engineers"})).unwrap();
        assert_eq!(group, (PILOT.to_owned(), Some("migration-engineers".to_owned())));
        assert_eq!(ask(&principals, PILOT, json!({"group_name": "admins"})), Err(403));
        assert_eq!(ask(&principals, PILOT, json!({"group_name": "none"})), Err(400));
        assert_eq!(ask(&principals, PILOT, json!({})), Err(400));
    }

    #[test]
    fn environments_have_one_version_and_are_there() {
        let check = |environments: Value, task: Value| {
            let fields = Fields(json!({"environments": environments}).as_object().cloned().unwrap());
            check_environments(&fields, &[task]).is_ok()
        };
        let task = json!({"environment_key": "e"});
        assert!(check(json!([{"environment_key": "e"}]), task.clone()));
        assert!(check(json!([{"environment_key": "e", "spec": {"client": "2"}}]), task.clone()));
        assert!(check(json!([{"environment_key": "e", "spec": {"environment_version": "4"}}]), task.clone()));
        for spec in [json!({}), json!({"client": "2", "environment_version": "4"}), json!({"environment_version": "x"})]
        {
            assert!(!check(json!([{"environment_key": "e", "spec": spec}]), task.clone()));
        }
        assert!(!check(json!([{"environment_key": "other"}]), task));
    }
}
