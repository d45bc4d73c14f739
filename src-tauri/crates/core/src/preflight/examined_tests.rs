//! What was seen of the workspace before a run, and changes it.

use super::cluster_tests::{by_day, judged_after, judged_on, settings};
use super::tests::plain_facts;
use super::*;
use icebridge_model::conversion::{PartitionWay, partition_ways};
use icebridge_model::doctor::Finding::{self as Found, Differs, Holds, NotAllowed, NotTried};
use icebridge_model::photon::{ClusterMethod, ComputeChoice, PhotonSettings};

fn examined(rows: &[(&str, Found)]) -> Examined {
    let code = |finding| match finding {
        Differs => Some(Code::WorkspaceRefused),
        NotAllowed => Some(Code::AccessDenied),
        Holds | NotTried => None,
    };
    Examined::of_rows(&rows.iter().map(|(key, found)| (*key, *found, code(*found))).collect::<Vec<_>>())
}

/// On a cluster.
fn there(change: impl Fn(&mut PhotonSettings)) -> Settings {
    let mut settings = settings(Some(EngineKind::Photon));
    change(settings.photon.as_mut().unwrap());
    settings
}

fn finding<'a>(found: &'a TableFindings, code: &str) -> Option<&'a Finding> {
    found.findings.iter().find(|finding| finding.code == code)
}

#[test]
fn a_way_of_partitioning_that_was_refused_is_not_planned() {
    let mut facts = plain_facts("sales.orders");
    by_day(&mut facts);
    let here = settings(Some(EngineKind::Embedded));
    let ways = |rows: &[(&str, Found)]| {
        let found = judged_after(&facts, &examined(rows), &here);
        let best = finding(&found, "IB-F014").unwrap().way.clone().unwrap().best;
        (partition_ways(&found.conversions).to_vec(), best)
    };
    let clustered = PartitionWay::Cluster { columns: vec!["at".into()] };
    assert_eq!(ways(&[]).0, [PartitionWay::AsIs, clustered.clone(), PartitionWay::LeftOut]);
    assert_eq!(ways(&[("rest_bucket", Differs), ("rest_hour", Holds)]).0.len(), 3);
    let (ways, best) = ways(&[("rest_hour", Differs)]);
    assert_eq!(ways, [clustered, PartitionWay::LeftOut]);
    assert!(best.contains("clustered by at") && !best.contains("as it is"), "{best}");
}

#[test]
fn a_clone_that_was_refused_is_planned_as_what_comes_after_it() {
    let mut facts = plain_facts("sales.orders");
    let asked = there(|photon| photon.method = Some(ClusterMethod::DeepClone));
    let refused = examined(&[("deep_clone", Differs)]);
    for (examined, method) in [(Examined::default(), "deep_clone was"), (refused.clone(), "ctas, because")] {
        let found = judged_after(&facts, &examined, &asked);
        assert!(found.engine_reason.contains(method), "{}", found.engine_reason);
        assert_eq!(finding(&found, "IB-F221").is_some(), method.starts_with("ctas"));
        // It is said before that NOT NULL is lost.
        assert_eq!(finding(&found, "IB-F112").is_some(), method.starts_with("ctas"));
    }
    // What a clone could not convert, the statement in its place can.
    facts.schema.fields[0].field_type = serde_json::from_value(json!("uuid")).unwrap();
    assert!(judged_after(&facts, &Examined::default(), &asked).is_blocked());
    assert!(!judged_after(&facts, &refused, &asked).is_blocked());
    let other = there(|photon| photon.method = Some(ClusterMethod::InsertSelect));
    assert!(finding(&judged_after(&facts, &refused, &other), "IB-F221").is_none());
}

#[test]
fn where_no_pin_can_be_read_the_choice_is_told_before_the_run() {
    let facts = plain_facts("sales.orders");
    let refused = examined(&[("pinned_read", Differs), ("primed_read", Differs)]);
    let found = judged_after(&facts, &refused, &there(|_| {}));
    assert!(finding(&found, "IB-F222").is_some() && !found.is_blocked(), "{:?}", found.findings);
    let strict = there(|photon| photon.unversioned = Some(false));
    let found = judged_after(&facts, &refused, &strict);
    assert!(finding(&found, "IB-F032").unwrap().fix.contains("photon.unversioned") && found.is_blocked());
    let primed = examined(&[("pinned_read", Differs), ("primed_read", Holds)]);
    let found = judged_after(&facts, &primed, &strict);
    assert!(finding(&found, "IB-F032").is_none() && finding(&found, "IB-F222").is_none());
}

#[test]
fn compute_that_is_not_to_be_had_is_told_before_the_run() {
    let facts = plain_facts("sales.orders");
    let codes = |rows: &[(&str, Found)], settings: &Settings| -> Vec<String> {
        let found = judged_after(&facts, &examined(rows).about("main"), settings);
        let codes = found.findings.iter().map(|finding| finding.code.to_string());
        codes.filter(|code| ["IB-F033", "IB-F223"].contains(&code.as_str())).collect()
    };
    let serverless = there(|photon| photon.compute = ComputeChoice::Serverless);
    assert_eq!(codes(&[("serverless", Differs)], &serverless), ["IB-F033"]);
    assert_eq!(codes(&[("serverless", NotAllowed)], &serverless), ["IB-F033"]);
    assert!(codes(&[("serverless", Holds)], &serverless).is_empty());
    assert!(codes(&[("serverless", Differs)], &there(|_| {})).is_empty());
    let default = ("storage", Differs);
    assert_eq!(codes(&[default], &there(|_| {})), ["IB-F223"]);
    assert!(codes(&[default], &serverless).is_empty(), "it was asked for");
    assert_eq!(codes(&[default, ("serverless", NotAllowed)], &there(|_| {})), ["IB-F033", "IB-F223"]);
    let machines = there(|photon| photon.node_type = Some("i3.xlarge".into()));
    assert_eq!(codes(&[default], &machines)[0], "IB-F033");
}

#[test]
fn an_endpoint_that_makes_no_tables_leaves_them_to_clusters() {
    let facts = plain_facts("sales.orders");
    let refused = examined(&[("rest_stage", Differs), ("rest_empty", Differs)]).about("main");
    let made_empty = examined(&[("rest_stage", Differs), ("rest_empty", Holds)]).about("main");
    assert!(!judged_after(&facts, &made_empty, &settings(Some(EngineKind::Embedded))).is_blocked());
    let here = judged_after(&facts, &refused, &settings(Some(EngineKind::Embedded)));
    assert!(here.is_blocked() && finding(&here, "IB-F031").is_some());
    let elsewhere = judged_after(&facts, &refused.clone().about("other"), &settings(Some(EngineKind::Embedded)));
    assert!(!elsewhere.is_blocked());
    let chosen = judged_after(&facts, &refused, &settings(None));
    assert_eq!((chosen.engine, chosen.is_blocked()), (EngineKind::Photon, false));
    assert!(chosen.engine_reason.contains("IB-F031"), "{}", chosen.engine_reason);
}

#[test]
fn a_bill_that_cannot_be_read_is_told_where_there_will_be_one() {
    let facts = plain_facts("sales.orders");
    let denied = examined(&[("bill", NotAllowed)]);
    assert!(finding(&judged_after(&facts, &denied, &there(|_| {})), "IB-F224").is_some());
    let here = settings(Some(EngineKind::Embedded));
    assert!(finding(&judged_after(&facts, &denied, &here), "IB-F224").is_none());
}

#[test]
fn tags_that_may_be_refused_are_told_of_their_tables() {
    let facts = plain_facts("sales.orders");
    let refused = BTreeMap::from([(facts.ident.clone(), vec!["level = x: its policy takes open".to_string()])]);
    let with = |refused_tags| Target { refused_tags, ..Target::of_kind(TargetKind::Unity) };
    let found = judged_on(&facts, &with(refused), &settings(None));
    assert_eq!(finding(&found, "IB-F225").unwrap().reason, "level = x: its policy takes open");
    let found = judged_on(&facts, &with(BTreeMap::new()), &settings(None));
    assert!(finding(&found, "IB-F225").is_none());
}
