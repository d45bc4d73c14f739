//! Principals that were deleted: what they were granted and what they own stays, under their id instead of their name.

use crate::state::behaviour::{DeletedOwners, DeletedPrincipals};
use serde_json::{Map, Value, json};

/// No name begins so.
const MARK: &str = "\u{0}deleted ";

/// What stands where the name was.
pub fn mark(id: u64) -> String {
    format!("{MARK}{id}")
}

fn id_of(name: &str) -> Option<u64> {
    name.strip_prefix(MARK)?.parse().ok()
}

/// An owner as the API shows it; None: not at all.
pub fn owner(name: &str, how: DeletedOwners) -> Option<String> {
    match (id_of(name), how) {
        (None, _) => Some(name.to_owned()),
        (Some(id), DeletedOwners::Id) => Some(id.to_string()),
        (Some(_), DeletedOwners::Empty) => Some(String::new()),
        (Some(_), DeletedOwners::Absent) => None,
    }
}

/// Who holds privileges, as the API names them: by name and id, or by the id alone.
pub fn holder(name: &str, id: Option<u64>, how: DeletedPrincipals) -> Map<String, Value> {
    let mut fields = Map::new();
    let deleted = id_of(name);
    match (deleted, how) {
        (None, _) => drop(fields.insert("principal".to_owned(), name.into())),
        (Some(_), DeletedPrincipals::Empty) => drop(fields.insert("principal".to_owned(), "".into())),
        (Some(_), DeletedPrincipals::Absent) => {}
    }
    if let Some(id) = deleted.or(id) {
        fields.insert("principal_id".to_owned(), json!(id));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_gone_is_named_by_the_id_alone() {
        let gone = mark(7);
        assert_eq!(
            json!(holder("ada", Some(3), DeletedPrincipals::Absent)),
            json!({"principal": "ada", "principal_id": 3})
        );
        assert_eq!(json!(holder(&gone, None, DeletedPrincipals::Absent)), json!({"principal_id": 7}));
        assert_eq!(json!(holder(&gone, None, DeletedPrincipals::Empty)), json!({"principal": "", "principal_id": 7}));
        let shown = |how| owner(&gone, how);
        assert_eq!(shown(DeletedOwners::Id).as_deref(), Some("7"));
        assert_eq!((shown(DeletedOwners::Empty).as_deref(), shown(DeletedOwners::Absent)), (Some(""), None));
    }
}
