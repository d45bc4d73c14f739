use super::*;
use icebridge_model::catalog::{CatalogKind, Role};
use std::fs;
use std::path::Path;

fn catalog(uri: &Path) -> FilesCatalog {
    let spec = CatalogSpec {
        name: "files".into(),
        role: Role::Source,
        kind: CatalogKind::Files,
        uri: uri.to_str().unwrap().into(),
        warehouse: String::new(),
        properties: BTreeMap::new(),
        secrets: Vec::new(),
    };
    FilesCatalog::open(&spec, &Secrets::new()).unwrap()
}

fn put(root: &Path, path: &str, updated: i64) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let json = serde_json::json!({"format-version": 2, "table-uuid": path, "location": root.to_str().unwrap(),
        "last-updated-ms": updated, "schemas": [{"schema-id": 0, "fields": []}], "current-schema-id": 0});
    fs::write(file, json.to_string()).unwrap();
}

async fn newest(root: &Path, table: &str) -> String {
    let loaded = catalog(root).load(&TableIdent::parse(table).unwrap()).await.unwrap();
    last_part(&loaded.metadata_location).to_string()
}

#[tokio::test]
async fn a_warehouse_is_walked_and_tables_are_not_entered() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "sales/orders/metadata/v1.metadata.json", 1);
    put(root.path(), "sales/eu/odd name #1/metadata/00000-a.metadata.json", 1);
    put(root.path(), "loose/metadata/v1.metadata.json", 1);
    // Inside a table nothing else is one; a metadata folder without metadata is none; nor are partitions and hidden ones.
    put(root.path(), "sales/orders/data/inner/metadata/v1.metadata.json", 1);
    put(root.path(), "hive/day=1/metadata/v1.metadata.json", 1);
    put(root.path(), ".trash/old/metadata/v1.metadata.json", 1);
    fs::create_dir_all(root.path().join("empty/metadata")).unwrap();
    let catalog = catalog(root.path());
    let tables: Vec<_> = catalog.tables().await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(tables, ["default.loose", "sales.orders", "sales.eu.odd name #1"]);
    assert_eq!(catalog.namespaces().await.unwrap().len(), 3);
    let missing = catalog.load(&TableIdent::new(["sales"], "none")).await.unwrap_err();
    assert_eq!(missing.code, Code::TableNotFound);
}

#[tokio::test]
async fn the_newest_metadata_is_found_as_hadoop_finds_it() {
    let root = tempfile::tempdir().unwrap();
    for version in 1..=12 {
        put(root.path(), &format!("s/t/metadata/v{version}.metadata.json"), version);
    }
    assert_eq!(newest(root.path(), "s.t").await, "v12.metadata.json");
    // The hint lags behind what was committed: followed to the end.
    fs::write(root.path().join("s/t/metadata/version-hint.text"), "11\n").unwrap();
    assert_eq!(newest(root.path(), "s.t").await, "v12.metadata.json");
    // A hint to nothing is no reason to fail, and a gap ends what follows a hint.
    fs::write(root.path().join("s/t/metadata/version-hint.text"), "99").unwrap();
    assert_eq!(newest(root.path(), "s.t").await, "v12.metadata.json");
    fs::remove_file(root.path().join("s/t/metadata/v6.metadata.json")).unwrap();
    fs::write(root.path().join("s/t/metadata/version-hint.text"), "5").unwrap();
    assert_eq!(newest(root.path(), "s.t").await, "v5.metadata.json");
    // The last version there can be, and hints that are no numbers of any version.
    put(root.path(), &format!("s/t/metadata/v{}.metadata.json", u64::MAX), 99);
    for hint in [u64::MAX.to_string(), "-1".into(), "18446744073709551616".into(), "\u{0}".into()] {
        fs::write(root.path().join("s/t/metadata/version-hint.text"), hint).unwrap();
        assert_eq!(newest(root.path(), "s.t").await, format!("v{}.metadata.json", u64::MAX));
    }
    // Two writers of one version: the later update.
    for (name, updated) in [("00003-a", 30), ("00003-b", 40), ("00003-c", 35), ("00002-z", 90)] {
        put(root.path(), &format!("s/u/metadata/{name}.metadata.json"), updated);
    }
    fs::write(root.path().join("s/u/metadata/00003-d.metadata.json"), "{").unwrap();
    assert_eq!(newest(root.path(), "s.u").await, "00003-b.metadata.json");
}

#[tokio::test]
async fn without_a_hint_nobody_says_which_metadata_was_committed() {
    let root = tempfile::tempdir().unwrap();
    let log = |names: &[&str]| -> Value {
        names.iter().map(|name| serde_json::json!({"metadata-file": format!("s3://b/t/metadata/{name}")})).collect()
    };
    let mut metadata = serde_json::json!({"format-version": 2, "table-uuid": "u", "location": "/t", "last-updated-ms": 5,
        "schemas": [{"schema-id": 0, "fields": []}], "current-schema-id": 0});
    metadata["metadata-log"] = log(&["00001-b.metadata.json", "00002-c.metadata.json"]);
    for name in ["00000-a", "00001-b", "00002-c", "00002-orphan", "00003-d"] {
        put(root.path(), &format!("t/metadata/{name}.metadata.json"), 1);
    }
    fs::write(root.path().join("t/metadata/00003-d.metadata.json"), metadata.to_string()).unwrap();
    let load = || async { catalog(&root.path().join("t")).load(&TableIdent::new(["default"], "t")).await.unwrap() };
    let found = load().await.unconfirmed.unwrap();
    assert_eq!((found.candidates, found.rivals), (5, vec!["00002-orphan.metadata.json".to_string()]));
    fs::write(root.path().join("t/metadata/version-hint.text"), "00003-d").unwrap();
    assert_eq!(load().await.unconfirmed, None);
    put(root.path(), "h/t/metadata/v1.metadata.json", 1);
    put(root.path(), "h/t/metadata/v2.metadata.json", 1);
    let hadoop = catalog(&root.path().join("h")).load(&TableIdent::new(["default"], "t")).await.unwrap();
    assert_eq!(hadoop.unconfirmed, None);
    let file = catalog(&root.path().join("t/metadata/00002-orphan.metadata.json"));
    assert_eq!(file.load(&TableIdent::new(["default"], "t")).await.unwrap().unconfirmed, None);
}

#[tokio::test]
async fn one_table_or_one_file_is_a_catalog_too() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "t/metadata/v1.metadata.json", 1);
    put(root.path(), "t/metadata/v2.metadata.json", 2);
    let table = TableIdent::new(["default"], "t");
    let one = catalog(&root.path().join("t"));
    assert_eq!(one.tables().await.unwrap(), std::slice::from_ref(&table));
    assert!(one.load(&table).await.unwrap().metadata_location.ends_with("v2.metadata.json"));
    let file = catalog(&root.path().join("t/metadata/v1.metadata.json"));
    assert_eq!(file.tables().await.unwrap(), std::slice::from_ref(&table));
    assert!(file.load(&table).await.unwrap().metadata_location.ends_with("v1.metadata.json"));
    assert_eq!(catalog(&root.path().join("none")).tables().await.unwrap_err().code, Code::CatalogNotFound);
    let empty = tempfile::tempdir().unwrap();
    assert!(catalog(empty.path()).tables().await.unwrap().is_empty());
}

#[test]
fn versions_are_read_from_every_form_of_name() {
    for (name, version) in [
        ("v7.metadata.json", Some(7)),
        ("v7.gz.metadata.json", Some(7)),
        ("v7.metadata.json.gz", Some(7)),
        ("00012-0b1c.metadata.json", Some(12)),
        ("00012-0b1c.gz.metadata.json", Some(12)),
        ("weird.metadata.json", Some(0)),
        ("snap-1.avro", None),
    ] {
        assert_eq!(version_of(name), version, "{name}");
    }
}
