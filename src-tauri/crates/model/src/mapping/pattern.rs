//! Glob and regex patterns over `namespace.table`.

use super::PatternKind;
use crate::{Error, Result, TableIdent};
use regex::Regex;
use std::collections::BTreeMap;

/// A compiled pattern. It must match the whole name, written as [`TableIdent`] writes it.
///
/// Globs: `*` any characters, dots too, so that `sales.*` takes `sales.orders` and `sales.eu.orders`, and `*` takes every
/// table; the leftmost takes as much as it can, so `*.*` splits at the last dot; `?` one character; `[a-z]` `[!a-z]` one of
/// a set; `{a,b}` either; `\` makes the next character plain. Written here and not by globset, which neither captures
/// what a wildcard stood for nor takes `?` as one character of any alphabet.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    kind: PatternKind,
}

impl Pattern {
    pub fn new(kind: PatternKind, text: &str) -> Result<Self> {
        let body = match kind {
            PatternKind::Glob => glob_to_regex(text)?,
            PatternKind::Regex => text.to_string(),
        };
        // In its own group, so that an alternation in the pattern does not escape the anchors; dots match everything,
        // because a name may hold any character.
        let regex = Regex::new(&format!("(?s)^(?:{body})$")).map_err(|e| {
            Error::invalid("the pattern cannot be understood")
                .about(text)
                .with_cause(e)
                .with_hint("Patterns are matched against namespace.table, for example `sales.*`.")
        })?;
        Ok(Self { regex, kind })
    }

    pub fn glob(text: &str) -> Result<Self> {
        Self::new(PatternKind::Glob, text)
    }

    pub fn matches(&self, table: &TableIdent) -> bool {
        self.regex.is_match(&table.to_string())
    }

    /// What the placeholders of the target stand for; none if the table does not match.
    pub(super) fn captures(&self, table: &TableIdent) -> Option<BTreeMap<String, String>> {
        let text = table.to_string();
        let found = self.regex.captures(&text)?;
        let group = |i: usize| found.get(i).map_or_else(String::new, |m| m.as_str().to_string());
        let mut values = BTreeMap::new();
        match self.kind {
            PatternKind::Glob => values.extend((1..found.len()).map(|i| ((i - 1).to_string(), group(i)))),
            PatternKind::Regex => {
                values.extend((0..found.len()).map(|i| (i.to_string(), group(i))));
                for (i, name) in self.regex.capture_names().enumerate() {
                    if let Some(name) = name {
                        values.insert(name.to_string(), group(i));
                    }
                }
            }
        }
        Some(values)
    }

    /// The names [`Self::captures`] will give: a placeholder outside of them is a mistake in the rule.
    pub(super) fn capture_names(&self) -> Vec<String> {
        match self.kind {
            PatternKind::Glob => (1..self.regex.captures_len()).map(|i| (i - 1).to_string()).collect(),
            PatternKind::Regex => (0..self.regex.captures_len())
                .map(|i| i.to_string())
                .chain(self.regex.capture_names().flatten().map(str::to_string))
                .collect(),
        }
    }
}

fn glob_to_regex(glob: &str) -> Result<String> {
    let broken = |why: &str| {
        Error::invalid(format!("the pattern {why}"))
            .about(glob)
            .with_hint("`*` and `?` stand for anything, [abc] for one of these, {a,b} for one or the other.")
    };
    let mut out = String::new();
    let mut depth = 0usize;
    let mut chars = glob.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' => {
                // `**` means the same here as `*`.
                while chars.next_if_eq(&'*').is_some() {}
                out.push_str("(.*)");
            }
            '?' => out.push_str("(.)"),
            '[' => {
                let negated = chars.next_if(|c| *c == '!' || *c == '^').is_some();
                out.push_str(if negated { "([^" } else { "([" });
                let mut members = 0;
                loop {
                    match chars.next() {
                        None => return Err(broken("has a [ that is not closed")),
                        Some(']') if members > 0 => break,
                        Some('-') => out.push('-'),
                        Some(c) => push_escaped(&mut out, c),
                    }
                    members += 1;
                }
                out.push_str("])");
            }
            '{' => {
                depth += 1;
                out.push_str("(?:");
            }
            '}' if depth > 0 => {
                depth -= 1;
                out.push(')');
            }
            ',' if depth > 0 => out.push('|'),
            '\\' => match chars.next() {
                Some(c) => push_escaped(&mut out, c),
                None => return Err(broken("ends in a backslash")),
            },
            c => push_escaped(&mut out, c),
        }
    }
    if depth > 0 {
        return Err(broken("has a { that is not closed"));
    }
    Ok(out)
}

fn push_escaped(out: &mut String, c: char) {
    out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(glob: &str, table: &str) -> bool {
        Pattern::glob(glob).unwrap().matches(&TableIdent::parse(table).unwrap())
    }

    #[test]
    fn globs_match_whole_names() {
        for (glob, table, expected) in [
            ("*", "a.b.c", true),
            ("sales.*", "sales.orders", true),
            ("sales.*", "sales.eu.orders", true),
            ("sales.*", "presales.orders", false),
            ("sales.*", "salesXorders", false),
            ("*.ord?rs", "x.ordérs", true),
            ("*.t[0-9]", "x.t7", true),
            ("*.t[!0-9]", "x.t7", false),
            ("{raw,stage}.*", "stage.t", true),
            ("{raw,stage}.*", "mart.t", false),
            ("a.b|c.d", "c.d", false),
            (r"a.\*", "a.*", true),
            (r"a.\*", "a.b", false),
            ("*.`odd.one`", "x.`odd.one`", true),
            ("a.(b)+", "a.(b)+", true),
        ] {
            assert_eq!(takes(glob, table), expected, "{glob} on {table}");
        }
    }

    #[test]
    fn the_leftmost_wildcard_is_greedy() {
        let values = Pattern::glob("*.*").unwrap().captures(&TableIdent::parse("a.b.c").unwrap()).unwrap();
        assert_eq!((values["0"].as_str(), values["1"].as_str()), ("a.b", "c"));
    }

    #[test]
    fn broken_patterns_are_refused_with_the_pattern() {
        for (kind, text) in [
            (PatternKind::Glob, "a.[b"),
            (PatternKind::Glob, "a.{b"),
            (PatternKind::Glob, "a\\"),
            (PatternKind::Glob, "[z-a]"),
            (PatternKind::Regex, "a.(b"),
        ] {
            let error = Pattern::new(kind, text).unwrap_err();
            assert_eq!(error.object.as_deref(), Some(text));
        }
        assert!(Pattern::new(PatternKind::Glob, "a}").is_ok(), "a lone closing brace is a plain character");
    }

    #[test]
    fn a_regex_alternation_stays_inside_the_anchors() {
        let pattern = Pattern::new(PatternKind::Regex, "a.x|b.y").unwrap();
        assert!(!pattern.matches(&TableIdent::parse("a.xx").unwrap()));
        assert!(pattern.matches(&TableIdent::parse("b.y").unwrap()));
    }
}
