use super::*;
use crate::identity::{Group, Me};
use crate::unity::{EffectiveAssignment, EffectivePrivilege, Metastore};
use icebridge_model::Code;
use std::collections::BTreeMap;

fn me() -> Me {
    let group = |name: &str| Group { display: Some(name.into()), value: None, membership: None };
    Me {
        id: "1".into(),
        user_name: "me@x.example".into(),
        display_name: None,
        active: Some(true),
        may_be_in_any_group: false,
        groups: vec![group("movers")],
    }
}

fn grants(principal: &str, privilege: &str) -> Grants {
    let privilege = EffectivePrivilege {
        privilege: privilege.into(),
        inherited_from_type: Some("CATALOG".into()),
        inherited_from_name: Some("lake".into()),
    };
    let assignments = vec![EffectiveAssignment { principal: principal.into(), privileges: vec![privilege] }];
    Grants { assignments, hidden: None }
}

fn facts(enabled: Option<bool>, catalog: CatalogFacts, schema: SchemaFacts) -> GateFacts {
    GateFacts {
        host: "https://h.example".into(),
        me: me(),
        metastore: Metastore {
            metastore_id: "m-1".into(),
            name: "main".into(),
            owner: Some("admins".into()),
            external_access_enabled: enabled,
            ..Metastore::default()
        },
        catalogs: BTreeMap::from([("lake".to_string(), catalog)]),
        schemas: vec![(Target { catalog: "lake".into(), schema: "raw`1".into() }, schema)],
    }
}

fn catalog(owner: &str) -> CatalogFacts {
    CatalogFacts { exists: true, owner: Some(owner.into()), ..CatalogFacts::default() }
}

fn schema(grants: Grants) -> SchemaFacts {
    SchemaFacts { exists: true, owner: Some("me@x.example".into()), grants, ..SchemaFacts::default() }
}

#[test]
fn a_grant_to_us_or_a_group_of_ours_opens_it() {
    for principal in ["me@x.example", "ME@x.example", "movers", "account users"] {
        for privilege in ["EXTERNAL_USE_SCHEMA", "EXTERNAL USE SCHEMA"] {
            let gate = judge(&facts(Some(true), catalog("boss"), schema(grants(principal, privilege))));
            assert!(gate.is_open(), "{principal} {privilege}: {gate:?}");
            assert!(gate.pass().is_ok());
            assert!(gate.met[1].contains("inherited from lake"), "{:?}", gate.met);
        }
    }
}

#[test]
fn neither_all_privileges_nor_ownership_nor_others_open_it() {
    let cases = [("me@x.example", "ALL_PRIVILEGES"), ("others", "EXTERNAL_USE_SCHEMA"), ("movers", "USE_SCHEMA")];
    for (principal, privilege) in cases {
        // The schema is ours in all of them.
        let gate = judge(&facts(Some(true), catalog("boss"), schema(grants(principal, privilege))));
        let [unmet] = &gate.unmet[..] else { panic!("{gate:?}") };
        assert_eq!(unmet.requirement, Requirement::ExternalUseSchema);
        assert_eq!(unmet.sql.as_deref(), Some("GRANT EXTERNAL USE SCHEMA ON SCHEMA `lake`.`raw``1` TO `me@x.example`"));
        assert!(unmet.who.contains("boss") && !unmet.ourselves, "{}", unmet.who);
        let call = unmet.call.as_ref().unwrap();
        assert_eq!(call.address, "https://h.example/api/2.1/unity-catalog/permissions/schema/lake.raw%601");
        assert_eq!(call.body["changes"][0]["add"][0], "EXTERNAL_USE_SCHEMA");
        assert_eq!(gate.pass().unwrap_err().code, Code::GateClosed);
    }
}

#[test]
fn the_catalogs_owner_is_asked_to_grant_it_to_itself() {
    for owner in ["me@x.example", "movers"] {
        let gate = judge(&facts(Some(true), catalog(owner), schema(Grants::default())));
        assert!(gate.unmet[0].ourselves && gate.unmet[0].who.contains("yourself"), "{gate:?}");
    }
}

#[test]
fn where_the_schema_takes_no_grant_the_catalog_does() {
    let default_storage = SchemaFacts { securable_kind: Some("SCHEMA_DB_STORAGE".into()), ..schema(Grants::default()) };
    for facts_of_schema in [default_storage, SchemaFacts::default()] {
        let gate = judge(&facts(Some(true), catalog("boss"), facts_of_schema));
        assert_eq!(gate.unmet[0].sql.as_deref(), Some("GRANT EXTERNAL USE SCHEMA ON CATALOG `lake` TO `me@x.example`"));
    }
    // A schema that is not there yet inherits from its catalog.
    let granted = CatalogFacts { grants: grants("movers", "EXTERNAL_USE_SCHEMA"), ..catalog("boss") };
    assert!(judge(&facts(Some(true), granted, SchemaFacts::default())).is_open());
}

#[test]
fn external_access_that_is_off_or_not_known_closes_it() {
    for said in [Some(false), None] {
        let gate = judge(&facts(said, catalog("boss"), schema(grants("movers", "EXTERNAL_USE_SCHEMA"))));
        let [unmet] = &gate.unmet[..] else { panic!("{gate:?}") };
        assert_eq!(unmet.requirement, Requirement::ExternalDataAccess);
        assert_eq!(unmet.unsure, said.is_none());
        assert!(unmet.who.contains("admins"));
        let line = unmet.call.as_ref().unwrap().to_line();
        assert_eq!(
            line,
            r#"PATCH https://h.example/api/2.1/unity-catalog/metastores/m-1 {"external_access_enabled":true}"#
        );
        assert!(gate.pass().unwrap_err().hint.unwrap().contains("PATCH"));
    }
}

#[test]
fn what_could_not_be_seen_is_said_to_be_unsure() {
    let denied = icebridge_model::Error::new(Code::AccessDenied, "no");
    let hidden = Grants { assignments: vec![], hidden: Some(denied) };
    let gate = judge(&facts(Some(true), catalog("boss"), schema(hidden)));
    assert!(gate.unmet[0].unsure && gate.unmet[0].why.contains("not all grants"));
    let gate = judge(&facts(Some(true), CatalogFacts::default(), SchemaFacts::default()));
    assert_eq!(gate.unmet[0].requirement, Requirement::CatalogVisible);
}
