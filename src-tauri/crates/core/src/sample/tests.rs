//! The sample where it was laid, against what Spark and PyIceberg read where it was made; and the inventory over it.

use super::*;
use crate::secrets::MemorySecrets;
use crate::{inventory, table};
use icebridge_model::event::Event;
use icebridge_model::facts::InventoryOutcome;
use icebridge_model::ops::{InventoryRequest, TableRequest};
use icebridge_model::{Code, TableIdent};
use serde_json::Value;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

async fn laid() -> (tempfile::TempDir, LocalState, SampleCreated) {
    let folder = tempfile::tempdir().unwrap();
    let local = LocalState::open(folder.path().join("state"), Arc::new(MemorySecrets::default())).await.unwrap();
    // A place with a space and a letter that is not ASCII, as people have them.
    let created = create(&local, Some(&folder.path().join("my lake ü"))).await.unwrap();
    (folder, local, created)
}

fn request(source: &str, only: &[&str]) -> InventoryRequest {
    InventoryRequest {
        source: source.into(),
        only: only.iter().map(|s| s.to_string()).collect(),
        ..InventoryRequest::default()
    }
}

#[tokio::test]
async fn every_snapshot_reads_as_its_judge_read_it() {
    let (_folder, local, created) = laid().await;
    let expected: Value = serde_json::from_str(include_str!("../../sample/expected.json")).unwrap();
    let is_table = |told: &Value| !told["tags"].as_array().is_some_and(|tags| tags.contains(&"view".into()));
    let tables: Vec<_> = expected["tables"].as_object().unwrap().iter().filter(|(_, told)| is_table(told)).collect();
    assert_eq!(created.tables, tables.len());
    let mut compared = 0;
    for (name, told) in tables {
        let request = |snapshot_id| TableRequest {
            catalog: SOURCE.into(),
            table: TableIdent::parse(name).unwrap(),
            snapshot_id,
            reference: None,
        };
        let reads = told["snapshots"].as_array().into_iter().flatten().map(|s| (s["snapshot_id"].as_i64(), s));
        for (snapshot, read) in reads.chain([(None, &told["current"])]) {
            let Some(digest) = read["digest"].as_str() else { continue };
            let measured = table::measure(&local, &request(snapshot), &CancellationToken::new()).await;
            match measured {
                Ok(measured) => {
                    assert_eq!(Some(measured.rows), read["rows"].as_u64(), "{name} at {snapshot:?}");
                    assert_eq!(measured.digest, digest, "{name} at {snapshot:?}");
                    compared += 1;
                }
                Err(error) => assert_eq!(error.code, Code::Unsupported, "{name} at {snapshot:?}: {error}"),
            }
        }
    }
    assert!(compared >= 30, "only {compared} reads were compared");
}

#[tokio::test]
async fn nothing_names_the_place_where_it_was_made() {
    fn files(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path, out) } else { out.push(path) }
        }
    }
    let (folder, local, _) = laid().await;
    let mut found = Vec::new();
    files(&folder.path().join("my lake ü/lakehouse"), &mut found);
    assert!(found.len() > 100);
    // Compressed manifests and position deletes are read through the tables above; these are plain text.
    for path in found.iter().filter(|p| p.extension().is_some_and(|e| e == "json" || e == "db")) {
        let bytes = std::fs::read(path).unwrap();
        let old = WRITTEN_UNDER.as_bytes();
        // The catalog's free pages may still hold old text: what it says is what counts.
        if path.extension().is_some_and(|e| e == "json") {
            assert!(!bytes.windows(old.len()).any(|w| w == old), "{}", path.display());
        }
    }
    inventory::refresh(&local, &request(SOURCE, &[]), &CancellationToken::new()).await.unwrap();
    for row in inventory::list(&local, SOURCE).await.unwrap() {
        let facts = row.facts().unwrap();
        assert!(!facts.location.contains(WRITTEN_UNDER) && facts.metadata_location.contains("my lake ü"));
    }
}

#[tokio::test]
async fn a_second_time_keeps_what_is_there() {
    let (folder, local, first) = laid().await;
    let place = folder.path().join("my lake ü");
    let marker = place.join("lakehouse/kept");
    std::fs::write(&marker, "x").unwrap();
    assert_eq!(create(&local, Some(&place)).await.unwrap(), first);
    assert!(marker.exists());
    let taken = folder.path().join("taken");
    std::fs::create_dir_all(taken.join("lakehouse")).unwrap();
    assert_eq!(create(&local, Some(&taken)).await.unwrap_err().code, Code::InvalidInput);
}

#[tokio::test]
async fn one_broken_table_is_a_row_and_the_rest_goes_on() {
    let (_folder, local, created) = laid().await;
    inventory::refresh(&local, &request(SOURCE, &[]), &CancellationToken::new()).await.unwrap();
    let before = local.store.inventory_row(SOURCE, &TableIdent::parse("sales.orders").unwrap()).await.unwrap();
    let metadata = before.facts().unwrap().metadata_location.replace("file:", "");
    std::fs::write(metadata, "{\"format-version\": 2, \"loc").unwrap();

    let mut events = local.events.subscribe();
    let summary = inventory::refresh(&local, &request(SOURCE, &[]), &CancellationToken::new()).await.unwrap();
    assert_eq!((summary.tables, summary.problems), (created.tables, 1));
    let rows = inventory::list(&local, SOURCE).await.unwrap();
    let broken: Vec<_> = rows.iter().filter(|r| r.facts().is_none()).collect();
    assert_eq!(broken.len(), 1);
    assert!(matches!(&broken[0].outcome, InventoryOutcome::Problem(e) if e.code == Code::MetadataBroken));
    let mut last = None;
    while let Ok(event) = events.try_recv() {
        last = Some(event);
    }
    assert!(matches!(last, Some(Event::Inventory { done, total, .. }) if done == total && total == created.tables));
}

#[tokio::test]
async fn globs_choose_and_a_cancel_stops() {
    let (_folder, local, created) = laid().await;
    let only = inventory::refresh(&local, &request(SOURCE, &["sales.*"]), &CancellationToken::new()).await.unwrap();
    assert!(only.tables > 0 && only.tables < created.tables);
    let none = inventory::refresh(&local, &request(SOURCE, &["no.such"]), &CancellationToken::new()).await;
    assert_eq!(none.unwrap_err().code, Code::InvalidInput);
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let stopped = inventory::refresh(&local, &request(SOURCE, &[]), &cancelled).await;
    assert_eq!(stopped.unwrap_err().code, Code::Cancelled);
    assert_eq!(inventory::list(&local, SOURCE).await.unwrap().len(), only.tables, "what was captured stays");
}

#[tokio::test]
async fn rows_come_as_objects_and_no_more_than_asked_for() {
    let (_folder, local, _) = laid().await;
    let table = TableRequest {
        catalog: SOURCE.into(),
        table: TableIdent::parse("sales.orders").unwrap(),
        snapshot_id: None,
        reference: None,
    };
    let rows = table::rows(&local, &table, 7).await.unwrap();
    assert_eq!(rows.rows.len(), 7);
    assert!(rows.columns.iter().all(|c| rows.rows[0].get(c).is_some()));
    let wrong = TableRequest { reference: Some("nowhere".into()), ..table };
    assert_eq!(table::rows(&local, &wrong, 7).await.unwrap_err().code, Code::InvalidInput);
}
