//! Foreign tables: which versions can be read, and what is cloned.

use super::*;
use crate::iceberg::files;

/// A foreign table in files, with two snapshots of 3 and 5 rows.
fn with_files(sandbox: &Sandbox, schema: serde_json::Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = |id: i64, at: i64, rows: i64| {
        let summary = json!({"operation": "append", "total-records": rows.to_string()});
        json!({"snapshot-id": id, "timestamp-ms": at, "summary": summary})
    };
    let metadata = json!({
        "current-schema-id": 0, "schemas": [{"schema-id": 0, "fields": schema}], "current-snapshot-id": 22,
        "snapshots": [snapshot(11, 1_000, 3), snapshot(22, 2_000, 5)],
    });
    files::put(folder.path(), 1, &metadata).unwrap();
    let mut metastore = sandbox.engine.metastore.lock();
    metastore.table_mut("glue_lake.sales.orders").unwrap().folder = Some(folder.path().to_owned());
    folder
}

#[test]
fn time_travel_reaches_what_was_read() {
    let sandbox = Sandbox::new();
    let _folder = with_files(&sandbox, json!([{"id": 1, "name": "id", "type": "long"}]));
    let at = |version: &str| format!("SELECT count(*) FROM glue_lake.sales.orders {version}");
    let set = |name: &str, value: &str| {
        let fields = Fields([(name.to_owned(), json!(value))].into_iter().collect());
        sandbox.engine.common.settings.lock().change(&fields).unwrap();
    };
    sandbox.refuses(&at("VERSION AS OF 22"), "[DELTA_VERSION_NOT_FOUND]");
    assert_eq!(sandbox.rows("SELECT 1 FROM glue_lake.sales.orders LIMIT 1"), [["1"]]);
    assert_eq!(sandbox.rows(&at("VERSION AS OF 22")), [["5"]]);
    assert_eq!(sandbox.rows(&at("TIMESTAMP AS OF '1970-01-01 00:00:03'")), [["5"]]);
    sandbox.refuses(&at("VERSION AS OF 11"), "Available versions: [22]");
    sandbox.refuses(&at("VERSION AS OF 0"), "[DELTA_VERSION_NOT_FOUND]");
    assert_eq!(sandbox.rows("DESCRIBE HISTORY glue_lake.sales.orders").len(), 1);
    set("foreign_versions", "numbers");
    assert_eq!(sandbox.rows(&at("VERSION AS OF 0")), [["5"]]);
    sandbox.refuses(&at("VERSION AS OF 22"), "[DELTA_VERSION_NOT_FOUND]");
    set("foreign_versions", "snapshot-ids");
    set("time_travel_of_foreign", "any");
    assert_eq!(sandbox.rows(&at("VERSION AS OF 11")), [["3"]]);
    set("time_travel_of_foreign", "never");
    sandbox.refuses(&at("VERSION AS OF 22"), "[DELTA_VERSION_NOT_FOUND]");
    sandbox.refuses("SELECT id FROM glue_lake.sales.orders", "UNSUPPORTED_FEATURE.SANDBOX");
}

#[test]
fn a_foreign_table_is_cloned_where_the_workspace_does_that() {
    let sandbox = Sandbox::new();
    let _folder = with_files(&sandbox, json!([{"id": 1, "name": "id", "type": "long", "required": false}]));
    let set = |name: &str, value: serde_json::Value| {
        let fields = Fields([(name.to_owned(), value)].into_iter().collect());
        sandbox.engine.common.settings.lock().change(&fields).unwrap();
    };
    let clone = |name: &str, more: &str| format!("CREATE TABLE {name} DEEP CLONE glue_lake.sales.orders{more}");
    sandbox.refuses(&clone("copy", ""), "[DELTA_CLONE_UNSUPPORTED_SOURCE]");
    sandbox.refuses("SELECT count(*) FROM copy", "[TABLE_OR_VIEW_NOT_FOUND]");
    set("deep_clone_of_foreign", json!(true));
    sandbox.refuses(&clone("copy", " VERSION AS OF 11"), "[DELTA_VERSION_NOT_FOUND]");
    sandbox.refuses(&clone("copy", " TBLPROPERTIES ('a' = 'b')"), "takes no properties");
    sandbox.refuses(&clone("glue_lake.sales.copy", ""), "only read");
    sandbox.refuses("CREATE TABLE copy SHALLOW CLONE glue_lake.sales.orders", "shallowly");
    sandbox.rows(&clone("copy", ""));
    assert_eq!(sandbox.rows("SELECT count(*) FROM copy"), [["5"]]);
    let kind = "SELECT table_type, table_owner FROM main.information_schema.tables WHERE table_name = 'copy'";
    assert_eq!(sandbox.rows(kind), [["MANAGED", PILOT]]);
    sandbox.refuses(&clone("copy", ""), "[TABLE_OR_VIEW_ALREADY_EXISTS]");
    sandbox.rows(&clone("IF NOT EXISTS copy", ""));
    // The clone was a read of what it cloned, and of nothing else.
    assert_eq!(sandbox.rows("SELECT count(*) FROM glue_lake.sales.orders VERSION AS OF 22"), [["5"]]);
    set("time_travel_of_foreign", json!("any"));
    sandbox.rows(&clone("earlier", " VERSION AS OF 11"));
    assert_eq!(sandbox.rows("SELECT count(*) FROM earlier"), [["3"]]);
    sandbox.admin("REVOKE SELECT ON CATALOG glue_lake FROM `migration-engineers`");
    sandbox.refuses(&clone("denied", ""), "[INSUFFICIENT_PERMISSIONS]");
}

#[test]
fn what_is_filtered_or_cannot_be_read_is_not_cloned() {
    let sandbox = Sandbox::new();
    with_people(&sandbox);
    sandbox.rows("CREATE TABLE copy DEEP CLONE people");
    assert_eq!(sandbox.rows("SELECT count(*) FROM copy"), [["3"]]);
    sandbox.rows("CREATE FUNCTION everybody(name STRING) RETURN true");
    sandbox.rows("ALTER TABLE people SET ROW FILTER everybody ON (name)");
    sandbox.refuses("CREATE TABLE other DEEP CLONE people", "[ROW_LEVEL_SECURITY_FEATURE_NOT_SUPPORTED]");
    let list = json!({"type": "list", "element-id": 2, "element": "string", "element-required": true});
    let _folder = with_files(&sandbox, json!([{"id": 1, "name": "tags", "type": list}]));
    let fields = Fields([("deep_clone_of_foreign".to_owned(), json!(true))].into_iter().collect());
    sandbox.engine.common.settings.lock().change(&fields).unwrap();
    let clone = "CREATE TABLE third DEEP CLONE glue_lake.sales.orders";
    sandbox.refuses(clone, "[DELTA_NESTED_NOT_NULL_CONSTRAINT]");
}

#[test]
fn a_refresh_is_a_read_only_by_a_setting() {
    let sandbox = Sandbox::new();
    let _folder = with_files(&sandbox, json!([]));
    let version = "SELECT count(*) FROM glue_lake.sales.orders VERSION AS OF 22";
    sandbox.rows("REFRESH FOREIGN TABLE glue_lake.sales.orders");
    sandbox.refuses(version, "[DELTA_VERSION_NOT_FOUND]");
    let fields = Fields([("refresh_counts_as_read".to_owned(), json!(true))].into_iter().collect());
    sandbox.engine.common.settings.lock().change(&fields).unwrap();
    sandbox.rows("REFRESH FOREIGN CATALOG glue_lake");
    assert_eq!(sandbox.rows(version), [["5"]]);
    sandbox.refuses("REFRESH FOREIGN TABLE main.silver.kept", "not foreign");
}

#[test]
fn a_foreign_table_with_a_nested_not_null_fails_on_read() {
    let sandbox = Sandbox::new();
    let list = json!({"type": "list", "element-id": 2, "element": "string", "element-required": true});
    let _folder = with_files(&sandbox, json!([{"id": 1, "name": "tags", "type": list}]));
    sandbox.refuses("SELECT count(*) FROM glue_lake.sales.orders", "[DELTA_NESTED_NOT_NULL_CONSTRAINT]");
}
