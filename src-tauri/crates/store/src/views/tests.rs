//! Views against the same view in memory, against a rebuilt one, and against SQLite's own account of how it answers.

use super::sql;
use super::write::{put, view_id};
use super::{Kind, Owner};
use crate::{RunRecord, Store};
use icebridge_model::catalog::{CatalogKind, CatalogSpec, Role};
use icebridge_model::facts::{InventoryOutcome, InventoryRow};
use icebridge_model::finding::TableFindings;
use icebridge_model::ops::Route;
use icebridge_model::plan::{CopyMode, EngineKind, Estimate, LeftOut, PLAN_VERSION, Plan, PlannedTable, Settings};
use icebridge_model::run::RunState;
use icebridge_model::validation::{ProofLevel, Validation};
use icebridge_model::view::{Query, Scope, Sort, ViewPage, ViewRequest, ViewRow, columns, memory};
use icebridge_model::{Code, Error, TableIdent};
use serde_json::json;
use sqlx::{AssertSqlSafe, Row as _};
use tempfile::TempDir;

async fn fresh() -> (TempDir, Store) {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    (dir, store)
}

/// Numbers that look like chance and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.roll(choices.len() as u64) as usize]
    }
}

fn row(dice: &mut Dice, number: usize) -> ViewRow {
    let mut row = ViewRow::default();
    let namespace = dice.of(&["sales", "sales.eu", "web", "`a.b`", "Ünï"]);
    row.set("name", format!("{namespace}.t{number}"));
    row.set("namespace", namespace);
    row.set("state", dice.of(columns::RUN_STATES));
    row.set("mode", dice.of(&["clone", "register", "rewrite"]));
    row.set("bytes_to_copy", dice.roll(5) * 1_000_000_000);
    row.set("rows", dice.roll(3));
    row.set("result", dice.of(columns::RESULTS));
    if dice.roll(2) == 0 {
        row.set("target", format!("Main.{}", dice.of(&["A", "b", "ü"])));
        row.set("bytes", dice.roll(4) * 700_000_000);
        row.set("proof", dice.of(&["none", "count", "digest", "bytes"]));
        row.set("error", dice.of(&["", "file-missing", "internal"]));
    }
    row
}

async fn filled(store: &Store, rows: &[ViewRow]) -> (Scope, i64) {
    let mut write = store.write().await.unwrap();
    let view = view_id(&mut write, Owner { kind: Kind::Run, key: "r" }).await.unwrap();
    put(&mut write, Kind::Run, view, rows.iter().cloned()).await.unwrap();
    write.commit().await.unwrap();
    (Scope::Run { run_id: "r".into() }, view)
}

fn question(dice: &mut Dice, scope: &Scope) -> ViewRequest {
    const FILTERS: [&str; 12] = [
        "",
        "state=failed",
        "state!=failed,migrated",
        "bytes>=700MB and rows<2",
        "not bytes>0",
        "error=\"\" or error!=internal",
        "not (state=failed or (mode=clone and bytes_to_copy<=2GB))",
        "name~T1 and namespace!=web",
        "target~MAIN",
        "proof=digest,bytes and not target~ü",
        "namespace=\"sales.eu\"",
        "result=equal or proof=none",
    ];
    const SORTS: [&str; 9] =
        ["name:desc", "state", "bytes:desc", "rows", "proof", "mode:desc", "target", "error", "result:desc"];
    let sorts = dice.roll(3);
    ViewRequest {
        filter: dice.of(&FILTERS).into(),
        search: dice.of(&["", "", "T1", "sales ü", "main.ü", "nothing"]).into(),
        sort: (0..sorts).map(|_| Sort::parse(dice.of(&SORTS)).unwrap()).collect(),
        group: Some(dice.of(&["namespace", "state", "error", "bytes", "mode"]).into()),
        facets: vec!["state".into(), "rows".into(), "error".into()],
        offset: dice.roll(30) as usize,
        limit: dice.roll(40) as usize,
        sums: dice.roll(2) == 0,
        locate: Some(TableIdent::new(["web"], format!("t{}", dice.roll(100)))),
        ..ViewRequest::of(scope.clone())
    }
}

#[tokio::test]
async fn sqlite_answers_as_memory_does() {
    let (_dir, store) = fresh().await;
    let mut dice = Dice(7);
    let rows: Vec<ViewRow> = (0..200).map(|number| row(&mut dice, number)).collect();
    let (scope, _) = filled(&store, &rows).await;
    let mut seen = 0;
    for _ in 0..400 {
        let request = question(&mut dice, &scope);
        let query = request.checked().unwrap();
        let answer = store.view(&scope, &query).await.unwrap();
        seen += answer.rows.len();
        assert_eq!(answer, memory::answer(&rows, &query), "{request:?}");
    }
    assert!(seen > 1000, "the questions find rows: {seen}");
}

async fn steps(store: &Store, text: &str, condition: &sql::Condition) -> String {
    let mut statement = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}")));
    for bound in &condition.bound {
        statement = match bound {
            sql::Bound::Text(text) => statement.bind(text.clone()),
            sql::Bound::Number(number) => statement.bind(*number),
        };
    }
    let rows = statement.fetch_all(&store.pool).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("\n")
}

fn query(scope: &Scope, filter: &str, sort: &str) -> Query {
    let sort = if sort.is_empty() { Vec::new() } else { vec![Sort::parse(sort).unwrap()] };
    ViewRequest { filter: filter.into(), sort, limit: 100, ..ViewRequest::of(scope.clone()) }.checked().unwrap()
}

#[tokio::test]
async fn a_page_of_100_000_tables_comes_from_an_index() {
    let (_dir, store) = fresh().await;
    let mut dice = Dice(1);
    let rows: Vec<ViewRow> = (0..100_000).map(|number| row(&mut dice, number)).collect();
    let (scope, view) = filled(&store, &rows).await;
    sqlx::query("ANALYZE").execute(&store.pool).await.unwrap();
    for (filter, sort, index) in [
        ("", "", "view_run_by_name"),
        ("", "name:desc", "view_run_by_name"),
        ("", "bytes:desc", "view_run_by_bytes"),
        ("", "rows", "view_run_by_rows"),
        ("", "state", "view_run_by_state"),
        ("state=failed", "", "view_run_by_state"),
        ("namespace=web", "", "view_run_by_namespace"),
    ] {
        let query = query(&scope, filter, sort);
        let condition = sql::matching(view, &query);
        let plan = steps(&store, &sql::page(Kind::Run, &query, &condition), &condition).await;
        assert!(plan.contains(&format!("INDEX {index} ")), "{filter} {sort}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "nothing is sorted for {filter} {sort}: {plan}");
    }
    let page = store.view(&scope, &query(&scope, "", "bytes:desc")).await.unwrap();
    assert_eq!((page.total, page.rows.len()), (100_000, 100));
}

#[tokio::test]
async fn hostile_sizes_neither_fail_a_sum_nor_a_row() {
    let (_dir, store) = fresh().await;
    let rows = [0, 1].map(|number| {
        let mut row = row(&mut Dice(number), number as usize);
        row.set("bytes", i64::MAX);
        row
    });
    let (scope, _) = filled(&store, &rows).await;
    let request = ViewRequest { sums: true, limit: 2, ..ViewRequest::of(scope.clone()) };
    let page = store.view(&scope, &request.checked().unwrap()).await.unwrap();
    assert_eq!(page.sum("bytes"), i64::MAX as u64);
    assert_eq!(page.rows[0].number("bytes"), Some(i64::MAX as u64));
}

fn lake() -> CatalogSpec {
    CatalogSpec {
        name: "lake".into(),
        role: Role::Source,
        kind: CatalogKind::Files,
        uri: "/lake".into(),
        warehouse: String::new(),
        properties: Default::default(),
        secrets: Vec::new(),
    }
}

fn unreadable(name: &str) -> InventoryRow {
    InventoryRow {
        ident: TableIdent::parse(name).unwrap(),
        captured_at: "2026-01-01T00:00:00Z".into(),
        outcome: InventoryOutcome::Problem(Error::new(Code::MetadataBroken, "no metadata")),
    }
}

fn planned(name: &str) -> PlannedTable {
    PlannedTable {
        source: TableIdent::parse(name).unwrap(),
        target: TableIdent::parse(name).unwrap(),
        mode: CopyMode::Clone,
        mode_reason: "it fits".into(),
        engine_reason: String::new(),
        cluster: None,
        metadata_location: "m".into(),
        table_uuid: "u".into(),
        snapshot_id: Some(1),
        format_version: 2,
        estimate: Estimate { bytes: 100, rows: 10, files: 1, seconds: 1 },
        conversions: Vec::new(),
        findings: Vec::new(),
    }
}

fn plan() -> Plan {
    let plan = Plan {
        plan_version: PLAN_VERSION,
        source: "lake".into(),
        target: "managed".into(),
        settings: Settings::default(),
        tables: ["a.t", "b.t", "c.t"].map(planned).into(),
        left_out: Vec::new(),
        totals: Estimate::default(),
        hash: icebridge_model::ids::PlanHash::default(),
    };
    plan.sealed().unwrap()
}

fn validation() -> Validation {
    Validation {
        source: TableIdent::parse("a.t").unwrap(),
        target: TableIdent::parse("a.t").unwrap(),
        source_snapshot_id: Some(1),
        target_snapshot_id: Some(2),
        passed: true,
        proof: ProofLevel::Digest,
        read_by: EngineKind::Embedded,
        rows: 9,
        digest: "5e".into(),
        conversions: Vec::new(),
        checks: Vec::new(),
        source_records: None,
        target_records: None,
        error: None,
        validated_at: "2026-01-01T00:00:00Z".into(),
        milliseconds: 12,
    }
}

async fn started(store: &Store) -> Scope {
    let plan = plan();
    let run = RunRecord {
        run_id: "r".into(),
        plan_hash: plan.hash.clone(),
        plan_text: plan.to_text().unwrap(),
        source: "lake".into(),
        target: "managed".into(),
        state: RunState::Running,
        started_at: crate::now(),
        ended_at: None,
    };
    store.create_run(&run, Vec::new()).await.unwrap();
    Scope::Run { run_id: "r".into() }
}

async fn everything(store: &Store, scope: &Scope) -> ViewPage {
    let request = ViewRequest { limit: 1000, sums: true, ..ViewRequest::of(scope.clone()) };
    store.view(scope, &request.checked().unwrap()).await.unwrap()
}

fn states(page: &ViewPage) -> Vec<String> {
    page.rows.iter().map(|row| format!("{} {}", row.text("name"), row.text("state"))).collect()
}

#[tokio::test]
async fn a_runs_view_follows_its_journal_and_a_rebuilt_one_is_the_same() {
    let (dir, store) = fresh().await;
    let scope = started(&store).await;
    assert_eq!(states(&everything(&store, &scope).await), ["a.t queued", "b.t queued", "c.t queued"]);
    let failed = json!({"state": "failed", "target": "b.t", "error": Error::new(Code::FileMissing, "gone")});
    for (table, kind, body) in [
        ("b.t", "table.state", json!({"state": "copying", "target": "b.t"})),
        ("a.t", "table.state", json!({"state": "copying", "target": "a.t"})),
        ("b.t", "table.state", failed),
        ("b.t", "table.unit", json!({"state": "x"})),
        ("a.t", "table.state", json!({"state": "migrated", "target": "a.t"})),
        ("a.t", "table.validated", json!({"validation": validation()})),
        ("a.t", "table.after", json!({"done": [], "not_done": [{}, {}]})),
    ] {
        store.append("r", table, kind, body).await.unwrap();
    }
    store.append("other", "c.t", "table.state", json!({"state": "migrated", "target": "c.t"})).await.unwrap();
    let page = everything(&store, &scope).await;
    assert_eq!(states(&page), ["a.t migrated", "b.t failed", "c.t queued"], "the last state of each table wins");
    assert_eq!((page.rows[1].text("error"), page.rows[1].text("message")), ("file-missing", "gone"));
    assert_eq!(
        (page.rows[0].text("proof"), page.rows[0].amount("rows"), page.rows[0].amount("owed")),
        ("digest", 9, 2)
    );
    let counts = store.run_counts(Some("r")).await.unwrap().remove("r").unwrap();
    assert_eq!((counts.tables(), counts.by_state["failed"], counts.bytes_to_copy), (3, 1, 300));

    for resumed in [false, true] {
        if resumed {
            store.append("r", "", "run.resumed", json!({})).await.unwrap();
        }
        let before = everything(&store, &scope).await;
        sqlx::query("UPDATE view_version SET version = 0").execute(&store.pool).await.unwrap();
        let again = Store::open(dir.path()).await.unwrap();
        assert_eq!(everything(&again, &scope).await, before);
    }
    assert_eq!(states(&everything(&store, &scope).await), ["a.t migrated", "b.t queued", "c.t queued"]);
}

#[tokio::test]
async fn a_plans_view_is_made_when_it_is_first_asked_for() {
    let (dir, store) = fresh().await;
    let plan = Plan { left_out: vec![left_out("d.t")], ..plan() }.sealed().unwrap();
    store.save_plan_view(&plan).await.unwrap();
    let made = async |store: &Store| {
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM view_plan").fetch_one(&store.pool).await.unwrap()
    };
    assert_eq!(made(&store).await, 0);
    // By another process, after this one was killed, and by several at once.
    let again = Store::open(dir.path()).await.unwrap();
    let scope = Scope::Plan { plan_hash: plan.hash.clone() };
    let table = TableIdent::parse("d.t").unwrap();
    let (page, other, content) =
        tokio::join!(everything(&again, &scope), everything(&store, &scope), store.view_content(&scope, &table));
    assert_eq!(states(&page), ["a.t planned", "b.t planned", "c.t planned", "d.t left_out"]);
    assert_eq!((&page, content.unwrap().unwrap()["codes"][0].as_str()), (&other, Some("IB-F003")));
    assert_eq!(made(&store).await, 4);
    // The same plan once more changes nothing, and leaves nothing to be made.
    store.save_plan_view(&plan).await.unwrap();
    let pending =
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM view_pending").fetch_one(&store.pool).await.unwrap();
    assert_eq!((made(&store).await, pending, everything(&store, &scope).await), (4, 0, page));
}

#[tokio::test]
async fn a_later_preflight_takes_the_place_of_one_that_was_looked_at_or_not() {
    let (_dir, store) = fresh().await;
    let route = Route { source: "lake".into(), target: "managed".into() };
    let scope = Scope::Preflight { route: route.clone() };
    // More than a page, so that pages are put together in order.
    let many: Vec<TableFindings> = (0..2500).map(|number| found(&format!("a.t{number:04}"))).collect();
    for (tables, looked_at) in [(&many[..3], true), (&many[..], false), (&many[1..2], true)] {
        store.save_preflight_view(&route, tables).await.unwrap();
        if looked_at {
            let names: Vec<String> = tables.iter().map(|table| format!("{} ready", table.source)).collect();
            assert_eq!(states(&everything(&store, &scope).await), names);
        }
    }
    store.save_preflight_view(&route, &many).await.unwrap();
    let request = ViewRequest { limit: 2, offset: 2498, ..ViewRequest::of(scope.clone()) };
    let page = store.view(&scope, &request.checked().unwrap()).await.unwrap();
    assert_eq!((page.total, states(&page)), (2500, vec!["a.t2498 ready".into(), "a.t2499 ready".into()]));
    store.save_preflight_view(&route, &[]).await.unwrap();
    assert_eq!(everything(&store, &scope).await.total, 0, "one without tables empties it too");
}

fn left_out(name: &str) -> LeftOut {
    LeftOut { source: TableIdent::parse(name).unwrap(), codes: vec!["IB-F003".into()], reason: "it exists".into() }
}

fn found(name: &str) -> TableFindings {
    let table = TableIdent::parse(name).unwrap();
    TableFindings {
        source: table.clone(),
        target: Some(table),
        mode: Some(CopyMode::Clone),
        mode_reason: String::new(),
        engine: EngineKind::Embedded,
        engine_reason: String::new(),
        findings: Vec::new(),
        conversions: Vec::new(),
        migrated_by: None,
    }
}

#[tokio::test]
async fn a_refused_entry_leaves_the_view_as_it_was() {
    let (_dir, store) = fresh().await;
    let scope = started(&store).await;
    let refused = json!({"state": "migrated", "target": "a.t", "share": 0.5});
    store.append("r", "a.t", "table.state", refused).await.unwrap_err();
    assert_eq!(states(&everything(&store, &scope).await)[0], "a.t queued");
}

#[tokio::test]
async fn the_inventorys_view_goes_with_its_rows() {
    let (dir, store) = fresh().await;
    store.save_catalog(&lake()).await.unwrap();
    let scope = Scope::Inventory { source: "lake".into() };
    for name in ["b.x", "a.x", "b.y"] {
        store.save_inventory_row("lake", &unreadable(name)).await.unwrap();
    }
    let before = store.inventory_changes("lake").await.unwrap();
    assert_eq!(states(&everything(&store, &scope).await), ["a.x unreadable", "b.x unreadable", "b.y unreadable"]);
    let kept = [TableIdent::parse("b.x").unwrap(), TableIdent::parse("b.y").unwrap()];
    store.retain_inventory("lake", &kept).await.unwrap();
    assert_eq!(states(&everything(&store, &scope).await), ["b.x unreadable", "b.y unreadable"]);
    assert_ne!(store.inventory_changes("lake").await.unwrap(), before);
    sqlx::query("DELETE FROM view_version").execute(&store.pool).await.unwrap();
    let again = Store::open(dir.path()).await.unwrap();
    assert_eq!(everything(&again, &scope).await.rows.len(), 2);
    store.remove_catalog("lake").await.unwrap();
    assert_eq!(everything(&store, &scope).await, ViewPage::default());
}

#[tokio::test]
async fn every_column_of_the_model_has_its_column_in_the_database() {
    let (_dir, store) = fresh().await;
    for kind in [Kind::Inventory, Kind::Preflight, Kind::Plan, Kind::Run] {
        let held: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info(?)")
            .bind(kind.table())
            .fetch_all(&store.pool)
            .await
            .unwrap();
        for column in columns::of(kind.scope()) {
            assert!(held.iter().any(|name| name == column.name), "{} of {}", column.name, kind.table());
        }
    }
}
