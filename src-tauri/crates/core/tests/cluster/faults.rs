//! The network and the workspace fail in the moments that matter.

use crate::fixture::{Fixture, ends, order, order_of, quick, table};
use icebridge_core::cluster::{Observer, Unobserved};
use icebridge_databricks::auth::{Auth, Machine};
use icebridge_databricks::{Client, Host};
use icebridge_model::Code;
use icebridge_model::photon::{ClusterEvent, CopyEnd};
use serde_json::json;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

#[derive(Default)]
pub struct Heard(pub Mutex<Vec<ClusterEvent>>);

impl Observer for Heard {
    fn event(&self, event: ClusterEvent) {
        self.0.lock().unwrap().push(event);
    }
}

async fn survives(path: &str, kind: &str, count: u64, more: serde_json::Value) {
    let fixture = Fixture::new().await;
    let when = format!("{count} x {kind} at {path}");
    fixture.fault(path, kind, count, more).await;
    let results = fixture.engine().run(&order(), &Unobserved, &CancellationToken::new()).await.unwrap();
    assert_eq!(ends(&results), [CopyEnd::Done; 3], "{when}: {results:?}");
    fixture.one_cluster_for_each_step(&when).await;
    // Of two requests whose answers were lost, the second finds the first.
    assert!(fixture.count("jobs_created").await <= 1 + count, "{when}");
    let hits = fixture.look("faults").await.to_string();
    assert!(!hits.contains("\"hits\":0"), "{when}: {hits}");
}

macro_rules! at {
    ($($name:ident: $path:literal;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            survives($path, "lost", 1, json!({})).await;
            survives($path, "half", 2, json!({})).await;
            // More often than the client itself tries again.
            survives($path, "lost", 8, json!({})).await;
            survives($path, "cut", 8, json!({})).await;
            survives($path, "throttle", 2, json!({"retry_after": 0})).await;
            survives($path, "error", 8, json!({"status": 503})).await;
            survives($path, "garbage", 1, json!({})).await;
        }
    )*};
}

at! {
    a_lost_or_refused_submission_is_one_run: "/api/*/jobs/runs/submit";
    a_lost_or_refused_job_is_one_cluster: "/api/*/jobs/create";
    a_lost_or_refused_run_now_is_one_run: "/api/*/jobs/run-now";
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_and_looks_that_fail_are_made_again() {
    survives("/api/2.0/workspace/import", "lost", 8, json!({})).await;
    survives("/api/2.0/fs/files/*", "cut", 8, json!({})).await;
    survives("/api/2.0/fs/files/*", "half", 3, json!({})).await;
    survives("/api/*/jobs/delete", "lost", 8, json!({})).await;
    survives("/api/2.1/clusters/*", "error", 8, json!({"status": 500})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_is_gone_for_long_is_waited_out_and_reported() {
    let fixture = Fixture::new().await;
    fixture.fault("/api/*/jobs/runs/get", "cut", 40, json!({})).await;
    let heard = Heard::default();
    let results = fixture.engine().run(&order(), &heard, &CancellationToken::new()).await.unwrap();
    assert_eq!(ends(&results), [CopyEnd::Done; 3]);
    fixture.one_cluster_for_each_step("after the network came back").await;
    let heard = heard.0.lock().unwrap();
    let trouble = heard.iter().filter(
        |event| matches!(event, ClusterEvent::Trouble { error, .. } if error.code == Code::WorkspaceUnreachable),
    );
    assert!(trouble.count() > 3, "{heard:?}");
    assert!(heard.iter().any(|event| matches!(event, ClusterEvent::Recovered { .. })), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_that_ends_leaves_the_run_to_the_next_process() {
    let fixture = Fixture::new().await;
    fixture.fault("/api/*/jobs/runs/get", "expired-token", 100, json!({})).await;
    let (order, cancel) = (order(), CancellationToken::new());
    let results = fixture.engine().run(&order, &Unobserved, &cancel).await.unwrap();
    assert_eq!(ends(&results), [CopyEnd::Unfinished; 3]);
    assert!(results.iter().all(|one| one.error.as_ref().unwrap().code == Code::CredentialsRejected), "{results:?}");
    fixture.delete("faults").await;
    let results = fixture.engine().run(&order, &Unobserved, &cancel).await.unwrap();
    assert_eq!(ends(&results), [CopyEnd::Done; 3]);
    fixture.one_cluster_for_each_step("after a new sign-in").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_expires_is_renewed_on_the_way() {
    let fixture = Fixture::new().await;
    let host = Host::parse(&fixture.sandbox.url()).unwrap();
    let sign_in = fixture.sandbox.sign_in();
    let machine = Machine::new(
        host.clone(),
        None,
        sign_in.client_id.into(),
        sign_in.client_secret.clone(),
        &quick().transport,
        quick().retry,
    )
    .unwrap();
    let client = Client::new(host, None, Auth::Machine(Arc::new(machine)), &quick()).unwrap();
    let (order, cancel, heard) = (order_of(vec![table("a", 1, "")]), CancellationToken::new(), Heard::default());
    let engine = fixture.engine_of(client);
    let expire = async {
        // As soon as there is one: all the requests that follow need another.
        while fixture.count("tokens_issued").await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        fixture.post("tokens/expire", json!({})).await;
    };
    let (results, ()) = tokio::join!(engine.run(&order, &heard, &cancel), expire);
    let results = results.unwrap();
    assert_eq!(ends(&results), [CopyEnd::Done], "{results:?}");
    assert_eq!(fixture.count("runs_started").await, 1);
    assert!(fixture.count("tokens_issued").await > 1);
}
