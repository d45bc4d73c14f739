//! Two states, as of two machines, run one plan on one target. Whatever happens to one of them, every table ends in the target
//! once and whole.

use super::fixture::{Fault, Fixture, STEPS};
use crate::migration;
use icebridge_model::Code;
use icebridge_model::plan::Plan;
use icebridge_model::run::{RunState, TableState};
use std::sync::atomic::Ordering;

/// What happens to the run that was paused, once the other one has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    GoesOn,
    Fails,
    Panics,
    IsCancelled,
    Dies,
    LosesItsSource,
}

const ENDINGS: [Ending; 6] =
    [Ending::GoesOn, Ending::Fails, Ending::Panics, Ending::IsCancelled, Ending::Dies, Ending::LosesItsSource];

/// One table after the other, so that each interleaving is the same at every time.
fn plan_of(fixture: &Fixture) -> Plan {
    let mut plan = fixture.plan();
    plan.settings.max_parallel_tables = 1;
    plan.sealed().unwrap()
}

fn subject(step: &str) -> &'static str {
    match step {
        "load-source" | "measure-source" => "a.two",
        "namespace" => "managed.*",
        _ => "managed.two",
    }
}

async fn interleaved(step: &str, ending: Ending) {
    let case = format!("paused at {step}, then {ending:?}");
    let first = Fixture::new().await;
    let second = first.other_state().await;
    let plan = plan_of(&first);
    second.strike(step, subject(step), Fault::Pause);
    let paused = second.start(&plan).await.unwrap();
    second.paused().await;

    let view = first.run(&plan).await;
    assert_eq!((view.state, view.migrated), (RunState::Succeeded, 3), "{case}: {view:?}");
    let published: Vec<_> = view.tables.iter().map(|table| first.folder(&table.target.to_string())).collect();
    let whole = || -> Vec<Vec<u8>> {
        let files = published.iter().flat_map(|folder| (0..3).map(move |n| folder.join(format!("data/{n}.txt"))));
        files.map(|file| std::fs::read(&file).unwrap_or_else(|e| panic!("{case}: {}: {e}", file.display()))).collect()
    };
    let before = whole();

    match ending {
        Ending::GoesOn => {}
        Ending::Fails | Ending::Panics => {
            for step in ["copy-end", "measure-source", "publish-before", "measure-target"] {
                let fault = if ending == Ending::Fails { Fault::Fail(Code::StorageFull) } else { Fault::Panic };
                second.strike(step, subject(step), fault);
            }
        }
        Ending::IsCancelled => paused.cancel(),
        Ending::Dies => paused.aborter().abort(),
        Ending::LosesItsSource => second.lake.lose_sources(),
    }
    second.go_on();
    let ended = paused.wait().await;
    assert_eq!(ended.is_err(), ending == Ending::Dies, "{case}");
    assert_eq!(whole(), before, "{case}");
    second.lake.clear_faults();

    let handle = second.resume().await.unwrap();
    let resumed = handle.wait().await.unwrap();
    assert_eq!(whole(), before, "{case}: after the resume");
    assert_eq!(first.target_tables(), ["managed.one", "managed.three", "managed.two"], "{case}");
    assert_eq!(first.lake.publishes.load(Ordering::SeqCst), 3, "{case}: one commit a table");
    if ending == Ending::LosesItsSource {
        assert!(resumed.tables.iter().all(|table| table.state != TableState::Copying), "{case}");
        return;
    }
    assert_eq!((resumed.state, resumed.migrated), (RunState::Succeeded, 3), "{case}: {resumed:?}");
    assert_eq!(first.lake.places().len(), 3, "{case}: nothing half made stays: {:?}", first.lake.places());
    let again = migration::view(&first.local, "").await.unwrap();
    assert_eq!((again.state, again.migrated), (RunState::Succeeded, 3), "{case}");
    for state in [&first, &second] {
        state.local.store.verify_journal().await.unwrap();
    }
}

#[tokio::test]
async fn wherever_one_run_is_paused_and_however_it_goes_on_the_other_runs_tables_stay_whole() {
    for step in STEPS {
        for ending in ENDINGS {
            interleaved(step, ending).await;
        }
    }
}

#[tokio::test]
async fn each_run_says_which_tables_it_made_and_which_it_found() {
    let first = Fixture::new().await;
    let second = first.other_state().await;
    let plan = plan_of(&first);
    // The second has made `one`, and is in the middle of `two`.
    second.strike("copy-unit-2", "managed.two", Fault::Pause);
    let paused = second.start(&plan).await.unwrap();
    second.paused().await;
    let by_first = first.run(&plan).await;
    second.go_on();
    let by_second = paused.wait().await.unwrap();
    let adopted = |view: &icebridge_model::run::RunView| -> Vec<bool> {
        view.tables.iter().map(|table| table.outcome.as_ref().unwrap().adopted).collect()
    };
    assert_eq!(adopted(&by_first), [true, false, false]);
    assert_eq!(adopted(&by_second), [false, true, true]);
    assert_eq!(by_second.state, RunState::Succeeded);
    assert_eq!(first.lake.places().len(), 3);
}
