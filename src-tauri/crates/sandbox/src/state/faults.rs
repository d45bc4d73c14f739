//! Faults on demand: which requests fail, how, and how often.

use crate::base::Refusal;
use regex::Regex;
use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Kind {
    /// 429, with or without Retry-After.
    Throttle {
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// Any status, by default 500.
    Error {
        #[serde(default)]
        status: Option<u16>,
        #[serde(default)]
        code: Option<String>,
        #[serde(default)]
        message: Option<String>,
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// The answer comes, but late.
    Slow { ms: u64 },
    /// The connection ends before anything was done.
    Cut,
    /// The request is carried out; its answer never arrives.
    Lost,
    /// The request is carried out; the connection ends in the middle of the answer.
    Half,
    /// 200, and a page of HTML where JSON should be. Nothing was carried out.
    Garbage,
    /// The token is refused as expired, though it is not.
    ExpiredToken,
    /// A page without items that has a next page. Lists only.
    EmptyPages,
    /// The list comes in reverse, to its last page. Lists only; matters on a first page.
    Reordered,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rule {
    #[serde(default)]
    pub id: u64,
    /// GET, POST ...; any if not given.
    #[serde(default)]
    pub method: Option<String>,
    /// A path, in which `*` stands for anything.
    pub path: String,
    /// A text that the query must have in it.
    #[serde(default)]
    pub query: Option<String>,
    /// How many matching requests pass before the rule begins.
    #[serde(default)]
    pub skip: u64,
    /// How many requests it hits; all if not given.
    #[serde(default)]
    pub count: Option<u64>,
    #[serde(flatten)]
    pub kind: Kind,
    /// How many it has hit.
    #[serde(default)]
    pub hits: u64,
}

#[derive(Debug, Default)]
pub struct Rules {
    last_id: u64,
    rules: Vec<(Regex, Rule)>,
}

impl Rules {
    pub fn add(&mut self, mut rule: Rule) -> Result<u64, Refusal> {
        let pattern = format!("^{}$", regex::escape(&rule.path).replace("\\*", ".*"));
        let pattern = Regex::new(&pattern).map_err(|error| Refusal::invalid(error.to_string()))?;
        self.last_id += 1;
        rule.id = self.last_id;
        rule.hits = 0;
        self.rules.push((pattern, rule));
        Ok(self.last_id)
    }

    pub fn clear(&mut self) {
        self.rules.clear();
    }

    pub fn list(&self) -> Vec<Rule> {
        self.rules.iter().map(|(_, rule)| rule.clone()).collect()
    }

    /// The faults that hit this request; at most one of those that end it, and that one last.
    pub fn hit(&mut self, method: &str, path: &str, query: &str) -> Vec<Kind> {
        let mut kinds = Vec::new();
        for (pattern, rule) in &mut self.rules {
            let matches = rule.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
                && rule.query.as_ref().is_none_or(|part| query.contains(part.as_str()))
                && pattern.is_match(path);
            if !matches {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            match &mut rule.count {
                Some(0) => continue,
                Some(left) => *left -= 1,
                None => {}
            }
            rule.hits += 1;
            kinds.push(rule.kind.clone());
            if !matches!(rule.kind, Kind::Slow { .. } | Kind::EmptyPages | Kind::Reordered) {
                break;
            }
        }
        kinds
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules(values: &[serde_json::Value]) -> Rules {
        let mut rules = Rules::default();
        for value in values {
            rules.add(serde_json::from_value(value.clone()).unwrap()).unwrap();
        }
        rules
    }

    #[test]
    fn a_rule_skips_then_hits_as_often_as_it_says() {
        let mut rules =
            rules(&[json!({"path": "/api/*/tables", "kind": "throttle", "retry_after": 2, "skip": 1, "count": 2})]);
        let hits: Vec<bool> =
            (0..5).map(|_| !rules.hit("GET", "/api/2.1/unity-catalog/tables", "").is_empty()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
        assert!(
            rules.hit("GET", "/api/2.1/unity-catalog/tables/a.b.c", "").is_empty(),
            "the pattern is the whole path"
        );
        assert_eq!(rules.list()[0].hits, 2);
    }

    #[test]
    fn a_slow_answer_may_fail_too_but_nothing_fails_twice() {
        let mut rules = rules(&[
            json!({"path": "*", "kind": "slow", "ms": 5}),
            json!({"path": "/a", "method": "post", "kind": "lost"}),
            json!({"path": "/a", "kind": "cut", "count": 1}),
        ]);
        assert_eq!(rules.hit("POST", "/a", ""), [Kind::Slow { ms: 5 }, Kind::Lost]);
        assert_eq!(rules.hit("GET", "/a", ""), [Kind::Slow { ms: 5 }, Kind::Cut]);
        assert_eq!(rules.hit("GET", "/a", ""), [Kind::Slow { ms: 5 }], "its count was not used up by the other rule");
    }

    #[test]
    fn a_pattern_is_a_path_not_a_regular_expression() {
        let mut rules = rules(&[json!({"path": "/api/2.1/x", "kind": "cut"})]);
        assert!(rules.hit("GET", "/api/2x1/x", "").is_empty());
        assert_eq!(rules.hit("GET", "/api/2.1/x", "").len(), 1);
    }
}
