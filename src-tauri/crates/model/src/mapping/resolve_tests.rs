use super::super::{CaseRule, Override, PatternKind};
use super::*;

fn ident(text: &str) -> TableIdent {
    TableIdent::parse(text).unwrap()
}

fn rule(pattern: &str, namespace: &str, table: &str) -> Rule {
    Rule {
        kind: PatternKind::Glob,
        pattern: pattern.into(),
        target_namespace: namespace.into(),
        target_table: table.into(),
        case: CaseRule::Keep,
        exclude: false,
    }
}

fn preview(mapping: &Mapping, tables: &[&str]) -> Vec<(String, MappingState)> {
    let tables: Vec<_> = tables.iter().map(|t| ident(t)).collect();
    let preview = resolve(mapping, &tables, &|_| false).unwrap();
    let name = |row: &MappingRow| row.target.as_ref().map(ToString::to_string).unwrap_or_default();
    preview.rows.iter().map(|row| (name(row), row.state)).collect()
}

fn target(rule: Rule, table: &str) -> String {
    preview(&Mapping { rules: vec![rule], overrides: vec![] }, &[table]).remove(0).0
}

#[test]
fn the_standard_mapping_flattens_and_folds() {
    let rows = preview(&Mapping::standard(), &["Sales.EU.Orders", "a.b", "lonely"]);
    let names: Vec<_> = rows.iter().map(|r| r.0.as_str()).collect();
    assert_eq!(names, ["sales_eu.orders", "a.b", "default.lonely"]);
}

#[test]
fn placeholders_and_groups() {
    assert_eq!(target(rule("*", "{namespace}", "{table}_v2"), "a.b.c"), "a.b.c_v2");
    assert_eq!(target(rule("raw_*.*", "{0}", "{1}"), "raw_sales.orders"), "sales.orders");
    assert_eq!(target(rule("*", "x_{namespace}_y", "{table}"), "a.b.c"), "x_a.b_y.c");
    assert_eq!(target(rule("*", "lake", "{namespace_flat}__{table}"), "a.b.c"), "lake.a_b__c");
    assert_eq!(target(rule("a.*", "x", "{0}"), "a.`odd.one`"), "x.`odd.one`");
    let mut by_regex = rule(r"(?<env>dev|prod)_(\w+)\.(.*)", "{2}", "{env}_{3}");
    by_regex.kind = PatternKind::Regex;
    assert_eq!(target(by_regex, "prod_sales.orders"), "sales.prod_orders");
    assert_eq!(target(rule("*", "a{{b}}", "t"), "x.y"), "a{b}.t");
}

#[test]
fn the_first_rule_wins_and_an_override_beats_it() {
    let mut hidden = rule("a.tmp_*", "", "");
    hidden.exclude = true;
    let mapping = Mapping {
        rules: vec![hidden, rule("a.*", "first", "{table}"), rule("*", "second", "{table}")],
        overrides: vec![
            Override { source: ident("a.tmp_2"), target: Some(ident("kept.anyway")) },
            Override { source: ident("b.x"), target: None },
        ],
    };
    let tables: Vec<_> = ["a.tmp_1", "a.tmp_2", "a.t", "b.t", "b.x"].map(ident).into();
    let preview = resolve(&mapping, &tables, &|t| *t == ident("second.t")).unwrap();
    let seen: Vec<_> = preview.rows.iter().map(|r| (r.state, r.because.as_str())).collect();
    use MappingState::*;
    assert_eq!(
        seen,
        [
            (Excluded, "left out by rule 1"),
            (Create, "override"),
            (Create, "rule 2"),
            (Exists, "rule 3"),
            (Excluded, "left out by override"),
        ]
    );
    assert_eq!((preview.mapped, preview.excluded, preview.conflicts), (3, 2, 0));
}

#[test]
fn a_table_no_rule_matches_is_visibly_left_out() {
    let preview =
        resolve(&Mapping { rules: vec![rule("a.*", "x", "{table}")], overrides: vec![] }, &[ident("b.t")], &|_| false);
    assert_eq!(preview.unwrap().rows[0].because, "no rule matches");
}

#[test]
fn collisions_are_found_whatever_the_case() {
    use MappingState::*;
    let keep = Mapping { rules: vec![rule("*", "{namespace_flat}", "{table}")], overrides: vec![] };
    assert_eq!(
        preview(&keep, &["a.Orders", "a.orders", "a.b.t", "a_b.t", "a.free"]).iter().map(|r| r.1).collect::<Vec<_>>(),
        [Conflict, Conflict, Conflict, Conflict, Create]
    );
    let tables = [ident("a.Orders"), ident("a.orders"), ident("a.ORDERS")];
    let rows = resolve(&keep, &tables, &|_| true).unwrap().rows;
    assert!(rows[0].problem.contains("a.orders") && rows[0].problem.contains("case"), "{}", rows[0].problem);
    assert!(rows[0].problem.contains("1 more"), "{}", rows[0].problem);
}

#[test]
fn names_the_target_refuses_are_conflicts() {
    for table in ["a.`x y`", "a.`x/y`", "a.`odd.one`", "`odd.one`.t"] {
        assert_eq!(preview(&Mapping::standard(), &[table])[0].1, MappingState::Conflict, "{table}");
    }
}

#[test]
fn a_rule_that_cannot_be_understood_is_named_by_its_number() {
    for broken in [rule("[", "a", "b"), rule("*", "{nowhere}", "b"), rule("*", "a", "{1}"), rule("*", "{table", "b")] {
        let mapping = Mapping { rules: vec![rule("*", "a", "{0}"), broken], overrides: vec![] };
        let error = resolve(&mapping, &[], &|_| false).unwrap_err();
        assert!(error.message.starts_with("rule 2:"), "{error}");
    }
}

/// Every mapping of every set of tables keeps these promises, whatever the names are.
#[test]
fn promises_hold_for_random_names() {
    let mut random = Random(7);
    for round in 0..300 {
        let mut tables: Vec<_> = (0..1 + random.below(30)).map(|_| random.table()).collect();
        tables.sort();
        tables.dedup();
        let case = [CaseRule::Keep, CaseRule::Lower, CaseRule::Upper, CaseRule::Snake][random.below(4)];
        let mut mapping = Mapping::standard();
        mapping.rules[0].case = case;
        let preview = resolve(&mapping, &tables, &|t| t.name.len() % 3 == 0).unwrap();
        assert_eq!(preview, resolve(&mapping, &tables, &|t| t.name.len() % 3 == 0).unwrap(), "deterministic");
        assert_eq!(preview.rows.len(), tables.len());
        assert_eq!(preview.mapped + preview.excluded + preview.conflicts, tables.len());
        let mut taken = std::collections::HashSet::new();
        for row in &preview.rows {
            let target = row.target.as_ref().unwrap();
            assert_eq!(row.state == MappingState::Conflict, !row.problem.is_empty());
            if row.state != MappingState::Conflict {
                assert!(taken.insert(fold(target)), "round {round}: {target} is given twice");
                assert_eq!(TableIdent::parse(&target.to_string()).as_ref(), Ok(target));
                assert!(!target.name.is_empty() && !target.name.contains(['.', '/', ' ']));
                assert_eq!(target.namespace.len(), 1);
            }
        }
    }
}

#[test]
fn ten_thousand_tables_resolve_quickly() {
    let tables: Vec<_> = (0..10_000).map(|i| ident(&format!("ns{}.table_{i}", i % 50))).collect();
    let started = std::time::Instant::now();
    let preview = resolve(&Mapping::standard(), &tables, &|_| false).unwrap();
    assert_eq!(preview.mapped, 10_000);
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

/// xorshift: the same names at every run, and no crate for it.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
    fn word(&mut self) -> String {
        const LETTERS: [&str; 14] = ["a", "b", "B", "É", "é", "ß", "İ", "_", "1", "-", ".", " ", "`", "漢"];
        (0..1 + self.below(3)).map(|_| LETTERS[self.below(LETTERS.len())]).collect()
    }
    fn table(&mut self) -> TableIdent {
        let levels: Vec<_> = (0..self.below(3)).map(|_| self.word()).collect();
        TableIdent::new(levels, self.word())
    }
}

#[test]
fn a_table_without_a_usable_name_is_given_a_free_one() {
    let keep = Mapping { rules: vec![rule("*", "{namespace_flat}", "{table}")], overrides: vec![] };
    let tables: Vec<_> =
        ["s.`two words`", "s.`sl/ash`", "s.Orders", "s.orders", "s.ORDERS", "s.orders_2"].map(ident).into();
    let found = resolve(&keep, &tables, &|name| name.name.to_lowercase() == "orders_3").unwrap();
    let suggested: Vec<_> =
        found.rows.iter().map(|row| row.suggestion.as_ref().map(ToString::to_string).unwrap_or_default()).collect();
    // The first of those that collide keeps its name; what others have or the target has is not suggested.
    assert_eq!(suggested, ["s.two_words", "s.sl_ash", "", "s.orders_4", "s.ORDERS_5", ""]);
    let named = resolve(&Mapping::standard(), &[ident("a.b")], &|_| false).unwrap();
    assert_eq!(named.rows[0].suggestion, None);
    let long = "x".repeat(300);
    let found = resolve(&keep, &[TableIdent::new(["s"], long)], &|_| false).unwrap();
    assert_eq!(found.rows[0].suggestion.as_ref().map(|name| name.name.chars().count()), Some(255));
}
