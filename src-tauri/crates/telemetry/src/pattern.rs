//! Patterns that are part of the program.

use regex::Regex;

#[allow(clippy::expect_used, reason = "the patterns are constants, and the tests compile every one of them")]
pub fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}
