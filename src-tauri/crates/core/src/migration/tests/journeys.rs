//! What a run does when nothing breaks but the source or target is not as the plan left it.

use super::fixture::{Fault, Fixture, ident};
use crate::{ledger, migration};
use icebridge_model::event::Event;
use icebridge_model::plan::Plan;
use icebridge_model::run::{RunState, RunView};
use icebridge_model::validation::ProofLevel;
use icebridge_model::{Code, Error};
use serde_json::json;
use std::sync::atomic::Ordering;
use tokio_util::sync::CancellationToken;

fn error_of(view: &RunView, table: &str) -> Error {
    view.tables.iter().find(|t| t.source.to_string() == table).unwrap().error.clone().unwrap()
}

#[tokio::test]
async fn a_table_goes_through_every_state_in_order_and_is_proved_to_the_byte() {
    let fixture = Fixture::new().await;
    let mut events = fixture.local.events.subscribe();
    let view = fixture.run(&fixture.plan()).await;
    assert_eq!((view.state, view.migrated, view.failed), (RunState::Succeeded, 3, 0));
    assert!(view.ended_at.is_some());
    for table in &view.tables {
        let validation = table.validation.as_ref().unwrap();
        assert_eq!((validation.proof, validation.rows, validation.passed), (ProofLevel::Bytes, 9, true));
        assert_eq!(table.bytes_done, table.bytes_total);
        let outcome = table.outcome.as_ref().unwrap();
        assert_eq!((outcome.files_copied, outcome.commit_attempts, outcome.adopted), (3, 1, false));
        assert!(outcome.checksums.is_empty(), "a view does not carry thousands of checksums");
    }
    let entries = fixture.local.store.entries(&view.run_id).await.unwrap();
    let states: Vec<String> = entries
        .iter()
        .filter(|e| e.table == "a.two")
        .map(|e| e.body["state"].as_str().unwrap_or(&e.kind).to_string())
        .collect();
    assert_eq!(states, ["copying", "committing", "committed", "validating", ledger::TABLE_VALIDATED, "migrated"]);
    assert_eq!(entries.first().unwrap().kind, ledger::RUN_STARTED);
    assert_eq!(entries.last().unwrap().kind, ledger::RUN_ENDED);

    let (mut seen, mut last) = (Vec::new(), None);
    while let Ok(event) = events.try_recv() {
        match event {
            Event::Changes(changes) => {
                assert!(changes.counters.bytes_done <= changes.counters.bytes_to_copy);
                assert_eq!(changes.counters.tables(), view.tables.len());
                seen.extend(changes.rows.iter().filter(|row| row.text("name") == "a.two").cloned());
                last = Some(changes.counters);
            }
            Event::Run { state, .. } => assert!(matches!(state, RunState::Running | RunState::Succeeded)),
            _ => {}
        }
    }
    // States that follow each other in a moment come as one; the last one always comes.
    let last_row = seen.last().unwrap();
    assert_eq!((last_row.text("state"), last_row.text("proof")), ("migrated", "bytes"));
    assert_eq!(last.unwrap().progress(), (1, 1));
}

#[tokio::test]
async fn the_same_plan_again_changes_nothing_and_says_so() {
    let fixture = Fixture::new().await;
    let plan = fixture.plan();
    fixture.run(&plan).await;
    let before = fixture.warehouse();
    // The source goes on living; what is migrated is compared with its pin.
    fixture.lake.change_source("a.one", "v2.metadata.json", |m| {
        m["current-snapshot-id"] = json!(2);
        m["snapshots"] = json!([{"snapshot-id": 1}, {"snapshot-id": 2}]);
    });
    let view = fixture.run(&plan).await;
    assert_eq!((view.state, view.migrated), (RunState::Succeeded, 3));
    assert!(view.tables.iter().all(|t| t.outcome.as_ref().unwrap().adopted));
    // The evidence of the first run's files serves the second.
    assert!(view.tables.iter().all(|t| t.validation.as_ref().unwrap().proof == ProofLevel::Bytes));
    assert_eq!(fixture.warehouse(), before);
    assert_eq!(fixture.lake.publishes.load(Ordering::SeqCst), 3);

    // A resume of a run with nothing left to do does nothing either.
    let entries = fixture.local.store.journal_head().await.unwrap().0;
    let handle = fixture.resume().await.unwrap();
    assert_eq!(fixture.finish(handle).await.unwrap().state, RunState::Succeeded);
    assert_eq!(fixture.local.store.journal_head().await.unwrap().0, entries + 2, "resumed and ended");
}

#[tokio::test]
async fn a_source_that_moved_is_refused_table_by_table() {
    let fixture = Fixture::new().await;
    let plan = fixture.plan();
    fixture.lake.write_source(&ident("a.one"), 2, "a.one");
    fixture.lake.drop_source("b.three");
    let view = fixture.run(&plan).await;
    assert_eq!((view.state, view.migrated, view.failed), (RunState::Incomplete, 1, 2));
    let moved = error_of(&view, "a.one");
    assert_eq!((moved.code, moved.object.as_deref()), (Code::PlanStale, Some("a.one")));
    assert!(moved.message.contains("from snapshot 1 to snapshot 2"), "{moved}");
    assert_eq!(error_of(&view, "b.three").code, Code::PlanStale);
    assert_eq!(fixture.target_tables(), ["managed.two"]);
}

#[tokio::test]
async fn another_table_under_the_same_name_is_refused() {
    let fixture = Fixture::new().await;
    let plan = fixture.plan();
    fixture.lake.change_source("a.one", "v1.metadata.json", |m| {
        m["table-uuid"] = json!("f0000000-0000-0000-0000-000000000001")
    });
    assert_eq!(error_of(&fixture.run(&plan).await, "a.one").code, Code::PlanStale);
}

#[tokio::test]
async fn a_change_of_metadata_alone_is_no_move_unless_it_is_the_schema() {
    let fixture = Fixture::new().await;
    let plan = fixture.plan();
    fixture.lake.change_source("a.one", "v2.metadata.json", |m| m["properties"]["owner"] = json!("somebody"));
    fixture.lake.change_source("a.two", "v2.metadata.json", |m| m["schemas"][0]["fields"][0]["name"] = json!("text"));
    let view = fixture.run(&plan).await;
    assert_eq!(view.migrated, 2);
    assert!(error_of(&view, "a.two").message.contains("schema"));
    // What the plan is pinned to may be gone.
    let fixture = Fixture::new().await;
    let plan = fixture.plan();
    fixture.lake.change_source("a.one", "v2.metadata.json", |m| m["properties"]["owner"] = json!("somebody"));
    std::fs::remove_file(&plan.tables[0].metadata_location).unwrap();
    assert_eq!(error_of(&fixture.run(&plan).await, "a.one").code, Code::PlanStale);
}

#[tokio::test]
async fn a_source_may_move_while_it_is_being_copied() {
    let fixture = Fixture::new().await;
    fixture.strike("copy-unit-2", "managed.two", Fault::Die);
    let handle = fixture.start(&fixture.plan()).await.unwrap();
    assert!(fixture.finish(handle).await.is_none());
    fixture.lake.change_source("a.two", "v2.metadata.json", |m| {
        m["current-snapshot-id"] = json!(2);
        m["snapshots"] = json!([{"snapshot-id": 1}, {"snapshot-id": 2}]);
    });
    let handle = fixture.resume().await.unwrap();
    assert_eq!(fixture.finish(handle).await.unwrap().state, RunState::Succeeded);
}

#[tokio::test]
async fn what_was_staged_for_a_plan_that_went_stale_is_removed() {
    let fixture = Fixture::new().await;
    let plan = fixture.plan();
    fixture.strike("copy-unit-2", "managed.two", Fault::Cancel);
    assert_eq!(fixture.run(&plan).await.state, RunState::Cancelled);
    assert!(fixture.warehouse().keys().any(|p| p.contains("two")));
    fixture.lake.write_source(&ident("a.two"), 2, "a.two");
    let view = fixture.run(&plan).await;
    assert_eq!(error_of(&view, "a.two").code, Code::PlanStale);
    assert!(!fixture.warehouse().keys().any(|p| p.contains("two")));
}

#[tokio::test]
async fn a_table_of_somebody_else_is_never_touched() {
    let fixture = Fixture::new().await;
    fixture.occupy("managed.two");
    let view = fixture.run(&fixture.plan()).await;
    assert_eq!((view.migrated, view.failed), (2, 1));
    let error = error_of(&view, "a.two");
    assert_eq!((error.code, error.object.as_deref()), (Code::TableExists, Some("managed.two")));
    assert!(!fixture.warehouse().keys().any(|p| p.contains("two")), "not even staged");
}

#[tokio::test]
async fn a_target_that_differs_is_left_named_and_not_migrated() {
    let fixture = Fixture::new().await;
    let plan = fixture.plan();
    // The copy is damaged between the commit and the comparison.
    fixture.strike("publish-after", "managed.two", Fault::Die);
    let handle = fixture.start(&plan).await.unwrap();
    assert!(fixture.finish(handle).await.is_none());
    let folder = fixture.folder("managed.two");
    std::fs::write(folder.join("data/1.txt"), "something else\n").unwrap();
    let handle = fixture.resume().await.unwrap();
    let view = fixture.finish(handle).await.unwrap();
    assert_eq!((view.state, view.migrated, view.failed), (RunState::Incomplete, 2, 1));
    let error = error_of(&view, "a.two");
    assert_eq!((error.code, error.object.as_deref()), (Code::ValidationFailed, Some("managed.two")));
    assert!(
        error.message.contains("count") && error.message.contains("digest") && error.message.contains("bytes"),
        "{error}"
    );
    assert_eq!(fixture.target_tables().len(), 3, "it stays for a look");

    // Dropped and resumed, it is copied anew.
    fixture.drop_target("managed.two");
    std::fs::remove_dir_all(folder).unwrap();
    let handle = fixture.resume().await.unwrap();
    assert_eq!(fixture.finish(handle).await.unwrap().state, RunState::Succeeded);
}

#[tokio::test]
async fn validating_again_takes_the_word_migrated_back_and_gives_it_again() {
    let fixture = Fixture::new().await;
    let plan = fixture.plan();
    let view = fixture.run(&plan).await;
    let cancel = CancellationToken::new();
    let environment = fixture.environment();
    let file = fixture.folder("managed.two").join("data/1.txt");
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, b"changed\n").unwrap();
    let again =
        || migration::validate_again::validate_again_in(&fixture.local, "", None, &cancel, environment.as_ref());
    let changed = again().await.unwrap();
    assert_eq!((changed.state, changed.migrated, changed.failed), (RunState::Incomplete, 2, 1));
    assert_eq!(changed.run_id, view.run_id);
    // The comparison that failed comes last: a death before it leaves no table migrated without a proof.
    let told = fixture.local.store.entries(&view.run_id).await.unwrap();
    let last: Vec<_> = told.iter().rev().filter(|e| e.table == "a.two").map(|e| e.kind.as_str()).take(2).collect();
    assert_eq!(last, [ledger::TABLE_VALIDATED, ledger::TABLE_STATE]);
    std::fs::remove_file(&file).unwrap();
    let gone = again().await.unwrap();
    assert_eq!(error_of(&gone, "a.two").code, Code::ValidationFailed);
    std::fs::write(&file, good).unwrap();
    let mended = again().await.unwrap();
    assert_eq!((mended.state, mended.migrated), (RunState::Succeeded, 3));
    fixture.local.store.verify_journal().await.unwrap();
}

#[tokio::test]
async fn only_one_run_at_a_time() {
    let fixture = Fixture::new().await;
    let plan = fixture.plan();
    fixture.strike("copy-begin", "managed.two", Fault::Die);
    let handle = fixture.start(&plan).await.unwrap();
    let error = fixture.start(&plan).await.unwrap_err();
    assert_eq!(error.code, Code::StateLocked);
    assert_eq!(migration::view(&fixture.local, "").await.unwrap().state, RunState::Running);
    assert_eq!(migration::list(&fixture.local).await.unwrap().len(), 1, "the one that was refused left no run");
    assert!(fixture.finish(handle).await.is_none());
    let handle = fixture.resume().await.unwrap();
    assert_eq!(fixture.finish(handle).await.unwrap().state, RunState::Succeeded);
}

#[tokio::test]
async fn plans_that_cannot_be_run_are_refused_before_a_job_is_made() {
    let fixture = Fixture::new().await;
    let plan = fixture.plan();
    let start = async |plan: &Plan| fixture.start(plan).await.unwrap_err().code;
    let mut edited = plan.clone();
    edited.tables[0].target = ident("managed.elsewhere");
    assert_eq!(start(&edited).await, Code::PlanBroken);
    let empty = Plan { tables: vec![], ..plan.clone() }.sealed().unwrap();
    assert_eq!(start(&empty).await, Code::InvalidInput);
    let mut idle = plan;
    idle.settings.max_parallel_tables = 0;
    assert_eq!(start(&idle.sealed().unwrap()).await, Code::InvalidInput);
    assert!(migration::list(&fixture.local).await.unwrap().is_empty());
    assert!(!fixture.local.store.is_locked().await.unwrap());
}

#[tokio::test]
async fn jobs_are_found_and_only_running_ones_can_be_cancelled() {
    let fixture = Fixture::new().await;
    assert_eq!(migration::view(&fixture.local, "").await.unwrap_err().code, Code::RunNotFound);
    let view = fixture.run(&fixture.plan()).await;
    assert_eq!(migration::view(&fixture.local, "nonsense").await.unwrap_err().code, Code::RunNotFound);
    assert_eq!(migration::cancel(&fixture.local, &view.run_id).await.unwrap_err().code, Code::InvalidInput);
    let list = migration::list(&fixture.local).await.unwrap();
    assert_eq!((list[0].run_id.as_str(), list[0].tables, list[0].migrated), (view.run_id.as_str(), 3, 3));
    assert_eq!(migration::view(&fixture.local, &view.run_id).await.unwrap(), view);
}

#[tokio::test]
async fn a_table_that_cannot_be_compared_stays_proved_and_says_why() {
    let fixture = Fixture::new().await;
    let run = fixture.run(&fixture.plan()).await;
    let cancel = CancellationToken::new();
    let environment = fixture.environment();
    let again =
        || migration::validate_again::validate_again_in(&fixture.local, "", None, &cancel, environment.as_ref());
    for (step, table, code) in [
        ("load-source", "a.two", Code::CatalogUnreachable),
        ("find-target", "managed.two", Code::CredentialsRejected),
        ("measure-source", "a.two", Code::FileMissing),
        ("measure-target", "managed.two", Code::StorageUnreachable),
    ] {
        fixture.strike(step, table, Fault::Fail(code));
        let view = again().await.unwrap();
        assert!(fixture.faults_left().is_empty(), "{step} was not met");
        assert_eq!((view.state, view.migrated, view.failed), (RunState::Succeeded, 3, 0), "{step}");
        let reasons: Vec<_> =
            view.tables.iter().map(|table| table.not_validated.as_ref().map(|error| error.code)).collect();
        assert_eq!(reasons, [None, Some(code), None], "{step}");
        assert!(view.tables.iter().all(|table| table.validation.as_ref().unwrap().passed), "{step}");
    }
    fixture.lake.lose_sources();
    let view = again().await.unwrap();
    assert_eq!((view.state, view.migrated), (RunState::Succeeded, 3));
    assert!(view.tables.iter().all(|table| table.not_validated.is_some()));
    let entries = fixture.local.store.entries(&run.run_id).await.unwrap();
    let not_validated = entries.iter().filter(|entry| entry.kind == ledger::TABLE_NOT_VALIDATED).count();
    assert_eq!(not_validated, 4 + 3);
    // It was said of one attempt.
    assert_eq!(
        migration::view(&fixture.local, "").await.unwrap(),
        RunView {
            tables: view
                .tables
                .iter()
                .map(|table| {
                    icebridge_model::run::TableMigration { not_validated: None, not_read_back: None, ..table.clone() }
                })
                .collect(),
            ..view.clone()
        }
    );
}

#[tokio::test]
async fn damage_in_the_target_counts_although_the_source_is_gone() {
    let fixture = Fixture::new().await;
    fixture.run(&fixture.plan()).await;
    fixture.lake.lose_sources();
    fixture.drop_target("managed.two");
    let environment = fixture.environment();
    let cancel = CancellationToken::new();
    let view = migration::validate_again::validate_again_in(&fixture.local, "", None, &cancel, environment.as_ref());
    let view = view.await.unwrap();
    assert_eq!((view.state, view.migrated, view.failed), (RunState::Incomplete, 2, 1));
    assert_eq!(error_of(&view, "a.two").code, Code::TableNotFound);
}

#[tokio::test]
async fn a_changed_journal_stops_whatever_relies_on_it() {
    let fixture = Fixture::new().await;
    let plan = fixture.plan();
    fixture.run(&plan).await;
    fixture.local.store.close().await;
    let file = fixture.local.state_dir.join("state.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let (true_text, false_text) = (b"\"tables\":3", b"\"tables\":4");
    let at: Vec<usize> =
        bytes.windows(true_text.len()).enumerate().filter(|(_, w)| *w == true_text).map(|(at, _)| at).collect();
    assert!(!at.is_empty());
    for at in at {
        bytes[at..at + false_text.len()].copy_from_slice(false_text);
    }
    std::fs::write(&file, bytes).unwrap();

    let open = async || {
        let secrets = std::sync::Arc::new(crate::secrets::MemorySecrets::default());
        crate::LocalState::open(&fixture.local.state_dir, secrets).await.unwrap()
    };
    let cancel = CancellationToken::new();
    let environment = fixture.environment();
    let text = plan.to_text().unwrap();
    let local = open().await;
    let again = migration::validate_again::validate_again_in(&local, "", None, &cancel, environment.as_ref());
    let refused = [
        ("status", migration::view(&local, "").await.unwrap_err()),
        ("start", migration::start::start_on(&local, &text, fixture.environment(), None).await.unwrap_err()),
        ("resume", migration::start::resume_on(&local, "", fixture.environment(), None).await.unwrap_err()),
        ("validate", again.await.unwrap_err()),
        ("export", crate::audit::export(&local, "", Some(&fixture.dir.path().join("bundle"))).await.unwrap_err()),
    ];
    for (operation, error) in refused {
        assert_eq!(error.code, Code::StateBroken, "{operation}: {error}");
        assert!(error.message.contains("journal is broken"), "{operation}: {error}");
        assert!(error.hint.is_some(), "{operation}");
    }
    assert!(!fixture.dir.path().join("bundle").exists());
}

/// Earlier versions wrote the run and its first entry one after the other, and could be ended in between.
#[tokio::test]
async fn a_run_without_its_first_entry_is_resumed_and_proved() {
    let fixture = Fixture::new().await;
    let plan = fixture.plan();
    let record = icebridge_store::RunRecord {
        run_id: uuid::Uuid::now_v7().to_string().into(),
        plan_hash: plan.hash.clone(),
        plan_text: plan.to_text().unwrap(),
        source: plan.source.clone(),
        target: plan.target.clone(),
        state: RunState::Running,
        started_at: crate::state::now(),
        ended_at: None,
    };
    fixture.local.store.create_run(&record, Vec::new()).await.unwrap();
    let handle = fixture.resume().await.unwrap();
    assert_eq!(fixture.finish(handle).await.unwrap().state, RunState::Succeeded);
    let bundle = fixture.dir.path().join("bundle.zip");
    crate::audit::export(&fixture.local, "", Some(&bundle)).await.unwrap();
    let verdict = crate::audit::verify(&bundle, &crate::audit::Expected::default()).await.unwrap();
    assert!(verdict.intact, "{verdict:#?}");
}
