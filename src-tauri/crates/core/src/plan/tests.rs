use super::*;
use crate::preflight::tests::plain_facts;
use icebridge_model::TableIdent;
use icebridge_model::facts::{InventoryOutcome, InventoryRow, TableFacts};
use icebridge_model::finding::{Finding, TableFindings};
use icebridge_model::plan::{CopyMode, EngineKind};

fn finding(code: &'static str, verdict: Verdict, accepted: bool) -> Finding {
    Finding {
        code: code.into(),
        verdict,
        title: "Title".into(),
        reason: "because".into(),
        fix: "Fix.".into(),
        link: "https://example.com".into(),
        accepted,
        way: None,
    }
}

fn judged(name: &str, mode: CopyMode, findings: Vec<Finding>) -> Judged {
    let facts = plain_facts(name);
    let findings = TableFindings {
        source: facts.ident.clone(),
        target: Some(facts.ident.clone()),
        mode: Some(mode),
        mode_reason: "why".into(),
        engine: EngineKind::Embedded,
        engine_reason: String::new(),
        findings,
        conversions: Vec::new(),
        migrated_by: None,
    };
    let row = InventoryRow {
        ident: facts.ident.clone(),
        captured_at: "2026-01-01T00:00:00Z".into(),
        outcome: InventoryOutcome::Facts(Box::new(facts)),
    };
    Judged { row, findings, cluster: None }
}

fn made(settings: &Settings, tables: Vec<Judged>) -> Plan {
    assemble(&route(), settings, tables.into_iter().map(planned).collect()).unwrap()
}

fn route() -> Route {
    Route { source: "lake".into(), target: "managed".into() }
}

fn tables() -> Vec<Judged> {
    vec![
        judged("z.last", CopyMode::Clone, vec![finding("IB-F204", Verdict::Note, false)]),
        judged("a.first", CopyMode::Rewrite, vec![finding("IB-F102", Verdict::Loses, true)]),
        judged("m.lossy", CopyMode::Rewrite, vec![finding("IB-F102", Verdict::Loses, false)]),
        judged(
            "m.blocked",
            CopyMode::Rewrite,
            vec![finding("IB-F004", Verdict::Blocks, false), finding("IB-F102", Verdict::Loses, false)],
        ),
    ]
}

#[test]
fn only_ready_tables_are_planned_and_the_rest_is_told() {
    let plan = made(&Settings::default(), tables());
    let names: Vec<_> = plan.tables.iter().map(|t| t.source.to_string()).collect();
    assert_eq!(names, ["a.first", "z.last"]);
    let left: Vec<_> = plan.left_out.iter().map(|l| (l.source.to_string(), l.codes.join(" "))).collect();
    assert_eq!(
        left,
        [("m.blocked".into(), "IB-F004".into()), ("m.lossy".to_string(), "loss-not-accepted IB-F102".to_string())]
    );
    assert_eq!(plan.totals.files, plan.tables.iter().map(|t| t.estimate.files).sum::<u64>());
}

#[test]
fn the_same_input_gives_the_same_bytes_in_any_order() {
    let text = |tables| made(&Settings::default(), tables).to_text().unwrap();
    let first = text(tables());
    let mut reversed = tables();
    reversed.reverse();
    for table in &mut reversed {
        table.row.captured_at = "2031-05-05T05:05:05Z".into();
    }
    assert_eq!(first, text(reversed));
    let other = Settings { max_parallel_tables: 1, ..Settings::default() };
    assert_ne!(first, made(&other, tables()).to_text().unwrap());
}

#[tokio::test]
async fn a_plan_file_is_read_back_and_tampering_shows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/plan.json");
    let plan = made(&Settings::default(), tables());
    assert_eq!(write(Arc::new(plan.clone()), &path).await.unwrap(), path.display().to_string());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), plan.to_text().unwrap());
    assert_eq!(read(&path).await.unwrap(), plan);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft is left behind");

    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"snapshot_id\": 7", "\"snapshot_id\": 8")).unwrap();
    assert_eq!(read(&path).await.unwrap_err().code, Code::PlanBroken);
    std::fs::write(&path, [0xff, 0xfe, 0]).unwrap();
    assert_eq!(read(&path).await.unwrap_err().code, Code::PlanBroken);
    assert_eq!(read(&folder.path().join("none.json")).await.unwrap_err().code, Code::PlanBroken);
}

#[test]
fn nothing_to_do_says_why_for_each_table() {
    let only = |verdict| {
        let plan =
            made(&Settings::default(), vec![judged("a.b", CopyMode::Clone, vec![finding("IB-F1", verdict, false)])]);
        nothing_to_do(&plan)
    };
    assert_eq!(only(Verdict::Loses).code, Code::LossNotAccepted);
    let blocked = only(Verdict::Blocks);
    assert_eq!(blocked.code, Code::PreflightBlocked);
    assert!(blocked.causes[0].contains("a.b") && blocked.causes[0].contains("because"));
}

#[test]
fn estimates_follow_the_mode() {
    let facts = plain_facts("a.b");
    let of = |mode| estimate::of(&facts, mode);
    assert_eq!(of(CopyMode::Register).bytes, 0);
    assert_eq!((of(CopyMode::Clone).bytes, of(CopyMode::Clone).files), (90_000_000, 5));
    assert_eq!((of(CopyMode::Rewrite).bytes, of(CopyMode::Rewrite).files), (60_000_000, 2));
    assert!(of(CopyMode::Register).seconds < of(CopyMode::Rewrite).seconds);
    let with = |change: fn(&mut TableFacts)| {
        let mut facts = plain_facts("a.b");
        change(&mut facts);
        estimate::of(&facts, CopyMode::Clone).rows
    };
    assert_eq!(with(|f| f.files.delete_records = 10), 990);
    assert_eq!(with(|f| (f.files.delete_records, f.files.equality_delete_files) = (10, 1)), 1000);
    assert_eq!(with(|f| f.files.delete_records = 5000), 0, "never below nothing");
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let bad: [fn(&mut Settings); 5] = [
        |s| s.max_parallel_tables = 0,
        |s| s.max_commits_per_min = 0,
        |s| s.codec = "lzma".into(),
        |s| s.codec_level = 99,
        |s| (s.codec, s.codec_level) = ("gzip".into(), 12),
    ];
    for change in bad {
        let mut settings = Settings::default();
        change(&mut settings);
        assert_eq!(check_settings(&settings).unwrap_err().code, Code::InvalidInput);
    }
    check_settings(&Settings::default()).unwrap();
}

#[test]
fn an_excluded_table_is_left_out_with_its_reason() {
    let mut table = judged("a.b", CopyMode::Clone, vec![]);
    table.findings.target = None;
    table.findings.mode = None;
    table.findings.mode_reason = "left out by rule 2".into();
    let plan = made(&Settings::default(), vec![table]);
    assert_eq!(plan.left_out[0].source, TableIdent::parse("a.b").unwrap());
    assert_eq!(
        (plan.left_out[0].codes.join(""), plan.left_out[0].reason.as_str()),
        ("excluded".into(), "left out by rule 2")
    );
}
