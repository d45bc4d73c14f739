use super::*;
use icebridge_model::logs::LogLevel;
use proptest::prelude::*;
use serde_json::json;

fn pseudonyms(names: &[(Kind, &str)]) -> Pseudonyms {
    let mut known = Names::default();
    names.iter().for_each(|(kind, name)| known.add(*kind, name));
    Pseudonyms::new(known).unwrap()
}

#[test]
fn a_name_has_one_pseudonym_in_an_archive_and_another_in_the_next() {
    let one = pseudonyms(&[(Kind::Name, "orders"), (Kind::Host, "lake.example.com")]);
    let orders = one.whole("orders");
    assert!(orders.starts_with("name-") && orders.len() == 13, "{orders}");
    assert_eq!(one.text("table Orders has failed"), format!("table {orders} has failed"), "case does not count");
    assert_eq!(one.whole("sales.orders").split_once('.').unwrap().1, orders);
    assert_eq!(one.text("reorders and orders2 stay"), "reorders and orders2 stay");
    assert!(one.text("lake.example.com is gone").starts_with("host-"));
    assert_ne!(pseudonyms(&[]).whole("orders"), orders, "the salt is new");
}

#[test]
fn what_looks_like_a_name_goes_too() {
    let none = pseudonyms(&[]);
    for (text, kept) in [
        ("cannot read s3://acme-bucket/wh/orders/00001.metadata.json", "cannot read s3://host-"),
        ("https://acme.cloud.databricks.com:443/api/2.1 refused", "https://host-"),
        ("no file /home/zoe/acme", "no file path-"),
        ("C:\\acme\\x is missing", "path-"),
        ("granted to zoe@acme.com", "granted to user-"),
        ("10.1.2.3 does not answer (acme.sales)", "host-"),
        ("the column `acme total` is missing", "the column `name-"),
        ("metadata/acme-m0.avro is missing", "path-"),
        ("there is no catalog of this name (acme) [catalog-not-found]", "there is no catalog of this name (name-"),
        ("the file is damaged (s3://acme/x y): not Parquet [file-broken]", "the file is damaged (s3://host-"),
    ] {
        let replaced = none.text(text);
        assert!(replaced.starts_with(kept), "{text} -> {replaced}");
        let lost = ["acme", "zoe", "10.1.2.3"];
        assert!(lost.iter().all(|name| !replaced.contains(name)), "{text} -> {replaced}");
    }
    for text in
        ["12 rows of 3 files at 10:00:00", "use `icebridge plan` or `--source`", "http://localhost:8181", "127.0.0.1"]
    {
        assert_eq!(none.text(text), text);
    }
    assert!(none.text("https://acme.com:8443/x").contains(":8443/path-"), "the port stays");
}

#[test]
fn json_and_lines_keep_the_programs_own_words() {
    let names = pseudonyms(&[(Kind::Name, "acme"), (Kind::Name, "running")]);
    let mut value = json!({
        "state": "running", "catalog": "acme", "kind": "rest", "uri": "https://acme.example.com/x", "tables": 3,
        "spark.sql.catalog.acme.uri": "x", "by": "ann", "checked": true,
    });
    names.json(&mut value);
    assert_eq!((&value["state"], &value["kind"], &value["tables"]), (&json!("running"), &json!("rest"), &json!(3)));
    let text = value.to_string();
    assert!(!text.contains("acme") && !text.contains("ann"), "{text}");
    let mut line = LogLine {
        at: "2026-01-31T10:00:00.123456Z".into(),
        level: LogLevel::Info,
        process: 1,
        target: "icebridge_core::run".into(),
        message: "acme was copied".into(),
        run: Some("0199".into()),
        table: Some("acme.orders".into()),
        step: None,
        span: "run:table".into(),
        fields: [("target_table".to_string(), json!("acme.x")), ("state".to_string(), json!("copying"))].into(),
    };
    names.line(&mut line);
    let text = serde_json::to_string(&line).unwrap();
    assert!(!text.contains("acme") && !text.contains("orders"), "{text}");
    assert!(text.contains("icebridge_core::run") && text.contains("copying") && text.contains("0199"), "{text}");
}

#[test]
fn names_are_harvested_from_fields() {
    let mut names = Names::default();
    names.harvest(&json!([{"table": "sales.`eu.orders`", "error": {"object": "other"}, "by": "ann"}]));
    let names = Pseudonyms::new(names).unwrap();
    let text = names.text("sales, eu.orders, other, ann");
    assert!(
        !text.contains("sales") && !text.contains("orders") && !text.contains("other") && !text.contains("ann"),
        "{text}"
    );
}

proptest! {
    #[test]
    fn known_names_never_stay(name in "[A-Za-z][A-Za-z0-9_]{3,15}", before in "[a-z ]{0,10}", after in "[ .,:;/()'\"=a-z]{0,10}") {
        prop_assume!(!before.contains(&name.to_lowercase()) && !after.contains(&name.to_lowercase()));
        // A pseudonym's own words are no names.
        prop_assume!(!["name", "host", "path", "user"].iter().any(|word| name.eq_ignore_ascii_case(word)));
        prop_assume!(!name.chars().all(|c| c.is_ascii_hexdigit()));
        let names = pseudonyms(&[(Kind::Name, &name)]);
        let replaced = names.text(&format!("{before} {name} {after}"));
        prop_assert!(!replaced.contains(&name), "{replaced}");
        let replaced = names.text(&format!("{before}={name},{after}"));
        prop_assert!(!replaced.contains(&name), "{replaced}");
        let whole = names.whole(&format!("{name}.x"));
        prop_assert!(!whole.contains(&name), "{whole}");
    }

    #[test]
    fn any_text_is_taken(any in "\\PC{0,200}") {
        let names = pseudonyms(&[(Kind::Name, "ab"), (Kind::Path, "/x y/z")]);
        names.text(&any);
        names.whole(&any);
    }
}
