use super::*;
use icebridge_lakehouse::catalog::Abilities;
use icebridge_model::catalog::{CatalogKind, CatalogSpec, Role};
use icebridge_model::facts::{FileTotals, FooterFacts, HistoryFiles, SnapshotRef, TableFacts, UnconfirmedMetadata};
use icebridge_model::plan::CopyMode;
use icebridge_model::records::DeleteCounts;
use icebridge_model::schema::{PartitionSpec, Schema, SortOrder};
use serde_json::Value;

/// A table that nothing is wrong with.
pub(crate) fn plain_facts(name: &str) -> TableFacts {
    TableFacts {
        ident: TableIdent::parse(name).unwrap(),
        metadata_location: format!("/lake/{name}/metadata/v3.json"),
        uuid: format!("uuid-{name}"),
        location: format!("/lake/{name}"),
        format_version: 2,
        last_updated_ms: 1,
        schema: schema(json!([{"id": 1, "name": "id", "required": true, "type": "long"},
                              {"id": 2, "name": "at", "required": false, "type": "timestamp"}])),
        partition_specs: vec![PartitionSpec::default()],
        default_spec_id: 0,
        sort_order: SortOrder::default(),
        properties: BTreeMap::new(),
        snapshot_id: Some(7),
        snapshot_count: 1,
        refs: vec![SnapshotRef { name: "main".into(), snapshot_id: 7, kind: "branch".into() }],
        has_name_mapping: false,
        encrypted: false,
        statistics_files: 0,
        outside_statistics: 0,
        outside_location: 0,
        files: FileTotals {
            data_files: 2,
            data_bytes: 60_000_000,
            data_records: 1000,
            manifests: 1,
            manifest_bytes: 4000,
            formats: [("PARQUET".to_string(), 2)].into(),
            specs_in_use: [(0, 2)].into(),
            history_bytes: 90_000_000,
            history_files: 5,
            ..FileTotals::default()
        },
        deletes: None,
        history: HistoryFiles::default(),
        unconfirmed: None,
        footers: FooterFacts::default(),
    }
}

pub(crate) fn schema(fields: Value) -> Schema {
    serde_json::from_value(json!({"schema-id": 0, "fields": fields})).unwrap()
}

pub(crate) fn spec(fields: Value) -> PartitionSpec {
    serde_json::from_value(json!({"spec-id": 0, "fields": fields})).unwrap()
}

fn target(kind: TargetKind) -> Target {
    Target { adopts: matches!(kind, TargetKind::Embedded | TargetKind::Sql), ..Target::of_kind(kind) }
}

pub(crate) fn mapped(facts: &TableFacts) -> MappingRow {
    let preview = mapping::resolve(
        &icebridge_model::mapping::Mapping::standard(),
        std::slice::from_ref(&facts.ident),
        &Existing::default(),
    );
    preview.unwrap().rows.remove(0)
}

fn judged(facts: &TableFacts, target: &Target, mode: Option<CopyMode>) -> TableFindings {
    let row = InventoryRow {
        ident: facts.ident.clone(),
        captured_at: "2026-01-01T00:00:00Z".into(),
        outcome: InventoryOutcome::Facts(Box::new(facts.clone())),
    };
    let settings = Settings { mode, ..Settings::default() };
    judge_table(&row, &mapped(facts), target, &settings, &HashSet::new())
}

fn codes(findings: &TableFindings) -> Vec<&str> {
    findings.findings.iter().map(|f| f.code.as_ref()).collect()
}

/// One change to the plain table, and the codes it must raise in a mode on a target. `F` for none.
struct Case {
    rule: &'static str,
    target: TargetKind,
    mode: CopyMode,
    change: fn(&mut TableFacts),
}

fn case(rule: &'static str, target: TargetKind, mode: CopyMode, change: fn(&mut TableFacts)) -> Case {
    Case { rule, target, mode, change }
}

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    use CopyMode::{Clone as Copied, Register, Rewrite};
    use TargetKind::{Embedded, Rest, Unity};
    vec![
        case("IB-F004", Embedded, Copied, |f| f.files.formats = [("ORC".into(), 1), ("PARQUET".into(), 1)].into()),
        case("IB-F004", Embedded, Rewrite, |f| f.files.formats = [("AVRO".into(), 3)].into()),
        case("IB-F005", Embedded, Register, |f| f.encrypted = true),
        case("IB-F006", Embedded, Copied, |f| f.format_version = 9),
        case("IB-F007", Embedded, Copied, |f| f.schema = schema(json!([{"id": 1, "name": "v", "required": false, "type":
            {"type": "list", "element-id": 2, "element-required": false, "element": "variant"}}]))),
        case("IB-F008", Embedded, Rewrite, |f| f.partition_specs = vec![spec(json!([{"source-id": 1, "field-id": 1000, "name": "z", "transform": "zorder[3]"}]))]),
        case("IB-F008", Embedded, Rewrite, |f| f.partition_specs = vec![spec(json!([{"source-ids": [1, 2], "field-id": 1000, "name": "m", "transform": "bucket[3]"}]))]),
        case("IB-F118", Embedded, Rewrite, |f| {
            f.schema = schema(json!([{"id": 1, "name": "k", "required": false, "type": "fixed[4]"}]));
            f.partition_specs = vec![spec(json!([{"source-id": 1, "field-id": 1000, "name": "k", "transform": "identity"}]))];
        }),
        case("IB-F009", Unity, Copied, |f| { f.files.position_delete_files = 1; f.files.delete_records = 5; }),
        case("IB-F009", Unity, Register, |f| f.files.equality_delete_files = 1),
        case("IB-F010", Rest, Copied, |_| {}),
        case("IB-F010", Unity, Register, |_| {}),
        case("IB-F011", Unity, Rewrite, |f| {
            f.schema = schema(json!([{"id": 1, "name": "b", "required": false, "type": "binary"}]));
            f.partition_specs = vec![spec(json!([{"source-id": 1, "field-id": 1000, "name": "b", "transform": "identity"}]))];
        }),
        case("IB-F012", Unity, Rewrite, |f| f.schema = schema(json!([{"id": 1, "name": "u", "required": false, "type": "uuid"}]))),
        case("IB-F012", Unity, Rewrite, |f| f.schema = schema(json!([{"id": 1, "name": "n", "required": false, "type": "timestamp_ns"}]))),
        case("IB-F013", Unity, Rewrite, |f| f.schema = schema(json!([{"id": 1, "name": "s", "required": false, "type":
            {"type": "struct", "fields": [{"id": 2, "name": "x", "required": true, "type": "int"}]}}]))),
        case("IB-F014", Unity, Rewrite, |f| f.partition_specs = vec![spec(json!([{"source-id": 2, "field-id": 1000, "name": "d", "transform": "day"}]))]),
        case("IB-F016", Unity, Rewrite, |f| f.schema.identifier_field_ids = vec![1]),
        case("IB-F017", Unity, Rewrite, |f| f.format_version = 3),
        case("IB-F018", Embedded, Rewrite, |f| f.sort_order = serde_json::from_value(json!({"order-id": 1, "fields": [
            {"source-ids": [1, 2], "transform": "zorder", "direction": "asc", "null-order": "nulls-first"}]})).unwrap()),
        case("IB-F024", Unity, Rewrite, |f| f.schema = schema(json!([{"id": 1, "name": "id", "required": false, "type": "int"},
            {"id": 2, "name": "ID", "required": false, "type": "int"}]))),
        case("IB-F013", Unity, Rewrite, |f| f.schema = schema(json!([{"id": 1, "name": "l", "required": false, "type":
            {"type": "list", "element-id": 2, "element-required": true, "element": "int"}}]))),
        case("IB-F013", Unity, Rewrite, |f| f.schema = schema(json!([{"id": 1, "name": "m", "required": false, "type":
            {"type": "map", "key-id": 2, "key": "string", "value-id": 3, "value-required": true, "value": "int"}}]))),
        case("IB-F021", Embedded, Copied, |f| f.history = HistoryFiles { checked: 9, missing: 1, first_missing: Some("manifest m".into()) }),
        case("IB-F113", Embedded, Rewrite, |f| f.deletes = Some(DeleteCounts { positions: 3, dangling: 2, unexplained: 1,
            unexplained_path: Some("hdfs://old/a.parquet".into()), ..DeleteCounts::default() })),
        case("IB-F114", Embedded, Copied, |f| f.unconfirmed = Some(UnconfirmedMetadata { candidates: 3, rivals: vec!["00002-x.metadata.json".into()] })),
        case("IB-F115", Embedded, Copied, |f| f.outside_statistics = 1),
        case("IB-F022", Embedded, Copied, |f| f.footers.unfit = vec!["at (Utf8 for timestamp)".into()]),
        case("IB-F116", Embedded, Rewrite, |f| f.footers.other_units = vec!["at (nanoseconds)".into()]),
        case("IB-F117", Embedded, Rewrite, |f| f.footers.partition_columns = vec!["day (Utf8 in the files)".into()]),
        case("IB-F209", Embedded, Copied, |f| f.unconfirmed = Some(UnconfirmedMetadata { candidates: 3, rivals: Vec::new() })),
        case("IB-F210", Embedded, Copied, |f| f.files.manifests_without_ids = 1),
        case("IB-F212", Embedded, Copied, |f| f.footers.other_units = vec!["at (nanoseconds)".into()]),
        case("IB-F211", Embedded, Copied, |f| f.deletes = Some(DeleteCounts { positions: 3, applied: 3, ..DeleteCounts::default() })),
        case("IB-F101", Embedded, Rewrite, |f| f.refs.push(SnapshotRef { name: "v1".into(), snapshot_id: 3, kind: "tag".into() })),
        case("IB-F102", Embedded, Rewrite, |f| f.snapshot_count = 4),
        case("IB-F103", Embedded, Rewrite, |f| f.partition_specs.push(PartitionSpec { spec_id: 1, ..spec(json!([{"source-id": 1, "field-id": 1000, "name": "i", "transform": "identity"}])) })),
        case("IB-F103", Embedded, Rewrite, |f| { f.partition_specs.push(PartitionSpec { spec_id: 1, fields: vec![] }); f.files.specs_in_use = [(0, 1), (1, 2)].into(); }),
        case("IB-F104", Embedded, Rewrite, |f| f.statistics_files = 1),
        case("IB-F105", Embedded, Rewrite, |f| f.format_version = 3),
        case("IB-F106", Embedded, Rewrite, |f| drop(f.properties.insert("write.data.path".into(), "s3://x".into()))),
        case("IB-F106", Unity, Rewrite, |f| drop(f.properties.insert("history.expire.min-snapshots-to-keep".into(), "5".into()))),
        case("IB-F107", Unity, Rewrite, |f| f.sort_order = serde_json::from_value(json!({"order-id": 1, "fields": [
            {"source-id": 1, "transform": "identity", "direction": "asc", "null-order": "nulls-first"}]})).unwrap()),
        case("IB-F107", Embedded, Rewrite, |f| f.sort_order = serde_json::from_value(json!({"order-id": 1, "fields": [
            {"source-id": 99, "transform": "identity", "direction": "asc", "null-order": "nulls-first"}]})).unwrap()),
        case("IB-F008", Embedded, Rewrite, |f| f.partition_specs = vec![spec(json!([{"source-id": 99, "field-id": 1000, "name": "g", "transform": "identity"}]))]),
        case("IB-F208", Embedded, Rewrite, |f| f.format_version = 1),
        case("IB-F108", Embedded, Register, |_| {}),
        case("IB-F109", Embedded, Copied, |f| drop(f.properties.insert("write.metadata.path".into(), "s3://x".into()))),
        case("IB-F201", Embedded, Copied, |f| { f.snapshot_id = None; f.files = FileTotals::default(); }),
        case("IB-F202", Embedded, Copied, |f| f.files.data_files = 5000),
        case("IB-F203", Embedded, Copied, |f| f.snapshot_count = 10_000),
        case("IB-F204", Embedded, Copied, |f| f.outside_location = 2),
        case("IB-F205", Embedded, Copied, |f| f.ident = TableIdent::parse("a.b.t").unwrap()),
        case("IB-F206", Embedded, Copied, |f| f.files.deletion_vectors = 1),
        case("IB-F207", Embedded, Copied, |f| f.has_name_mapping = true),
    ]
}

#[test]
fn every_rule_speaks_when_it_applies_and_is_silent_when_not() {
    for Case { rule, target: kind, mode, change } in cases() {
        let plain = plain_facts("sales.orders");
        let mut facts = plain.clone();
        change(&mut facts);
        let target = target(kind);
        let found = judged(&facts, &target, Some(mode));
        assert!(codes(&found).contains(&rule), "{rule} on {kind:?} {mode:?}: {:?}", codes(&found));
        assert!(found.findings.iter().all(|f| !f.reason.is_empty()));
        if facts != plain {
            let before = judged(&plain, &target, Some(mode));
            assert!(!codes(&before).contains(&rule), "{rule} on {kind:?} {mode:?} on the plain table");
        }
    }
}

#[test]
fn the_rules_about_the_mapping_and_the_inventory_speak() {
    let facts = plain_facts("sales.orders");
    let settings = Settings::default();
    let embedded = target(TargetKind::Embedded);
    let row = |outcome| InventoryRow { ident: facts.ident.clone(), captured_at: String::new(), outcome };
    let good = row(InventoryOutcome::Facts(Box::new(facts.clone())));
    let with = |change: fn(&mut MappingRow)| {
        let mut mapping = mapped(&facts);
        change(&mut mapping);
        judge_table(&good, &mapping, &embedded, &settings, &HashSet::new())
    };
    let conflict = with(|m| {
        m.state = MappingState::Conflict;
        m.problem = "a.b goes there too".into();
    });
    assert_eq!((codes(&conflict), conflict.findings[0].reason.as_str()), (vec!["IB-F002"], "a.b goes there too"));
    assert_eq!(codes(&with(|m| m.state = MappingState::Exists)), ["IB-F003"]);

    let broken = row(InventoryOutcome::Problem(Error::new(Code::MetadataBroken, "metadata.json is not valid JSON")));
    let found = judge_table(&broken, &mapped(&facts), &embedded, &settings, &HashSet::new());
    assert_eq!(codes(&found), ["IB-F001"]);
    assert!(found.findings[0].reason.contains("metadata-broken"));
    assert_eq!(found.mode, None);

    let nested = MappingRow { target: Some(TableIdent::parse("a.b.t").unwrap()), ..mapped(&facts) };
    let found = judge_table(&good, &nested, &target(TargetKind::Unity), &settings, &HashSet::new());
    assert!(codes(&found).contains(&"IB-F015"));
}

#[test]
fn a_spec_without_fields_and_files_is_no_loss() {
    let mut facts = plain_facts("sales.orders");
    facts.partition_specs.push(PartitionSpec { spec_id: 1, fields: vec![] });
    let found = judged(&facts, &target(TargetKind::Embedded), Some(CopyMode::Rewrite));
    assert!(!codes(&found).contains(&"IB-F103"), "{found:?}");
}

#[test]
fn every_rule_is_tried_above_and_told_in_the_docs() {
    let mut tried: HashSet<&str> = cases().iter().map(|c| c.rule).collect();
    tried.extend(["IB-F001", "IB-F002", "IB-F003", "IB-F015", "IB-F023"]);
    // Of clusters and of version 3: in cluster_tests and conversion_tests.
    tried.extend([
        "IB-F019", "IB-F020", "IB-F025", "IB-F026", "IB-F030", "IB-F119", "IB-F226", "IB-F220", "IB-F110", "IB-F111",
        "IB-F112",
    ]);
    // Of what a workspace was seen to do: in examined_tests.
    tried.extend(["IB-F031", "IB-F032", "IB-F033", "IB-F221", "IB-F222", "IB-F223", "IB-F224", "IB-F225"]);
    let docs = include_str!("../../../../../docs/findings.md");
    let mut seen = HashSet::new();
    for rule in rules::RULES {
        assert!(seen.insert(rule.code), "{} is given twice", rule.code);
        assert!(tried.contains(rule.code), "{} has no test", rule.code);
        let verdict = match rule.verdict {
            Verdict::Blocks => "blocks",
            Verdict::Loses => "loses",
            Verdict::Note => "note",
        };
        let line = docs.lines().find(|line| line.contains(&format!("`{}`", rule.code)));
        let line = line.unwrap_or_else(|| panic!("{} is not in docs/findings.md", rule.code));
        for word in [verdict, rule.title, rule.link] {
            assert!(line.contains(word), "docs/findings.md says otherwise about {}: no `{word}`", rule.code);
        }
        assert!(rule.link.starts_with("https://") && rule.fix.ends_with(['.', ')']));
        let number: u32 = rule.code["IB-F".len()..].parse().unwrap();
        assert_eq!(
            number / 100,
            match rule.verdict {
                Verdict::Blocks => 0,
                Verdict::Loses => 1,
                Verdict::Note => 2,
            }
        );
    }
    let told = docs.lines().filter(|line| line.starts_with("| `IB-F")).count();
    assert_eq!(told, rules::RULES.len(), "docs/findings.md has a code that the rule table lacks");
}

#[test]
fn the_mode_suits_the_target_and_says_why() {
    let facts = plain_facts("sales.orders");
    let mode = |kind, facts: &TableFacts| {
        let found = judged(facts, &target(kind), None);
        (found.mode.unwrap(), found.mode_reason)
    };
    assert_eq!(mode(TargetKind::Embedded, &facts).0, CopyMode::Clone);
    assert_eq!(mode(TargetKind::Sql, &facts).0, CopyMode::Clone);
    assert_eq!(mode(TargetKind::Rest, &facts).0, CopyMode::Rewrite);
    assert_eq!(mode(TargetKind::Unity, &facts).0, CopyMode::Rewrite);
    assert!(mode(TargetKind::Unity, &facts).1.contains("Unity Catalog"));

    // A target of SQL tables that cannot adopt: clone is blocked, rewrite takes over and says so.
    let bare = Target::of_kind(TargetKind::Sql);
    let found = judged(&facts, &bare, None);
    assert_eq!(found.mode, Some(CopyMode::Rewrite));
    assert!(found.mode_reason.contains("IB-F010"), "{}", found.mode_reason);

    // A REST catalog that adopts takes a clone where a rewrite is not possible.
    let mut strange = facts.clone();
    strange.partition_specs =
        vec![spec(json!([{"source-id": 1, "field-id": 1000, "name": "z", "transform": "zorder"}]))];
    let adopting = Target { adopts: true, ..Target::of_kind(TargetKind::Rest) };
    let found = judged(&strange, &adopting, None);
    assert_eq!((found.mode, found.is_blocked()), (Some(CopyMode::Clone), false));

    // Everything blocked: the findings are those of the mode one would expect.
    strange.encrypted = true;
    let found = judged(&strange, &adopting, None);
    assert_eq!(found.mode, Some(CopyMode::Rewrite));
    assert!(found.is_blocked());

    let asked = judged(&facts, &target(TargetKind::Embedded), Some(CopyMode::Register));
    assert_eq!((asked.mode, codes(&asked)), (Some(CopyMode::Register), vec!["IB-F108"]));
}

#[test]
fn a_place_of_the_target_that_cannot_be_reached_blocks_its_tables_before_a_plan() {
    let facts = plain_facts("sales.orders");
    let error = Error::new(Code::Unsupported, "files under `hdfs://` cannot be read or written")
        .about("hdfs://n/w")
        .with_hint("Choose another.");
    let at = |namespace: &str| BTreeMap::from([(vec![namespace.to_string()], error.clone())]);
    for kind in [TargetKind::Sql, TargetKind::Rest, TargetKind::Unity] {
        let found = judged(&facts, &Target { out_of_reach: at("sales"), ..target(kind) }, None);
        assert!(found.is_blocked() && codes(&found).contains(&"IB-F023"), "{kind:?}");
        let reason = &found.findings.iter().find(|f| f.code == "IB-F023").unwrap().reason;
        assert!(reason.contains("hdfs://n/w") && reason.contains("Choose another."), "{reason}");
        let other = judged(&facts, &Target { out_of_reach: at("crm"), ..target(kind) }, None);
        assert!(!codes(&other).contains(&"IB-F023"), "{kind:?}");
    }
}

#[test]
fn excluded_tables_have_no_findings_and_count_nowhere() {
    let facts = plain_facts("sales.orders");
    let mapping = MappingRow {
        target: None,
        state: MappingState::Excluded,
        because: "left out by rule 1".into(),
        ..mapped(&facts)
    };
    let mut broken = facts.clone();
    broken.encrypted = true;
    let row = InventoryRow {
        ident: facts.ident.clone(),
        captured_at: String::new(),
        outcome: InventoryOutcome::Facts(Box::new(broken)),
    };
    let found = judge_table(&row, &mapping, &target(TargetKind::Embedded), &Settings::default(), &HashSet::new());
    assert_eq!((found.mode, found.findings.len()), (None, 0));
    let report = report(vec![found]);
    assert_eq!((report.ready, report.needs_acceptance, report.blocked), (0, 0, 0));
}

#[test]
fn losses_wait_for_acceptance_by_code() {
    let mut facts = plain_facts("sales.orders");
    facts.snapshot_count = 3;
    facts.statistics_files = 1;
    let row = InventoryRow {
        ident: facts.ident.clone(),
        captured_at: String::new(),
        outcome: InventoryOutcome::Facts(Box::new(facts.clone())),
    };
    let settings = Settings { mode: Some(CopyMode::Rewrite), ..Settings::default() };
    let after = |codes: &[&str]| {
        let accepted = codes.iter().map(|c| c.to_string()).collect();
        judge_table(&row, &mapped(&facts), &target(TargetKind::Embedded), &settings, &accepted)
    };
    assert_eq!(after(&[]).unaccepted().len(), 2);
    assert_eq!(after(&["IB-F102"]).unaccepted().len(), 1);
    assert_eq!(report(vec![after(&["IB-F102", "IB-F104"])]).ready, 1);
    assert_eq!(report(vec![after(&["IB-F102"])]).needs_acceptance, 1);
}

#[test]
fn long_lists_are_shortened_not_cut_silently() {
    let names: Vec<String> = (0..20).map(|i| format!("c{i}")).collect();
    assert_eq!(subject::listed(&names).unwrap(), "c0, c1, c2, c3, c4, c5, c6, c7 and 12 more");
    assert_eq!(subject::listed(&[]), None);
}

#[test]
fn the_kind_of_a_target_follows_its_spec() {
    let spec = |kind, uri: &str| CatalogSpec {
        name: "t".into(),
        role: Role::Target,
        kind,
        uri: uri.into(),
        warehouse: String::new(),
        properties: BTreeMap::new(),
        secrets: vec![],
    };
    let unity = spec(CatalogKind::Rest, "https://x.cloud.databricks.com/api/2.1/unity-catalog/iceberg-rest");
    let seen = Target::new(&unity, Abilities { register: true }, None);
    assert!(seen.is_unity() && !seen.adopts, "Unity Catalog adopts nothing, whatever a server says");
    assert!(Target::new(&spec(CatalogKind::Embedded, "/w"), Abilities { register: true }, None).adopts);
}

#[test]
fn a_source_that_moved_on_since_it_was_migrated_is_named_and_not_blocked() {
    let mut facts = plain_facts("sales.orders");
    facts.snapshot_id = Some(7);
    let earlier =
        EarlierMigration { run_id: "run-1".into(), source_snapshot_id: Some(7), ..EarlierMigration::default() };
    let mapping = MappingRow { state: MappingState::Migrated, migrated_by: Some(Box::new(earlier)), ..mapped(&facts) };
    let row = |facts: TableFacts| InventoryRow {
        ident: facts.ident.clone(),
        captured_at: String::new(),
        outcome: InventoryOutcome::Facts(Box::new(facts)),
    };
    let judged = |facts| {
        judge_table(&row(facts), &mapping, &target(TargetKind::Embedded), &Settings::default(), &HashSet::new())
    };
    let unchanged = judged(facts.clone());
    let moved_on = |found: &TableFindings| found.migrated_by.as_ref().unwrap().source_moved_on;
    assert_eq!((moved_on(&unchanged), unchanged.findings.len()), (false, 0));
    facts.snapshot_id = Some(8);
    let moved = judged(facts);
    assert!(moved_on(&moved) && !moved.is_blocked());
    assert!(moved.mode_reason.contains("snapshot 8, migrated was 7"), "{}", moved.mode_reason);
    let counted = report(vec![unchanged, moved]);
    assert_eq!((counted.migrated, counted.ready, counted.blocked), (2, 0, 0));
}
