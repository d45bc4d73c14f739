//! Values of names that mean a secret: `password=…`, `"client_secret": "…"`, `token: Some("…")`, `X-Amz-Signature=…`.

use super::hidden::HIDDEN;
use crate::pattern::pattern;
use icebridge_model::secret::names_a_secret;
use regex::Regex;
use std::sync::LazyLock;

/// How such names end.
const NAMES: &str = r"password|passwd|passphrase|pwd|secret|secret[._-]?key|token|credential|api[._-]?key|private[._-]?key|access[._-]?key(?:[._-]?id)?|account[._-]?key|signature|assertion|code[._-]?verifier|(?:set-)?cookie|authorization|x-(?:amz|goog)-[a-z0-9-]+";

/// The name, its quote, a separator (the comma of a pair, too), and what opens before the value: `[`, `Some(`, `Secret {`.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r#"(?i)({NAMES})(?:(?:\\*["'`]|%22)?(?:\s*(?:=>|[:=])\s*|\s*%3[ad](?:%20)*)|\\*["'`]\s*,\s*)(?:[a-z_]*[\[(\{{]\s*)*"#
    ))
});

static WHOLE_NAME: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"(?i)(?:{NAMES})$")));

/// A value of which everything to the end of the line is a secret.
static WHOLE_LINE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)^(?:bearer|basic|digest|negotiate|token|apikey|aws4-[a-z0-9-]+)$"));

/// Whether a field, property, header or parameter of this name holds a secret.
pub fn is_secret_name(name: &str) -> bool {
    names_a_secret(name) || WHOLE_NAME.is_match(name)
}

pub fn hide(text: &str) -> String {
    let mut hidden = String::with_capacity(text.len());
    let mut done = 0;
    while let Some(found) = NAMED.captures_at(text, done) {
        let (Some(all), Some(name)) = (found.get(0), found.get(1)) else { break };
        hidden.push_str(text.get(done..all.end()).unwrap_or_default());
        let name = name.as_str().to_ascii_lowercase();
        let header = name.ends_with("authorization") || name.ends_with("cookie");
        done = hide_values(text, all.end(), header, all.as_str().contains('%'), &mut hidden);
    }
    hidden.push_str(text.get(done..).unwrap_or_default());
    hidden
}

/// One value, or a list of quoted ones. Returns where it ends.
fn hide_values(text: &str, start: usize, header: bool, encoded: bool, hidden: &mut String) -> usize {
    let mut at = start;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some(quote) = Quote::opening(rest) else {
            let length = plain_length(rest, header, encoded);
            if length > 0 {
                hidden.push_str(HIDDEN);
            }
            return at + length;
        };
        let content = rest.get(quote.width()..).unwrap_or_default();
        let length = quote.closing(content).unwrap_or(content.len());
        hidden.push_str(rest.get(..quote.width()).unwrap_or_default());
        if length > 0 {
            hidden.push_str(HIDDEN);
        }
        at += quote.width() + length;
        // Another of a list: the closing quote, a comma, an opening quote of the same kind.
        let tail = text.get(at + quote.width().min(text.len() - at)..).unwrap_or_default();
        let gap = tail.len() - tail.trim_start_matches([',', ' ']).len();
        let next = tail.get(gap..).unwrap_or_default();
        let listed = tail.starts_with(',') && Quote::opening(next) == Some(quote) && !is_name(&quote, next);
        if !listed {
            return at;
        }
        let between = at + quote.width() + gap;
        hidden.push_str(text.get(at..between).unwrap_or_default());
        at = between;
    }
}

/// Whether a quoted text is the next name of an object, and not the next item of a list.
fn is_name(quote: &Quote, text: &str) -> bool {
    let content = text.get(quote.width()..).unwrap_or_default();
    let Some(length) = quote.closing(content) else { return false };
    content.get(length + quote.width()..).unwrap_or_default().trim_start().starts_with([':', '='])
}

/// The length of a value without quotes.
fn plain_length(text: &str, header: bool, encoded: bool) -> usize {
    let ends = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '&' | '"' | '\'' | '`');
    let word = text.find(ends).unwrap_or(text.len());
    let word = if encoded { text.find("%26").map_or(word, |end| end.min(word)) } else { word };
    let first = text.get(..word).unwrap_or_default();
    if !header && !WHOLE_LINE.is_match(first) {
        return word;
    }
    // With a scheme, a list of cookies, or the parts of a signature: to the end of the line or of the text around it.
    text.find(['\n', '\r', '"', '\'', '`']).unwrap_or(text.len())
}

/// A quotation mark behind any number of backslashes, as JSON inside of JSON has it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Quote {
    backslashes: usize,
    mark: char,
}

impl Quote {
    fn opening(text: &str) -> Option<Self> {
        let backslashes = text.bytes().take_while(|byte| *byte == b'\\').count();
        let mark = text.get(backslashes..)?.chars().next()?;
        matches!(mark, '"' | '\'' | '`').then_some(Self { backslashes, mark })
    }

    fn width(self) -> usize {
        self.backslashes + 1
    }

    /// Where the same quote stands next: with more backslashes it is part of the value.
    fn closing(self, text: &str) -> Option<usize> {
        text.match_indices(self.mark).find_map(|(at, _)| {
            let before = text.get(..at).unwrap_or_default();
            let backslashes = before.len() - before.trim_end_matches('\\').len();
            (backslashes == self.backslashes).then(|| at - backslashes)
        })
    }
}
