//! What Unity Catalog refuses, and what the plan makes of it.

use super::tests::{mapped, plain_facts, schema, spec};
use super::*;
use icebridge_model::catalog::{CatalogKind, CatalogSpec, Role};
use icebridge_model::conversion::{Conversion, PartitionWay};
use icebridge_model::facts::TableFacts;
use icebridge_model::photon::{ClusterMethod, PhotonSettings};
use icebridge_model::plan::CopyMode;
use serde_json::Value;

fn unity(role: Role, catalog: &str) -> CatalogSpec {
    CatalogSpec {
        name: "c".into(),
        role,
        kind: CatalogKind::Unity,
        uri: "w".into(),
        warehouse: catalog.into(),
        properties: BTreeMap::new(),
        secrets: Vec::new(),
    }
}

fn judged(facts: &TableFacts, settings: &Value, accepted: &[&str]) -> TableFindings {
    let settings: Settings = serde_json::from_value(settings.clone()).unwrap();
    let (from, to) = (unity(Role::Source, "glue"), unity(Role::Target, "main"));
    let clusters = Clusters::of(&from, &to, &settings);
    let target = Target::new(&to, icebridge_lakehouse::catalog::Abilities { register: true }, clusters);
    let row = InventoryRow {
        ident: facts.ident.clone(),
        captured_at: String::new(),
        outcome: InventoryOutcome::Facts(Box::new(facts.clone())),
    };
    let accepted = accepted.iter().map(ToString::to_string).collect();
    judge_table(&row, &mapped(facts), &target, &settings, &accepted)
}

fn by(transform: &str, field: i32) -> TableFacts {
    let mut facts = plain_facts("web.events");
    facts.partition_specs =
        vec![spec(json!([{"source-id": field, "field-id": 1000, "name": "p", "transform": transform}]))];
    facts
}

fn typed(kind: &str) -> TableFacts {
    let mut facts = plain_facts("web.events");
    facts.schema = schema(json!([{"id": 1, "name": "id", "required": false, "type": "long"},
        {"id": 2, "name": "c", "required": false, "type": kind}]));
    facts
}

fn ways(found: &TableFindings) -> Vec<String> {
    icebridge_model::conversion::partition_ways(&found.conversions).iter().map(ToString::to_string).collect()
}

fn words(found: &TableFindings) -> Vec<String> {
    found.conversions.iter().map(ToString::to_string).collect()
}

#[test]
fn every_type_has_its_written_form_and_the_settings_choose() {
    for (kind, settings, expected) in [
        ("uuid", json!({}), "c: uuid becomes string (8-4-4-4-12 digits, small letters)"),
        ("fixed[4]", json!({}), "c: fixed[4] becomes binary (the same bytes)"),
        ("time", json!({}), "c: time becomes string (HH:MM:SS.ffffff)"),
        ("time", json!({"time": "bigint"}), "c: time becomes long (microseconds since midnight)"),
        ("timestamp_ns", json!({}), "c: timestamp_ns becomes long (nanoseconds since 1970)"),
        (
            "timestamptz_ns",
            json!({"nanoseconds": "string"}),
            "c: timestamptz_ns becomes string (YYYY-MM-DDTHH:MM:SS.fffffffff)",
        ),
        ("unknown", json!({}), "c: unknown becomes string (always null)"),
    ] {
        let found = judged(&typed(kind), &json!({ "conversions": settings }), &[]);
        assert_eq!(words(&found), [expected]);
        let finding = found.findings.iter().find(|one| one.code == "IB-F012").unwrap();
        assert_eq!((finding.verdict, finding.accepted), (Verdict::Loses, false), "{kind}");
        assert!(finding.way.as_ref().is_some_and(|way| way.best == expected));
        assert!(!found.is_blocked() && found.unaccepted().len() == 1, "not without an acceptance");
        assert!(judged(&typed(kind), &json!({}), &["IB-F012"]).unaccepted().is_empty());
    }
    let geometry = judged(&typed("geometry(OGC:CRS84)"), &json!({}), &["IB-F012", "IB-F007"]);
    assert!(geometry.is_blocked() && geometry.conversions.is_empty());
}

#[test]
fn transforms_are_tried_then_clustered_then_left_out() {
    let facts = by("hour", 2);
    let all = ["kept as it is", "clustered by at", "left out"];
    assert_eq!(ways(&judged(&facts, &json!({}), &[])), all);
    for (choice, from) in [("try", 0), ("cluster", 1), ("none", 2)] {
        assert_eq!(ways(&judged(&facts, &json!({"conversions": {"partitions": choice}}), &[])), all[from..]);
    }
    let own = json!({"conversions": {"tables": {"web.events": {"partitions": "none"}}}});
    assert_eq!(ways(&judged(&facts, &own, &[])), ["left out"]);
    assert!(judged(&by("identity", 2), &json!({}), &[]).conversions.is_empty());
    assert!(judged(&by("void", 2), &json!({}), &[]).conversions.is_empty());
}

#[test]
fn what_cannot_be_written_is_never_tried() {
    for (kind, transform) in [("binary", "bucket[4]"), ("fixed[2]", "identity")] {
        let mut facts = typed(kind);
        facts.partition_specs = by(transform, 2).partition_specs;
        let found = judged(&facts, &json!({}), &[]);
        assert_eq!(ways(&found), ["left out"], "{kind}");
        let finding = found.findings.iter().find(|one| one.code == "IB-F011");
        assert!(finding.is_some_and(|finding| finding.verdict == Verdict::Loses) && !found.is_blocked());
    }
    // An hour of a number is none.
    let mut facts = typed("timestamp_ns");
    facts.partition_specs = by("hour", 2).partition_specs;
    assert_eq!(ways(&judged(&facts, &json!({}), &[])), ["clustered by c", "left out"]);
    // A bucket of a text is one, another than that of the uuid.
    let mut facts = typed("uuid");
    facts.partition_specs = by("bucket[4]", 2).partition_specs;
    assert_eq!(ways(&judged(&facts, &json!({}), &[]))[0], "kept as it is");
    for strange in ["zorder[2]", "bucket[0]"] {
        assert_eq!(ways(&judged(&by(strange, 1), &json!({}), &[])), ["clustered by id", "left out"]);
    }
    let gone = judged(&by("day", 99), &json!({}), &[]);
    assert_eq!((ways(&gone), gone.is_blocked()), (vec!["left out".to_string()], false));
}

#[test]
fn required_fields_at_every_depth_and_identifiers_and_versions_are_converted() {
    let mut facts = plain_facts("web.events");
    facts.schema = schema(json!([{"id": 1, "name": "id", "required": true, "type": "long"},
        {"id": 2, "name": "m", "required": true, "type": {"type": "map", "key-id": 3, "key": "string", "value-id": 4,
            "value-required": true, "value": {"type": "list", "element-id": 5, "element-required": true, "element":
                {"type": "struct", "fields": [{"id": 6, "name": "a.b", "required": true, "type": "int"}]}}}}]));
    facts.schema.identifier_field_ids = vec![1];
    facts.format_version = 3;
    let found = judged(&facts, &json!({}), &[]);
    assert_eq!(
        words(&found),
        [
            "format version 3: becomes 2",
            "m.value: required becomes optional",
            "m.value.element: required becomes optional",
            "m.value.element.`a.b`: required becomes optional",
            "identifier fields id: dropped, and checked to be unique",
        ]
    );
    assert!(!found.is_blocked());
}

#[test]
fn a_key_of_a_column_that_is_gone_has_a_way_out_and_promises_nothing() {
    for (key, named) in [(vec![77], "field 77, which is gone"), (vec![1, 77], "id, field 77, which is gone")] {
        let mut facts = plain_facts("web.events");
        facts.schema = schema(json!([{"id": 1, "name": "id", "required": true, "type": "long"}]));
        facts.schema.identifier_field_ids = key;
        let found = judged(&facts, &json!({}), &[]);
        assert_eq!(words(&found), ["identifier fields of columns that are gone: dropped"]);
        let finding = found.findings.iter().find(|finding| finding.code == "IB-F016").unwrap();
        assert_eq!((finding.reason.as_str(), finding.verdict), (named, Verdict::Loses));
    }
}

#[test]
fn names_that_differ_by_case_get_numbers_that_are_free() {
    let mut facts = plain_facts("web.events");
    let column = |id: i32, name: &str| json!({"id": id, "name": name, "required": false, "type": "int"});
    facts.schema = schema(json!([column(1, "id"), column(2, "ID"), column(3, "Id_2"), column(4, "iD")]));
    assert_eq!(words(&judged(&facts, &json!({}), &[])), ["ID: is called ID_3", "iD: is called iD_4"]);
}

fn photon(more: &Value) -> Value {
    let mut photon = json!({"volume": "/Volumes/main/default/icebridge"});
    photon.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    json!({"engine": "photon", "photon": photon})
}

#[test]
fn a_cluster_converts_what_it_reads_and_leaves_the_rest_to_the_embedded_engine() {
    let found = judged(&typed("uuid"), &photon(&json!({})), &[]);
    assert_eq!((words(&found).len(), found.engine, found.is_blocked()), (1, EngineKind::Photon, false));
    for unreadable in ["time", "timestamptz_ns", "unknown"] {
        let found = judged(&typed(unreadable), &photon(&json!({})), &[]);
        let blocks = found.findings.iter().filter(|one| one.verdict == Verdict::Blocks).map(|one| one.code.as_ref());
        assert_eq!(blocks.collect::<Vec<_>>(), ["IB-F025"], "{unreadable}");
        // However large it is.
        let mut facts = typed(unreadable);
        facts.files.data_bytes = 20 << 30;
        let mut free = photon(&json!({}));
        free.as_object_mut().unwrap().remove("engine");
        let found = judged(&facts, &free, &[]);
        assert_eq!((found.engine, found.is_blocked()), (EngineKind::Embedded, false));
        assert!(found.engine_reason.contains("IB-F025"), "{}", found.engine_reason);
    }
    // A clone takes the schema as it is.
    let cloned = judged(&typed("uuid"), &photon(&json!({"method": ClusterMethod::DeepClone})), &["IB-F012"]);
    assert!(cloned.is_blocked() && cloned.conversions.is_empty());
}

fn on(kind: CatalogKind, facts: &TableFacts, settings: &Value) -> TableFindings {
    let to = CatalogSpec { kind, uri: "/managed".into(), ..unity(Role::Target, "") };
    let target = Target::new(&to, icebridge_lakehouse::catalog::Abilities { register: true }, None);
    let row = InventoryRow {
        ident: facts.ident.clone(),
        captured_at: String::new(),
        outcome: InventoryOutcome::Facts(Box::new(facts.clone())),
    };
    judge_table(&row, &mapped(facts), &target, &serde_json::from_value(settings.clone()).unwrap(), &HashSet::new())
}

fn of_version(version: u8) -> TableFacts {
    TableFacts { format_version: version, ..plain_facts("web.events") }
}

fn blocked_by(found: &TableFindings) -> Vec<&str> {
    found.findings.iter().filter(|one| one.verdict == Verdict::Blocks).map(|one| one.code.as_ref()).collect()
}

#[test]
fn version_3_is_made_where_it_is_asked_for_and_the_mode_allows_it() {
    let asked = |mode: &str| match mode {
        "" => json!({"target_format_version": 3}),
        mode => json!({"target_format_version": 3, "mode": mode}),
    };
    for kind in [CatalogKind::Embedded, CatalogKind::Sql, CatalogKind::Rest] {
        for (version, mode, expected) in [
            (1, "rewrite", "format version 1: becomes 3"),
            (2, "rewrite", "format version 2: becomes 3"),
            (2, "clone", "format version 2: becomes 3"),
        ] {
            let found = on(kind, &of_version(version), &asked(mode));
            assert_eq!((words(&found), blocked_by(&found)), (vec![expected.to_string()], vec![]), "{kind:?} {mode}");
        }
        assert!(words(&on(kind, &of_version(3), &asked(""))).is_empty());
        assert!(words(&on(kind, &of_version(2), &json!({}))).is_empty(), "nobody asked");
        for (version, mode) in [(1, "clone"), (2, "register")] {
            let found = on(kind, &of_version(version), &asked(mode));
            assert_eq!((words(&found), blocked_by(&found)), (vec![], vec!["IB-F026"]), "{kind:?} {mode}");
        }
    }
    let found = on(CatalogKind::Embedded, &of_version(1), &asked(""));
    assert_eq!(found.mode, Some(CopyMode::Rewrite));
    assert!(found.mode_reason.contains("IB-F026"), "{}", found.mode_reason);
    assert!(!found.findings.iter().any(|one| one.code == "IB-F208"), "it does not become 2");
}

#[test]
fn version_3_in_unity_catalog_is_made_by_clusters() {
    let with = |mut settings: Value| {
        settings["target_format_version"] = json!(3);
        settings
    };
    let found = judged(&of_version(2), &with(json!({})), &[]);
    assert_eq!((words(&found), blocked_by(&found)), (vec![], vec!["IB-F017"]), "not over the Iceberg endpoint");
    let found = judged(&of_version(2), &with(photon(&json!({}))), &[]);
    assert_eq!((words(&found), blocked_by(&found)), (vec!["format version 2: becomes 3".to_string()], vec![]));
    let mut free = photon(&json!({}));
    free.as_object_mut().unwrap().remove("engine");
    let found = judged(&of_version(2), &with(free), &[]);
    assert_eq!(found.engine, EngineKind::Photon, "however small it is");
    let settings: Settings = serde_json::from_value(with(photon(&json!({})))).unwrap();
    let clusters = Clusters::of(&unity(Role::Source, "glue"), &unity(Role::Target, "main"), &settings).unwrap();
    let copy = clusters.copy(&of_version(2), &TableIdent::new(["bronze"], "events"), &found.conversions).unwrap();
    assert_eq!(copy.format_version, 3);
    let cloned = judged(&of_version(2), &with(photon(&json!({"method": ClusterMethod::DeepClone}))), &[]);
    assert_eq!((words(&cloned), blocked_by(&cloned)), (vec![], vec!["IB-F026"]));
}

#[test]
fn a_cluster_is_not_asked_for_partitions_that_are_left_out() {
    let mut facts = typed("binary");
    facts.partition_specs = vec![spec(json!([
        {"source-id": 2, "field-id": 1000, "name": "b", "transform": "identity"},
        {"source-id": 1, "field-id": 1001, "name": "n", "transform": "bucket[8]"}]))];
    let settings = PhotonSettings { volume: "/Volumes/main/default/icebridge".into(), ..PhotonSettings::default() };
    let wanted = Settings { photon: Some(settings), ..Settings::default() };
    let clusters = Clusters::of(&unity(Role::Source, "glue"), &unity(Role::Target, "main"), &wanted).unwrap();
    let found = judged(&facts, &photon(&json!({})), &[]);
    assert_eq!(ways(&found), ["left out"]);
    let copy = clusters.copy(&facts, &TableIdent::new(["bronze"], "events"), &found.conversions).unwrap();
    let asked: Vec<String> = copy.partition_fields.unwrap().into_iter().map(|field| field.column).collect();
    assert_eq!(asked, ["id"]);
    assert!(
        matches!(copy.conversions.as_slice(), [Conversion::Partitioning { ways, .. }] if *ways == [PartitionWay::LeftOut])
    );
}
