use crate::catalog::{Catalog, Draft, Publication, Secrets, TargetCatalog, open, open_target};
use crate::provenance::PROPERTY_PLAN;
use bytes::Bytes;
use icebridge_model::catalog::{CatalogKind, CatalogSpec, Role};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, TableIdent};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn spec(kind: CatalogKind, role: Role, uri: &str) -> CatalogSpec {
    CatalogSpec {
        name: "lake".into(),
        role,
        kind,
        uri: uri.into(),
        warehouse: String::new(),
        properties: BTreeMap::new(),
        secrets: Vec::new(),
    }
}

fn document(location: &str, uuid: &str, plan: Option<&str>) -> Value {
    let properties = plan.map_or(json!({}), |p| json!({ PROPERTY_PLAN: p }));
    json!({"format-version": 2, "table-uuid": uuid, "location": location, "last-updated-ms": 1, "properties": properties,
        "schemas": [{"type": "struct", "schema-id": 0, "fields": [{"id": 1, "name": "a", "required": false, "type": "int"}]}],
        "current-schema-id": 0, "partition-specs": [{"spec-id": 0, "fields": []}], "default-spec-id": 0,
        "last-column-id": 1, "last-sequence-number": 0, "last-partition-id": 999, "sort-orders":
        [{"order-id": 0, "fields": []}], "default-sort-order-id": 0})
}

/// A foreign database: PyIceberg's older layout, or JdbcCatalog's with `iceberg_type`.
async fn foreign(folder: &Path, journal: SqliteJournalMode, with_type: bool) -> SqliteConnection {
    let file = folder.join("pyiceberg.db");
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true).journal_mode(journal);
    let mut connection = options.connect().await.unwrap();
    let column = if with_type { ", iceberg_type VARCHAR(5)" } else { "" };
    let tables = format!(
        "CREATE TABLE iceberg_tables (catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL, table_name \
         VARCHAR(255) NOT NULL, metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000){column}, PRIMARY \
         KEY (catalog_name, table_namespace, table_name)); CREATE TABLE iceberg_namespace_properties (catalog_name \
         VARCHAR(255) NOT NULL, namespace VARCHAR(255) NOT NULL, property_key VARCHAR(255) NOT NULL, property_value \
         VARCHAR(1000) NOT NULL, PRIMARY KEY (catalog_name, namespace, property_key))"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(tables)).execute(&mut connection).await.unwrap();
    connection
}

async fn insert(connection: &mut SqliteConnection, catalog: &str, table: &str, folder: &Path) {
    let location = folder.join(format!("{table}.metadata.json"));
    fs::write(&location, document(folder.to_str().unwrap(), table, None).to_string()).unwrap();
    let sql = "INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, metadata_location) VALUES ($1, 'a.b', $2, $3)";
    let query = sqlx::query(sql).bind(catalog).bind(table).bind(location.to_str().unwrap());
    query.execute(connection).await.unwrap();
}

fn source_of(folder: &Path) -> CatalogSpec {
    spec(CatalogKind::Sql, Role::Source, &format!("sqlite:{}/pyiceberg.db", folder.display()))
}

async fn names(catalog: &dyn Catalog) -> Vec<String> {
    catalog.tables().await.unwrap().iter().map(ToString::to_string).collect()
}

fn listing(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn both_layouts_are_read_and_views_are_not_tables() {
    for with_type in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut db = foreign(folder.path(), SqliteJournalMode::Delete, with_type).await;
        insert(&mut db, "prod", "orders", folder.path()).await;
        if with_type {
            insert(&mut db, "prod", "a_view", folder.path()).await;
            let view = "UPDATE iceberg_tables SET iceberg_type = 'VIEW' WHERE table_name = 'a_view'";
            sqlx::query(view).execute(&mut db).await.unwrap();
            let table = "UPDATE iceberg_tables SET iceberg_type = 'TABLE' WHERE table_name = 'orders'";
            sqlx::query(table).execute(&mut db).await.unwrap();
        }
        sqlx::query("INSERT INTO iceberg_namespace_properties VALUES ('prod', 'empty', 'exists', 'true')")
            .execute(&mut db)
            .await
            .unwrap();
        db.close().await.unwrap();
        let catalog = open(&source_of(folder.path()), &Secrets::new(), None).await.unwrap();
        assert_eq!(names(&*catalog).await, ["a.b.orders"]);
        assert_eq!(catalog.namespaces().await.unwrap(), [vec!["a".to_string(), "b".into()], vec!["empty".into()]]);
        let table = catalog.load(&TableIdent::new(["a", "b"], "orders")).await.unwrap();
        assert_eq!(table.metadata.uuid, "orders");
        for missing in [TableIdent::new(["a", "b"], "a_view"), TableIdent::new(["a"], "orders")] {
            assert_eq!(catalog.load(&missing).await.unwrap_err().code, Code::TableNotFound, "{missing}");
        }
    }
}

#[tokio::test]
async fn a_source_is_read_in_every_state_of_its_log_and_nothing_appears_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = foreign(folder.path(), SqliteJournalMode::Wal, true).await;
    insert(&mut writer, "prod", "first", folder.path()).await;
    // Another process has it open, and its last rows are in the log alone.
    let catalog = open(&source_of(folder.path()), &Secrets::new(), None).await.unwrap();
    assert_eq!(names(&*catalog).await, ["a.b.first"]);
    let mut open_transaction = writer.begin().await.unwrap();
    insert(&mut open_transaction, "prod", "second", folder.path()).await;
    assert_eq!(names(&*catalog).await, ["a.b.first"], "an open transaction is not seen and does not block");
    open_transaction.commit().await.unwrap();
    assert_eq!(names(&*catalog).await, ["a.b.first", "a.b.second"]);

    // Its writer was killed: the log is there, the shared memory is not.
    let killed = tempfile::tempdir().unwrap();
    for name in ["pyiceberg.db", "pyiceberg.db-wal"] {
        fs::copy(folder.path().join(name), killed.path().join(name)).unwrap();
    }
    let before = listing(killed.path());
    let dead = open(&source_of(killed.path()), &Secrets::new(), None).await.unwrap();
    assert_eq!(names(&*dead).await, ["a.b.first", "a.b.second"]);
    assert_eq!(listing(killed.path()), before);

    // Killed in the middle of a transaction in the older mode: its journal must be rolled back, elsewhere.
    let torn = tempfile::tempdir().unwrap();
    let mut old = foreign(torn.path(), SqliteJournalMode::Delete, true).await;
    insert(&mut old, "prod", "first", torn.path()).await;
    let spill = "PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN; UPDATE iceberg_tables SET table_name = 'torn'; CREATE \
                 TABLE filler (x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO \
                 filler SELECT randomblob(2000) FROM n";
    sqlx::raw_sql(spill).execute(&mut old).await.unwrap();
    let crashed = tempfile::tempdir().unwrap();
    for name in ["pyiceberg.db", "pyiceberg.db-journal"] {
        fs::copy(torn.path().join(name), crashed.path().join(name)).unwrap();
    }
    let before = listing(crashed.path());
    let dead = open(&source_of(crashed.path()), &Secrets::new(), None).await.unwrap();
    assert_eq!(names(&*dead).await, ["a.b.first"]);
    assert_eq!(listing(crashed.path()), before);

    // Closed in peace: one file, which stays alone.
    writer.close().await.unwrap();
    let before = listing(folder.path());
    assert!(!before.iter().any(|n| n.ends_with("-wal") || n.ends_with("-shm")), "{before:?}");
    assert_eq!(names(&*catalog).await, ["a.b.first", "a.b.second"]);
    assert_eq!(listing(folder.path()), before);
}

#[tokio::test]
async fn wrong_databases_are_told_apart_and_never_made() {
    let folder = tempfile::tempdir().unwrap();
    let refused = async |spec: &CatalogSpec| open(spec, &Secrets::new(), None).await.unwrap_err();
    let missing = refused(&source_of(folder.path())).await;
    assert_eq!(missing.code, Code::CatalogNotFound);
    assert!(listing(folder.path()).is_empty(), "reading makes no file");
    fs::write(folder.path().join("pyiceberg.db"), vec![b'x'; 5000]).unwrap();
    assert_eq!(refused(&source_of(folder.path())).await.code, Code::CatalogRefused);
    fs::remove_file(folder.path().join("pyiceberg.db")).unwrap();
    let empty = SqliteConnectOptions::new().filename(folder.path().join("pyiceberg.db")).create_if_missing(true);
    let mut db = empty.connect().await.unwrap();
    sqlx::query("CREATE TABLE other (x)").execute(&mut db).await.unwrap();
    db.close().await.unwrap();
    assert_eq!(refused(&source_of(folder.path())).await.code, Code::CatalogNotFound);
    for uri in ["mysql://h/db", "sqlite:", "somewhere"] {
        assert_eq!(refused(&spec(CatalogKind::Sql, Role::Source, uri)).await.code, Code::InvalidInput, "{uri}");
    }
}

#[tokio::test]
async fn one_odd_name_hides_no_other_table() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = foreign(folder.path(), SqliteJournalMode::Delete, true).await;
    insert(&mut connection, "c", "good", folder.path()).await;
    for row in ["'c', '..', 'dots'", "'c', 'a..b', 'gap'", "'c', 'n', ''", "'c', CAST(x'6eff' AS TEXT), 'bytes'"] {
        let sql = format!(
            "INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, metadata_location) VALUES ({row}, 'x')"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    let catalog = open(&source_of(folder.path()), &Secrets::new(), None).await.unwrap();
    let tables = catalog.tables().await.unwrap();
    assert_eq!(tables.len(), 4, "{tables:?}");
    for table in &tables {
        // What is listed can be said and heard again.
        assert_eq!(TableIdent::parse(&table.to_string()).unwrap(), *table);
        let loaded = catalog.load(table).await;
        match table.name.as_str() {
            "good" => assert!(loaded.is_ok()),
            "bytes" => assert_eq!(loaded.unwrap_err().code, Code::TableNotFound),
            _ => assert_eq!(loaded.unwrap_err().code, Code::FileMissing),
        }
    }
}

#[tokio::test]
async fn one_of_several_catalogs_must_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut db = foreign(folder.path(), SqliteJournalMode::Delete, true).await;
    insert(&mut db, "prod", "p", folder.path()).await;
    insert(&mut db, "dev", "d", folder.path()).await;
    db.close().await.unwrap();
    let mut spec = source_of(folder.path());
    let unnamed = open(&spec, &Secrets::new(), None).await.unwrap_err();
    assert_eq!(unnamed.code, Code::InvalidInput);
    assert!(unnamed.hint.unwrap().contains("dev, prod"));
    spec.warehouse = "dev".into();
    assert_eq!(names(&*open(&spec, &Secrets::new(), None).await.unwrap()).await, ["a.b.d"]);
    spec.warehouse.clear();
    spec.properties.insert("sql.catalog-name".into(), "prod".into());
    assert_eq!(names(&*open(&spec, &Secrets::new(), None).await.unwrap()).await, ["a.b.p"]);
    spec.warehouse = "test".into();
    assert_eq!(open(&spec, &Secrets::new(), None).await.unwrap_err().code, Code::CatalogNotFound);
}

#[tokio::test]
async fn secrets_do_not_belong_in_a_spec() {
    let mut properties = spec(CatalogKind::Files, Role::Source, "/tmp");
    properties.properties.insert("s3.secret-access-key".into(), "x".into());
    assert_eq!(open(&properties, &Secrets::new(), None).await.unwrap_err().code, Code::InvalidInput);
    let address = spec(CatalogKind::Sql, Role::Source, "postgresql://u:pw@h/db");
    let refused = open(&address, &Secrets::new(), None).await.unwrap_err();
    assert!(refused.code == Code::InvalidInput && !format!("{refused:?}").contains("pw@"));
    let secrets = Secrets::from([("password".to_string(), Secret::new("hunter2"))]);
    let database = super::Database::open("postgresql://u@localhost:1/db", secrets.get("password"), false).unwrap();
    assert!(!format!("{database:?}").contains("hunter2"));
    assert_eq!(database.layout().await.unwrap_err().code, Code::CatalogUnreachable);
}

async fn embedded(folder: &Path) -> Arc<dyn TargetCatalog> {
    let spec = spec(CatalogKind::Embedded, Role::Target, folder.to_str().unwrap());
    open_target(&spec, &Secrets::new(), None).await.unwrap()
}

fn orders() -> TableIdent {
    TableIdent::new(["sales"], "Orders #1")
}

#[tokio::test]
async fn a_table_is_published_once_however_often_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let target = embedded(&folder.path().join("my lake")).await;
    target.ensure_namespace(&["sales".into()]).await.unwrap();
    target.ensure_namespace(&["sales".into()]).await.unwrap();
    let staged = target.stage(&orders(), "abc", Draft::adopted(&Value::Null)).await.unwrap();
    assert_eq!(staged.location, target.stage(&orders(), "abc", Draft::adopted(&Value::Null)).await.unwrap().location);
    assert_ne!(staged.location, target.stage(&orders(), "abd", Draft::adopted(&Value::Null)).await.unwrap().location);
    assert!(staged.location.starts_with("file:///"), "{}", staged.location);

    let location = format!("{}/metadata/00000-abc.metadata.json", staged.location);
    let metadata = document(&staged.location, "u", Some("plan"));
    let create = Publication::Create { metadata: metadata.clone(), metadata_location: location.clone() };
    let mut attempts = 0u32;
    let table = target.publish(&orders(), &create, &mut attempts).await.unwrap();
    assert_eq!((table.metadata_location.as_str(), attempts), (location.as_str(), 1));
    target.publish(&orders(), &create, &mut attempts).await.unwrap();
    assert_eq!(attempts, 1, "the second time nothing is committed");
    assert_eq!(names(&*target).await, ["sales.Orders #1"]);

    // Another writer appended since: still our table. Another plan's table of that name is not.
    let again = Publication::Create { metadata, metadata_location: location.replace("00000", "00001") };
    assert_eq!(target.publish(&orders(), &again, &mut attempts).await.unwrap().metadata_location, location);
    let other = Publication::Create {
        metadata: document(&staged.location, "v", Some("other plan")),
        metadata_location: location.replace("abc", "other"),
    };
    assert_eq!(target.publish(&orders(), &other, &mut attempts).await.unwrap_err().code, Code::TableExists);
    assert!(!staged.storage.exists(&location.replace("abc", "other")).await.unwrap(), "a refused table leaves no file");

    // The catalog opens as a source of its own, and a fresh process finds the same.
    let source = spec(CatalogKind::Embedded, Role::Source, folder.path().join("my lake").to_str().unwrap());
    let reread = open(&source, &Secrets::new(), None).await.unwrap();
    assert_eq!(reread.load(&orders()).await.unwrap().metadata.uuid, "u");
}

#[tokio::test]
async fn registering_adopts_the_metadata_where_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let target = embedded(folder.path()).await;
    target.ensure_namespace(&["sales".into()]).await.unwrap();
    let foreign = folder.path().join("foreign");
    let write = async |name: &str, uuid: &str| {
        let location = format!("file://{}/metadata/{name}.metadata.json", foreign.display());
        let text = document(foreign.to_str().unwrap(), uuid, None).to_string();
        let staged = target.stage(&orders(), "t", Draft::adopted(&Value::Null)).await.unwrap();
        staged.storage.write(&location, Bytes::from(text)).await.unwrap();
        Publication::Register { metadata_location: location }
    };
    let (first, second) = (write("v1", "u").await, write("v2", "w").await);
    let mut attempts = 0u32;
    target.publish(&orders(), &first, &mut attempts).await.unwrap();
    target.publish(&orders(), &first, &mut attempts).await.unwrap();
    assert_eq!(target.publish(&orders(), &second, &mut attempts).await.unwrap_err().code, Code::TableExists);
    let nowhere = Publication::Register { metadata_location: "file:///nowhere/v1.metadata.json".into() };
    let missing = target.publish(&TableIdent::new(["sales"], "t"), &nowhere, &mut attempts).await.unwrap_err();
    assert_eq!(missing.code, Code::FileMissing, "a row that points to nothing is never made");
    assert_eq!(names(&*target).await.len(), 1);
}

#[tokio::test]
async fn of_two_who_publish_the_same_name_at_once_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let target = embedded(folder.path()).await;
    target.ensure_namespace(&["sales".into()]).await.unwrap();
    let mut racing = Vec::new();
    for i in 0..8 {
        let staged = target.stage(&orders(), &format!("token{i}"), Draft::adopted(&Value::Null)).await.unwrap();
        let publication = Publication::Create {
            metadata: document(&staged.location, &format!("u{i}"), Some(&format!("plan{i}"))),
            metadata_location: format!("{}/metadata/v1.metadata.json", staged.location),
        };
        let target = target.clone();
        racing.push(tokio::spawn(async move { target.publish(&orders(), &publication, &mut 0u32).await.map(|_| ()) }));
    }
    let mut won = 0;
    for racer in racing {
        match racer.await.unwrap() {
            Ok(()) => won += 1,
            Err(e) => assert_eq!(e.code, Code::TableExists),
        }
    }
    assert_eq!(won, 1);
}
