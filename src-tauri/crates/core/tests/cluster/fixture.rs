//! A sandbox, a client that does not wait long, a store, and scripts in the place of the real ones.

use icebridge_core::cluster::{Engine, FollowPace, JobKind, Order, Scripts};
use icebridge_databricks::auth::Auth;
use icebridge_databricks::{Client, ClientOptions, Host, Limiters, RetryPolicy};
use icebridge_model::TableIdent;
use icebridge_model::photon::{ClusterCopy, ClusterMethod, ClusterResult, ComputeChoice, CopyEnd, PhotonSettings};
use icebridge_sandbox::{Config, Sandbox, Spark};
use icebridge_store::Store;
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Behaves as the comment of its first table says, and writes results as docs/spark-jobs.md describes them.
const SCRIPT: &str = r#"
import helper, json, os, shlex, shutil, sys, time

value = json.load(open(sys.argv[1]))
how = value["tables"][0]["target"].get("comment", "")
with open("/Volumes/main/default/icebridge/ran.log", "a") as ran:
    ran.write(value["result_path"] + "\n")

def entry(table, state, rows, error=None):
    return {"source": table["source"]["table"], "target": table["target"]["table"], "method": table["method"],
            "state": state, "source_snapshot_id": table["source"]["snapshot_id"], "target_snapshot_id": 7,
            "rows_total": 10, "rows_done": rows, "batches_total": 2, "batches_done": rows // 5, "batches_found": 0,
            "batches_taken_back": 0, "lost": [], "milliseconds": 5, "error": error}

def write(complete, tables, code=0):
    result = {"result_version": 1, "job": "bulk_copy", "plan_hash": value["plan_hash"], "complete": complete,
              "exit_code": code if complete else None, "error": None, "tables": tables}
    helper.put(value["result_path"], json.dumps(result))

tables = value["tables"]
if how == "silent":
    sys.exit(0)
if how == "boom":
    print("the last line of the driver")
    raise RuntimeError("no such luck")
if how == "conf":
    properties = shlex.split(os.environ["PYSPARK_SUBMIT_ARGS"])[1]
    shutil.copyfile(properties, "/Volumes/main/default/icebridge/conf.txt")
write(False, [entry(table, "running", 5) for table in tables])
if how == "half":
    pass
elif how == "slow":
    time.sleep(120)
elif how == "one fails":
    error = {"code": "table-exists", "message": "another's table", "object": None, "hint": "drop it", "causes": [], "retryable": False}
    write(True, [entry(tables[0], "failed", 0, error)] + [entry(table, "done", 10) for table in tables[1:]], 1)
    sys.exit(1)
else:
    time.sleep(0.1)
    write(True, [entry(table, "done", 10) for table in tables])
"#;

/// Behaves as the key of its first table says.
const CHECK: &str = r#"
import helper, json, sys, time

value = json.load(open(sys.argv[1]))
tables = value["tables"]
how = "".join(tables[0]["keys"])
with open("/Volumes/main/default/icebridge/ran.log", "a") as ran:
    ran.write(value["result_path"] + "\n")

def entry(table):
    passed = table["keys"] != ["differs"]
    check = {"name": "range:id", "passed": passed, "source": "1 to 10", "target": "1 to 10" if passed else "1 to 9",
             "column": "id", "expectation": "expect_column_values_to_be_between", "detail": ""}
    error = {"code": "validation-failed", "message": "1 of 1 checks failed (range:id); columns: id", "object": None,
             "hint": "look", "causes": [], "retryable": False}
    return {"target": table["target"], "source": table["source"]["table"], "passed": passed, "rows": 10, "digest": "d",
            "expected_rows": 10, "expected_digest": "d", "failed_columns": [] if passed else ["id"], "checks": [check],
            "milliseconds": 3, "error": None if passed else error}

def write(complete, tables, code=0):
    result = {"result_version": 1, "job": "gx_runner", "plan_hash": value["plan_hash"], "complete": complete,
              "exit_code": code if complete else None, "error": None, "tables": tables}
    helper.put(value["result_path"], json.dumps(result))

if how == "silent":
    sys.exit(0)
if how == "breaks":
    print("the last line of the check")
    raise RuntimeError("no such package")
if how == "slow":
    time.sleep(120)
entries = [entry(table) for table in tables]
if how == "is killed":
    write(False, entries[:1])
    sys.exit(1)
helper.put(value["docs_path"] + "/index.html", "<p>" + value["result_path"])
helper.put(value["docs_path"] + "/validations/a b/c.html", "<p>page")
code = 0 if all(entry["passed"] for entry in entries) else 1
write(True, entries, code)
if code:
    sys.exit(code)
"#;

const HELPER: &str = r#"
import os

def put(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    beside = path + ".part"
    with open(beside, "w") as file:
        file.write(text)
    os.replace(beside, path)
"#;

pub const PLAN: &str = "5f0c6c1e7d1b4f6e9a510a3c1f5e2b775f0c6c1e7d1b4f6e9a510a3c1f5e2b77";

pub struct Fixture {
    pub sandbox: Sandbox,
    pub client: Client,
    pub store: Store,
    pub settings: PhotonSettings,
    _folder: TempDir,
}

pub fn scripts() -> Scripts {
    let all = [("bulk_copy.py", SCRIPT), ("gx_runner.py", CHECK), ("helper.py", HELPER)];
    Scripts::new(all.map(|(name, text)| (name.into(), text.into())))
}

/// Copies alone; [`Fixture::checked`] has them compared on the cluster as well.
pub fn settings() -> PhotonSettings {
    PhotonSettings {
        great_expectations: false,
        compute: ComputeChoice::Classic,
        volume: "/Volumes/main/default/icebridge".into(),
        alone_above_bytes: 1000,
        side_by_side: 2,
        ..PhotonSettings::default()
    }
}

pub fn table(name: &str, bytes: u64, how: &str) -> ClusterCopy {
    ClusterCopy {
        unversioned: false,
        source: TableIdent::new(["glue", "sales"], name),
        target: TableIdent::new(["main", "sales"], name),
        method: ClusterMethod::InsertSelect,
        snapshot_id: Some(42),
        table_uuid: None,
        delete_files: Some(0),
        deletion_vectors: None,
        partition_fields: None,
        properties: None,
        partition_by: None,
        cluster_by: None,
        comment: (!how.is_empty()).then(|| how.to_owned()),
        format_version: 2,
        keys: Vec::new(),
        conversions: Vec::new(),
        bytes,
        rows: 10,
        changes: None,
    }
}

/// One table alone, and two that share a cluster in a task each.
pub fn order() -> Order {
    order_of(vec![table("large", 5000, ""), table("a", 10, ""), table("b", 10, "")])
}

pub fn order_of(tables: Vec<ClusterCopy>) -> Order {
    Order {
        plan_hash: PLAN.into(),
        job: JobKind::BulkCopy,
        run_id: "run-1".into(),
        attempt: 1,
        tables,
        secret_scope: icebridge_core::cluster::secrets::scope(PLAN, "this state"),
        gone: std::collections::BTreeSet::new(),
    }
}

pub fn quick() -> ClientOptions {
    let (first_wait, max_wait) = (Duration::from_millis(5), Duration::from_millis(20));
    let retry = RetryPolicy { first_wait, max_wait, ..RetryPolicy::default() };
    ClientOptions { retry, limiters: Limiters::at_most(500.0), ..ClientOptions::default() }
}

impl Fixture {
    pub async fn new() -> Self {
        let python = std::env::var_os("ICEBRIDGE_PYTHON").unwrap_or_else(|| "python3".into());
        Self::on(Spark { python: Some(python.into()), ..Spark::default() }).await
    }

    pub async fn checked() -> Self {
        let mut fixture = Self::new().await;
        fixture.settings.great_expectations = true;
        fixture
    }

    pub async fn on(spark: Spark) -> Self {
        let config = Config { spark, cluster_start: Duration::from_millis(50), ..Config::default() };
        let sandbox = Sandbox::start(config).await.unwrap();
        let host = Host::parse(&sandbox.url()).unwrap();
        let auth = Auth::token_of(sandbox.sign_in().pilot_token).unwrap();
        let client = Client::new(host, None, auth, &quick()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("state")).await.unwrap();
        Self { sandbox, client, store, settings: settings(), _folder: folder }
    }

    /// As a new process would have it: nothing but the store is kept.
    pub fn engine(&self) -> Engine {
        self.engine_of(self.client.clone())
    }

    pub fn engine_of(&self, client: Client) -> Engine {
        let pace = FollowPace {
            first: Duration::from_millis(20),
            longest: Duration::from_millis(60),
            trouble_first: Duration::from_millis(10),
            trouble_longest: Duration::from_millis(40),
            ..FollowPace::default()
        };
        Engine::new(client, self.store.clone(), self.settings.clone()).unwrap().with_scripts(scripts()).with_pace(pace)
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.http("POST", path, &body.to_string()).await
    }

    pub async fn look(&self, path: &str) -> Value {
        self.http("GET", path, "").await
    }

    pub async fn delete(&self, path: &str) -> Value {
        self.http("DELETE", path, "").await
    }

    async fn http(&self, method: &str, path: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(self.sandbox.address()).await.unwrap();
        let request = format!(
            "{method} /sandbox/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{method} {path}: {answer}");
        serde_json::from_str(body).unwrap()
    }

    pub async fn fault(&self, path: &str, kind: &str, count: u64, more: Value) {
        let mut rule = json!({"path": path, "kind": kind, "count": count});
        rule.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.post("faults", rule).await;
    }

    pub async fn count(&self, name: &str) -> u64 {
        self.look("counts").await[name].as_u64().unwrap()
    }

    pub async fn asked(&self, what: &str) -> u64 {
        self.look("counts").await["requests_by_path"][what].as_u64().unwrap_or(0)
    }

    /// What the scripts themselves wrote down: one line for each task that really ran.
    pub fn ran(&self) -> usize {
        let log = self.sandbox.folder().join("Volumes/main/default/icebridge/ran.log");
        std::fs::read_to_string(log).map_or(0, |text| text.lines().count())
    }

    /// Of [`order`]: two steps, and nothing twice.
    pub async fn one_cluster_for_each_step(&self, when: &str) {
        let tasks = if self.settings.great_expectations { 6 } else { 3 };
        for (name, count) in [("clusters_started", 2), ("runs_started", 2), ("processes_started", tasks)] {
            assert_eq!(self.count(name).await, count, "{name} {when}");
        }
        assert_eq!(self.ran() as u64, tasks, "{when}");
        let open: Vec<Value> = self.look("clusters").await["clusters"].as_array().cloned().unwrap_or_default();
        assert!(open.iter().all(|cluster| cluster["state"] != "RUNNING"), "{when}: {open:?}");
    }
}

pub fn ends(results: &[ClusterResult]) -> Vec<CopyEnd> {
    results.iter().map(|result| result.end).collect()
}
