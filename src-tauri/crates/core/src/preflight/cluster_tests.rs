//! Who copies, and what a cluster's copy may lack.

use super::tests::plain_facts;
use super::*;
use crate::workspaces::restrictions::Known;
use icebridge_lakehouse::catalog::Abilities;
use icebridge_model::catalog::{CatalogKind, CatalogSpec, Role};
use icebridge_model::facts::TableFacts;
use icebridge_model::photon::{ClusterMethod, ComputeChoice, PhotonSettings};
use icebridge_model::plan::CopyMode;
use icebridge_model::schema::{Field, PartitionSpec, Type};
use serde_json::Value;

const LARGE: u64 = 20 << 30;

fn unity(role: Role, workspace: &str, catalog: &str) -> CatalogSpec {
    CatalogSpec {
        name: "c".into(),
        role,
        kind: CatalogKind::Unity,
        uri: workspace.into(),
        warehouse: catalog.into(),
        properties: BTreeMap::new(),
        secrets: Vec::new(),
    }
}

pub(super) fn settings(engine: Option<EngineKind>) -> Settings {
    let photon = PhotonSettings { volume: "/Volumes/main/default/icebridge".into(), ..PhotonSettings::default() };
    Settings { engine, photon: Some(photon), ..Settings::default() }
}

fn judged(facts: &TableFacts, source: &CatalogSpec, settings: &Settings) -> TableFindings {
    let clusters = Clusters::of(source, &unity(Role::Target, "w", "main"), settings);
    judged_with(facts, clusters, settings)
}

fn judged_with(facts: &TableFacts, clusters: Option<Clusters>, settings: &Settings) -> TableFindings {
    let to = unity(Role::Target, "w", "main");
    judged_on(facts, &Target::new(&to, Abilities { register: false }, clusters), settings)
}

/// A table of the catalog `glue` of the same workspace, which was examined.
pub(super) fn judged_after(facts: &TableFacts, examined: &Examined, settings: &Settings) -> TableFindings {
    let (from, to) = (unity(Role::Source, "w", "glue"), unity(Role::Target, "w", "main"));
    let mut clusters = Clusters::of(&from, &to, settings);
    if let Some(clusters) = &mut clusters {
        clusters.clones_refused = examined.refuses_clones().map(str::to_string);
    }
    let target = Target::new(&to, Abilities { register: false }, clusters);
    judged_on(facts, &Target { examined: examined.clone(), ..target }, settings)
}

pub(super) fn judged_on(facts: &TableFacts, target: &Target, settings: &Settings) -> TableFindings {
    let row = InventoryRow {
        ident: facts.ident.clone(),
        captured_at: "2026-01-01T00:00:00Z".into(),
        outcome: InventoryOutcome::Facts(Box::new(facts.clone())),
    };
    let preview = mapping::resolve(
        &icebridge_model::mapping::Mapping::standard(),
        std::slice::from_ref(&facts.ident),
        &Existing::default(),
    );
    judge_table(&row, &preview.unwrap().rows.remove(0), target, settings, &HashSet::new())
}

fn codes(found: &TableFindings) -> Vec<&str> {
    found.findings.iter().filter(|f| f.verdict != Verdict::Note).map(|f| f.code.as_ref()).collect()
}

fn spec(fields: Value) -> PartitionSpec {
    serde_json::from_value(json!({"spec-id": 0, "fields": fields})).unwrap()
}

pub(super) fn by_day(facts: &mut TableFacts) {
    facts.partition_specs = vec![spec(json!([{"source-id": 2, "field-id": 1000, "name": "d", "transform": "day"}]))];
}

#[test]
fn the_engine_suits_the_table_and_says_why() {
    let lake = unity(Role::Source, "w", "glue");
    let engine = |facts: &TableFacts| {
        let found = judged(facts, &lake, &settings(None));
        (found.engine, found.engine_reason.clone(), codes(&found).join(" "))
    };
    let small = plain_facts("sales.orders");
    assert_eq!(engine(&small).0, EngineKind::Embedded);

    let mut large = small.clone();
    large.files.data_bytes = LARGE;
    let (chosen, reason, _) = engine(&large);
    assert_eq!(chosen, EngineKind::Photon);
    assert!(
        reason.contains("its 20.0 GiB are more than 10.0 GiB") && reason.contains("insert_select keeps NOT NULL"),
        "{reason}"
    );

    // Its deletes would come back: the embedded engine applies them, however long it takes.
    large.files.equality_delete_files = 1;
    let (chosen, reason, found) = engine(&large);
    assert_eq!((chosen, found.as_str()), (EngineKind::Embedded, ""));
    assert!(reason.contains("IB-F019"), "{reason}");

    // Over REST such a table cannot be made, and by a statement it can.
    let mut daily = small.clone();
    by_day(&mut daily);
    let (chosen, reason, found) = engine(&daily);
    assert_eq!((chosen, found.as_str()), (EngineKind::Photon, "IB-F110"));
    assert!(reason.contains("IB-F014"), "{reason}");

    // Blocked on both ways: told about the way that everybody has.
    daily.files.position_delete_files = 1;
    let (chosen, _, found) = engine(&daily);
    assert_eq!((chosen, found.as_str()), (EngineKind::Embedded, "IB-F014"));
}

#[test]
fn a_cluster_that_would_not_see_all_of_a_table_does_not_copy_it() {
    let mut facts = plain_facts("sales.orders");
    facts.files.data_bytes = LARGE;
    let (from, to) = (unity(Role::Source, "w", "glue"), unity(Role::Target, "w", "main"));
    let judged_where = |settings: &Settings, known: &Known| {
        let mut clusters = Clusters::of(&from, &to, settings).unwrap();
        let candidate = clusters.candidate(settings, &facts);
        let in_workspace = TableIdent::new(["glue", "sales"], "orders");
        let asked = settings.engine != Some(EngineKind::Embedded);
        assert_eq!(candidate, asked.then(|| (facts.ident.clone(), in_workspace)));
        clusters.restrictions.insert(facts.ident.clone(), known.clone());
        judged_with(&facts, Some(clusters), settings)
    };
    let filter = Known { restrictions: vec!["the row filter main.sec.mine".into()], policies_unknown: None };
    let judged = |settings: &Settings| judged_where(settings, &filter);
    let found = judged(&settings(None));
    assert_eq!((found.engine, codes(&found).join(" ")), (EngineKind::Embedded, String::new()));
    assert!(found.engine_reason.contains("IB-F030"), "{}", found.engine_reason);
    let found = judged(&settings(Some(EngineKind::Photon)));
    assert_eq!(codes(&found).join(" "), "IB-F030");
    assert!(found.findings[0].reason.starts_with("the row filter main.sec.mine may keep"), "{:?}", found.findings);
    assert!(codes(&judged(&settings(Some(EngineKind::Embedded)))).is_empty());
    // What is not known is told. Where the files are not read here too, somebody has to answer for it.
    let unknown = Known { policies_unknown: Some("HTTP 403".into()), ..Known::default() };
    for (read_here_too, code, asked) in [(true, "IB-F226", 0), (false, "IB-F119", 1)] {
        let mut wanted = settings(Some(EngineKind::Photon));
        let up_to = &mut wanted.photon.as_mut().unwrap().read_here_up_to_bytes;
        *up_to = if read_here_too { LARGE } else { LARGE - 1 };
        let found = judged_where(&wanted, &unknown);
        assert_eq!((found.engine, found.is_blocked(), found.unaccepted().len()), (EngineKind::Photon, false, asked));
        let told = |finding: &&Finding| finding.code == code && finding.reason.contains("(HTTP 403)");
        assert_eq!(found.findings.iter().filter(told).count(), 1, "{:?}", found.findings);
    }
    let found = judged_where(
        &settings(Some(EngineKind::Photon)),
        &Known { policies_unknown: unknown.policies_unknown, ..filter },
    );
    assert!(found.findings[0].reason.ends_with("which policies apply besides is not known"), "{:?}", found.findings);
}

#[test]
fn a_plan_says_on_what_compute_and_why() {
    let facts = plain_facts("sales.orders");
    let lake = unity(Role::Source, "w", "glue");
    let reason = |change: fn(&mut PhotonSettings)| {
        let mut settings = settings(Some(EngineKind::Photon));
        change(settings.photon.as_mut().unwrap());
        judged(&facts, &lake, &settings).engine_reason
    };
    for (told, reason) in [
        ("on serverless compute if the workspace offers it, else on clusters", reason(|_| ())),
        ("serverless compute was asked for", reason(|photon| photon.compute = ComputeChoice::Serverless)),
        ("classic clusters were asked for", reason(|photon| photon.compute = ComputeChoice::Classic)),
        ("classic clusters are what the settings need (pool)", reason(|photon| photon.pool = Some("p-1".into()))),
    ] {
        assert!(reason.ends_with(told), "{reason}");
    }
}

#[test]
fn tags_that_serverless_compute_does_not_take_are_told() {
    let facts = plain_facts("sales.orders");
    let lake = unity(Role::Source, "w", "glue");
    for (compute, told) in
        [(ComputeChoice::Serverless, true), (ComputeChoice::Automatic, true), (ComputeChoice::Classic, false)]
    {
        let mut settings = settings(Some(EngineKind::Photon));
        let photon = settings.photon.as_mut().unwrap();
        (photon.compute, photon.tags) = (compute, BTreeMap::from([("team".to_owned(), "lake".to_owned())]));
        let found = judged(&facts, &lake, &settings);
        assert_eq!(found.findings.iter().any(|finding| finding.code == "IB-F220"), told, "{:?}", found.findings);
    }
}

#[test]
fn a_wish_is_followed_and_blocked_where_it_cannot_work() {
    let mut facts = plain_facts("sales.orders");
    let lake = unity(Role::Source, "w", "glue");
    let forced = |facts: &TableFacts, source: &CatalogSpec, settings: &Settings| {
        let found = judged(facts, source, settings);
        (found.engine, codes(&found).join(" "))
    };
    let photon = settings(Some(EngineKind::Photon));
    assert_eq!(forced(&facts, &lake, &photon), (EngineKind::Photon, String::new()));
    assert_eq!(forced(&facts, &lake, &settings(Some(EngineKind::Embedded))).0, EngineKind::Embedded);

    // Another workspace's catalog is not seen, unless somebody says under which name.
    let elsewhere = unity(Role::Source, "other", "glue");
    assert_eq!(forced(&facts, &elsewhere, &photon).1, "IB-F020");
    let mut told = photon.clone();
    told.photon.as_mut().unwrap().source_catalog = Some("lake".into());
    assert_eq!(forced(&facts, &elsewhere, &told).1, "");

    // NOT NULL does not survive one statement.
    let mut ctas = photon.clone();
    ctas.photon.as_mut().unwrap().method = Some(ClusterMethod::Ctas);
    assert_eq!(forced(&facts, &lake, &ctas).1, "IB-F112");

    facts.schema.identifier_field_ids = vec![1];
    facts.format_version = 3;
    assert_eq!(forced(&facts, &lake, &photon).1, "IB-F105 IB-F111");
    facts.files.position_delete_files = 1;
    facts.snapshot_id = None;
    assert_eq!(forced(&facts, &lake, &photon).1, "IB-F019 IB-F020 IB-F105 IB-F111");
}

#[test]
fn what_a_cluster_is_asked_says_all_it_needs() {
    let mut facts = plain_facts("sales.orders");
    by_day(&mut facts);
    facts.schema.identifier_field_ids = vec![1];
    facts.properties = BTreeMap::from([
        ("comment".into(), "orders".into()),
        ("owner.own".into(), "x".into()),
        ("write.x".into(), "y".into()),
    ]);
    facts.files.deletion_vectors = 2;
    let to = unity(Role::Target, "w", "main");
    let clusters = Clusters::of(&unity(Role::Source, "w", "glue"), &to, &settings(None)).unwrap();
    let copy = clusters.copy(&facts, &TableIdent::new(["bronze"], "orders"), &[]).unwrap();
    assert_eq!(
        (copy.source.to_string(), copy.target.to_string()),
        ("glue.sales.orders".into(), "main.bronze.orders".into())
    );
    assert_eq!((copy.method, copy.keys.as_slice()), (ClusterMethod::InsertSelect, ["id".to_string()].as_slice()));
    assert_eq!((copy.delete_files, copy.deletion_vectors, copy.format_version), (Some(0), Some(2), 2));
    let partition = copy.partition_fields.unwrap();
    assert_eq!((partition[0].transform.as_str(), partition[0].column.as_str()), ("day", "at"));
    assert_eq!(copy.comment.as_deref(), Some("orders"));
    assert!(!copy.properties.unwrap().contains_key("write.x"), "what the target would refuse is not asked for");
    let plain = CopyMode::Rewrite;
    assert_eq!(judged(&facts, &unity(Role::Source, "w", "glue"), &settings(None)).mode, Some(plain));
}

/// The second column becomes a struct `a` with a field `b` of the id 3.
fn with_struct(facts: &mut TableFacts) {
    let inner = Field { id: 3, name: "b".into(), ..facts.schema.fields[1].clone() };
    let outer = &mut facts.schema.fields[1];
    (outer.name, outer.field_type) = ("a".into(), Type::Struct(vec![inner]));
}

#[test]
fn an_identifier_within_a_struct_is_looked_after_as_well() {
    let mut facts = plain_facts("sales.orders");
    with_struct(&mut facts);
    facts.schema.identifier_field_ids = vec![1, 3];
    let (from, to) = (unity(Role::Source, "w", "glue"), unity(Role::Target, "w", "main"));
    let clusters = Clusters::of(&from, &to, &settings(None)).unwrap();
    let copy = clusters.copy(&facts, &TableIdent::new(["bronze"], "orders"), &[]).unwrap();
    assert_eq!(copy.keys, ["id", "a.b"]);
}

#[test]
fn a_column_with_a_dot_in_its_name_still_partitions_the_copy() {
    let partitioned = |facts: &mut TableFacts, id: i32, transform: &str| {
        let field = json!({"source-id": id, "field-id": 1000, "name": "p", "transform": transform});
        facts.partition_specs = vec![spec(json!([field]))];
        let found = judged(facts, &unity(Role::Source, "w", "glue"), &settings(Some(EngineKind::Photon)));
        found.findings.into_iter().find(|finding| finding.code == "IB-F110").map(|finding| finding.reason)
    };
    let mut dotted = plain_facts("sales.orders");
    dotted.schema.fields[1].name = "a.b".into();
    assert_eq!(partitioned(&mut dotted, 2, "identity"), None);
    let reason = partitioned(&mut dotted, 2, "day").unwrap();
    assert!(reason.contains("day of a.b becomes clustering by a.b"), "{reason}");
    let mut nested = plain_facts("sales.orders");
    with_struct(&mut nested);
    let reason = partitioned(&mut nested, 3, "identity").unwrap();
    assert!(reason.contains("identity of a.b is left out"), "{reason}");
}

#[test]
fn a_column_with_a_name_of_icebergs_own_is_no_clusters() {
    let reason = |name: &str| {
        let mut facts = plain_facts("sales.orders");
        facts.schema.fields[1].name = name.into();
        let found = judged(&facts, &unity(Role::Source, "w", "glue"), &settings(Some(EngineKind::Photon)));
        found.findings.into_iter().find(|finding| finding.code == "IB-F025").map(|finding| finding.reason)
    };
    for name in ["_file", "_partition", "_row_id"] {
        assert!(reason(name).is_some_and(|told| told.contains(name)), "{name}");
    }
    assert_eq!(reason("_files"), None);
}
