//! What is counted is what the runs did.

use super::fixture::{Fault, Fixture, ident};
use crate::migration::live::{ActiveRun, LiveTable};
use icebridge_lakehouse::copy::Observer;
use icebridge_metrics::{Metrics, Watched};
use icebridge_model::Code;
use icebridge_model::photon::{ClusterStage, ClusterView};
use icebridge_model::plan::{CopyMode, EngineKind, Settings};
use icebridge_model::run::{RunState, TableMigration, TableState};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The sum over all series that begin so.
fn sum(text: &str, series: &str) -> u64 {
    let of_series = text.lines().filter(|line| line.starts_with(series));
    let values = of_series.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
    values.sum()
}

#[track_caller]
fn holds(fixture: &Fixture, expected: &[(&str, u64)]) {
    let text = fixture.local.metrics.text();
    for (series, number) in expected {
        assert_eq!(sum(&text, series), *number, "{series}\n{text}");
    }
}

fn bytes(fixture: &Fixture, target: &str) -> u64 {
    let files = std::fs::read_dir(fixture.folder(target).join("data")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

#[tokio::test]
async fn a_run_and_the_same_plan_again() {
    let fixture = Fixture::new().await;
    let plan = fixture.plan();
    fixture.run(&plan).await;
    let bytes: u64 = fixture.target_tables().iter().map(|target| bytes(&fixture, target)).sum();
    let made = [
        ("icebridge_runs_total{state=\"running\"}", 1),
        ("icebridge_runs_total{state=\"succeeded\"}", 1),
        ("icebridge_run_state{state=\"succeeded\"}", 1),
        ("icebridge_run_state", 1),
        ("icebridge_run_tables{state=\"migrated\"}", 3),
        ("icebridge_run_tables", 3),
        ("icebridge_tables_ended_total{state=\"migrated\",engine=\"embedded\"}", 3),
        ("icebridge_commits_total{outcome=\"made\",engine=\"embedded\"}", 3),
        ("icebridge_commits_total{outcome=\"found\"", 0),
        ("icebridge_commit_attempts_total", 3),
        ("icebridge_limiter_wait_seconds_count{limiter=\"commits\"}", 3),
        ("icebridge_limiter_waiting", 0),
        ("icebridge_files_total{way=\"copied\"}", 9),
        ("icebridge_files_total", 9),
        ("icebridge_copied_bytes_total{engine=\"embedded\"}", bytes),
        ("icebridge_verdicts_total{verdict=\"equal\",proof=\"bytes\",engine=\"embedded\"}", 3),
        ("icebridge_verdicts_total", 3),
        ("icebridge_stage_duration_seconds_count{stage=\"run\"}", 1),
        ("icebridge_stage_at_work", 0),
        ("icebridge_table_stage_duration_seconds_count{state=\"copying\",engine=\"embedded\"}", 3),
    ];
    holds(&fixture, &made);

    fixture.run(&plan).await;
    holds(
        &fixture,
        &[
            ("icebridge_run_tables", 3),
            ("icebridge_commits_total{outcome=\"made\"", 3),
            ("icebridge_commits_total{outcome=\"found\",engine=\"embedded\"}", 3),
            ("icebridge_commit_attempts_total", 3),
            ("icebridge_files_total", 9),
            ("icebridge_copied_bytes_total{engine=\"embedded\"}", bytes),
            ("icebridge_verdicts_total", 6),
            ("icebridge_tables_ended_total{state=\"migrated\",engine=\"embedded\"}", 6),
        ],
    );
}

#[tokio::test]
async fn a_table_that_fails_and_a_run_in_the_middle() {
    let fixture = Fixture::new().await;
    let plan = fixture.plan();
    fixture.lake.write_source(&ident("a.one"), 2, "a.one");
    fixture.strike("publish-before", "managed.three", Fault::Pause);
    let handle = fixture.start(&plan).await.unwrap();
    fixture.paused().await;
    // The tables beside it go their way to the end meanwhile.
    while sum(&fixture.local.metrics.text(), "icebridge_tables_ended_total") < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    holds(
        &fixture,
        &[
            ("icebridge_run_state{state=\"running\"}", 1),
            ("icebridge_stage_at_work{stage=\"run\"}", 1),
            ("icebridge_run_tables{state=\"committing\"}", 1),
            ("icebridge_run_tables", 3),
        ],
    );
    fixture.go_on();
    assert_eq!(fixture.finish(handle).await.unwrap().state, RunState::Incomplete);
    holds(
        &fixture,
        &[
            ("icebridge_run_state{state=\"incomplete\"}", 1),
            ("icebridge_run_tables{state=\"failed\"}", 1),
            ("icebridge_run_tables{state=\"migrated\"}", 2),
            ("icebridge_tables_ended_total{state=\"failed\",engine=\"embedded\"}", 1),
            ("icebridge_tables_ended_total{state=\"migrated\",engine=\"embedded\"}", 2),
            ("icebridge_commits_total", 2),
        ],
    );
}

#[tokio::test]
async fn a_resume_counts_what_it_does_itself() {
    let fixture = Fixture::new().await;
    let plan = fixture.plan();
    fixture.strike("copy-end", "managed.two", Fault::Fail(Code::StorageFailed));
    assert_eq!(fixture.run(&plan).await.state, RunState::Incomplete);
    holds(&fixture, &[("icebridge_commits_total", 2), ("icebridge_files_total", 6)]);
    let handle = fixture.resume().await.unwrap();
    assert_eq!(fixture.finish(handle).await.unwrap().state, RunState::Succeeded);
    holds(
        &fixture,
        &[
            ("icebridge_runs_total{state=\"running\"}", 2),
            ("icebridge_run_tables{state=\"migrated\"}", 3),
            ("icebridge_run_tables", 3),
            ("icebridge_tables_ended_total{state=\"failed\",engine=\"embedded\"}", 1),
            ("icebridge_tables_ended_total{state=\"migrated\",engine=\"embedded\"}", 3),
            ("icebridge_commits_total{outcome=\"made\"", 3),
            ("icebridge_files_total", 9),
            ("icebridge_verdicts_total", 3),
        ],
    );
}

/// One that a cluster copies. An earlier process copied a part of it, and counted that.
fn on_a_cluster(metrics: &Metrics) -> LiveTable {
    let table = TableMigration {
        source: ident("a.one"),
        target: ident("managed.one"),
        mode: CopyMode::Clone,
        state: TableState::Copying,
        bytes_done: 400,
        bytes_total: 1000,
        rows_done: 40,
        rows_total: 100,
        error: None,
        validation: None,
        outcome: None,
        engine: EngineKind::Photon,
        cluster: Some(ClusterView { stage: ClusterStage::Running, ..ClusterView::default() }),
        documents: None,
        governance: None,
        not_validated: None,
        not_read_back: None,
    };
    LiveTable::new(table, 1000, metrics.clone())
}

#[test]
fn what_is_counted_for_all_tables_never_falls() {
    let metrics = Metrics::default();
    let counted = || {
        let text = metrics.text();
        let of = |what| sum(&text, &format!("icebridge_copied_{what}_total{{engine=\"photon\"}}"));
        (of("bytes"), of("rows"))
    };
    let table = on_a_cluster(&metrics);
    assert_eq!(counted(), (0, 0));
    table.reached(50, 100);
    assert_eq!(counted(), (100, 10));
    table.reached(30, 100);
    assert_eq!(counted(), (100, 10));
    table.restart();
    table.bytes(7);
    table.rows(3);
    assert_eq!(counted(), (107, 13));
    assert_eq!((table.snapshot().bytes_done, table.snapshot().rows_done), (7, 3));
}

#[test]
fn where_a_cluster_is_counts_while_it_copies() {
    let metrics = Metrics::default();
    let table = Arc::new(on_a_cluster(&metrics));
    let run = ActiveRun::new("r".into(), CancellationToken::new(), vec![Arc::clone(&table)], &Settings::default());
    assert_eq!(run.progress().cluster_stages, [ClusterStage::Running]);
    table.step(TableState::Committed, None, None);
    assert!(run.progress().cluster_stages.is_empty());
    let text = metrics.text();
    assert_eq!(sum(&text, "icebridge_commits_total{outcome=\"made\",engine=\"photon\"}"), 1);
    assert_eq!(sum(&text, "icebridge_table_stage_duration_seconds_count{state=\"copying\",engine=\"photon\"}"), 1);
}
