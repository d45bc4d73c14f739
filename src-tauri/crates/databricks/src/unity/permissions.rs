//! Who may do what: as it was granted, and as it comes out.

use super::calls::ROOT;
use crate::client::{Call, Client, Family, segment};
use icebridge_model::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What rights are on. In paths it is written small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Securable {
    Metastore,
    Catalog,
    Schema,
    Table,
    Volume,
}

impl Securable {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Metastore => "metastore",
            Self::Catalog => "catalog",
            Self::Schema => "schema",
            Self::Table => "table",
            Self::Volume => "volume",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Empty: the principal is deleted, and only its id is left.
    #[serde(default)]
    pub principal: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<Value>,
    #[serde(default)]
    pub privileges: Vec<String>,
}

impl Assignment {
    pub fn is_of_deleted_principal(&self) -> bool {
        self.principal.is_empty()
    }

    /// The principal's name, or words for one that has none any more.
    pub fn principal_text(&self) -> String {
        match (&self.principal_id, self.is_of_deleted_principal()) {
            (_, false) => self.principal.clone(),
            (Some(id), true) => format!("deleted principal {}", id.to_string().trim_matches('"')),
            (None, true) => "deleted principal".to_string(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectiveAssignment {
    #[serde(default)]
    pub principal: String,
    #[serde(default)]
    pub privileges: Vec<EffectivePrivilege>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectivePrivilege {
    #[serde(default)]
    pub privilege: String,
    #[serde(default)]
    pub inherited_from_type: Option<String>,
    #[serde(default)]
    pub inherited_from_name: Option<String>,
}

/// SQL writes spaces where the API writes underscores.
pub fn same_privilege(one: &str, other: &str) -> bool {
    let letters = |text: &str| text.trim().replace(' ', "_").to_ascii_uppercase();
    letters(one) == letters(other)
}

fn call(kind: &str, securable: Securable, name: &str) -> Result<Call> {
    let path = format!("{ROOT}/{kind}/{}/{}", securable.as_str(), segment(name)?);
    // 1 to 149 is refused by these calls; 0 is the server's own page size.
    Ok(Call::get(Family::Permissions, path).query("max_results", 0))
}

impl Client {
    /// Direct grants only.
    pub async fn permissions(&self, securable: Securable, name: &str) -> Result<Vec<Assignment>> {
        Ok(self.all(&call("permissions", securable, name)?, "privilege_assignments").await?)
    }

    /// With what is inherited. Ownership is no privilege and does not show here: look at the owner as well. With a
    /// principal, the groups it is in are not counted in.
    pub async fn effective_permissions(
        &self,
        securable: Securable,
        name: &str,
        principal: Option<&str>,
    ) -> Result<Vec<EffectiveAssignment>> {
        let call = call("effective-permissions", securable, name)?.query_opt("principal", principal);
        Ok(self.all(&call, "privilege_assignments").await?)
    }

    /// Grants and revokes. What is so already stays so.
    pub async fn change_permissions(
        &self,
        securable: Securable,
        name: &str,
        add: &[Assignment],
        remove: &[Assignment],
    ) -> Result<()> {
        let mut changes: BTreeMap<&str, (Vec<&String>, Vec<&String>)> = BTreeMap::new();
        for one in add {
            changes.entry(&one.principal).or_default().0.extend(&one.privileges);
        }
        for one in remove {
            changes.entry(&one.principal).or_default().1.extend(&one.privileges);
        }
        let changes: Vec<_> = changes
            .into_iter()
            .map(|(principal, (add, remove))| json!({"principal": principal, "add": add, "remove": remove}))
            .collect();
        let path = format!("{ROOT}/permissions/{}/{}", securable.as_str(), segment(name)?);
        // It says what shall be: granted twice is granted.
        let call = Call::patch(Family::Permissions, path).idempotent().json(&json!({"changes": changes}))?;
        self.execute(call).await?;
        Ok(())
    }

    /// The owner of a table, schema or catalog.
    pub async fn set_owner(&self, securable: Securable, name: &str, owner: &str) -> Result<()> {
        let path = format!("{ROOT}/{}s/{}", securable.as_str(), segment(name)?);
        let call = Call::patch(Family::UnityCatalog, path).idempotent().json(&json!({"owner": owner}))?;
        self.execute(call).await?;
        Ok(())
    }
}
