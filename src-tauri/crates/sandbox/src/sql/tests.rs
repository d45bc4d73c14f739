//! Every kind of statement, on the workspace that each sandbox has.

use super::{Engine, Session, run};
use crate::base::{Fields, Shared};
use crate::config::Config;
use crate::jobs::{JobsState, RunRequest, Task};
use crate::sql::error::SqlError;
use crate::sql::evaluate::Environment;
use crate::sql::table::Table;
use crate::state::{ADMIN, Common, Folder, PILOT};
use crate::unity::policies::Policy;
use crate::unity::{Kind, Securable, sample};
use serde_json::json;
use std::sync::Arc;

mod foreign;

/// A sandbox as far as SQL needs it.
struct Sandbox {
    engine: Engine,
}

impl Sandbox {
    fn new() -> Self {
        let metastore = Shared::new(sample::metastore(30, 7, 1_000, false));
        let common = Arc::new(Common::new(&Config::default()));
        let folder = Arc::new(Folder::open(None).unwrap());
        Self { engine: Engine { common, folder, metastore, jobs: Shared::default() } }
    }

    fn run(&self, user: &str, text: &str) -> Result<Table, SqlError> {
        let principal = self.engine.common.principals.lock().get(user).cloned().unwrap();
        let parameters = [("p".to_owned(), json!("a.b.c"))].into();
        let environment = Environment {
            user: user.to_owned(),
            groups: principal.groups.clone(),
            catalog: "main".into(),
            schema: "default".into(),
            now: "2026-01-02T03:04:05Z".into(),
            parameters,
        };
        run(&Session { engine: &self.engine, principal: &principal, environment, serverless: true }, text)
    }

    /// As the user who migrates.
    fn rows(&self, text: &str) -> Vec<Vec<String>> {
        let table = self.run(PILOT, text).unwrap_or_else(|error| panic!("{text}: {}", error.message));
        let null = || "NULL".to_owned();
        table.rows.into_iter().map(|row| row.into_iter().map(|value| value.unwrap_or_else(null)).collect()).collect()
    }

    fn admin(&self, text: &str) {
        self.run(ADMIN, text).unwrap_or_else(|error| panic!("{text}: {}", error.message));
    }

    fn refuses(&self, text: &str, part: &str) {
        let error = self.run(PILOT, text).expect_err(text);
        assert!(error.message.contains(part), "{text}: {}", error.message);
        assert!(error.message.ends_with(&format!("SQLSTATE: {}", error.state)), "{}", error.message);
    }
}

#[test]
fn what_is_no_sql_is_a_syntax_error() {
    let sandbox = Sandbox::new();
    for text in [
        "SELEC 1",
        "",
        ";",
        "1",
        "SELECT",
        "SELECT 1 FROM",
        "SELECT 'open",
        "SELECT 1 2 3",
        "SELECT 1 +",
        "SELECT 1 NOT 2",
        "SELECT a.b.",
        "SELECT *",
        "SELECT 1 LIMIT x",
        "SELECT 1 FROM a VERSION AS OF x",
        "ALTER TABLE a ALTER COLUMN b COMMENT 'x', COMMENT 'y'",
        "CREATE FUNCTION f(x INT) RETURN",
        "SELECT CASE END",
        "SELECT a FROM a JOIN b",
        "GRANT ON TABLE x TO y",
        "GRANT SELECT ON TABLE x",
        "REVOKE SELECT ON TABLE x TO y",
        "COMMENT ON TABLE x 'c'",
        "INSERT x VALUES (1)",
        "INSERT INTO x VALUES 1",
        "INSERT INTO x VALUES (1,)",
        "CREATE TABLE t (id BIGINT",
        "CREATE TABLE t (id BIGINT,)",
        "CREATE TABLE t (id ARRAY<INT)",
        "CREATE TABLE t (id BIGINT) NONSENSE",
        "ALTER SCHEMA IDENTIFIER('main.silver') ENABLE PREDICTIVE OPTIMIZATION",
    ] {
        sandbox.refuses(text, "PARSE_SYNTAX_ERROR");
    }
}

#[test]
fn what_the_sandbox_does_not_run_it_says_so() {
    let sandbox = Sandbox::new();
    for text in [
        "SELECT id FROM glue_lake.sales.orders",
        "SELECT DISTINCT a FROM t",
        "SELECT 1 FROM (SELECT 2)",
        "SELECT (SELECT 2)",
        "SELECT count(*) FROM system.billing.usage GROUP BY 1 HAVING n > 1",
        "SELECT 1 FROM system.billing.usage LEFT JOIN system.billing.usage ON TRUE",
        "SELECT 1 FROM system.billing.usage, system.billing.usage",
        "SELECT 1 UNION SELECT 2",
        "WITH a AS (SELECT 1) SELECT 1",
        "MERGE INTO a USING b",
        "UPDATE t SET a = 1",
        "DELETE FROM t",
        "OPTIMIZE t",
        "USE main",
        "INSERT INTO main.default.plain SELECT 1",
        "INSERT INTO main.default.plain VALUES (1, 'a', 2, NULL)",
        "CREATE TABLE main.default.copy USING ICEBERG AS SELECT * FROM glue_lake.sales.orders",
        "CREATE TABLE t (id INT) USING PARQUET",
        "CREATE TABLE t (id INT DEFAULT 1)",
        "CREATE OR REPLACE TABLE t (id INT)",
        "CREATE VIEW v",
        "DROP TABLE t",
        "ALTER TABLE t ADD COLUMN a INT",
        "ALTER TABLE t ALTER COLUMN a DROP NOT NULL",
        "SHOW TABLES",
        "DESCRIBE TABLE t",
        "CREATE VOLUME v",
    ] {
        sandbox.refuses(text, "UNSUPPORTED_FEATURE.SANDBOX");
    }
}

#[test]
fn select_reads_what_the_catalog_knows() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.rows("SELECT current_user(), 1 + 2 AS three, :p"), [[PILOT, "3", "a.b.c"]]);
    let named = sandbox
        .run(PILOT, "SELECT 1 AS a, 2 `b`, count(*), max(x.sku_name) AS top FROM system.billing.list_prices x")
        .unwrap();
    let names: Vec<&str> = named.columns.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b", "expression", "top"]);
    assert_eq!(named.columns[2].1, "LONG");
    let tables = sandbox
        .rows("SELECT table_name FROM lake.information_schema.tables WHERE table_schema = 's0000' ORDER BY 1 DESC");
    assert_eq!((tables.len(), tables[0][0].as_str()), (30, "t000029"));
    assert_eq!(
        sandbox.rows(
            "SELECT pricing.default FROM system.billing.list_prices \
             WHERE sku_name LIKE '%(PHOTON)' AND cloud = 'AWS' AND price_end_time IS NULL"
        ),
        [["0.150000"]]
    );
    assert_eq!(sandbox.rows("SELECT count(*) AS n FROM system.information_schema.tables"), [["42"]]);
    let kinds = "SELECT table_type, count(*) FROM glue_lake.information_schema.tables GROUP BY table_type ORDER BY 2 DESC, table_type";
    assert_eq!(sandbox.rows(kinds), [["FOREIGN", "4"], ["MANAGED", "1"], ["TELEPATHIC", "1"], ["VIEW", "1"]]);
    sandbox.refuses("SELECT x FROM main.default.none", "TABLE_OR_VIEW_NOT_FOUND");
    sandbox.refuses("SELECT x FROM main.information_schema.none", "TABLE_OR_VIEW_NOT_FOUND");
    sandbox.refuses("SELECT x FROM none.information_schema.tables", "NO_SUCH_CATALOG_EXCEPTION");
    sandbox.refuses("SELECT none FROM system.billing.list_prices", "UNRESOLVED_COLUMN");
    sandbox.refuses("SELECT x FROM a.b.c.d", "IDENTIFIER_TOO_MANY_NAME_PARTS");
    sandbox.refuses("SELECT count(*) FROM system.billing.list_prices WHERE count(*) = 1", "INVALID_WHERE_CONDITION");
}

#[test]
fn the_bill_is_joined_with_the_prices() {
    let sandbox = Sandbox::new();
    let mut jobs = JobsState::default();
    let ids = &sandbox.engine.common.ids;
    let spec = |plan: &str| json!({"new_cluster": {"runtime_engine": "PHOTON", "num_workers": 1, "custom_tags": {"plan": plan}}});
    for plan in ["mine", "other"] {
        let tasks = vec![Task::new("a".into(), spec(plan), Vec::new())];
        let request = RunRequest { tasks, one_time: true, ..RunRequest::default() };
        let run = jobs.begin(request, PILOT, 8, ids, 0).unwrap().run();
        jobs.assign_cluster(run, 0, ids, 0).unwrap();
        jobs.end_clusters(run, ids, 3_600_000);
    }
    *sandbox.engine.jobs.lock() = jobs;
    let text = "SELECT u.usage_metadata.job_run_id AS run, SUM(u.usage_quantity) AS dbus, \
                SUM(u.usage_quantity * p.pricing.default) AS dollars \
                FROM system.billing.usage u JOIN system.billing.list_prices AS p ON u.sku_name = p.sku_name \
                AND u.cloud = p.cloud WHERE u.custom_tags.`plan` = 'mine' AND p.price_end_time IS NULL GROUP BY 1";
    let rows = sandbox.rows(text);
    assert_eq!((rows.len(), rows[0][1].as_str(), rows[0][2].as_str()), (1, "4", "0.6"));
    assert_eq!(sandbox.rows("SELECT count(*) FROM system.billing.usage WHERE usage_metadata.job_id IS NULL"), [["2"]]);
}

#[test]
fn grants_are_given_and_revoked_by_those_who_may() {
    let sandbox = Sandbox::new();
    let grant = format!("GRANT EXTERNAL USE SCHEMA ON SCHEMA main.silver TO `{PILOT}`");
    sandbox.refuses(&grant, "Only the owner");
    sandbox.admin(&grant);
    let held = |sandbox: &Sandbox| {
        let securable = Securable::new(Kind::Schema, "main.silver");
        let metastore = sandbox.engine.metastore.lock();
        metastore.grants.of(&securable).any(|(name, all)| name == PILOT && all.contains("EXTERNAL_USE_SCHEMA"))
    };
    assert!(held(&sandbox));
    sandbox.admin(&format!("REVOKE EXTERNAL USE SCHEMA ON SCHEMA main.silver FROM `{PILOT}`"));
    assert!(!held(&sandbox));
    let two = format!("GRANT SELECT, MODIFY ON TABLE main.silver.kept TO `{PILOT}`");
    sandbox.admin(&two);
    assert_eq!(sandbox.engine.common.counts.payload()["grants_changed"], 3);
    for (text, part) in [
        (format!("GRANT EXTERNAL USE SCHEMA ON TABLE main.silver.kept TO `{PILOT}`"), "PRIVILEGE_NOT_APPLICABLE"),
        (format!("GRANT FLY ON TABLE main.silver.kept TO `{PILOT}`"), "not known"),
        ("GRANT SELECT ON TABLE main.silver.kept TO `x@y.example`".into(), "PRINCIPAL_DOES_NOT_EXIST"),
        (format!("GRANT SELECT ON TABLE main.silver.none TO `{PILOT}`"), "TABLE_OR_VIEW_NOT_FOUND"),
    ] {
        let error = sandbox.run(ADMIN, &text).unwrap_err();
        assert!(error.message.contains(part), "{text}: {}", error.message);
    }
}

#[test]
fn objects_are_changed_by_those_who_manage_them() {
    let sandbox = Sandbox::new();
    let x = "main.silver.kept";
    for text in [
        format!("COMMENT ON TABLE {x} IS 'it\\'s'"),
        format!("ALTER TABLE {x} ALTER COLUMN `id` COMMENT 'key'"),
        format!("ALTER TABLE {x} SET TAGS ('pii' = 'no', 'team' = 'lake')"),
        format!("ALTER TABLE {x} ALTER COLUMN `id` SET TAGS ('k' = '')"),
        format!("ALTER TABLE {x} SET OWNER TO `account users`"),
        "COMMENT ON SCHEMA main.silver IS NULL".into(),
        format!("ALTER CATALOG main OWNER TO `{PILOT}`"),
    ] {
        sandbox.run(ADMIN, &text).unwrap_or_else(|error| panic!("{text}: {}", error.message));
    }
    let metastore = sandbox.engine.metastore.lock();
    let table = metastore.table(x).unwrap();
    assert_eq!((table.comment.as_deref(), table.owner.as_str()), (Some("it's"), "account users"));
    assert_eq!(table.columns[0].comment.as_deref(), Some("key"));
    assert_eq!(metastore.tags_of("tables", x).unwrap().len(), 2);
    assert_eq!(metastore.tags_of("columns", &format!("{x}.id")).unwrap()["k"], "");
    assert_eq!(metastore.owner(&Securable::new(Kind::Catalog, "main")), PILOT);
    drop(metastore);
    for (text, part) in [
        ("COMMENT ON TABLE glue_lake.sales.orders IS 'mine'", "INSUFFICIENT_PERMISSIONS"),
        ("ALTER TABLE glue_lake.sales.orders SET TAGS ('a' = 'b')", "INSUFFICIENT_PERMISSIONS"),
        ("ALTER TABLE main.silver.kept SET OWNER TO `x@y.example`", "PRINCIPAL_DOES_NOT_EXIST"),
        ("ALTER TABLE main.silver.kept ALTER COLUMN none COMMENT 'x'", "UNRESOLVED_COLUMN"),
    ] {
        sandbox.refuses(text, part);
    }
}

#[test]
fn predictive_optimization_is_set_on_catalogs_schemas_and_managed_tables() {
    let sandbox = Sandbox::new();
    let setting = |name: &str| {
        let metastore = sandbox.engine.metastore.lock();
        metastore.optimization(&Securable::new(Kind::Table, name))["value"].clone()
    };
    sandbox.admin("ALTER SCHEMA `main`.`silver` ENABLE PREDICTIVE OPTIMIZATION");
    assert_eq!(setting("main.silver.kept"), "ENABLE");
    sandbox.admin("ALTER TABLE main.silver.kept DISABLE PREDICTIVE OPTIMIZATION");
    assert_eq!((setting("main.silver.kept"), setting("main.silver.kept_too")), (json!("DISABLE"), json!("ENABLE")));
    sandbox.admin("ALTER CATALOG INHERIT PREDICTIVE OPTIMIZATION");
    sandbox.refuses("ALTER CATALOG main ENABLE PREDICTIVE OPTIMIZATION", "INSUFFICIENT_PERMISSIONS");
    let foreign = sandbox.run(ADMIN, "ALTER TABLE snow.public.accounts ENABLE PREDICTIVE OPTIMIZATION").unwrap_err();
    assert!(foreign.message.contains("managed tables only"));
}

#[test]
fn managed_iceberg_refuses_what_the_real_one_refuses() {
    let sandbox = Sandbox::new();
    let start = "CREATE TABLE main.default.t (id BIGINT, at TIMESTAMP, raw BINARY) USING ICEBERG ";
    for (rest, part) in [
        ("PARTITIONED BY (days(at))", "Partitioning by expressions"),
        ("PARTITIONED BY (raw)", "BINARY"),
        ("PARTITIONED BY (none)", "none"),
        ("PARTITIONED BY (id) CLUSTER BY (id)", "SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY"),
        ("CLUSTER BY (id)", "WITHOUT_DISABLING_DVS_OR_ROW_TRACKING"),
        ("LOCATION 's3://x/y'", "LOCATION"),
        ("TBLPROPERTIES ('write.metadata.path' = 's3://x')", "write.metadata.path"),
        ("TBLPROPERTIES ('write.format.default' = 'orc')", "write.format.default"),
    ] {
        sandbox.refuses(&format!("{start}{rest}"), part);
    }
    for column in ["STRUCT<b: INT NOT NULL>", "ARRAY<STRUCT<b: INT NOT NULL>>", "MAP<STRING, STRUCT<b: INT NOT NULL>>"]
    {
        let text = format!("CREATE TABLE main.default.t (a {column}) USING ICEBERG");
        sandbox.refuses(&text, "[DELTA_NESTED_NOT_NULL_CONSTRAINT]");
    }
    let delta = "CREATE TABLE main.default.delta (a STRUCT<b: INT NOT NULL>)";
    assert!(sandbox.rows(delta).is_empty(), "Delta takes it in a struct");
    sandbox.refuses("CREATE TABLE main.default.t (id UUID) USING ICEBERG", "UNSUPPORTED_DATATYPE");
    sandbox.refuses("CREATE TABLE main.none.t (id INT)", "SCHEMA_NOT_FOUND");
    sandbox.refuses("CREATE TABLE glue_lake.sales.t (id INT)", "INSUFFICIENT_PERMISSIONS");
    assert!(sandbox.rows(&format!("{start}CLUSTER BY (id) TBLPROPERTIES ('format-version' = '3')")).is_empty());
    sandbox.rows("CREATE TABLE parted (a INT, B STRING) USING ICEBERG PARTITIONED BY (b, a)");
    let parted = sandbox.engine.metastore.lock().table("main.default.parted").unwrap();
    let places: Vec<Option<u32>> = parted.columns.iter().map(|column| column.partition_index).collect();
    assert_eq!(places, [Some(1), Some(0)]);
}

#[test]
fn a_table_is_made_and_filled() {
    let sandbox = Sandbox::new();
    for _ in 0..2 {
        sandbox.rows("CREATE SCHEMA IF NOT EXISTS main.icebridge COMMENT 'of migrations'");
    }
    sandbox.refuses("CREATE SCHEMA main.icebridge", "SCHEMA_ALREADY_EXISTS");
    sandbox.rows(
        "CREATE TABLE IF NOT EXISTS main.icebridge.jobs ( \
         source STRING NOT NULL COMMENT 'full name', n BIGINT, at TIMESTAMP, \
         more STRUCT<a: INT, b:DECIMAL(12, 2), `c d` MAP<STRING, ARRAY<DATE>>>) \
         USING ICEBERG CLUSTER BY (source) COMMENT 'metrics' \
         TBLPROPERTIES ('delta.enableDeletionVectors' = false, delta.enableRowTracking = 'false')",
    );
    let table = sandbox.engine.metastore.lock().table("main.icebridge.jobs").unwrap();
    let columns: Vec<(String, bool)> = table.columns.iter().map(|one| (one.kind.text(), one.nullable)).collect();
    assert_eq!(columns[0], ("string".to_owned(), false));
    assert_eq!(columns[3].0, "struct<a:int,b:decimal(12,2),c d:map<string,array<date>>>");
    assert_eq!((table.owner.as_str(), table.comment.as_deref()), (PILOT, Some("metrics")));
    assert_eq!(
        (table.format.as_deref(), table.securable_kind.as_str()),
        (Some("DELTA"), "TABLE_DELTA_ICEBERG_MANAGED")
    );
    let text =
        "INSERT INTO main.icebridge.jobs (source, n, at) VALUES (:p, 3, current_timestamp()), ('o''k', -1, NULL)";
    assert_eq!(sandbox.rows(text), [["2", "2"]]);
    assert_eq!(
        sandbox.rows("SELECT source, n FROM main.icebridge.jobs WHERE at IS NOT NULL OR n < 0 ORDER BY n DESC"),
        [["a.b.c", "3"], ["o'k", "-1"]]
    );
    assert_eq!(
        sandbox.rows("SELECT count(*), sum(n), max(source) FROM main.icebridge.jobs WHERE n > 100"),
        [["0", "NULL", "NULL"]]
    );
    sandbox.rows("INSERT INTO main.icebridge.jobs VALUES ('x', 2, NULL, NULL)");
    assert_eq!(sandbox.rows("SELECT n FROM main.icebridge.jobs ORDER BY source"), [["3"], ["-1"], ["2"]]);
    sandbox.refuses("INSERT INTO main.icebridge.jobs (source, n) VALUES ('x')", "ARITY");
    sandbox.refuses("INSERT INTO main.icebridge.jobs (other) VALUES (1)", "UNRESOLVED_COLUMN");
    sandbox.refuses("CREATE TABLE main.icebridge.jobs (id INT) USING ICEBERG", "ALREADY_EXISTS");
}

/// A table of one row for each country, in memory.
fn with_people(sandbox: &Sandbox) {
    sandbox.rows("CREATE TABLE people (name STRING, country STRING, hr BOOLEAN) USING ICEBERG");
    sandbox.rows("INSERT INTO people VALUES ('ada', 'DE', TRUE), ('ben', 'FR', FALSE), ('cyd', 'DE', FALSE)");
}

#[test]
fn limits_stars_and_conditions_read_rows() {
    let sandbox = Sandbox::new();
    with_people(&sandbox);
    assert_eq!(sandbox.rows("SELECT * FROM people LIMIT 1"), [["ada", "DE", "true"]]);
    assert_eq!(sandbox.rows("SELECT p.*, 1 AS one FROM people p LIMIT 0").len(), 0);
    assert_eq!(sandbox.rows("SELECT name FROM people ORDER BY name DESC LIMIT 2"), [["cyd"], ["ben"]]);
    let cases = "SELECT CASE country WHEN 'DE' THEN 'd' ELSE 'o' END AS c, count(*) FROM people GROUP BY 1 ORDER BY 1";
    assert_eq!(sandbox.rows(cases), [["d", "2"], ["o", "1"]]);
    assert_eq!(sandbox.rows("SELECT name FROM people WHERE name BETWEEN 'b' AND 'c'"), [["ben"]]);
    sandbox.refuses("SELECT 1 FROM people VERSION AS OF 1", "UNSUPPORTED_FEATURE.SANDBOX");
    sandbox.refuses("SELECT * FROM none", "TABLE_OR_VIEW_NOT_FOUND");
}

#[test]
fn several_columns_are_commented_at_once_or_not_at_all() {
    let sandbox = Sandbox::new();
    let comments = |sandbox: &Sandbox| -> Vec<Option<String>> {
        let table = sandbox.engine.metastore.lock().table("main.silver.kept").unwrap();
        table.columns.into_iter().map(|column| column.comment).collect()
    };
    sandbox.admin("ALTER TABLE main.silver.kept ALTER COLUMN id COMMENT 'a', `customer` COMMENT 'b'");
    assert_eq!(comments(&sandbox)[..3], [Some("a".to_owned()), Some("b".to_owned()), None]);
    let text = "ALTER TABLE main.silver.kept ALTER COLUMN amount COMMENT 'c', none COMMENT 'd'";
    assert!(sandbox.run(ADMIN, text).unwrap_err().message.contains("UNRESOLVED_COLUMN"));
    assert_eq!(comments(&sandbox)[2], None);
}

#[test]
fn filters_and_masks_change_what_a_reader_sees() {
    let sandbox = Sandbox::new();
    with_people(&sandbox);
    sandbox.rows("CREATE FUNCTION own(country STRING) RETURNS BOOLEAN RETURN is_account_group_member('admins') OR country = 'FR'");
    sandbox
        .rows("CREATE OR REPLACE FUNCTION hide(name STRING, hr BOOLEAN) RETURN CASE WHEN hr THEN '***' ELSE name END");
    sandbox.rows("ALTER TABLE people SET ROW FILTER own ON (country)");
    sandbox.rows("ALTER TABLE people ALTER COLUMN name SET MASK main.default.hide USING COLUMNS (hr)");
    assert_eq!(sandbox.rows("SELECT name FROM people"), [["ben"]]);
    let admin = sandbox.run(ADMIN, "SELECT name FROM main.default.people ORDER BY country, name").unwrap();
    assert_eq!(admin.rows[0], [Some("***".to_owned())]);
    assert_eq!((admin.rows.len(), &admin.rows[1]), (3, &vec![Some("cyd".to_owned())]));
    let filters = "SELECT filter_name, target_columns FROM main.information_schema.row_filters";
    assert_eq!(sandbox.rows(filters), [["main.default.own", "country"]]);
    let masks = "SELECT mask_name, column_name, using_columns FROM system.information_schema.column_masks";
    assert_eq!(sandbox.rows(masks), [["main.default.hide", "name", "hr"]]);
    for (text, part) in [
        ("ALTER TABLE people SET ROW FILTER none ON (country)", "ROUTINE_NOT_FOUND"),
        ("ALTER TABLE people SET ROW FILTER own ON (none)", "UNRESOLVED_COLUMN"),
        ("ALTER TABLE main.silver.kept SET ROW FILTER own ON (id)", "INSUFFICIENT_PERMISSIONS"),
        ("CREATE FUNCTION own(x INT) RETURN TRUE", "ROUTINE_ALREADY_EXISTS"),
        ("CREATE FUNCTION glue_lake.sales.f() RETURN TRUE", "INSUFFICIENT_PERMISSIONS"),
    ] {
        sandbox.refuses(text, part);
    }
    sandbox.rows("ALTER TABLE people DROP ROW FILTER");
    sandbox.rows("ALTER TABLE people ALTER COLUMN name DROP MASK");
    assert_eq!(sandbox.rows("SELECT count(*) FROM people"), [["3"]]);
    sandbox.rows("DROP FUNCTION own");
    sandbox.refuses("DROP FUNCTION own", "ROUTINE_NOT_FOUND");
    assert!(sandbox.rows("DROP FUNCTION IF EXISTS own").is_empty());
}

#[test]
fn a_policy_filters_where_the_tag_is() {
    let sandbox = Sandbox::new();
    with_people(&sandbox);
    sandbox.rows("CREATE FUNCTION nothing(x STRING) RETURN FALSE");
    sandbox.rows("ALTER TABLE people ALTER COLUMN country SET TAGS ('pii' = 'place')");
    let policy = json!({
        "name": "p", "policy_type": "POLICY_TYPE_ROW_FILTER", "on_securable_type": "SCHEMA",
        "on_securable_fullname": "main.default", "to_principals": ["account users"], "except_principals": [ADMIN],
        "row_filter": {"function_name": "main.default.nothing", "using": [{"alias": "c"}]},
        "match_columns": [{"condition": "has_tag('pii')", "alias": "c"}],
    });
    let policy = Policy::read(policy.as_object().cloned().unwrap()).unwrap();
    let admin = sandbox.engine.common.principals.lock().get(ADMIN).cloned().unwrap();
    sandbox.engine.metastore.lock().add_policy(&admin, policy).unwrap();
    assert_eq!(sandbox.rows("SELECT count(*) FROM people"), [["0"]]);
    assert_eq!(sandbox.run(ADMIN, "SELECT name FROM main.default.people").unwrap().rows.len(), 3);
    sandbox.rows("ALTER TABLE people ALTER COLUMN country UNSET TAGS ('pii')");
    assert_eq!(sandbox.rows("SELECT count(*) FROM people"), [["3"]]);
}

#[test]
fn a_table_is_clustered_from_now_on() {
    let sandbox = Sandbox::new();
    sandbox.rows("CREATE TABLE main.default.laid (id BIGINT, at TIMESTAMP, s STRUCT<A: INT>) USING ICEBERG");
    let clustered = "ALTER TABLE main.default.laid CLUSTER BY (`at`, `id`)";
    let needs = "MANAGED_ICEBERG_ATTEMPTED_TO_ENABLE_CLUSTERING_WITHOUT_DISABLING_DVS_OR_ROW_TRACKING";
    sandbox.refuses(clustered, needs);
    sandbox.rows(
        "ALTER TABLE main.default.laid SET TBLPROPERTIES \
         ('delta.enableDeletionVectors' = 'false', 'delta.enableRowTracking' = 'false')",
    );
    let alter = |how: &str| format!("ALTER TABLE main.default.laid CLUSTER BY {how}");
    sandbox.refuses(&alter("(nothing)"), "DELTA_COLUMN_NOT_FOUND_IN_SCHEMA");
    sandbox.refuses(&alter("(id.below)"), "DELTA_COLUMN_NOT_FOUND_IN_SCHEMA");
    sandbox.refuses(&alter("(s)"), "DELTA_CLUSTERING_COLUMNS_DATATYPE_NOT_SUPPORTED");
    sandbox.refuses(&alter("(id, at, s.a, id, at)"), "DELTA_CLUSTER_BY_INVALID_NUM_COLUMNS");
    let detail = || sandbox.rows("DESCRIBE DETAIL main.default.laid").remove(0).remove(3);
    let told = |name: &str| {
        let all = sandbox.rows("SHOW TBLPROPERTIES main.default.laid");
        all.into_iter().find(|row| row[0] == name).map(|mut row| row.remove(1))
    };
    assert_eq!(detail(), "[]");
    sandbox.rows(clustered);
    assert_eq!(detail(), r#"["at","id"]"#);
    sandbox.rows(&alter("(S.a, id)"));
    assert_eq!(told("clusteringColumns").as_deref(), Some(r#"[["s","A"],["id"]]"#));
    sandbox.rows(&alter("AUTO"));
    assert_eq!((told("clusterByAuto").as_deref(), detail().as_str()), (Some("true"), r#"["s.A","id"]"#));
    sandbox.rows(&alter("NONE"));
    assert_eq!((told("clusterByAuto"), detail().as_str()), (None, "[]"));
    sandbox.rows("CREATE TABLE main.default.parted (id BIGINT) USING ICEBERG PARTITIONED BY (id)");
    for how in ["(id)", "AUTO", "NONE"] {
        let class = "DELTA_ALTER_TABLE_CLUSTER_BY_ON_PARTITIONED_TABLE_NOT_ALLOWED";
        sandbox.refuses(&format!("ALTER TABLE main.default.parted CLUSTER BY {how}"), class);
    }
}

#[test]
fn grants_are_shown_by_statement_and_in_the_information_schema() {
    let sandbox = Sandbox::new();
    sandbox.admin(&format!("GRANT SELECT, MODIFY ON TABLE main.silver.kept TO `{}`", PILOT.to_uppercase()));
    let all = sandbox.rows("SHOW GRANTS ON TABLE main.silver.kept");
    assert!(all.contains(&[PILOT, "MODIFY", "TABLE", "main.silver.kept"].map(str::to_owned).to_vec()), "{all:?}");
    assert!(all.iter().any(|row| row[1] == "ALL PRIVILEGES" && row[2] == "CATALOG"), "inherited ones too: {all:?}");
    assert_eq!(sandbox.rows(&format!("SHOW GRANTS `{PILOT}` ON TABLE main.silver.kept")).len(), 2);
    let privileges = "SELECT privilege_type FROM main.information_schema.table_privileges \
                      WHERE table_name = 'kept' AND grantee = :who AND inherited_from = 'NONE' ORDER BY 1";
    assert_eq!(sandbox.rows(&privileges.replace(":who", &format!("'{PILOT}'"))), [["MODIFY"], ["SELECT"]]);
    let one = "SELECT grantee FROM glue_lake.information_schema.schema_privileges WHERE inherited_from = 'NONE'";
    assert_eq!(sandbox.rows(one), [["account users"]]);
    let catalog = "SELECT count(*) FROM snow.information_schema.catalog_privileges";
    assert_eq!(sandbox.rows(catalog), [["3"]]);
    let tags = "SELECT schema_name, table_name, column_name, tag_name, tag_value FROM glue_lake.information_schema.column_tags";
    assert_eq!(sandbox.rows(tags), [["sales", "orders", "customer", "pii", "name"]]);
    assert_eq!(sandbox.rows("SELECT tag_name FROM glue_lake.information_schema.table_tags"), [["domain"]]);
    let columns = "SELECT column_name, full_data_type FROM main.information_schema.columns \
                   WHERE table_name = 'kept' ORDER BY ordinal_position LIMIT 2";
    assert_eq!(sandbox.rows(columns), [["id", "bigint"], ["customer", "string"]]);
}

#[test]
fn a_schema_that_is_there_is_made_again_by_none_who_may_not_make_schemas() {
    let sandbox = Sandbox::new();
    let revoke = "REVOKE ALL PRIVILEGES ON CATALOG main FROM `migration-engineers`";
    sandbox.admin(revoke);
    sandbox.refuses("CREATE SCHEMA IF NOT EXISTS main.silver", "[INSUFFICIENT_PERMISSIONS]");
}

#[test]
fn grants_fail_one_by_one() {
    let sandbox = Sandbox::new();
    let grant = |name: &str| sandbox.run(ADMIN, &format!("GRANT SELECT ON TABLE main.silver.kept TO `{name}`"));
    let results =
        [PILOT, "gone@sandbox.example", "migration-engineers", "Migration-Engineers"].map(|name| grant(name).is_ok());
    assert_eq!(results, [true, false, true, false], "groups are found in their own letter case alone");
    assert_eq!(grant("gone@sandbox.example").unwrap_err().state, "42704");
}

#[test]
fn default_storage_wants_a_serverless_warehouse() {
    let sandbox = Sandbox::new();
    with_people(&sandbox);
    sandbox.engine.metastore.lock().catalogs.get_mut("main").unwrap().default_storage = true;
    assert_eq!(sandbox.rows("SELECT count(*) FROM people"), [["3"]]);
    let principal = sandbox.engine.common.principals.lock().get(PILOT).cloned().unwrap();
    let environment = Environment { catalog: "main".into(), schema: "default".into(), ..Environment::default() };
    let session = Session { engine: &sandbox.engine, principal: &principal, environment, serverless: false };
    for text in ["SELECT count(*) FROM people", "INSERT INTO people (name) VALUES ('x')", "CREATE TABLE t (id INT)"] {
        assert!(run(&session, text).unwrap_err().message.contains("only serverless compute"), "{text}");
    }
    let grant = format!("GRANT EXTERNAL USE SCHEMA ON SCHEMA main.default TO `{PILOT}`");
    let refused = sandbox.run(ADMIN, &grant).unwrap_err();
    assert!(refused.message.contains("PRIVILEGE_NOT_APPLICABLE_TO_ENTITY"), "{}", refused.message);
    sandbox.admin(&format!("GRANT EXTERNAL USE SCHEMA ON CATALOG main TO `{PILOT}`"));
}
