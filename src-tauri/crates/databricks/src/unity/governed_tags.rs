//! Governed tags: keys of which the account says which values they take, and who may assign them.

use crate::auth::describe_host;
use crate::client::{Call, Client, Failure, Family, RefusalKind};
use crate::identity::Me;
use icebridge_model::Result;
use serde::{Deserialize, Serialize};

/// Whoever has it has ASSIGN on the tag.
const ASSIGNER: &str = "roles/tagPolicy.assigner";
/// Whoever has it can give ASSIGN, also to themselves.
const MANAGER: &str = "roles/tagPolicy.manager";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagPolicy {
    #[serde(rename = "tag_key", default)]
    pub key: String,
    #[serde(default)]
    pub id: Option<String>,
    /// Any value, if there are none.
    #[serde(default)]
    pub values: Vec<TagValue>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagValue {
    #[serde(default)]
    pub name: String,
}

#[derive(Debug, Deserialize)]
struct RuleSet {
    #[serde(default)]
    grant_rules: Vec<GrantRule>,
}

#[derive(Debug, Deserialize)]
struct GrantRule {
    #[serde(default)]
    role: String,
    /// `users/<name>`, `groups/<name>`, `servicePrincipals/<application id>`.
    #[serde(default)]
    principals: Vec<String>,
}

impl TagPolicy {
    pub fn takes(&self, value: &str) -> bool {
        self.values.is_empty() || self.values.iter().any(|one| one.name == value)
    }
}

impl Client {
    /// None: the workspace does not have them yet, or does not show them.
    pub async fn tag_policies(&self) -> Result<Option<Vec<TagPolicy>>> {
        let call = Call::get(Family::UnityCatalog, "/api/2.1/tag-policies");
        shown(self.all(&call, "tag_policies").await)
    }

    /// Whether `me` has ASSIGN by the policy's own rules; none: they are not shown, or do not settle it.
    pub async fn may_assign(&self, policy: &TagPolicy, account_id: &str, me: &Me) -> Result<Option<bool>> {
        let Some(id) = &policy.id else { return Ok(None) };
        let call = Call::get(Family::Identity, "/api/2.0/preview/accounts/access-control/rule-sets")
            .query("name", format!("accounts/{account_id}/tagPolicies/{id}/ruleSets/default"))
            .query("etag", "");
        let found: Option<RuleSet> = shown(self.send(call).await.map(|answer| answer.value))?;
        Ok(found.and_then(|rules| rules.assigns(me)))
    }

    /// As the host says it of itself.
    pub async fn account_id(&self) -> Result<Option<String>> {
        Ok(describe_host(self.host().clone(), self.transport()).await?.account_id)
    }
}

impl RuleSet {
    fn assigns(&self, me: &Me) -> Option<bool> {
        let mine = |role: &str| {
            let rules = self.grant_rules.iter().filter(|rule| rule.role == role);
            let mut named = rules.flat_map(|rule| &rule.principals).filter_map(|one| one.split_once('/'));
            named.any(|(_, name)| me.is(name))
        };
        match (mine(ASSIGNER), mine(MANAGER)) {
            (true, _) => Some(true),
            (false, true) => None,
            (false, false) => Some(false),
        }
    }
}

fn shown<T>(found: Result<T, Failure>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Failure::Refused(refusal)) if refusal.is_missing() || refusal.is_denied() || refusal.is_not_offered() => {
            Ok(None)
        }
        Err(failure) => Err(failure.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Server, Workspace, ok, page, refused};
    use serde_json::json;

    fn me() -> Me {
        serde_json::from_value(json!({"userName": "me@x.example", "groups": [{"display": "movers"}]})).unwrap()
    }

    #[tokio::test]
    async fn a_policy_says_which_values_it_takes_and_its_rules_who_assigns() {
        let server = Server::start(|asked| match asked.path.as_str() {
            "/api/2.1/tag-policies" => page(
                "tag_policies",
                json!([{"tag_key": "level", "id": "1", "values": [{"name": "open"}]}, {"tag_key": "free", "id": "2"},
                       {"tag_key": "managed", "id": "3"}, {"tag_key": "others", "id": "4"}, {"tag_key": "hidden", "id": "5"}]),
                None,
            ),
            "/api/2.0/preview/accounts/access-control/rule-sets" => {
                let rule = |role: &str, to: &str| ok(json!({"grant_rules": [{"role": role, "principals": [to]}]}));
                match asked.query("name") {
                    "accounts/a/tagPolicies/1/ruleSets/default" => rule(ASSIGNER, "groups/movers"),
                    "accounts/a/tagPolicies/2/ruleSets/default" => rule(ASSIGNER, "users/ME@x.example"),
                    "accounts/a/tagPolicies/3/ruleSets/default" => rule(MANAGER, "users/me@x.example"),
                    "accounts/a/tagPolicies/4/ruleSets/default" => ok(json!({})),
                    _ => refused(403, "PERMISSION_DENIED"),
                }
            }
            other => panic!("{other}"),
        })
        .await;
        let client = server.client();
        let policies = client.tag_policies().await.unwrap().unwrap();
        assert!(policies[0].takes("open") && !policies[0].takes("") && policies[1].takes("anything"));
        let mut found = Vec::new();
        for policy in &policies {
            found.push(client.may_assign(policy, "a", &me()).await.unwrap());
        }
        assert_eq!(found, [Some(true), Some(true), None, Some(false), None]);
    }

    #[tokio::test]
    async fn a_workspace_without_tag_policies_has_none_to_show() {
        let server = Server::start(|_| refused(404, "ENDPOINT_NOT_FOUND")).await;
        assert_eq!(server.client().tag_policies().await.unwrap(), None);
    }
}
