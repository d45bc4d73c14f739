//! The store on real files: what survives, what is refused, what two handles see.
#![allow(clippy::unwrap_used, reason = "a test may break")]

use icebridge_model::catalog::{CatalogKind, CatalogSpec, Role};
use icebridge_model::facts::{InventoryOutcome, InventoryRow};
use icebridge_model::journal::GENESIS;
use icebridge_model::mapping::{Mapping, Override};
use icebridge_model::ops::Route;
use icebridge_model::plan::EngineKind;
use icebridge_model::run::{CopyOutcome, FileSum, RunState};
use icebridge_model::validation::{ProofLevel, Validation};
use icebridge_model::{Code, Error, TableIdent};
use icebridge_store::{RunRecord, Store};
use serde_json::json;
use sqlx::Connection;
use tempfile::TempDir;

fn ident(text: &str) -> TableIdent {
    TableIdent::parse(text).unwrap()
}

fn catalog(name: &str) -> CatalogSpec {
    CatalogSpec {
        name: name.into(),
        role: Role::Source,
        kind: CatalogKind::Files,
        uri: "/lake".into(),
        warehouse: String::new(),
        properties: [("s3.region".to_string(), "eu-west-1".to_string())].into(),
        secrets: vec!["token".into()],
    }
}

fn run(id: &str, plan: &str) -> RunRecord {
    RunRecord {
        run_id: id.into(),
        plan_hash: plan.into(),
        plan_text: "{}\n".into(),
        source: "lake".into(),
        target: "managed".into(),
        state: RunState::Running,
        started_at: icebridge_store::now(),
        ended_at: None,
    }
}

/// Another program at the same file, without our rules.
async fn raw(dir: &TempDir) -> sqlx::SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.path().join("state.db"));
    sqlx::SqliteConnection::connect_with(&options).await.unwrap()
}

async fn fresh() -> (TempDir, Store) {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path().join("")).await.unwrap();
    (dir, store)
}

#[tokio::test]
async fn catalogs_come_back_as_saved_and_a_wrong_name_names_the_right_ones() {
    let (dir, store) = fresh().await;
    assert_eq!(
        store.catalog("lake").await.unwrap_err().hint.unwrap(),
        "There are no catalogs yet. Add one with `icebridge catalog add`."
    );
    store.save_catalog(&catalog("lake")).await.unwrap();
    store.save_catalog(&catalog("attic")).await.unwrap();
    let mut changed = catalog("lake");
    changed.uri = "/other".into();
    store.save_catalog(&changed).await.unwrap();

    let again = Store::open(dir.path()).await.unwrap();
    assert_eq!(again.catalogs().await.unwrap(), vec![catalog("attic"), changed]);
    let error = again.catalog("lakee").await.unwrap_err();
    assert_eq!(error.code, Code::CatalogNotFound);
    assert_eq!(error.object.as_deref(), Some("lakee"));
    assert_eq!(error.hint.unwrap(), "Known catalogs: attic, lake.");
    again.remove_catalog("attic").await.unwrap();
    assert_eq!(again.remove_catalog("attic").await.unwrap_err().code, Code::CatalogNotFound);
}

#[tokio::test]
async fn the_inventory_is_sorted_kept_per_source_and_goes_with_its_catalog() {
    let (_dir, store) = fresh().await;
    let row = |name: &str| InventoryRow {
        ident: ident(name),
        captured_at: icebridge_store::now(),
        outcome: InventoryOutcome::Problem(Error::new(Code::MetadataBroken, "broken")),
    };
    assert_eq!(store.save_inventory_row("lake", &row("a.b")).await.unwrap_err().code, Code::CatalogNotFound);
    store.save_catalog(&catalog("lake")).await.unwrap();
    store.save_catalog(&catalog("attic")).await.unwrap();
    for name in ["z.t", "a.t", "`odd.one`.t"] {
        store.save_inventory_row("lake", &row(name)).await.unwrap();
    }
    store.save_inventory_row("attic", &row("a.t")).await.unwrap();
    let names = |rows: Vec<InventoryRow>| rows.iter().map(|r| r.ident.to_string()).collect::<Vec<_>>();
    assert_eq!(names(store.inventory("lake").await.unwrap()), ["a.t", "`odd.one`.t", "z.t"]);
    assert!(store.inventory_row("lake", &ident("`odd.one`.t")).await.unwrap().facts().is_none());
    assert_eq!(store.inventory_row("lake", &ident("no.t")).await.unwrap_err().code, Code::TableNotFound);

    store.retain_inventory("lake", &[ident("z.t"), ident("new.t")]).await.unwrap();
    assert_eq!(names(store.inventory("lake").await.unwrap()), ["z.t"]);
    store.remove_catalog("lake").await.unwrap();
    assert!(store.inventory("lake").await.unwrap().is_empty());
    assert_eq!(store.inventory("attic").await.unwrap().len(), 1);
}

#[tokio::test]
async fn mapping_and_acceptances_belong_to_a_route() {
    let (_dir, store) = fresh().await;
    let route = Route { source: "lake".into(), target: "managed".into() };
    let other = Route { source: "lake".into(), target: "elsewhere".into() };
    assert_eq!(store.mapping(&route).await.unwrap(), Mapping::default());
    let mapping = Mapping { rules: vec![], overrides: vec![Override { source: ident("a.b"), target: None }] };
    store.save_mapping(&route, &mapping).await.unwrap();
    assert_eq!(store.mapping(&route).await.unwrap(), mapping);
    assert_eq!(store.mapping(&other).await.unwrap(), Mapping::default());

    let (tables, codes) = ([ident("a.b"), ident("a.c")], ["IB-F101".to_string(), "IB-F102".to_string()]);
    store.set_acceptances(&route, &tables, &codes, true).await.unwrap();
    store.set_acceptances(&route, &tables, &codes, true).await.unwrap();
    store.set_acceptances(&route, &tables[..1], &codes[1..], false).await.unwrap();
    let accepted: Vec<String> =
        store.acceptances(&route).await.unwrap().iter().map(|a| format!("{} {}", a.table, a.code)).collect();
    assert_eq!(accepted, ["a.b IB-F101", "a.c IB-F101", "a.c IB-F102"]);
    assert!(store.acceptances(&other).await.unwrap().is_empty());
}

#[tokio::test]
async fn jobs_keep_their_order_and_a_dead_one_is_marked() {
    let (_dir, store) = fresh().await;
    assert!(store.latest_run().await.unwrap().is_none());
    for (id, plan) in [("one", "p"), ("two", "q"), ("three", "p")] {
        store.create_run(&run(id, plan), Vec::new()).await.unwrap();
    }
    assert_eq!(store.create_run(&run("one", "p"), Vec::new()).await.unwrap_err().code, Code::Internal);
    assert_eq!(store.latest_run().await.unwrap().unwrap().run_id, "three");
    store.set_run_state("two", RunState::Succeeded, Some("2026-01-01T00:00:00Z")).await.unwrap();
    assert_eq!(store.mark_interrupted("three").await.unwrap(), 1);
    let states: Vec<_> = store.runs().await.unwrap().iter().map(|j| (j.run_id.to_string(), j.state)).collect();
    let expected = [
        ("three".to_string(), RunState::Running),
        ("two".to_string(), RunState::Succeeded),
        ("one".to_string(), RunState::Interrupted),
    ];
    assert_eq!(states, expected);
    assert_eq!(store.run("four").await.unwrap_err().code, Code::RunNotFound);
    assert_eq!(store.set_run_state("four", RunState::Cancelled, None).await.unwrap_err().code, Code::RunNotFound);
}

#[tokio::test]
async fn checkpoints_outcomes_and_validations_come_back() {
    let (_dir, store) = fresh().await;
    let table = ident("a.b");
    assert_eq!(store.unit("p", &table, "data/1.parquet").await.unwrap(), None);
    store.record_unit("p", &table, "data/1.parquet", &json!({"n": 1})).await.unwrap();
    store.record_unit("p", &table, "data/1.parquet", &json!({"n": 2})).await.unwrap();
    store.record_unit("q", &table, "data/1.parquet", &json!({"n": 3})).await.unwrap();
    assert_eq!(store.unit("p", &table, "data/1.parquet").await.unwrap(), Some(json!({"n": 2})));
    assert_eq!(store.place("p", &table).await.unwrap(), None);
    assert_eq!(store.claim_place("p", &table, "first", "fresh").await.unwrap(), "fresh");
    assert_eq!(store.claim_place("p", &table, "second", "other").await.unwrap(), "fresh", "a later run takes it over");
    store.claim_place("q", &table, "second", "other").await.unwrap();
    store.forget_place("p", &table).await.unwrap();
    assert_eq!(store.unit("p", &table, "data/1.parquet").await.unwrap(), None);
    assert_eq!(store.place("p", &table).await.unwrap(), None);
    assert_eq!(store.unit("q", &table, "data/1.parquet").await.unwrap(), Some(json!({"n": 3})));
    assert_eq!(store.place("q", &table).await.unwrap().as_deref(), Some("other"));
    assert_eq!(store.claim_place("p", &table, "third", "anew").await.unwrap(), "anew");
    let both = [("p", "anew"), ("q", "other")].map(|(plan, place)| (plan.to_string(), place.to_string()));
    assert_eq!(store.places_of(&table).await.unwrap(), both);
    assert!(store.places_of(&ident("a.c")).await.unwrap().is_empty(), "another table's");
    let (_other_dir, other) = fresh().await;
    assert_ne!(store.identity().await.unwrap(), other.identity().await.unwrap());

    let outcome = CopyOutcome {
        checksums: vec![FileSum { path: "data/1".into(), bytes: 1, sha256: "ab".into() }],
        ..CopyOutcome::default()
    };
    store.create_run(&run("j", "p"), Vec::new()).await.unwrap();
    store.create_run(&run("k", "p"), Vec::new()).await.unwrap();
    let entry = || ("table.state", json!({ "state": "committed" }));
    store.save_outcome("j", "p", &table, &outcome, entry()).await.unwrap();
    store.save_outcome("k", "p", &table, &CopyOutcome::default(), entry()).await.unwrap();
    assert_eq!(store.outcome("j", &table).await.unwrap(), Some(outcome.clone()));
    assert_eq!(store.outcome_of_plan("p", &table).await.unwrap(), Some(CopyOutcome::default()));
    store.save_outcome("j", "p", &table, &outcome, entry()).await.unwrap();
    assert_eq!(store.entries("j").await.unwrap().len(), 2, "each with its entry");
    // An entry that cannot be written takes its outcome with it.
    let refused = ("table.state", json!({ "share": 0.5 }));
    assert!(store.save_outcome("j", "p", &table, &CopyOutcome::default(), refused).await.is_err());
    assert_eq!(store.outcome("j", &table).await.unwrap(), Some(outcome.clone()));
    assert_eq!(store.outcome_of_plan("p", &table).await.unwrap(), Some(outcome));
    assert_eq!(store.outcome_of_plan("q", &table).await.unwrap(), None);

    let validation = |passed: bool| Validation {
        source: table.clone(),
        target: ident("m.b"),
        source_snapshot_id: Some(i64::MIN),
        target_snapshot_id: Some(i64::MAX),
        passed,
        proof: ProofLevel::Count,
        read_by: EngineKind::Embedded,
        rows: 3,
        digest: "00".into(),
        conversions: vec![],
        checks: vec![],
        source_records: None,
        target_records: None,
        error: None,
        validated_at: icebridge_store::now(),
        milliseconds: 1,
    };
    assert_eq!(store.save_validation("none", &validation(true)).await.unwrap_err().code, Code::RunNotFound);
    store.save_validation("j", &validation(false)).await.unwrap();
    let last = validation(true);
    store.save_validation("j", &last).await.unwrap();
    assert_eq!(store.validations("j").await.unwrap(), vec![last.clone()]);
    // Its entry in the journal stands or falls with it.
    let entries = store.entries("j").await.unwrap();
    assert_eq!(entries.len(), 4);
    assert_eq!((entries[3].kind.as_str(), entries[3].table.as_str()), ("table.validated", "a.b"));
    assert_eq!(entries[3].body, json!({ "validation": last }));
    assert!(store.entries("none").await.unwrap().is_empty());
}

#[tokio::test]
async fn entries_of_two_handles_make_one_chain() {
    let (dir, store) = fresh().await;
    let other = Store::open(dir.path()).await.unwrap();
    assert_eq!(store.journal_head().await.unwrap(), (0, GENESIS.to_string()));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..40 {
        let store = if n % 2 == 0 { store.clone() } else { other.clone() };
        tasks.spawn(async move { store.append("j", "a.b", "table.unit", json!({"n": n})).await.unwrap() });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(store.verify_journal().await.unwrap(), 40);
    assert_eq!(other.entries("j").await.unwrap().len(), 40);
    assert_eq!(other.entries_after(38).await.unwrap().len(), 2);
    assert_eq!(store.journal_head().await.unwrap(), other.journal_head().await.unwrap());
}

#[tokio::test]
async fn a_journal_longer_than_a_page_is_followed_to_its_end_and_tampering_is_found() {
    let (dir, store) = fresh().await;
    for n in 0..620 {
        store
            .append("j", "", "run.note", json!({"n": n, "b": {"z": 1, "a": [i64::MIN, u64::MAX, null, "ü"]}}))
            .await
            .unwrap();
    }
    assert_eq!(store.verify_journal().await.unwrap(), 620);

    let mut raw = raw(&dir).await;
    for statement in ["UPDATE journal SET body = '{}' WHERE sequence = 600", "DELETE FROM journal WHERE sequence = 620"]
    {
        let error = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut raw).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
    // Somebody who knows about the triggers.
    for statement in
        ["DROP TRIGGER journal_is_not_changed", "UPDATE journal SET body = '{\"n\":0}' WHERE sequence = 600"]
    {
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut raw).await.unwrap();
    }
    let other_process = Store::open(dir.path()).await.unwrap();
    assert_eq!(other_process.check_journal().await.unwrap_err().code, Code::StateBroken);
    let error = store.verify_journal().await.unwrap_err();
    assert_eq!((error.code, error.object.as_deref()), (Code::StateBroken, Some("journal entry 600")));
}

#[tokio::test]
async fn entries_of_many_tables_go_on_with_the_chain() {
    let (_dir, store) = fresh().await;
    store.append("r", "", "first", json!({})).await.unwrap();
    let entries = (0..2_500).map(|number| (ident(&format!("a.t{number}")), json!({ "number": number })));
    store.append_all("r", "many", entries.collect()).await.unwrap();
    store.append("r", "", "last", json!({})).await.unwrap();
    assert_eq!(store.verify_journal().await.unwrap(), 2_502);
    let found = store.entries("r").await.unwrap();
    assert_eq!((found[1].table.as_str(), found[2_500].table.as_str()), ("a.t0", "a.t2499"));
    store.append_all("r", "many", Vec::new()).await.unwrap();
    assert_eq!(store.verify_journal().await.unwrap(), 2_502);
}

#[tokio::test]
async fn a_fraction_is_refused_before_it_could_break_the_chain() {
    let (_dir, store) = fresh().await;
    assert_eq!(store.append("j", "", "k", json!({"a": [{"b": 0.1}]})).await.unwrap_err().code, Code::Internal);
    assert_eq!(store.verify_journal().await.unwrap(), 0);
}

#[tokio::test]
async fn steps_of_the_schema_that_are_out_stay_as_they_are() {
    let (dir, store) = fresh().await;
    drop(store);
    let done: Vec<(i64, String, String)> = sqlx::query_as(
        "SELECT version, description, substr(hex(checksum), 1, 24) FROM _sqlx_migrations ORDER BY version",
    )
    .fetch_all(&mut raw(&dir).await)
    .await
    .unwrap();
    let expected = [
        (1, "first state", "BA29FCB85FBABF4D457DF944"),
        (2, "workspaces", "7B30F92D65B5D43897D4A3CC"),
        (3, "cluster steps", "216D16410F82CF87B92D6AC8"),
        (4, "runs", "F23C051E47115DACB552B7EE"),
        (5, "views", "E4BE1BC247A0451265714C69"),
        (6, "staged places", "C1ECFAE3B18F6A228023AFE5"),
        (7, "view results", "BF5FACF8C0FA2E4A55F00A44"),
        (8, "pending views", "4B562259C17480942E87C825"),
        (9, "sync", "38C5559F6749440B1371E70E"),
        (10, "cutover", "1C5F234713F31684B1A3D4C7"),
        (11, "approvals", "C4F3A4DBCFAA20ECB96AE3E0"),
    ];
    assert_eq!(done, expected.map(|(version, words, hash)| (version, words.to_string(), hash.to_string())));
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap().count();
    assert_eq!(files, expected.len(), "each file is a step");
}

#[tokio::test]
async fn the_lock_has_one_holder_and_names_it() {
    let (dir, store) = fresh().await;
    let other = Store::open(dir.path()).await.unwrap();
    assert!(!other.is_locked().await.unwrap());
    let held = store.lock().await.unwrap();
    assert!(other.is_locked().await.unwrap());
    let began = std::time::Instant::now();
    let error = other.lock().await.unwrap_err();
    assert!(began.elapsed() < std::time::Duration::from_secs(1));
    assert_eq!(error.code, Code::StateLocked);
    assert!(error.retryable);
    // Another process would be named by its number.
    std::fs::write(dir.path().join("state.lock.holder"), "4242").unwrap();
    assert!(other.lock().await.unwrap_err().message.contains("4242"));
    drop(held);
    drop(other.lock().await.unwrap());
    assert!(!store.is_locked().await.unwrap());
}

#[tokio::test]
async fn files_that_are_not_ours_are_refused_untouched() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("state.db");
    std::fs::write(
        &file,
        "this is no database at all, but it is long enough to have a header of one hundred bytes and more than that",
    )
    .unwrap();
    let error = Store::open(dir.path()).await.unwrap_err();
    assert_eq!(error.code, Code::StateBroken);
    assert!(error.hint.is_some());
    std::fs::remove_file(&file).unwrap();

    let mut foreign = sqlx::SqliteConnection::connect_with(
        &sqlx::sqlite::SqliteConnectOptions::new().filename(&file).create_if_missing(true),
    )
    .await
    .unwrap();
    sqlx::query("CREATE TABLE photos (id INTEGER)").execute(&mut foreign).await.unwrap();
    foreign.close().await.unwrap();
    let before = std::fs::read(&file).unwrap();
    assert_eq!(Store::open(dir.path()).await.unwrap_err().code, Code::StateBroken);
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn a_newer_state_is_refused_and_a_torn_one_is_named() {
    let (dir, store) = fresh().await;
    store.close().await;
    let mut newer = raw(&dir).await;
    sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 1)")
        .execute(&mut newer)
        .await
        .unwrap();
    newer.close().await.unwrap();
    let error = Store::open(dir.path()).await.unwrap_err();
    assert_eq!(error.code, Code::StateBroken);
    assert!(error.message.contains("another version"), "{error}");

    let (dir, store) = fresh().await;
    store.save_catalog(&catalog("lake")).await.unwrap();
    store.close().await;
    let file = dir.path().join("state.db");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100..].fill(0xAA);
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(Store::open(dir.path()).await.unwrap_err().code, Code::StateBroken);
}

#[cfg(unix)]
#[tokio::test]
async fn the_state_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let outer = TempDir::new().unwrap();
    let dir = outer.path().join("state");
    let _store = Store::open(&dir).await.unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(&dir.join("state.db")), 0o600);
    assert_eq!(mode(&dir.join("state.db-wal")), 0o600);
}

/// Re-executes this test binary as the one that gets killed.
#[cfg(unix)]
#[tokio::test]
async fn what_append_returned_survives_kill_nine_and_the_lock_is_free() {
    const CHILD: &str = "ICEBRIDGE_TEST_KILLED_STATE";
    if let Ok(dir) = std::env::var(CHILD) {
        let store = Store::open(dir).await.unwrap();
        let _held = store.lock().await.unwrap();
        for n in 0.. {
            let entry = store.append("j", "a.b", "table.unit", json!({"n": n})).await.unwrap();
            println!("appended {}", entry.sequence);
        }
    }
    let dir = TempDir::new().unwrap();
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_append_returned_survives_kill_nine_and_the_lock_is_free", "--nocapture"])
        .env(CHILD, dir.path())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    use tokio::io::{AsyncBufReadExt, BufReader};
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut promised = 0;
    while promised < 25 {
        let line = lines.next_line().await.unwrap().expect("the child ended by itself");
        if let Some(n) = line.strip_prefix("appended ") {
            promised = n.parse().unwrap();
        }
    }
    let store = Store::open(dir.path()).await.unwrap();
    let error = store.lock().await.unwrap_err();
    assert!(error.message.contains(&child.id().unwrap().to_string()), "{error}");
    child.start_kill().unwrap();
    child.wait().await.unwrap();
    // What it had said before it died, too.
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some(n) = line.strip_prefix("appended ") {
            promised = n.parse().unwrap_or(promised);
        }
    }
    let _ours = store.lock().await.unwrap();
    assert!(store.verify_journal().await.unwrap() >= promised);
}

#[tokio::test]
async fn an_overview_counts_rows_and_known_tables_are_listed_once() {
    let (_dir, store) = fresh().await;
    store.save_catalog(&catalog("lake")).await.unwrap();
    let row = InventoryRow {
        ident: ident("a.b"),
        captured_at: icebridge_store::now(),
        outcome: InventoryOutcome::Problem(Error::new(Code::MetadataBroken, "broken")),
    };
    store.save_inventory_row("lake", &row).await.unwrap();
    store.append("j", "a.b", "table.state", json!({})).await.unwrap();
    store.append("j", "c.d", "table.state", json!({})).await.unwrap();
    let overview = store.overview().await.unwrap();
    assert!(overview.schema_version >= 3 && overview.bytes > 0, "{overview:?}");
    let rows = |table: &str| overview.rows.get(table).copied();
    assert_eq!((rows("catalogs"), rows("tables"), rows("journal")), (Some(1), Some(1), Some(2)), "{overview:?}");
    assert_eq!(store.known_tables().await.unwrap(), [ident("a.b"), ident("c.d")]);
}
