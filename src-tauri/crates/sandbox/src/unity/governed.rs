//! Governed tags: keys of which an account says which values they take, and who may assign them.

use crate::base::Refusal;
use serde_json::{Value, json};

#[derive(Clone, Debug)]
pub struct TagPolicy {
    pub key: String,
    pub id: String,
    pub description: String,
    /// Any value, if there are none.
    pub values: Vec<String>,
    pub created: i64,
    pub updated: i64,
    /// Who has ASSIGN on it, besides administrators.
    pub assigners: Vec<String>,
}

impl TagPolicy {
    pub fn payload(&self) -> Value {
        let time = |ms: i64| jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| at.to_string());
        let values: Vec<Value> = self.values.iter().map(|name| json!({"name": name})).collect();
        json!({
            "tag_key": self.key, "id": self.id, "description": self.description, "values": values,
            "create_time": time(self.created), "update_time": time(self.updated),
        })
    }
}

pub fn no_policy(key: &str) -> Refusal {
    Refusal::new(404, "NOT_FOUND", format!("Tag policy with key {key} does not exist."))
}
