use super::*;
use icebridge_model::event::RunChanges;
use icebridge_model::sync::{Lag, SyncState, SyncedTable};
use icebridge_model::validation::ProofLevel;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

const PAGE: &str = include_str!("../../../../docs/metrics.md");

/// The value of one line: `name{labels}`, labels in the order in which they are written.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[track_caller]
fn holds(metrics: &Metrics, expected: &[(&str, f64)]) {
    let text = metrics.text();
    for (series, number) in expected {
        assert_eq!(value(&text, series), Some(*number), "{series}\n{text}");
    }
}

fn validation(passed: bool, proof: ProofLevel) -> Validation {
    let ident = table();
    Validation {
        source: ident.clone(),
        target: ident,
        source_snapshot_id: None,
        target_snapshot_id: None,
        passed,
        proof,
        read_by: EngineKind::Embedded,
        rows: 0,
        digest: String::new(),
        conversions: Vec::new(),
        checks: Vec::new(),
        source_records: None,
        target_records: None,
        error: None,
        validated_at: String::new(),
        milliseconds: 0,
    }
}

fn table() -> icebridge_model::TableIdent {
    icebridge_model::TableIdent { namespace: vec!["sales".into()], name: "orders".into() }
}

fn outcome(adopted: bool) -> CopyOutcome {
    CopyOutcome { adopted, files_copied: 3, files_decoded: 2, files_chunk_moved: 1, ..CopyOutcome::default() }
}

/// Everything that can be counted, once at least.
fn exercised() -> Metrics {
    let metrics = Metrics::default();
    drop(metrics.stage(Stage::Run));
    metrics.table_step((TableState::Copying, TableState::Committing), EngineKind::Embedded, Duration::from_secs(3));
    metrics.table_step((TableState::Validating, TableState::Migrated), EngineKind::Embedded, Duration::from_secs(2));
    metrics.committed(EngineKind::Embedded, Some(&outcome(false)));
    metrics.committed(EngineKind::Photon, Some(&outcome(true)));
    metrics.committed(EngineKind::Photon, None);
    metrics.commit_attempted();
    metrics.commit_attempted();
    metrics.commit_conflicted();
    metrics.validated(&validation(true, ProofLevel::Digest));
    metrics.validated(&validation(false, ProofLevel::None));
    let copied = metrics.copied(EngineKind::Photon);
    copied.bytes(5);
    copied.rows(7);
    let requests = metrics.requests("iceberg-rest");
    requests.sent();
    requests.sent_again();
    requests.throttled();
    drop(requests.wait());
    drop(metrics.commit_waits().begin());
    metrics.synced(&SyncView {
        run_id: "r".into(),
        source: String::new(),
        target: String::new(),
        at: String::new(),
        tables: [(SyncState::Behind, 2, Some(3), 60), (SyncState::Stopped, 1, None, 90)].map(synced).into(),
    });
    metrics
}

fn synced((state, snapshots, rows, seconds): (SyncState, u64, Option<u64>, u64)) -> SyncedTable {
    SyncedTable {
        source: table(),
        target: table(),
        state,
        round: 1,
        synced_snapshot_id: None,
        source_snapshot_id: None,
        lag: Lag { snapshots, rows, seconds },
        made: None,
        error: None,
    }
}

#[test]
fn everything_is_counted_once() {
    let metrics = exercised();
    holds(
        &metrics,
        &[
            (r#"icebridge_stage_duration_seconds_count{stage="run"}"#, 1.0),
            (r#"icebridge_stage_duration_seconds_count{stage="plan"}"#, 0.0),
            (r#"icebridge_stage_at_work{stage="run"}"#, 0.0),
            (r#"icebridge_table_stage_duration_seconds_sum{state="copying",engine="embedded"}"#, 3.0),
            (r#"icebridge_table_stage_duration_seconds_bucket{state="copying",engine="embedded",le="2.56"}"#, 0.0),
            (r#"icebridge_tables_ended_total{state="migrated",engine="embedded"}"#, 1.0),
            (r#"icebridge_tables_ended_total{state="failed",engine="embedded"}"#, 0.0),
            (r#"icebridge_commits_total{outcome="made",engine="embedded"}"#, 1.0),
            (r#"icebridge_commits_total{outcome="found",engine="photon"}"#, 1.0),
            (r#"icebridge_commits_total{outcome="made",engine="photon"}"#, 1.0),
            (r#"icebridge_files_total{way="copied"}"#, 3.0),
            (r#"icebridge_files_total{way="decoded"}"#, 2.0),
            (r#"icebridge_files_total{way="chunk_moved"}"#, 1.0),
            ("icebridge_commit_attempts_total", 2.0),
            ("icebridge_commit_conflicts_total", 1.0),
            (r#"icebridge_verdicts_total{verdict="equal",proof="digest",engine="embedded"}"#, 1.0),
            (r#"icebridge_verdicts_total{verdict="different",proof="none",engine="embedded"}"#, 1.0),
            (r#"icebridge_copied_bytes_total{engine="photon"}"#, 5.0),
            (r#"icebridge_copied_rows_total{engine="photon"}"#, 7.0),
            (r#"icebridge_http_requests_total{family="iceberg-rest"}"#, 1.0),
            (r#"icebridge_http_retries_total{family="iceberg-rest"}"#, 1.0),
            (r#"icebridge_http_throttled_total{family="iceberg-rest"}"#, 1.0),
            (r#"icebridge_limiter_wait_seconds_count{limiter="iceberg-rest"}"#, 1.0),
            (r#"icebridge_limiter_waiting{limiter="iceberg-rest"}"#, 0.0),
            (r#"icebridge_limiter_wait_seconds_count{limiter="commits"}"#, 1.0),
            ("icebridge_sync_rounds_total", 0.0),
            (r#"icebridge_sync_tables{state="behind"}"#, 1.0),
            (r#"icebridge_sync_tables{state="up_to_date"}"#, 0.0),
            ("icebridge_sync_behind_snapshots", 3.0),
            ("icebridge_sync_behind_rows", 3.0),
            ("icebridge_sync_behind_seconds", 90.0),
        ],
    );
}

#[test]
fn what_is_at_work_or_waits_is_seen_until_it_ends() {
    let metrics = Metrics::default();
    let (run, wait) = (metrics.stage(Stage::Run), metrics.commit_waits().begin());
    holds(
        &metrics,
        &[
            (r#"icebridge_stage_at_work{stage="run"}"#, 1.0),
            (r#"icebridge_limiter_waiting{limiter="commits"}"#, 1.0),
            (r#"icebridge_limiter_wait_seconds_count{limiter="commits"}"#, 0.0),
        ],
    );
    drop((run, wait));
    holds(
        &metrics,
        &[
            (r#"icebridge_stage_at_work{stage="run"}"#, 0.0),
            (r#"icebridge_limiter_waiting{limiter="commits"}"#, 0.0),
            (r#"icebridge_limiter_wait_seconds_count{limiter="commits"}"#, 1.0),
        ],
    );
}

#[test]
fn an_event_sets_the_state_of_the_run_and_the_inventory() {
    let metrics = Metrics::default();
    let run = |state| Event::Run { run_id: "r".into(), state };
    metrics.event(&run(RunState::Running));
    metrics.event(&run(RunState::Cancelled));
    metrics.event(&Event::Inventory { source: "lake".into(), done: 3, total: 9, table: "sales.orders".into() });
    metrics.event(&Event::Changes(RunChanges::default()));
    holds(
        &metrics,
        &[
            (r#"icebridge_runs_total{state="running"}"#, 1.0),
            (r#"icebridge_runs_total{state="cancelled"}"#, 1.0),
            (r#"icebridge_run_state{state="running"}"#, 0.0),
            (r#"icebridge_run_state{state="cancelled"}"#, 1.0),
            ("icebridge_inventory_found_tables", 9.0),
            ("icebridge_inventory_read_tables", 3.0),
        ],
    );
}

#[derive(Default)]
struct Copying(AtomicU64);

impl Watched for Copying {
    fn progress(&self) -> Progress {
        let bytes_done = self.0.load(Ordering::Relaxed);
        let by_state = BTreeMap::from([("copying".to_string(), 2), ("migrated".to_string(), 1)]);
        Progress {
            counters: RunCounters { by_state, bytes_done, bytes_to_copy: u64::MAX, rows: 40, ..RunCounters::default() },
            parallel_tables: 3,
            cluster_stages: vec![ClusterStage::Running, ClusterStage::Running, ClusterStage::Queued],
        }
    }
}

#[test]
fn a_run_is_read_when_it_is_asked_for_and_its_last_numbers_stay() {
    let metrics = Metrics::default();
    let copying = Arc::new(Copying::default());
    let watched: Arc<dyn Watched> = copying.clone();
    metrics.watch(Arc::downgrade(&watched));
    holds(&metrics, &[("icebridge_run_done_bytes", 0.0), (r#"icebridge_run_tables{state="copying"}"#, 2.0)]);
    copying.0.store(17, Ordering::Relaxed);
    let expected = [
        ("icebridge_run_done_bytes", 17.0),
        ("icebridge_run_planned_bytes", i64::MAX as f64),
        ("icebridge_run_planned_rows", 40.0),
        ("icebridge_run_parallel_tables", 3.0),
        (r#"icebridge_run_tables{state="migrated"}"#, 1.0),
        (r#"icebridge_run_tables{state="queued"}"#, 0.0),
        (r#"icebridge_run_cluster_tables{stage="running"}"#, 2.0),
        (r#"icebridge_run_cluster_tables{stage="queued"}"#, 1.0),
        (r#"icebridge_run_cluster_tables{stage="starting"}"#, 0.0),
    ];
    holds(&metrics, &expected);
    metrics.unwatch();
    copying.0.store(18, Ordering::Relaxed);
    holds(&metrics, &expected);
}

/// One that is killed is no longer there, and says nothing.
#[test]
fn a_run_that_is_gone_leaves_what_it_said() {
    let metrics = Metrics::default();
    {
        let copying = Copying(AtomicU64::new(5));
        let watched: Arc<dyn Watched> = Arc::new(copying);
        metrics.watch(Arc::downgrade(&watched));
    }
    holds(&metrics, &[("icebridge_run_done_bytes", 5.0)]);
}

#[test]
fn counters_take_every_increment_of_many_threads() {
    let metrics = Metrics::default();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let copied = metrics.copied(EngineKind::Embedded);
                for _ in 0..1000 {
                    copied.bytes(3);
                    metrics.commit_attempted();
                }
            });
        }
    });
    holds(
        &metrics,
        &[
            (r#"icebridge_copied_bytes_total{engine="embedded"}"#, 24_000.0),
            ("icebridge_commit_attempts_total", 8000.0),
        ],
    );
}

/// The rows of the table in the page: name, type, unit, labels, meaning.
fn rows(text: &str) -> Vec<String> {
    let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut kinds: BTreeMap<&str, &str> = BTreeMap::new();
    let mut meanings: BTreeMap<&str, &str> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            kinds.insert(name, kind);
        } else if let Some((name, meaning)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            meanings.insert(name, meaning);
        } else if let Some((name, rest)) = line.split_once('{') {
            let name = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            let names =
                rest.split("\",").filter_map(|pair| Some(pair.split_once('=')?.0)).filter(|label| *label != "le");
            labels.entry(name).or_default().extend(names);
        }
    }
    let unit = |name: &str| match name.trim_end_matches("_total") {
        name if name.ends_with("_seconds") => "seconds",
        name if name.ends_with("_bytes") => "bytes",
        _ => "",
    };
    let row = |(name, kind): (&&str, &&str)| {
        let labels: Vec<String> = labels.get(*name).into_iter().flatten().map(|label| format!("`{label}`")).collect();
        format!("| `{name}` | {kind} | {} | {} | {} |", unit(name), labels.join(", "), meanings[*name])
    };
    kinds.iter().map(row).collect()
}

#[test]
fn the_page_lists_every_metric_and_no_other() {
    let expected = rows(&exercised().text());
    let listed: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("| `icebridge_")).collect();
    assert!(expected.len() > 20, "{expected:?}");
    assert!(listed == expected, "docs/metrics.md should list:\n{}\n", expected.join("\n"));
}

/// Names of tables, hosts and people never become labels: all that a label says is in the source.
#[test]
fn every_value_of_a_label_is_explained_by_the_page() {
    let text = exercised().text();
    let unexplained: BTreeSet<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once('{')?.1.rsplit_once('}')?.0))
        .flat_map(|labels| labels.split("\",").filter_map(|pair| pair.trim_end_matches('"').split_once("=\"")))
        .filter(|(name, value)| !matches!(*name, "le" | "version") && !PAGE.contains(&format!("`{value}`")))
        .map(|(_, value)| value)
        .collect();
    assert!(unexplained.is_empty(), "docs/metrics.md does not have {unexplained:?}");
}
