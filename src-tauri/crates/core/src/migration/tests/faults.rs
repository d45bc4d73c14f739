//! A fault at every step: the other tables do not notice, a resume mends it, and the result is that of a run without one.

use super::fixture::{Fault, Fixture, STEPS};
use crate::migration;
use icebridge_model::Code;
use icebridge_model::run::{RunState, RunView, TableState};
use std::sync::atomic::Ordering;

fn state_of(view: &RunView, table: &str) -> TableState {
    view.tables.iter().find(|t| t.source.to_string() == table).unwrap().state
}

/// The table a step's fault is set on: by its name in the source, in the target, or by its namespace.
fn subject(step: &str) -> &'static str {
    match step {
        "load-source" | "measure-source" => "a.two",
        "namespace" => "managed.*",
        _ => "managed.two",
    }
}

async fn undisturbed() -> std::collections::BTreeMap<String, Vec<u8>> {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.run(&fixture.plan()).await.state, RunState::Succeeded);
    normal(&fixture)
}

/// Fixtures differ in their folder, in the plan's hash, which holds it, and in the names of the places.
fn normal(fixture: &Fixture) -> std::collections::BTreeMap<String, Vec<u8>> {
    let (dir, hash) = (fixture.dir.path().to_string_lossy().into_owned(), fixture.plan().hash);
    let tokens: Vec<String> =
        fixture.lake.places().iter().filter_map(|place| Some(place.split_once('-')?.1.to_string())).collect();
    let plain = |text: &str| {
        let text = tokens.iter().fold(text.to_string(), |text, token| text.replace(token, "PLACE"));
        text.replace(&dir, "").replace(hash.as_str(), "PLAN")
    };
    let warehouse = fixture.warehouse();
    warehouse.iter().map(|(p, b)| (plain(p), plain(&String::from_utf8_lossy(b)).into_bytes())).collect()
}

async fn assert_as_if_nothing_had_happened(fixture: &Fixture, step: &str) {
    assert_eq!(normal(fixture), undisturbed().await, "{step}: the files differ");
    assert_eq!(fixture.lake.publishes.load(Ordering::SeqCst), 3, "{step}: one commit a table");
    assert_eq!(fixture.target_tables(), ["managed.one", "managed.three", "managed.two"], "{step}");
    fixture.local.store.verify_journal().await.unwrap();
}

#[tokio::test]
async fn death_at_any_step_is_mended_by_a_resume() {
    for step in STEPS {
        let fixture = Fixture::new().await;
        fixture.strike(step, subject(step), Fault::Die);
        let handle = fixture.start(&fixture.plan()).await.unwrap();
        assert!(fixture.finish(handle).await.is_none(), "{step} was not met");
        let dead = migration::view(&fixture.local, "").await.unwrap();
        assert_eq!(dead.state, RunState::Interrupted, "{step}");

        let handle = fixture.resume().await.unwrap();
        let view = fixture.finish(handle).await.unwrap();
        assert_eq!((view.state, view.migrated), (RunState::Succeeded, 3), "{step}: {view:?}");
        assert_as_if_nothing_had_happened(&fixture, step).await;
    }
}

#[tokio::test]
async fn death_twice_and_a_new_run_in_place_of_a_resume() {
    for (first, second) in
        [("copy-unit-2", "publish-before"), ("publish-before", "publish-after"), ("copy-end", "measure-target")]
    {
        let fixture = Fixture::new().await;
        for step in [first, second] {
            fixture.strike(step, subject(step), Fault::Die);
            let handle = fixture.start(&fixture.plan()).await.unwrap();
            assert!(fixture.finish(handle).await.is_none(), "{step}");
        }
        let view = fixture.run(&fixture.plan()).await;
        assert_eq!((view.state, view.migrated), (RunState::Succeeded, 3), "{first}, {second}");
        assert_as_if_nothing_had_happened(&fixture, second).await;
        let states: Vec<RunState> = migration::list(&fixture.local).await.unwrap().iter().map(|j| j.state).collect();
        assert_eq!(states, [RunState::Succeeded, RunState::Interrupted, RunState::Interrupted]);
    }
}

#[tokio::test]
async fn failure_or_panic_at_any_step_stops_one_table_and_leaves_nothing_half_made() {
    for fault in [Fault::Fail(Code::StorageFull), Fault::Panic] {
        for step in STEPS {
            let fixture = Fixture::new().await;
            fixture.strike(step, subject(step), fault);
            let view = fixture.run(&fixture.plan()).await;
            assert!(fixture.faults_left().is_empty(), "{step} was not met");
            // A commit that failed after it was made is found.
            if *step == "publish-after" {
                assert_eq!(view.state, RunState::Succeeded, "{step}");
                assert_as_if_nothing_had_happened(&fixture, step).await;
                continue;
            }
            assert_eq!((view.state, view.migrated, view.failed), (RunState::Incomplete, 2, 1), "{step} {fault:?}");
            let table = view.tables.iter().find(|t| t.state == TableState::Failed).unwrap();
            // The namespace is made by whichever table comes first.
            assert!(*step == "namespace" || table.source.to_string() == "a.two", "{step}");
            let error = table.error.clone().unwrap();
            // A source that cannot be read is found out before the commit, a target only after it.
            let after = *step == "measure-target";
            let expected = match (after, fault) {
                (_, Fault::Panic) => Code::Internal,
                (true, _) => Code::ValidationFailed,
                (false, _) => Code::StorageFull,
            };
            assert_eq!(error.code, expected, "{step} {fault:?}: {error}");
            if !after {
                let name = &table.source.name;
                let left: Vec<String> = fixture.warehouse().into_keys().filter(|p| p.contains(name)).collect();
                assert_eq!(left, Vec::<String>::new(), "{step} {fault:?} left files");
            }
            let handle = fixture.resume().await.unwrap();
            assert_eq!(fixture.finish(handle).await.unwrap().state, RunState::Succeeded, "{step}");
            assert_as_if_nothing_had_happened(&fixture, step).await;
        }
    }
}

#[tokio::test]
async fn a_cancel_at_any_step_keeps_what_is_finished() {
    for step in STEPS {
        let fixture = Fixture::new().await;
        fixture.strike(step, subject(step), Fault::Cancel);
        let view = fixture.run(&fixture.plan()).await;
        // Whoever cancels during the very last step is late.
        assert!(matches!(view.state, RunState::Cancelled | RunState::Succeeded), "{step}: {:?}", view.state);
        assert_eq!(view.failed, 0, "{step}: {view:?}");
        assert!(view.tables.iter().all(|t| t.state.is_terminal()), "{step}");
        let copied = fixture.lake.files_copied.load(Ordering::SeqCst);
        let handle = fixture.resume().await.unwrap();
        assert_eq!(fixture.finish(handle).await.unwrap().state, RunState::Succeeded, "{step}");
        assert_as_if_nothing_had_happened(&fixture, step).await;
        assert_eq!(fixture.lake.files_copied.load(Ordering::SeqCst), 9, "{step}: {copied} files were copied before");
    }
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_settled_by_the_target() {
    // It happened.
    let fixture = Fixture::new().await;
    fixture.strike("publish-after", "managed.two", Fault::Fail(Code::CommitUnknown));
    assert_eq!(fixture.run(&fixture.plan()).await.state, RunState::Succeeded);
    assert_as_if_nothing_had_happened(&fixture, "publish-after").await;

    // It did not happen, or not yet: the files must stay, because it may still come.
    let fixture = Fixture::new().await;
    fixture.strike("publish-before", "managed.two", Fault::Fail(Code::CommitUnknown));
    let view = fixture.run(&fixture.plan()).await;
    assert_eq!(state_of(&view, "a.two"), TableState::Failed);
    assert!(fixture.warehouse().keys().any(|p| p.contains("two")));
    let handle = fixture.resume().await.unwrap();
    assert_eq!(fixture.finish(handle).await.unwrap().state, RunState::Succeeded);
    assert_as_if_nothing_had_happened(&fixture, "publish-before").await;
}

#[tokio::test]
async fn files_that_cannot_be_taken_back_are_named() {
    let fixture = Fixture::new().await;
    fixture.strike("copy-end", "managed.two", Fault::Fail(Code::StorageFull));
    fixture.strike("discard", "managed.two", Fault::Fail(Code::StorageDenied));
    let view = fixture.run(&fixture.plan()).await;
    let error = view.tables.iter().find_map(|t| t.error.clone()).unwrap();
    assert_eq!(error.code, Code::StorageFull);
    assert!(error.causes.iter().any(|c| c.contains("could not be removed")), "{error:?}");
}
