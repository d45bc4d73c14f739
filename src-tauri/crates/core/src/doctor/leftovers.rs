//! Scratch schemas of examinations that were ended before they could drop theirs.

use super::bench::{Bench, PREFIX, Seen};
use futures::TryStreamExt;
use icebridge_databricks::unity::Schema;
use icebridge_model::{Code, Error, Result};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::Path;

pub(super) const COMMENT: &str =
    "Scratch of an examination by IceBridge (workspace doctor), which drops it at its end.";
/// A property of the schema; its value tells this state from any other.
const MARK: &str = "icebridge.doctor.state";

pub(super) fn mark(state: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(MARK.to_owned(), state.to_owned())])
}

/// Both: names alone can be anybody's, and properties are copied along with others.
pub(crate) fn is_of(schema: &Schema, state: &str) -> bool {
    schema.name.starts_with(PREFIX) && schema.properties.get(MARK).is_some_and(|of| of == state)
}

/// Held while an examination is at work, and given back by the system when it is killed. None: another one of this state holds it.
pub(super) fn turn(folder: &Path) -> Option<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join("doctor.lock")).ok()?;
    file.try_lock().ok().map(|()| file)
}

/// Drops those that this state made, and names the others. `alone`: no other examination of this state is at work, whose schema
/// it would be. A row only where there is something to tell.
pub(super) async fn clear(bench: &mut Bench<'_>, state: &str, alone: bool) -> Result<()> {
    let catalog = bench.request.catalog.clone();
    let listed: Result<Vec<Schema>> = bench.client.schemas(&catalog).try_collect().await;
    let left = match listed {
        Ok(all) => all.into_iter().filter(|schema| schema.name.starts_with(PREFIX)),
        Err(error) if error.code == Code::Cancelled && bench.cancel.is_cancelled() => return Err(error),
        // What cannot be listed is told by the rows that need the catalog.
        Err(error) => {
            tracing::warn!(%error, catalog, "whether earlier examinations left something is not known");
            return Ok(());
        }
    };
    let (own, others): (Vec<_>, Vec<_>) = left.partition(|schema| alone && is_of(schema, state));
    if own.is_empty() && others.is_empty() {
        return Ok(());
    }
    let mut told = Vec::new();
    let mut failed = None::<Error>;
    for schema in own {
        let name = format!("{catalog}.{}", schema.name);
        match bench.client.drop_schema(&catalog, &schema.name).await {
            Ok(()) => told.push(format!("{name} was dropped: an earlier examination of this IceBridge left it")),
            Err(error) => failed = Some(error.about(&name)),
        }
    }
    let kept = !others.is_empty();
    told.extend(others.iter().map(|schema| {
        format!(
            "{catalog}.{} stays: it may be of an examination at work or of another IceBridge; drop it if not",
            schema.name
        )
    }));
    let seen = match (failed, kept) {
        (Some(error), _) => Err(error),
        (None, true) => Ok(Seen::NotTried(told.join("; "))),
        (None, false) => Ok(Seen::Holds(told.join("; "))),
    };
    bench.add("leftovers", "nothing of an earlier examination is left in the catalog", seen).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_both_the_name_and_the_mark_is_ours() {
        let schema = |name: &str, properties: serde_json::Value| -> Schema {
            serde_json::from_value(serde_json::json!({"name": name, "properties": properties})).unwrap()
        };
        let ours = serde_json::to_value(mark("us")).unwrap();
        assert!(is_of(&schema("icebridge_doctor_1", ours.clone()), "us"));
        assert!(!is_of(&schema("icebridge_doctor_1", ours.clone()), "them"));
        assert!(!is_of(&schema("sales", ours), "us"));
        assert!(!is_of(&schema("icebridge_doctor_1", serde_json::json!({})), "us"));
    }

    #[test]
    fn there_is_one_turn_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = turn(folder.path());
        assert!(first.is_some() && turn(folder.path()).is_none());
        drop(first);
        assert!(turn(folder.path()).is_some());
    }
}
