//! Secrets that this process has read, in whatever form they turn up.

use super::hidden::HIDDEN;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use icebridge_model::secret::Secret;
use std::sync::{PoisonError, RwLock};

/// Shorter ones may be part of any word.
const SHORTEST: usize = 6;
/// A process reads few; more are forgotten, the oldest first.
const MOST: usize = 512;

static KNOWN: RwLock<Vec<Secret>> = RwLock::new(Vec::new());

/// Hides this secret in every line that is written from now on: a server may repeat in its answer what it was sent.
pub fn learn(secret: &Secret) {
    let text = secret.expose();
    // `client-id:secret`: the id may be shown.
    let after_id = text.split_once(':').map(|(_, secret)| secret);
    let lines = text.lines().filter(|line| line.len() >= 3 * SHORTEST && !line.starts_with("-----"));
    let parts: Vec<&str> =
        std::iter::once(text).chain(after_id).chain(lines).filter(|part| part.len() >= SHORTEST).collect();
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    for form in parts.into_iter().flat_map(forms) {
        if !known.iter().any(|secret| secret.expose() == form) {
            known.push(Secret::new(form));
        }
    }
    let surplus = known.len().saturating_sub(MOST);
    known.drain(..surplus);
}

fn forms(part: &str) -> Vec<String> {
    let encoded: String = part
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
                (b as char).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect();
    let in_json = serde_json::Value::from(part).to_string();
    let mut forms = vec![
        part.to_string(),
        encoded.clone(),
        encoded.replace("%20", "+"),
        in_json.get(1..in_json.len() - 1).unwrap_or_default().to_string(),
        STANDARD.encode(part),
        STANDARD_NO_PAD.encode(part),
    ];
    forms.dedup();
    forms
}

pub fn hide(text: &str) -> String {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let mut found: Vec<&str> = known.iter().map(Secret::expose).filter(|secret| text.contains(secret)).collect();
    // The longest first: one may be part of another.
    found.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    found.into_iter().fold(text.to_string(), |text, secret| text.replace(secret, HIDDEN))
}
