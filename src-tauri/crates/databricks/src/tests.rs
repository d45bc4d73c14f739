//! The smaller parts of the API, against what the workspace would say.

use crate::clusters::{RuntimeChoice, choose_runtime};
use crate::gate::{Requirement, Target};
use crate::jobs::{IdempotencyToken, JobSettings, Outcome, Queue, RunFilter, Stage, Submission, Task};
use crate::optimization::Level;
use crate::sql::{Statement, StatementState};
use crate::testing::{Reply, Request, Server, Workspace, ok, page, refused};
use crate::unity::PredictiveOptimization;
use futures::TryStreamExt;
use icebridge_model::Code;
use icebridge_model::secret::Secret;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_util::sync::CancellationToken;

fn submission() -> Submission {
    Submission {
        run_name: "r".into(),
        tasks: vec![Task { task_key: "t".into(), ..Task::default() }],
        environments: vec![],
        timeout_seconds: None,
        queue: Queue { enabled: true },
        ..Submission::default()
    }
}

#[tokio::test]
async fn a_submission_whose_answer_was_lost_is_the_same_run() {
    let sent = AtomicUsize::new(0);
    let server = Server::start(move |_| match sent.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::Cut,
        1 => refused(500, "INTERNAL_ERROR"),
        _ => Reply::With(200, vec![("x-request-id", "r-5".into())], br#"{"run_id": 9}"#.to_vec()),
    })
    .await;
    let token = IdempotencyToken::of(&["plan", "1"]);
    let answer = server.client().submit_run(&submission(), &token).await.unwrap();
    assert_eq!((answer.value.get(), answer.request_id.as_deref()), (9, Some("r-5")));
    let all = server.requests();
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|asked| asked.json()["idempotency_token"] == token.as_str()));
    server.client().run_job(4, &BTreeMap::from([("plan".into(), "p".into())]), &token).await.unwrap();
    let asked = server.last("POST", "/api/2.2/jobs/run-now").json();
    assert_eq!(asked, json!({"job_id": 4, "idempotency_token": token.as_str(), "job_parameters": {"plan": "p"}}));
}

#[tokio::test]
async fn a_job_whose_making_was_not_answered_is_looked_for_and_not_made_twice() {
    let made = std::sync::Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/api/2.2/jobs/create" => {
            count.fetch_add(1, Ordering::SeqCst);
            Reply::Cut
        }
        "/api/2.2/jobs/list" if count.load(Ordering::SeqCst) == 0 => page("jobs", json!([]), None),
        // The filter does not look at capitals.
        "/api/2.2/jobs/list" if asked.query("page_token").is_empty() => {
            page("jobs", json!([{"job_id": 1, "settings": {"name": "PLAN"}}]), Some("n"))
        }
        _ => page(
            "jobs",
            json!([{"job_id": 3, "settings": {"name": "plan"}}, {"job_id": 2, "settings": {"name": "plan"}}]),
            None,
        ),
    })
    .await;
    let settings = JobSettings {
        run_as: None,
        name: "plan".into(),
        tasks: vec![],
        job_clusters: vec![],
        environments: vec![],
        tags: BTreeMap::new(),
        timeout_seconds: None,
        queue: Queue { enabled: true },
        max_concurrent_runs: 1,
    };
    assert_eq!(server.client().find_or_create_job(&settings).await.unwrap().value.get(), 2);
    assert_eq!(server.client().find_or_create_job(&settings).await.unwrap().value.get(), 2);
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_run_is_read_with_all_its_tasks_whatever_its_stage() {
    let looks = AtomicUsize::new(0);
    let server = Server::start(move |asked| {
        if asked.query("page_token") == "more" {
            return ok(json!({"run_id": 1, "tasks": [{"task_key": "b", "run_id": 12, "state": {"life_cycle_state": "PENDING"}}]}));
        }
        let state = match looks.fetch_add(1, Ordering::SeqCst) {
            0 => json!({"state": "QUEUED", "queue_details": {"code": "MAX_CONCURRENT_RUNS_REACHED"}}),
            1 | 2 => json!({"state": "RUNNING"}),
            _ => json!({"state": "TERMINATED", "termination_details": {"code": "RUN_EXECUTION_ERROR", "message": "boom"}}),
        };
        ok(json!({"run_id": 1, "status": state, "next_page_token": "more", "run_page_url": "https://h/run",
            "tasks": [{"task_key": "a", "run_id": 11, "state": {"life_cycle_state": "RUNNING"}}]}))
    })
    .await;
    let client = server.client();
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(client.run(1).await.unwrap().unwrap());
    }
    let stages: Vec<_> = seen.iter().map(|run| run.stage()).collect();
    assert!(matches!(&stages[0], Stage::Queued(_)) && stages[1] == Stage::Running, "{stages:?}");
    let Stage::Over(Outcome::Failed(termination)) = &stages[3] else { panic!("{stages:?}") };
    assert_eq!((termination.explanation.as_str(), termination.message.as_str()), ("the script failed", "boom"));
    let tasks: Vec<_> = seen[0].tasks.iter().map(|task| task.run_id.unwrap().get()).collect();
    assert_eq!(tasks, [11, 12]);
}

#[tokio::test]
async fn runs_are_listed_cancelled_and_read() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/api/2.2/jobs/runs/list" => {
            assert_eq!((asked.query("active_only"), asked.query("run_type")), ("true", "SUBMIT_RUN"));
            page("runs", json!([{"run_id": 5, "state": {"life_cycle_state": "RUNNING"}}]), None)
        }
        "/api/2.2/jobs/runs/get-output" => {
            ok(json!({"metadata": {}, "logs": "done", "logs_truncated": true, "error": "e", "error_trace": "t"}))
        }
        "/api/2.2/jobs/runs/get" if asked.query("run_id") == "5" => refused(400, "INVALID_PARAMETER_VALUE"),
        "/api/2.2/jobs/runs/get" => refused(400, "MALFORMED_REQUEST"),
        "/api/2.2/jobs/delete" => refused(404, "RESOURCE_DOES_NOT_EXIST"),
        _ => ok(json!({})),
    })
    .await;
    let client = server.client();
    let filter = RunFilter { active_only: true, one_time_only: true, ..RunFilter::default() };
    let runs: Vec<_> = client.runs(&filter).try_collect().await.unwrap();
    assert_eq!(runs[0].run_id.get(), 5);
    client.cancel_run(5).await.unwrap();
    assert_eq!(server.last("POST", "/api/2.2/jobs/runs/cancel").json(), json!({"run_id": 5}));
    let output = client.task_output(11).await.unwrap();
    assert!(output.logs_truncated && output.error.as_deref() == Some("e"));
    client.delete_job(1).await.unwrap();
    // The id is all that was asked with: what is wrong with it is that there is no such run.
    assert_eq!(client.run(5).await.unwrap(), None);
    assert_eq!(client.run(6).await.unwrap_err().code, Code::WorkspaceRefused);
}

fn statement_server() -> impl Fn(&Request) -> Reply {
    let polls = AtomicUsize::new(0);
    move |asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/api/2.0/sql/statements") => ok(json!({"statement_id": "s-1", "status": {"state": "PENDING"}})),
        ("GET", "/api/2.0/sql/statements/s-1") if polls.fetch_add(1, Ordering::SeqCst) < 2 => {
            ok(json!({"statement_id": "s-1", "status": {"state": "RUNNING"}}))
        }
        ("GET", "/api/2.0/sql/statements/s-1") => ok(json!({
            "statement_id": "s-1", "status": {"state": "SUCCEEDED"},
            "manifest": {"schema": {"columns": [{"name": "n", "type_text": "BIGINT"}]}, "total_row_count": 3, "truncated": false},
            "result": {"chunk_index": 0, "data_array": [["1"], [null]], "next_chunk_index": 1},
        })),
        ("GET", "/api/2.0/sql/statements/s-1/result/chunks/1") => ok(json!({"chunk_index": 1, "data_array": [["3"]]})),
        ("POST", "/api/2.0/sql/statements/s-1/cancel") => Reply::With(200, vec![], vec![]),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_statement_is_polled_and_its_chunks_are_read() {
    let server = Server::start(statement_server()).await;
    let client = server.client();
    let statement = Statement::new("w", "SELECT :a").repeatable();
    let done = client.run_statement(&statement, &CancellationToken::new()).await.unwrap();
    assert_eq!(
        (done.state(), done.row_count(), done.columns()[0].name.as_str()),
        (&StatementState::Succeeded, Some(3), "n")
    );
    let rows: Vec<_> = client.rows(done).try_concat().await.unwrap();
    assert_eq!(rows, [vec![Some("1".to_string())], vec![None], vec![Some("3".to_string())]]);
}

async fn rows_of(answer: serde_json::Value) -> Result<Vec<Vec<Option<String>>>, (Code, String)> {
    let server = Server::start(move |_| {
        let mut whole = json!({"statement_id": "s", "status": {"state": "SUCCEEDED"}});
        for (name, value) in answer.as_object().unwrap() {
            whole[name] = value.clone();
        }
        ok(whole)
    })
    .await;
    let client = server.client();
    let status = client.submit_statement(&Statement::new("w", "SELECT 1").repeatable()).await.unwrap();
    let told = |error: icebridge_model::Error| (error.code, error.causes.join(" "));
    client.rows(status).try_concat().await.map_err(told)
}

#[tokio::test]
async fn a_result_with_less_than_it_counts_is_an_error_and_not_fewer_rows() {
    let links = json!({"external_links": [{"external_link": "https://x"}]});
    for result in [json!(null), json!({}), links, json!({"row_count": 5}), json!({"data_array": [["1"]]}), json!([])] {
        for total in [json!(5), json!("5"), json!({"many": 5})] {
            let answer = json!({"manifest": {"total_row_count": total}, "result": result});
            let (code, why) = rows_of(answer).await.unwrap_err();
            assert_eq!(code, Code::AnswerNotUnderstood, "{result}: {why}");
        }
    }
    let short = json!({"result": {"row_count": 2, "data_array": [["1"]]}});
    assert_eq!(rows_of(short).await.unwrap_err().0, Code::AnswerNotUnderstood);
    let odd = json!({"result": {"data_array": [["1"], "2"]}});
    assert_eq!(rows_of(odd).await.unwrap_err().0, Code::AnswerNotUnderstood);
    // None are none, and what is no text keeps its place.
    assert_eq!(rows_of(json!({"manifest": {"total_row_count": 0}})).await.unwrap(), Vec::<Vec<_>>::new());
    let cells = json!({"manifest": {"total_row_count": "1"}, "result": {"data_array": [[null, 2, {"a": 1}, true]]}});
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(rows_of(cells).await.unwrap(), [vec![None, text("2"), text("{\"a\":1}"), text("true")]]);
}

#[tokio::test(start_paused = true)]
async fn a_state_that_nobody_knows_is_not_waited_for_without_end() {
    for extra in [json!(null), json!({"total_row_count": 1})] {
        let over = !extra.is_null();
        let server = Server::start(move |_| {
            ok(json!({"statement_id": "s", "status": {"state": "FINISHED_OK"}, "manifest": extra}))
        })
        .await;
        let statement = Statement::new("w", "x");
        let error = server.client().run_statement(&statement, &CancellationToken::new()).await.unwrap_err();
        assert_eq!((error.code, error.causes), (Code::AnswerNotUnderstood, vec!["its state is `FINISHED_OK`".into()]));
        let looks = server.count("GET", "/api/2.0/sql/statements/s");
        assert!(if over { looks == 1 } else { (10..60).contains(&looks) }, "{looks}");
        assert_eq!(server.count("POST", "/api/2.0/sql/statements/s/cancel"), 1);
    }
}

#[tokio::test]
async fn what_the_workspace_cancels_is_a_failure_of_that_statement() {
    let server = Server::start(|_| ok(json!({"statement_id": "s", "status": {"state": "CANCELED"}}))).await;
    let statement = Statement::new("w", "x");
    let error = server.client().run_statement(&statement, &CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.code, Code::WorkspaceRefused);
}

#[tokio::test]
async fn a_cancelled_wait_cancels_the_statement() {
    let server = Server::start(statement_server()).await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let error = server.client().run_statement(&Statement::new("w", "x"), &cancel).await.unwrap_err();
    assert_eq!(error.code, Code::Cancelled);
    assert_eq!(server.count("POST", "/api/2.0/sql/statements/s-1/cancel"), 1);
}

#[tokio::test]
async fn a_statement_that_failed_is_an_error_although_http_says_200() {
    let server = Server::start(|_| {
        ok(json!({"statement_id": "s", "status": {"state": "FAILED", "sql_state": "42P01",
            "error": {"error_code": "BAD_REQUEST", "message": "[TABLE_OR_VIEW_NOT_FOUND] no"}}}))
    })
    .await;
    let error = server.client().run_statement(&Statement::new("w", "x"), &CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.code, Code::TableNotFound);
    assert_eq!(error.causes, ["BAD_REQUEST: [TABLE_OR_VIEW_NOT_FOUND] no (SQLSTATE 42P01)"]);
    // One that may have been taken is not handed in again.
    let server = Server::start(|_| Reply::Cut).await;
    let error = server.client().submit_statement(&Statement::new("w", "INSERT")).await.unwrap_err();
    assert_eq!(error.code, Code::OutcomeUnknown);
    assert_eq!(server.count("POST", "/api/2.0/sql/statements"), 1);
}

#[tokio::test]
async fn files_go_in_and_come_out_whole_over_broken_lines() {
    let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let served = content.clone();
    let puts = AtomicUsize::new(0);
    let server = Server::start(move |asked| match asked.method.as_str() {
        "PUT" if puts.fetch_add(1, Ordering::SeqCst) == 0 => Reply::Cut,
        "PUT" => Reply::With(204, vec![], vec![]),
        "HEAD" => Reply::Announced(200, vec![], vec![], 400_000),
        "DELETE" => refused(404, "NOT_FOUND"),
        _ => {
            let version = ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT".to_string());
            match asked.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok())
            {
                None => Reply::Announced(200, vec![version], served[..150_000].to_vec(), served.len()),
                Some(from) => {
                    assert_eq!(asked.header("if-unmodified-since"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
                    let range: usize = from;
                    Reply::With(206, vec![version], served[range..].to_vec())
                }
            }
        }
    })
    .await;
    let client = server.client();
    let path = "/Volumes/c/s/v/a b.bin";
    assert!(client.read_file(path, 400_000).await.unwrap() == Some(content.clone()));
    assert_eq!(client.file_size(path).await.unwrap(), Some(400_000));
    assert_eq!(client.read_file(path, 1000).await.unwrap_err().code, Code::StorageFailed);
    client.put_file(path, content.clone().into()).await.unwrap();
    let put = server.last("PUT", "/api/2.0/fs/files/Volumes/c/s/v/a%20b.bin");
    assert!(put.body == content && put.query("overwrite") == "true");
    client.put_file(path, bytes::Bytes::from_static(b"x")).await.unwrap();
    client.delete_file(path).await.unwrap();
    client.make_directory("/Volumes/c/s/v/d").await.unwrap();
}

#[tokio::test]
async fn a_missing_or_changed_file_is_reported() {
    let server = Server::start(|asked| match asked.header("range") {
        _ if asked.path.ends_with("gone") => refused(404, "NOT_FOUND"),
        None => {
            Reply::Announced(200, vec![("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT".into())], b"abc".to_vec(), 9)
        }
        Some(_) => refused(412, "PRECONDITION_FAILED"),
    })
    .await;
    let client = server.client();
    assert_eq!(client.read_file("/Volumes/c/s/v/gone", 10).await.unwrap(), None);
    assert_eq!(client.file_size("/Volumes/c/s/v/gone").await.unwrap(), None);
    assert_eq!(client.read_file("/Volumes/c/s/v/f", 10).await.unwrap_err().code, Code::FileBroken);
}

#[tokio::test]
async fn scripts_become_files_and_never_notebooks() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/api/2.0/workspace/get-status" => refused(404, "RESOURCE_DOES_NOT_EXIST"),
        _ => ok(json!({})),
    })
    .await;
    let client = server.client();
    client.import_file("/Users/me/icebridge/bulk_copy.py", b"print(1)\n").await.unwrap();
    let asked = server.requests();
    assert_eq!(
        (asked[0].path.as_str(), asked[0].json()),
        ("/api/2.0/workspace/mkdirs", json!({"path": "/Users/me/icebridge"}))
    );
    let import = json!({"path": "/Users/me/icebridge/bulk_copy.py", "format": "AUTO", "overwrite": true, "content": "cHJpbnQoMSkK"});
    assert_eq!(asked[1].json(), import);
    let notebook = b"# Databricks notebook source\nprint(1)\n";
    assert_eq!(client.import_file("/a/b.py", notebook).await.unwrap_err().code, Code::InvalidInput);
    assert_eq!(client.import_file("/a/b.py", &vec![0; (10 << 20) + 1]).await.unwrap_err().code, Code::InvalidInput);
    assert_eq!(client.workspace_object("/a").await.unwrap(), None);
}

#[tokio::test]
async fn secrets_go_in_and_are_in_no_error() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/api/2.0/secrets/put" => Reply::Json(400, json!({"error_code": "BAD", "message": "value canary is bad"})),
        "/api/2.0/secrets/scopes/create" => refused(400, "RESOURCE_ALREADY_EXISTS"),
        "/api/2.0/secrets/list" => ok(json!({"secrets": [{"key": "k"}]})),
        "/api/2.0/secrets/scopes/list" => ok(json!({})),
        _ => refused(404, "RESOURCE_DOES_NOT_EXIST"),
    })
    .await;
    let client = server.client();
    assert!(!client.make_secret_scope("icebridge").await.unwrap());
    let error = client.put_secret("icebridge", "k", &Secret::new("canary")).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    assert_eq!(server.last("POST", "/api/2.0/secrets/put").json()["string_value"], "canary");
    assert_eq!(client.secret_keys("icebridge").await.unwrap()[0].key, "k");
    assert!(client.secret_scopes().await.unwrap().is_empty());
    client.delete_secret("icebridge", "k").await.unwrap();
    client.delete_secret_scope("icebridge").await.unwrap();
    for (key, size) in [("k k", 1), ("", 1), ("k", (128 << 10) + 1)] {
        let value = Secret::new("x".repeat(size));
        assert_eq!(client.put_secret("icebridge", key, &value).await.unwrap_err().code, Code::InvalidInput);
    }
}

#[tokio::test]
async fn what_a_workspace_offers_is_read() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/api/2.1/clusters/spark-versions" => ok(json!({"versions": [{"key": "17.3.x-scala2.13", "name": "17.3 LTS"}]})),
        "/api/2.1/clusters/list-node-types" => {
            ok(json!({"node_types": [{"node_type_id": "i3", "num_cores": 0.5, "memory_mb": 1, "photon_driver_capable": true}]}))
        }
        "/api/2.0/sql/warehouses" => ok(json!({"warehouses": [{"id": "w", "name": "n", "state": "HIBERNATING"}]})),
        _ => ok(json!({})),
    })
    .await;
    let client = server.client();
    let versions = client.spark_versions().await.unwrap();
    assert_eq!(choose_runtime(&versions, RuntimeChoice::default()).unwrap().key, "17.3.x-scala2.13");
    assert_eq!(client.node_types().await.unwrap()[0].num_cores, 0.5);
    assert_eq!(client.warehouses().await.unwrap()[0].state.as_ref().unwrap().as_str(), "HIBERNATING");
    let level = Level::Schema { catalog: "c".into(), schema: "s".into() };
    client.set_predictive_optimization(&level, &PredictiveOptimization::Enable).await.unwrap();
    let asked = server.last("PATCH", "/api/2.1/unity-catalog/schemas/c.s");
    assert_eq!(asked.json(), json!({"enable_predictive_optimization": "ENABLE"}));
}

#[tokio::test]
async fn the_gate_opens_once_it_is_granted_without_anything_restarted() {
    let granted = std::sync::Arc::new(AtomicUsize::new(0));
    let state = granted.clone();
    let server = Server::start(move |asked| match asked.path.strip_prefix("/api/2.1/unity-catalog/") {
        Some("metastore_summary") => ok(json!({"metastore_id": "m", "name": "n", "external_access_enabled": true})),
        Some("catalogs/lake") => ok(json!({"name": "lake", "owner": "boss"})),
        Some("schemas/lake.raw") => ok(json!({"name": "raw", "catalog_name": "lake", "owner": "me"})),
        Some("schemas/lake.new") => refused(404, "SCHEMA_DOES_NOT_EXIST"),
        // One may look at one's own rights only.
        Some("effective-permissions/schema/lake.raw" | "effective-permissions/catalog/lake") => {
            match asked.query("principal") {
                "movers" if state.load(Ordering::SeqCst) == 1 => page(
                    "privilege_assignments",
                    json!([{"principal": "movers", "privileges": [{"privilege": "EXTERNAL_USE_SCHEMA"}]}]),
                    None,
                ),
                "me" | "movers" => page("privilege_assignments", json!([]), None),
                _ => refused(403, "PERMISSION_DENIED"),
            }
        }
        _ => ok(json!({"userName": "me", "groups": [{"display": "movers", "type": "direct"}]})),
    })
    .await;
    let client = server.client();
    let targets = ["raw", "new"].map(|schema| Target { catalog: "lake".into(), schema: schema.into() });
    let gate = client.gate(&targets).await.unwrap();
    let unmet: Vec<_> = gate.unmet.iter().map(|unmet| (&unmet.requirement, unmet.object.as_str())).collect();
    assert_eq!(unmet, [(&Requirement::ExternalUseSchema, "lake.new"), (&Requirement::ExternalUseSchema, "lake.raw")]);
    granted.store(1, Ordering::SeqCst);
    let gate = client.gate(&targets).await.unwrap();
    assert!(gate.is_open(), "{gate:?}");
    assert_eq!(gate.principal, "me");
}
