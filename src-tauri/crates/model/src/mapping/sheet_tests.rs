use super::super::{CaseRule, Rule, resolve};
use super::*;

fn ident(text: &str) -> TableIdent {
    TableIdent::parse(text).unwrap()
}

fn known() -> Vec<TableIdent> {
    ["sales.orders", "sales.`odd, \"one\"`", "größe.`a.b`", "x.漢字", "x.plain"].map(ident).into()
}

fn mapping() -> Mapping {
    let mut mapping = Mapping::standard();
    mapping.overrides = vec![
        Override { source: ident("sales.`odd, \"one\"`"), target: Some(ident("sales.`odd,\"two\"`")) },
        Override { source: ident("größe.`a.b`"), target: Some(ident("größe.ab")) },
        Override { source: ident("x.plain"), target: None },
    ];
    mapping
}

fn sorted(mut mapping: Mapping) -> Mapping {
    mapping.overrides.sort_by(|a, b| a.source.cmp(&b.source));
    mapping
}

#[test]
fn a_sheet_brought_back_unchanged_changes_nothing() {
    let preview = resolve(&mapping(), &known(), &|_| false).unwrap();
    let text = to_csv(&preview).unwrap();
    assert_eq!(text.lines().count(), 6, "{text}");
    for spoiled in [text.clone(), format!("\u{feff}{text}"), text.replace('\n', "\r\n"), format!("{text}\n,,\n")] {
        let back = from_csv(&mapping(), &known(), &spoiled).unwrap();
        assert_eq!(sorted(back), sorted(mapping()));
    }
}

#[test]
fn an_edit_becomes_an_override_and_agreement_with_the_rules_ends_one() {
    let text = "target,source\nlake.o,sales.orders\nx.plain,x.plain\n";
    let back = from_csv(&mapping(), &known(), text).unwrap();
    let of = |t: &str| back.overrides.iter().find(|o| o.source == ident(t)).map(|o| o.target.clone());
    assert_eq!(of("sales.orders"), Some(Some(ident("lake.o"))));
    assert_eq!(of("x.plain"), None, "the sheet says what the rule says");
    assert_eq!(of("größe.`a.b`"), Some(Some(ident("größe.ab"))), "not in the sheet: kept");
    assert_eq!(back.rules, mapping().rules);
}

#[test]
fn excluded_is_the_only_way_to_leave_a_table_out() {
    let back = from_csv(&Mapping::standard(), &known(), "source,target,state\nx.plain,,EXCLUDED\n").unwrap();
    assert_eq!(back.overrides, [Override { source: ident("x.plain"), target: None }]);
}

#[test]
fn an_excluding_rule_can_be_overruled_by_the_sheet() {
    let rule = Rule { exclude: true, case: CaseRule::Keep, ..Mapping::standard().rules[0].clone() };
    let mapping = Mapping { rules: vec![rule], overrides: vec![] };
    let back = from_csv(&mapping, &known(), "source,target,state\nx.plain,x.plain,create\n").unwrap();
    assert_eq!(back.overrides.len(), 1);
}

#[test]
fn mistakes_are_named_by_line() {
    for (text, line) in [
        ("a,b\n", 1),
        ("source,target,state\nsales.orders,x.y,create\nsales.,x.y,\n", 3),
        ("source,target,state\nno.such,x.y,create\n", 2),
        ("source,target,state\nsales.orders,,create\n", 2),
        ("source,target,state\nsales.orders,`x,create\n", 2),
        ("source,target,state\nsales.orders,x.y,later\n", 2),
        ("source,target\n\nsales.orders,x.y\nsales.orders,x.z\n", 4),
        ("source,target\n\"sales.orders\",\"x.y\"\nx.plain,\"a\nb.\"\n", 3),
    ] {
        let error = from_csv(&Mapping::standard(), &known(), text).unwrap_err();
        assert!(error.message.starts_with(&format!("line {line}:")), "{text:?}: {error}");
    }
}
