use super::*;
use crate::testing::{Reply, Request, Server, Workspace, ok, page, refused};
use crate::unity::Kind;
use futures::StreamExt;
use icebridge_model::Code;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const TABLES: &str = "/api/2.1/unity-catalog/tables";

fn table(schema: &str, name: &str) -> Value {
    json!({"name": name, "catalog_name": "lake", "schema_name": schema, "table_type": "FOREIGN",
        "data_source_format": "ICEBERG", "updated_at": 7, "columns": [{"name": "a"}]})
}

/// A metastore with schemas `a` (three pages, the middle one empty) and `b` (closed to us), and things to leave out.
fn metastore(asked: &Request) -> Reply {
    match (asked.path.as_str(), asked.query("schema_name"), asked.query("page_token")) {
        ("/api/2.1/unity-catalog/catalogs", ..) => page(
            "catalogs",
            json!([{"name": "lake", "catalog_type": "FOREIGN_CATALOG"}, {"name": "system", "catalog_type": "SYSTEM_CATALOG"}, {"name": "empty"}]),
            None,
        ),
        ("/api/2.1/unity-catalog/schemas", ..) if asked.query("catalog_name") == "empty" => {
            refused(404, "CATALOG_DOES_NOT_EXIST")
        }
        ("/api/2.1/unity-catalog/schemas", _, "") => page(
            "schemas",
            json!([{"name": "a", "catalog_name": "lake"}, {"name": "information_schema", "catalog_name": "lake"}]),
            Some("more"),
        ),
        ("/api/2.1/unity-catalog/schemas", ..) => page("schemas", json!([{"name": "b", "catalog_name": "lake"}]), None),
        (TABLES, "a", "") => page("tables", json!([table("a", "t1"), table("a", "t2")]), Some("p2")),
        (TABLES, "a", "p2") => page("tables", json!([]), Some("p3")),
        (TABLES, "a", "p3") => page("tables", json!([table("a", "t3")]), None),
        (TABLES, "b", _) => refused(403, "PERMISSION_DENIED"),
        other => panic!("{other:?}"),
    }
}

async fn all(server: &Server, scope: Scope, cursor: Cursor) -> Vec<Found> {
    server.client().inventory(scope, cursor).map(Result::unwrap).collect().await
}

fn names(found: &[Found]) -> Vec<String> {
    let mut names: Vec<_> = found
        .iter()
        .filter_map(|found| match found {
            Found::Table(row) => Some(row.table.full_name()),
            _ => None,
        })
        .collect();
    names.sort();
    names
}

fn cursor_of(found: &[Found]) -> Cursor {
    found
        .iter()
        .filter_map(|found| if let Found::Reached(place) = found { Some(place.clone()) } else { None })
        .collect()
}

#[tokio::test]
async fn everything_is_found_and_what_is_closed_does_not_stop_the_rest() {
    let server = Server::start(metastore).await;
    let found = all(&server, Scope::default(), Cursor::default()).await;
    assert_eq!(names(&found), ["lake.a.t1", "lake.a.t2", "lake.a.t3"]);
    let failed: BTreeMap<_, _> = found
        .iter()
        .filter_map(|found| match found {
            Found::Failed { object, error } => Some((object.as_str(), error.code)),
            _ => None,
        })
        .collect();
    assert_eq!(failed, BTreeMap::from([("empty", Code::CatalogNotFound), ("lake.b", Code::AccessDenied)]));
    let cursor = cursor_of(&found);
    assert_eq!(cursor.progress("lake", "a"), Some(&SchemaProgress::Done { complete: true }));
    // What failed is not done.
    assert_eq!(cursor.progress("lake", "b"), None);
    assert!(found.iter().all(|found| !matches!(found, Found::Table(row) if row.kind != Kind::ForeignIceberg)));
    assert_eq!(server.last("GET", TABLES).query("max_results"), "0");
}

#[tokio::test]
async fn a_walk_is_taken_up_where_it_stopped() {
    let server = Server::start(metastore).await;
    let mut walk = server.client().inventory(Scope::default(), Cursor::default());
    let mut first = Vec::new();
    while let Some(found) = walk.next().await {
        let found = found.unwrap();
        let stop = matches!(&found, Found::Reached(place) if place.schema == "a");
        first.push(found);
        if stop {
            break;
        }
    }
    drop(walk);
    assert_eq!(names(&first), ["lake.a.t1", "lake.a.t2"]);
    let kept = serde_json::to_string(&cursor_of(&first)).unwrap();
    let cursor: Cursor = serde_json::from_str(&kept).unwrap();
    let rest = all(&server, Scope::default(), cursor).await;
    assert_eq!(names(&rest), ["lake.a.t3"]);
    // It began in the middle, so it cannot tell what has vanished.
    assert_eq!(cursor_of(&rest).progress("lake", "a"), Some(&SchemaProgress::Done { complete: false }));
    let before = server.count("GET", TABLES);
    let again = all(&server, Scope::default(), cursor_of(&rest)).await;
    assert!(names(&again).is_empty());
    // Only the schema that failed is tried again.
    assert_eq!(server.count("GET", TABLES), before + 1);
}

#[tokio::test]
async fn a_place_that_the_server_has_forgotten_starts_its_schema_again() {
    let server = Server::start(|asked| match asked.query("page_token") {
        "stale" => refused(400, "INVALID_PARAMETER_VALUE"),
        _ => metastore(asked),
    })
    .await;
    let place = |token: &str| SchemaPosition {
        catalog: "lake".into(),
        schema: "a".into(),
        progress: SchemaProgress::Next { token: token.into(), from_start: true },
    };
    let found = all(&server, Scope::default(), Cursor::from_iter([place("stale")])).await;
    assert_eq!(names(&found), ["lake.a.t1", "lake.a.t2", "lake.a.t3"]);
    assert_eq!(cursor_of(&found).progress("lake", "a"), Some(&SchemaProgress::Done { complete: true }));
}

#[tokio::test]
async fn the_second_time_only_what_changed_is_read_whole() {
    let server = Server::start(|asked| match asked.path.strip_prefix("/api/2.1/unity-catalog/tables/") {
        Some(name) => {
            assert_eq!(name, "lake.a.t2", "the others are unchanged");
            ok(table("a", "t2"))
        }
        None => {
            if asked.path == TABLES {
                assert_eq!((asked.query("omit_columns"), asked.query("omit_properties")), ("true", "true"));
            }
            metastore(asked)
        }
    })
    .await;
    let known = [("lake.a.t1", 7), ("lake.a.t2", 6), ("lake.a.t3", 7)].map(|(name, at)| (name.to_string(), at));
    let scope = Scope { known: Some(Arc::new(HashMap::from(known))), ..Scope::default() };
    let found = all(&server, scope, Cursor::default()).await;
    assert_eq!(names(&found), ["lake.a.t2"]);
    let unchanged = found.iter().filter(|found| matches!(found, Found::Unchanged { .. })).count();
    assert_eq!(unchanged, 2);
}

#[tokio::test]
async fn grants_and_tags_come_where_they_may_be_seen() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/api/2.1/unity-catalog/permissions/table/lake.a.t1" => {
            page("privilege_assignments", json!([{"principal": "p", "privileges": ["SELECT"]}]), None)
        }
        path if path.contains("/permissions/") => refused(403, "PERMISSION_DENIED"),
        path if path.contains("/entity-tag-assignments/") => page("tag_assignments", json!([{"tag_key": "k"}]), None),
        _ => metastore(asked),
    })
    .await;
    let only = Some(std::iter::once("lake.a".to_string()).collect());
    let scope = Scope { grants_and_tags: true, schemas: only, ..Scope::default() };
    let found = all(&server, scope, Cursor::default()).await;
    let of = |name: &str| {
        found.iter().find_map(|found| match found {
            Found::Table(row) if row.table.name == name => Some(row.clone()),
            _ => None,
        })
    };
    assert_eq!(of("t1").unwrap().grants.unwrap()[0].privileges, ["SELECT"]);
    assert_eq!((of("t2").unwrap().grants, of("t2").unwrap().tags.unwrap().len()), (None, 1));
    // The other schema and the other catalogs were not even asked for.
    assert!(!found.iter().any(|found| matches!(found, Found::Failed { .. })), "{found:?}");
}

#[tokio::test]
async fn a_sign_in_that_ends_ends_the_walk() {
    let over = AtomicBool::new(false);
    let server = Server::start(move |asked| match asked.path == TABLES || over.load(Ordering::SeqCst) {
        true => {
            over.store(true, Ordering::SeqCst);
            refused(401, "UNAUTHENTICATED")
        }
        false => metastore(asked),
    })
    .await;
    let found: Vec<_> = server.client().inventory(Scope::default(), Cursor::default()).collect().await;
    let fatal = found.iter().filter(|found| found.is_err()).count();
    assert!(fatal >= 1, "{found:?}");
}

#[tokio::test]
async fn many_schemas_are_listed_at_once_in_bounded_memory() {
    const SCHEMAS: usize = 20;
    const PAGES: usize = 3;
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(0)));
    let seen = most.clone();
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/api/2.1/unity-catalog/catalogs" => page("catalogs", json!([{"name": "lake"}]), None),
        "/api/2.1/unity-catalog/schemas" => {
            let all: Vec<_> = (0..SCHEMAS).map(|n| json!({"name": format!("s{n}"), "catalog_name": "lake"})).collect();
            page("schemas", json!(all), None)
        }
        _ => {
            let number: usize = asked.query("page_token").parse().unwrap_or(0);
            if number == 0 {
                // Schemas that were begun and are not at their end.
                let open = now.fetch_add(1, Ordering::SeqCst) + 1;
                let mut most = seen.lock().unwrap();
                *most = open.max(*most);
            }
            if number + 1 == PAGES {
                now.fetch_sub(1, Ordering::SeqCst);
            }
            let next = (number + 1).to_string();
            let rows: Vec<_> = (0..10).map(|n| table(asked.query("schema_name"), &format!("t{number}_{n}"))).collect();
            page("tables", json!(rows), (number + 1 < PAGES).then_some(next.as_str()))
        }
    })
    .await;
    let found = all(&server, Scope { at_once: 6, ..Scope::default() }, Cursor::default()).await;
    assert_eq!(names(&found).len(), SCHEMAS * PAGES * 10);
    let most = *most.lock().unwrap();
    assert!((2..=7).contains(&most), "{most}");
}
