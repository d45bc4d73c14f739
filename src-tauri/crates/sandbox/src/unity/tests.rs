//! Who may do what, on the workspace that every sandbox has.

use super::governed::TagPolicy;
use super::objects::Column;
use super::types::Type;
use super::{GrantChange, Kind, Metastore, Securable, sample};
use crate::base::Refusal;
use crate::state::{ACCOUNT_USERS, ADMIN, PILOT, Principal, Principals};

fn metastore() -> Metastore {
    sample::metastore(2_500, 7, 1_000, false)
}

fn principal(name: &str) -> Principal {
    Principals::default().get(name).cloned().unwrap()
}

fn change(
    metastore: &mut Metastore,
    caller: &str,
    securable: &Securable,
    principal_name: &str,
    add: &str,
) -> Result<(), Refusal> {
    let change = GrantChange { principal: principal_name.to_owned(), add: vec![add.to_owned()], remove: Vec::new() };
    metastore.change_grants(&principal(caller), &Principals::default(), securable, &[change])
}

fn on(kind: Kind, name: &str) -> Securable {
    Securable::new(kind, name)
}

#[test]
fn a_privilege_reaches_what_lies_below() {
    let metastore = metastore();
    let (pilot, admin) = (principal(PILOT), principal(ADMIN));
    for (who, kind, name, privilege, expected) in [
        (&pilot, Kind::Table, "glue_lake.sales.orders", "SELECT", true),
        (&pilot, Kind::Table, "Glue_Lake.Sales.ORDERS", "SELECT", true),
        (&pilot, Kind::Table, "glue_lake.sales.orders", "MODIFY", false),
        (&pilot, Kind::Table, "lake.s0000.t000001", "SELECT", true),
        (&pilot, Kind::Table, "main.silver.kept", "MODIFY", true),
        (&pilot, Kind::Schema, "main.silver", "EXTERNAL_USE_SCHEMA", false),
        (&pilot, Kind::Volume, "main.default.icebridge", "WRITE_VOLUME", true),
        (&pilot, Kind::Catalog, "glue_lake", "CREATE_SCHEMA", false),
        (&admin, Kind::Table, "snow.public.accounts", "MODIFY", true),
        (&admin, Kind::Table, "main.silver.kept", "EXTERNAL_USE_SCHEMA", true),
        (&admin, Kind::Table, "system.billing.usage", "SELECT", true),
    ] {
        assert_eq!(metastore.allows(who, &on(kind, name), privilege), expected, "{} {privilege} {name}", who.name);
    }
    assert!(metastore.manages(&admin, &on(Kind::Table, "glue_lake.sales.orders")));
    assert!(!metastore.manages(&pilot, &on(Kind::Table, "main.silver.kept")), "ALL PRIVILEGES is not MANAGE");
}

#[test]
fn grants_are_checked_and_changed_all_or_none() {
    let mut metastore = metastore();
    let table = on(Kind::Table, "main.silver.kept");
    for (securable, principal, privilege, code) in [
        (&table, "x@y.example", "SELECT", "PRINCIPAL_DOES_NOT_EXIST"),
        (&table, PILOT, "EXTERNAL_USE_SCHEMA", "PRIVILEGE_NOT_APPLICABLE_TO_ENTITY"),
        (&table, PILOT, "FLY", "INVALID_PARAMETER_VALUE"),
        (&on(Kind::Table, "main.silver.none"), PILOT, "SELECT", "TABLE_DOES_NOT_EXIST"),
        (&on(Kind::Volume, "main.default.icebridge"), PILOT, "SELECT", "PRIVILEGE_NOT_APPLICABLE_TO_ENTITY"),
    ] {
        let refusal = change(&mut metastore, ADMIN, securable, principal, privilege).unwrap_err();
        assert_eq!(refusal.code, code, "{privilege} to {principal}");
        assert_eq!(refusal.domain, Some("unity-catalog.databricks.com"));
    }
    let both = GrantChange { principal: PILOT.into(), add: vec!["SELECT".into(), "FLY".into()], remove: Vec::new() };
    assert!(metastore.change_grants(&principal(ADMIN), &Principals::default(), &table, &[both]).is_err());
    assert_eq!(metastore.grants.of(&table).count(), 0, "none of two where one is wrong");
    assert_eq!(change(&mut metastore, PILOT, &table, PILOT, "SELECT").unwrap_err().status, 403);
    change(&mut metastore, ADMIN, &table, PILOT, "MANAGE").unwrap();
    change(&mut metastore, PILOT, &table, ACCOUNT_USERS, "apply tag").unwrap();
    let held: Vec<&String> = metastore.grants.of(&table).map(|(name, _)| name).collect();
    assert_eq!(held, [ACCOUNT_USERS, PILOT]);
}

#[test]
fn the_gate_has_two_halves_and_only_the_catalogs_owner_opens_the_second() {
    let mut metastore = metastore();
    let (pilot, schema) = (principal(PILOT), on(Kind::Schema, "main.silver"));
    let refused =
        |metastore: &Metastore| metastore.must_allow_external(&pilot, &schema, &["CREATE_TABLE"]).unwrap_err().message;
    assert!(refused(&metastore).contains("External data access is not enabled"));
    metastore.external_access = true;
    assert!(refused(&metastore).contains("EXTERNAL USE SCHEMA"));
    metastore.schemas.get_mut("main.silver").unwrap().owner = PILOT.to_owned();
    let refusal = change(&mut metastore, PILOT, &schema, PILOT, "EXTERNAL_USE_SCHEMA").unwrap_err();
    assert!(refusal.message.contains("Only the owner of CATALOG 'main'"), "{}", refusal.message);
    change(&mut metastore, ADMIN, &schema, PILOT, "EXTERNAL_USE_SCHEMA").unwrap();
    assert!(metastore.must_allow_external(&pilot, &schema, &["CREATE_TABLE"]).is_ok());
    metastore.set_gate(false, &["main.silver".to_owned()], PILOT);
    assert!(refused(&metastore).contains("External data access is not enabled"));
    let open = sample::metastore(0, 7, 1_000, true);
    assert!(open.must_allow_external(&pilot, &on(Kind::Table, "main.silver.kept"), &["SELECT"]).is_ok());
}

#[test]
fn grants_and_ownership_of_the_deleted_stay_under_their_id() {
    let mut metastore = metastore();
    let mut principals = Principals::default();
    principals.add("lea@sandbox.example", Vec::new());
    let table = on(Kind::Table, "main.silver.kept");
    let grant = |metastore: &mut Metastore, principals: &Principals, name: &str| {
        let change = GrantChange { principal: name.to_owned(), add: vec!["SELECT".into()], remove: Vec::new() };
        metastore.change_grants(&principal(ADMIN), principals, &table, &[change])
    };
    grant(&mut metastore, &principals, "LEA@Sandbox.example").unwrap();
    assert_eq!(metastore.grants.of(&table).next().unwrap().0, "lea@sandbox.example", "as the workspace spells it");
    metastore.set_owner(&principal(ADMIN), &principals, &table, "lea@sandbox.example").unwrap();
    let lea = principals.get("lea@sandbox.example").cloned().unwrap();
    assert!(metastore.manages(&lea, &table));
    let (name, id) = principals.remove("lea@sandbox.example").unwrap();
    metastore.forget_principal(&name, id);
    assert_eq!(metastore.grants.of(&table).count(), 1);
    assert!(!metastore.manages(&lea, &table) && !metastore.grants.holds(&lea, &table, "SELECT"));
    assert_eq!(grant(&mut metastore, &principals, "lea@sandbox.example").unwrap_err().code, "PRINCIPAL_DOES_NOT_EXIST");
    principals.add("lea@sandbox.example", Vec::new());
    let again = principals.get("lea@sandbox.example").cloned().unwrap();
    assert!(!metastore.manages(&again, &table), "the new one of that name is somebody else");
}

#[test]
fn predictive_optimization_is_inherited() {
    let mut metastore = metastore();
    let (admin, schema, table) =
        (principal(ADMIN), on(Kind::Schema, "main.bronze"), on(Kind::Table, "main.silver.kept"));
    assert_eq!(metastore.optimization(&schema)["value"], "DISABLE");
    metastore.set_optimization(&admin, &on(Kind::Catalog, "main"), "ENABLE").unwrap();
    let inherited = metastore.optimization(&table);
    assert_eq!((&inherited["value"], &inherited["inherited_from_name"]), (&"ENABLE".into(), &"main".into()));
    metastore.set_optimization(&admin, &schema, "DISABLE").unwrap();
    assert_eq!(metastore.optimization(&schema), serde_json::json!({"value": "DISABLE"}));
    assert!(metastore.set_optimization(&admin, &schema, "MAYBE").is_err());
    assert!(metastore.set_optimization(&principal(PILOT), &schema, "ENABLE").is_err());
}

#[test]
fn tags_are_on_what_exists_and_set_by_those_who_may() {
    let mut metastore = metastore();
    assert_eq!(metastore.tags_of("columns", "glue_lake.sales.orders.customer").unwrap()["pii"], "name");
    assert!(metastore.tags_of("columns", "glue_lake.sales.orders.none").is_err());
    assert!(metastore.tags_of("rows", "glue_lake.sales.orders").is_err());
    let table = "glue_lake.sales.orders";
    let tag = |metastore: &mut Metastore, value: &str| {
        metastore.set_tags(&principal(PILOT), "tables", table, vec![("a".into(), value.into())])
    };
    assert_eq!(tag(&mut metastore, "b").unwrap_err().status, 403);
    change(&mut metastore, ADMIN, &on(Kind::Table, table), PILOT, "APPLY_TAG").unwrap();
    tag(&mut metastore, "b").unwrap();
    assert_eq!(metastore.tags_of("tables", "GLUE_LAKE.sales.orders").unwrap().len(), 2);
    let policy = TagPolicy {
        key: "a".into(),
        id: "1".into(),
        description: String::new(),
        values: vec!["c".into()],
        created: 1,
        updated: 1,
        assigners: Vec::new(),
    };
    metastore.tag_policies.insert("a".into(), policy);
    assert_eq!(tag(&mut metastore, "c").unwrap_err().status, 403, "who may tag may not assign what is governed");
    metastore.tag_policies.get_mut("a").unwrap().assigners.push(PILOT.to_owned());
    assert_eq!(tag(&mut metastore, "d").unwrap_err().status, 400, "no value of it");
    tag(&mut metastore, "c").unwrap();
    assert_eq!(metastore.unset_tag(&principal(PILOT), "tables", table, "a").unwrap().as_deref(), Some("c"));
}

#[test]
fn every_generated_table_is_listed_once_and_a_changed_one_stays_in_place() {
    let mut metastore = metastore();
    let places = |metastore: &Metastore, schema: &str| -> Vec<String> {
        let (total, at) = metastore.tables_of(schema);
        (0..total).filter_map(at).map(|table| table.full_name).collect()
    };
    let counts: Vec<usize> =
        ["lake.s0000", "lake.s0001", "lake.s0002"].iter().map(|schema| places(&metastore, schema).len()).collect();
    assert_eq!(counts, [1_000, 1_000, 500]);
    let before = places(&metastore, "lake.s0002");
    metastore.set_owner(&principal(ADMIN), &Principals::default(), &on(Kind::Table, &before[7]), PILOT).unwrap();
    assert_eq!(places(&metastore, "lake.s0002"), before);
    assert_eq!(metastore.tables_of("lake.s0002").1(7).unwrap().owner, PILOT);
    assert_eq!(metastore.all_tables().count(), 2_500 + 12);
    assert!(metastore.drop_table(&principal(ADMIN), &before[7]).is_err());
}

#[test]
fn columns_are_changed_by_name_in_any_case() {
    let mut metastore = metastore();
    let admin = principal(ADMIN);
    let column: &mut Column = metastore.column_mut(&admin, "main.silver.kept", "ID").unwrap();
    assert_eq!(column.kind, Type::read("bigint").unwrap());
    assert!(metastore.column_mut(&admin, "main.silver.kept", "none").is_err());
    assert!(metastore.column_mut(&principal(PILOT), "main.silver.kept", "id").is_err());
}
