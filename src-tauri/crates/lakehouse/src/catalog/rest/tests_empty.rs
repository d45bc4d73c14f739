//! Tables that are made empty and filled by a commit, because the server cannot stage.

use super::tests::{TABLES, document, ident, open, plain, refused, spec};
use super::{RestCatalog, Secrets};
use crate::catalog::{Catalog, Draft, Publication, TargetCatalog};
use crate::provenance::{PROPERTY_FILLED_BY_PLAN, PROPERTY_FILLED_FROM, PROPERTY_PLAN};
use icebridge_loopback::{Reply, Request, Server, json as ok};
use icebridge_model::Code;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const TABLE: &str = "/v1/namespaces/ns/tables/t";

/// A server without staging and without places, which keeps one table.
#[derive(Default)]
struct Kept {
    table: Option<Value>,
    /// What the next creations get in place of an answer; they are carried out.
    lost: usize,
}

impl Kept {
    fn answer(&mut self, asked: &Request) -> Reply {
        match (asked.method.as_str(), asked.path.as_str()) {
            (_, "/v1/config") => ok(json!({})),
            ("POST", TABLES) if asked.json()["stage-create"] == true => refused(501, "UnsupportedOperationException"),
            ("POST", TABLES) if self.table.is_some() => refused(409, "AlreadyExistsException"),
            ("POST", TABLES) => {
                let mut made = document("theirs", "");
                made["properties"] = asked.json()["properties"].clone();
                made["schemas"][0]["fields"][0]["id"] = json!(41);
                self.table = Some(made);
                if self.lost > 0 {
                    self.lost -= 1;
                    return Reply::Cut;
                }
                self.loaded()
            }
            ("GET", TABLE) if self.table.is_some() => self.loaded(),
            ("DELETE", TABLE) => {
                self.table = None;
                Reply::Json(204, Value::Null)
            }
            _ => refused(404, "NoSuchTableException"),
        }
    }

    fn loaded(&self) -> Reply {
        ok(json!({"metadata-location": "s3://b/ns/t/metadata/1.metadata.json", "metadata": self.table}))
    }
}

async fn server() -> (Server, Arc<Mutex<Kept>>) {
    let kept = Arc::new(Mutex::new(Kept::default()));
    let of_server = kept.clone();
    (Server::start(move |asked| of_server.lock().unwrap().answer(asked)).await, kept)
}

async fn stage(catalog: &RestCatalog, token: &str) -> icebridge_model::Result<crate::catalog::Staged> {
    let metadata = document("ours", "p");
    catalog.stage(&ident(), token, Draft { metadata: &metadata, filled_by: Some("p"), at_once: false }).await
}

fn set(kept: &Arc<Mutex<Kept>>, pointer: &str, value: Value) {
    *kept.lock().unwrap().table.as_mut().unwrap().pointer_mut(pointer).unwrap() = value;
}

#[tokio::test]
async fn what_cannot_be_staged_is_made_once_and_found_again() {
    let (server, kept) = server().await;
    kept.lock().unwrap().lost = 1;
    let catalog = plain(&server).await;
    let staged = stage(&catalog, "place").await.unwrap();
    assert_eq!(staged.location, "s3://b/ns/t");
    let empty = staged.empty.unwrap();
    assert_eq!((empty.uuid.as_str(), empty.schemas[0].fields[0].id), ("theirs", 41));
    assert_eq!(empty.properties[PROPERTY_FILLED_BY_PLAN], "p");
    assert_eq!(empty.properties[PROPERTY_FILLED_FROM], "place");
    assert!(!empty.properties.contains_key(PROPERTY_PLAN), "it is no table of the plan yet");
    // The second process asks for it at once, and has the same.
    let resumed = plain(&server).await;
    resumed.make_empty_tables();
    let before = server.count("POST", TABLES);
    assert_eq!(stage(&resumed, "place").await.unwrap().empty.unwrap().uuid, "theirs");
    assert_eq!(server.count("POST", TABLES), before + 1, "staging is not asked for again");
    assert!(catalog.makes_empty_tables());
}

#[tokio::test]
async fn the_table_of_another_run_is_neither_filled_nor_dropped() {
    let (server, kept) = server().await;
    let (first, second) = (plain(&server).await, plain(&server).await);
    stage(&first, "first").await.unwrap();
    assert_eq!(stage(&second, "second").await.unwrap_err().code, Code::CommitConflict);
    assert!(!second.drop_empty(&ident(), "second").await.unwrap());
    assert_eq!(server.count("DELETE", TABLE), 0);
    // A whole table, and one that got rows, are others' too.
    let snapshot = json!([{"snapshot-id": 7, "manifest-list": "s3://b/l", "summary": {"total-records": "3"}}]);
    kept.lock().unwrap().table.as_mut().unwrap()["snapshots"] = snapshot;
    kept.lock().unwrap().table.as_mut().unwrap()["current-snapshot-id"] = json!(7);
    assert!(!first.drop_empty(&ident(), "first").await.unwrap());
    let commit = Publication::Create { metadata: document("theirs", "p"), metadata_location: "s3://b/m".into() };
    let refused = first.publish(&ident(), &commit, &mut 0u32).await.unwrap_err();
    assert_eq!(refused.code, Code::TableExists);
    assert!(refused.message.contains("another client wrote"), "{refused}");
    set(&kept, "/properties", json!({}));
    assert_eq!(stage(&first, "first").await.unwrap_err().code, Code::TableExists);
    assert_eq!((server.count("DELETE", TABLE), server.count("POST", TABLE)), (0, 0));
}

#[tokio::test]
async fn a_table_without_rows_is_taken_back_by_whoever_made_it() {
    let (server, kept) = server().await;
    let catalog = plain(&server).await;
    stage(&catalog, "place").await.unwrap();
    // A server may begin with a snapshot that has no rows.
    kept.lock().unwrap().table.as_mut().unwrap()["snapshots"] =
        json!([{"snapshot-id": 7, "manifest-list": "s3://b/l", "summary": {"total-records": "0"}}]);
    kept.lock().unwrap().table.as_mut().unwrap()["current-snapshot-id"] = json!(7);
    assert!(catalog.drop_empty(&ident(), "place").await.unwrap());
    assert_eq!(catalog.load(&ident()).await.unwrap_err().code, Code::TableNotFound);
    assert!(!catalog.drop_empty(&ident(), "place").await.unwrap());
    assert_eq!(server.count("DELETE", TABLE), 1);
    assert_eq!(server.last("DELETE", TABLE).query["purgeRequested"], "false");
}

#[tokio::test]
async fn a_person_can_say_that_staging_is_not_to_be_tried() {
    let (server, _) = server().await;
    let mut described = spec(&server.uri);
    described.properties.insert("create-empty".into(), "true".into());
    let catalog = open(&described, &Secrets::new()).await.unwrap();
    assert!(catalog.makes_empty_tables());
    stage(&catalog, "place").await.unwrap();
    assert_eq!(server.count("POST", TABLES), 1);
}
