//! Names a target takes. Unity Catalog's rules hold everywhere, so that a table can go there later under the same name:
//! <https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-names>.

use super::CaseRule;
use crate::TableIdent;

const LONGEST: usize = 255;

/// What two names have in common if Unity Catalog takes them for one: it stores names in lower case.
pub fn fold(table: &TableIdent) -> TableIdent {
    TableIdent::new(table.namespace.iter().map(|level| level.to_lowercase()), table.name.to_lowercase())
}

/// Why the target would refuse the name; none if it would not.
pub(super) fn problem(table: &TableIdent) -> Option<String> {
    if table.namespace.is_empty() {
        return Some("the target has no namespace".into());
    }
    let levels = table.namespace.iter().map(|level| ("namespace", level));
    levels.chain([("table", &table.name)]).find_map(|(what, name)| {
        let wrong = if name.is_empty() {
            "is empty".to_string()
        } else if name.chars().count() > LONGEST {
            format!("is longer than {LONGEST} characters")
        } else {
            let bad = name.chars().find(|c| refused(*c))?;
            match bad {
                ' ' => "holds a space".into(),
                c if c.is_control() => "holds a control character".into(),
                c => format!("holds `{c}`"),
            }
        };
        Some(format!("the target's {what} name {wrong}"))
    })
}

/// The name with what the target refuses left out or replaced.
pub(super) fn taken(table: &TableIdent) -> TableIdent {
    let part = |name: &str| -> String {
        let name: String = name.chars().map(|c| if refused(c) { '_' } else { c }).take(LONGEST).collect();
        if name.is_empty() { "unnamed".into() } else { name }
    };
    let namespace = if table.namespace.is_empty() { vec!["default".to_string()] } else { table.namespace.clone() };
    TableIdent::new(namespace.iter().map(|level| part(level)), part(&table.name))
}

/// The name with a number at its end, which is never too long.
pub(super) fn numbered(table: &TableIdent, number: usize) -> TableIdent {
    let end = format!("_{number}");
    let name: String = table.name.chars().take(LONGEST - end.len()).collect();
    TableIdent { namespace: table.namespace.clone(), name: name + &end }
}

fn refused(c: char) -> bool {
    matches!(c, '.' | '/' | ' ') || c.is_control()
}

pub(super) fn apply_case(case: CaseRule, name: &str) -> String {
    match case {
        CaseRule::Keep => name.to_string(),
        CaseRule::Lower => name.to_lowercase(),
        CaseRule::Upper => name.to_uppercase(),
        CaseRule::Snake => snake(name),
    }
}

/// `OrderItems`, `orderItems`, `Order-Items` and `order items` all become `order_items`; `HTTPLog` becomes `http_log`.
fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (i, c) in chars.iter().enumerate() {
        if matches!(c, ' ' | '-' | '_') {
            if !out.ends_with('_') || *c == '_' {
                out.push('_');
            }
            continue;
        }
        let before = i.checked_sub(1).map(|i| chars[i]);
        let ends_word = before.is_some_and(|b| b.is_lowercase() || b.is_numeric());
        let ends_acronym =
            before.is_some_and(char::is_uppercase) && chars.get(i + 1).is_some_and(|after| after.is_lowercase());
        if c.is_uppercase() && (ends_word || ends_acronym) {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snake_case_finds_the_words() {
        for (from, to) in [
            ("OrderItems", "order_items"),
            ("orderItems", "order_items"),
            ("Order-Items", "order_items"),
            ("order items", "order_items"),
            ("HTTPLog", "http_log"),
            ("ÜberÄpfel", "über_äpfel"),
            ("v2Table", "v2_table"),
            ("already_snake", "already_snake"),
            ("__x__", "__x__"),
            ("ID", "id"),
        ] {
            assert_eq!(snake(from), to);
        }
    }

    #[test]
    fn names_unity_catalog_refuses_are_refused() {
        for (namespace, name) in
            [("", "t"), ("n", ""), ("n", "a b"), ("n", "a/b"), ("n.m", "t"), ("n", "a\u{7}"), ("n", &"x".repeat(256))]
        {
            assert!(problem(&TableIdent::new([namespace], name)).is_some(), "{namespace:?} {name:?}");
        }
        assert!(problem(&TableIdent::new(Vec::<String>::new(), "t")).is_some());
        assert!(problem(&TableIdent::new(["größe"], "ü".repeat(255))).is_none());
    }
}
