//! LIKE patterns.

use super::refusal::Refusal;
use regex::Regex;

/// `%` stands for any text, `_` for one letter.
pub fn like(pattern: &str, any_case: bool) -> Result<Regex, Refusal> {
    let mut text = String::from(if any_case { "(?is)^" } else { "(?s)^" });
    for letter in pattern.chars() {
        match letter {
            '%' => text.push_str(".*"),
            '_' => text.push('.'),
            other => text.push_str(&regex::escape(&other.to_string())),
        }
    }
    text.push('$');
    Regex::new(&text).map_err(|_| Refusal::invalid(format!("'{pattern}' is not a pattern")))
}
