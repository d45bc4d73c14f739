use super::*;

fn parse(text: &str) -> Result<Option<Filter>> {
    Filter::parse(text, ScopeKind::Run)
}

fn numbers(text: &str) -> Vec<Operand> {
    match Filter::parse(text, ScopeKind::Inventory).unwrap() {
        Some(Filter::Test(test)) => test.values,
        other => panic!("{other:?}"),
    }
}

#[test]
fn and_binds_tighter_than_or() {
    let filter = parse("state=failed and bytes>1GB or not (name~orders)").unwrap().unwrap();
    assert_eq!(filter.to_string(), r#"((state="failed") and (bytes>1000000000)) or (not (name~"orders"))"#);
    assert_eq!(parse("  ").unwrap(), None);
}

#[test]
fn what_is_written_is_read_back_the_same() {
    let texts = [
        "state=failed,cancelled",
        "name=\"a \"\"b\"\" and (c)\"",
        "not not bytes<=1.5GiB",
        "(state!=migrated or rows>=1_000) and owed>0 and engine=photon",
        "error=\"\"",
    ];
    for text in texts {
        let filter = parse(text).unwrap().unwrap();
        assert_eq!(parse(&filter.to_string()).unwrap().as_ref(), Some(&filter), "{text} as {filter}");
    }
    let day = Filter::parse("updated>2024-02-29", ScopeKind::Inventory).unwrap().unwrap();
    assert_eq!(day.to_string(), "updated>2024-02-29");
}

#[test]
fn sizes_and_days_have_units() {
    for (text, number) in [
        ("bytes=0", 0),
        ("bytes=12B", 12),
        ("bytes=1.5kb", 1500),
        ("bytes=2KiB", 2048),
        ("bytes>1_000", 1000),
        ("updated>1970-01-02", 86_400_000),
        ("updated>1969-12-31", -86_400_000),
        ("updated<2024-02-29", 1_709_164_800_000),
    ] {
        assert_eq!(numbers(text), [Operand::Number(number)], "{text}");
    }
    for text in
        ["bytes=1.GB", "bytes=GB", "bytes=1e9", "bytes=99999999PB", "updated>today", "updated>2026-13-01", "rows=1.5"]
    {
        assert!(Filter::parse(text, ScopeKind::Inventory).is_err(), "{text}");
    }
}

#[test]
fn what_is_not_known_is_refused_and_what_there_is_is_named() {
    let hint = |text: &str| parse(text).unwrap_err().hint.unwrap_or_default();
    assert!(hint("colour=red").contains("name, namespace, target, state"));
    assert!(hint("state=broken").contains("failed, copying"));
    for text in [
        "state",
        "state=",
        "state failed",
        "=1",
        "state=failed and",
        "(state=failed",
        "state=failed)",
        "name=\"x",
        "name>1",
        "bytes~1",
        "state=failed bytes>1",
        "and",
        "not",
        "bytes>1,2",
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.code, crate::Code::InvalidInput, "{text}");
    }
}

#[test]
fn a_hostile_filter_is_refused_and_not_followed() {
    assert!(parse(&"not ".repeat(2000)).is_err());
    assert!(parse(&format!("{}state=failed", "(".repeat(5000))).is_err());
    assert!(parse(&format!("name=\"{}\"", "x".repeat(MAX_LENGTH))).is_err());
    assert!(parse("name=\"ü\" and ü").is_err());
}
