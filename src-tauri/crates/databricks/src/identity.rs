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
    /// Of somebody else: what is no name of a user or of a service principal may be a group of theirs.
    #[serde(skip)]
    pub may_be_in_any_group: bool,
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
    /// Whoever reads under this name: who is signed in, or somebody else, whose groups nobody may see.
    pub fn named(self, name: Option<&str>) -> Self {
        match name.filter(|name| !name.eq_ignore_ascii_case(&self.user_name)) {
            Some(name) => Self {
                id: String::new(),
                user_name: name.to_owned(),
                display_name: None,
                active: None,
                groups: Vec::new(),
                may_be_in_any_group: true,
            },
            None => self,
        }
    }

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

    /// Whether it is this principal, as far as anybody can tell.
    pub fn may_be(&self, principal: &str) -> bool {
        let is_application = principal.len() == 36 && principal.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        self.is(principal) || (self.may_be_in_any_group && !principal.contains('@') && !is_application)
    }
}

impl Client {
    pub async fn me(&self) -> Result<Me> {
        self.fetch(Call::get(Family::Identity, "/api/2.0/preview/scim/v2/Me")).await
    }
}
