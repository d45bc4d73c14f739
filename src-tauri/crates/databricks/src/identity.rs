//! The signed-in principal and its groups.

use crate::client::{Call, Client, Family};
use icebridge_model::Result;
use serde::{Deserialize, Serialize};

/// A user or a service principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    #[serde(default)]
    pub id: String,
    /// Of a service principal its application id: the name under which it is granted rights.
    #[serde(default)]
    pub user_name: String,
    #[serde(default)]
    pub display_name: Option<String>,
    #[serde(default)]
    pub active: Option<bool>,
    #[serde(default)]
    pub groups: Vec<Group>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    #[serde(default)]
    pub display: Option<String>,
    #[serde(default)]
    pub value: Option<String>,
    /// Direct or indirect.
    #[serde(default, rename = "type")]
    pub membership: Option<String>,
}

/// Every user of the account is in it, and it is in no list of groups.
pub const ACCOUNT_USERS: &str = "account users";

impl Me {
    /// All names under which rights may have been granted to this principal.
    pub fn principals(&self) -> Vec<&str> {
        let groups = self.groups.iter().filter_map(|group| group.display.as_deref());
        std::iter::once(self.user_name.as_str())
            .chain(groups)
            .chain([ACCOUNT_USERS])
            .filter(|name| !name.is_empty())
            .collect()
    }

    pub fn is(&self, principal: &str) -> bool {
        self.principals().iter().any(|name| name.eq_ignore_ascii_case(principal))
    }
}

impl Client {
    pub async fn me(&self) -> Result<Me> {
        self.fetch(Call::get(Family::Identity, "/api/2.0/preview/scim/v2/Me")).await
    }
}
