//! Whether what is proved of a column shows values of its rows: the least, the greatest, the sum.

use crate::check::CheckKind;
use crate::validation::Check;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// In validations and rounds, and so in the journal and in audit bundles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValuesInProof {
    #[default]
    Shown,
    /// Who knows the values can check them; who can guess them can find them out.
    Hashed,
    #[serde(alias = "left-out")]
    LeftOut,
}

impl ValuesInProof {
    pub fn is_shown(&self) -> bool {
        *self == Self::Shown
    }

    /// After the comparison: whether a check passed was decided by the values. What is hidden already stays as it is.
    pub fn hide(self, plan_hash: &str, checks: &mut [Check]) {
        if self.is_shown() {
            return;
        }
        for check in checks.iter_mut().filter(|check| has_values(check.name.kind)) {
            let name = check.name.to_string();
            for text in [&mut check.source, &mut check.target, &mut check.detail] {
                let Some(at) = values_at(check.name.kind, text) else { continue };
                let told = match self {
                    Self::Hashed => {
                        let hashed = format!("{plan_hash}\n{name}\n{}", &text[at..]);
                        format!("{HASHED}{}", hex::encode(Sha256::digest(hashed)))
                    }
                    _ => LEFT_OUT.to_string(),
                };
                text.replace_range(at.., &told);
            }
        }
    }
}

const HASHED: &str = "values sha256:";
const LEFT_OUT: &str = "values left out";
/// What the aggregates of a column begin with where it has values in an order; both engines write them so.
const FIRST: [&str; 3] = ["least ", "greatest ", "sum "];

fn has_values(kind: CheckKind) -> bool {
    matches!(kind, CheckKind::Aggregates | CheckKind::Range)
}

/// Counts and the type come first, and are no values of rows. None: there are no values, or they are hidden.
fn values_at(kind: CheckKind, text: &str) -> Option<usize> {
    let at = match kind {
        CheckKind::Range => 0,
        _ => FIRST.iter().filter_map(|word| text.find(&format!(", {word}"))).min()? + 2,
    };
    let values = &text[at..];
    // A value may look like this, and what stands before one not: only the whole text is taken for what was written here.
    let is_hash = |rest: &str| rest.len() == 64 && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_hidden = values == LEFT_OUT || values.strip_prefix(HASHED).is_some_and(is_hash);
    (!values.is_empty() && !is_hidden).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, text: &str) -> Check {
        Check {
            name: name.parse().unwrap(),
            passed: true,
            source: text.into(),
            target: text.into(),
            detail: String::new(),
        }
    }

    #[test]
    fn values_are_hidden_and_counts_are_not() {
        let all = || {
            vec![
                check("aggregates:name", "string; 2 null, least Anna, least sum 3, greatest Zoë"),
                check("aggregates:flag", "boolean; 0 null"),
                check("range:id", "between 7 and 9"),
                check("count", "3"),
                check("aggregates:odd", "string; 0 null, least values sha256: x, greatest values left out"),
            ]
        };
        let mut shown = all();
        ValuesInProof::Shown.hide("plan", &mut shown);
        assert_eq!(shown, all());
        let mut without = all();
        ValuesInProof::LeftOut.hide("plan", &mut without);
        let texts: Vec<&str> = without.iter().map(|check| check.target.as_str()).collect();
        assert_eq!(
            texts,
            [
                "string; 2 null, values left out",
                "boolean; 0 null",
                "values left out",
                "3",
                "string; 0 null, values left out"
            ]
        );

        let mut hashed = all();
        ValuesInProof::Hashed.hide("plan", &mut hashed);
        let expected = Sha256::digest("plan\naggregates:name\nleast Anna, least sum 3, greatest Zoë");
        assert_eq!(hashed[0].source, format!("string; 2 null, values sha256:{}", hex::encode(expected)));
        assert_eq!((hashed[0].source.as_str(), &hashed[1]), (hashed[0].target.as_str(), &all()[1]));
        let text = serde_json::to_string(&hashed).unwrap();
        assert!(!text.contains("Anna") && !text.contains("left out"), "{text}");
        for values in [ValuesInProof::Hashed, ValuesInProof::LeftOut] {
            let again = hashed.clone();
            values.hide("plan", &mut hashed);
            assert_eq!(hashed, again, "what is hidden stays as it is");
        }
    }
}
