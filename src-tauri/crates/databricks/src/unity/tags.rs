//! Tags. Not every workspace has the call yet.

use super::calls::ROOT;
use super::permissions::Securable;
use crate::client::{Call, Client, Failure, Family, RefusalKind, segment};
use icebridge_model::Result;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    #[serde(rename = "tag_key", default)]
    pub key: String,
    #[serde(rename = "tag_value", default)]
    pub value: Option<String>,
}

#[derive(Deserialize)]
struct Assignment {
    #[serde(flatten)]
    tag: Tag,
    #[serde(default)]
    source_type: Option<String>,
}

impl Assignment {
    /// The workspace assigns tags of its own, such as the classes of data that it found, which nobody else can.
    fn is_somebodys(&self) -> bool {
        let by_workspace =
            self.source_type.as_deref().is_some_and(|kind| kind.to_ascii_uppercase().contains("_SYSTEM_"));
        !by_workspace && !self.tag.key.is_empty()
    }
}

impl Client {
    /// None: the workspace does not give tags by the API, or not to us. That is not the same as having none.
    pub async fn tags(&self, securable: Securable, name: &str) -> Result<Option<Vec<Tag>>> {
        self.tags_of(&format!("{}s", securable.as_str()), name).await
    }

    /// `column`: within the table.
    pub async fn column_tags(&self, table: &str, column: &str) -> Result<Option<Vec<Tag>>> {
        self.tags_of("columns", &format!("{table}.{column}")).await
    }

    async fn tags_of(&self, entity: &str, name: &str) -> Result<Option<Vec<Tag>>> {
        let path = format!("{ROOT}/entity-tag-assignments/{entity}/{}/tags", segment(name)?);
        let call = Call::get(Family::UnityCatalog, path);
        match self.all::<Assignment>(&call, "tag_assignments").await {
            Ok(found) => Ok(Some(found.into_iter().filter(Assignment::is_somebodys).map(|one| one.tag).collect())),
            Err(Failure::Refused(refusal))
                if refusal.is_missing() || refusal.is_denied() || refusal.is_not_offered() =>
            {
                Ok(None)
            }
            Err(failure) => Err(failure.into()),
        }
    }
}
