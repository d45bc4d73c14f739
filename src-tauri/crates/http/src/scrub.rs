//! Secrets taken out of what a server repeats of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use icebridge_model::secret::Secret;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;
use zeroize::Zeroizing;

const STARS: &str = "***";
/// Shorter secrets are replaced where they stand alone: inside of words they would be found everywhere.
const MIN_LEN_ANYWHERE: usize = 8;

/// Knows the secrets of one request, in the forms in which they were sent.
#[derive(Default)]
pub struct Scrubber {
    forms: Vec<Zeroizing<String>>,
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scrubber({} forms)", self.forms.len())
    }
}

impl Scrubber {
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut scrubber = Self::default();
        secrets.into_iter().for_each(|secret| scrubber.add(secret));
        scrubber
    }

    /// As it is, as in a form, as in JSON, and as base64.
    pub fn add(&mut self, secret: &Secret) {
        let text = secret.expose();
        if text.is_empty() {
            return;
        }
        let encoded = Zeroizing::new(utf8_percent_encode(text, NON_ALPHANUMERIC).to_string());
        let form: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let quoted = Zeroizing::new(serde_json::to_string(text).unwrap_or_default());
        let json = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_string();
        let forms = [text.to_string(), encoded.to_string(), form, json, STANDARD.encode(text)];
        for form in forms.into_iter().map(Zeroizing::new) {
            if !form.is_empty() && !self.forms.contains(&form) {
                self.forms.push(form);
            }
        }
        // What holds another one goes first.
        self.forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    /// Name and password, as the header of basic authentication has them.
    pub fn add_basic(&mut self, name: &str, secret: &Secret) {
        self.add(secret);
        self.add(&Secret::new(STANDARD.encode(format!("{name}:{}", secret.expose()))));
    }

    pub fn scrub(&self, text: &str) -> String {
        let mut text = text.to_string();
        for form in &self.forms {
            text = if form.len() >= MIN_LEN_ANYWHERE { text.replace(form.as_str(), STARS) } else { alone(&text, form) };
        }
        text
    }
}

/// Replaces `secret` where no letter or digit touches it.
fn alone(text: &str, secret: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(secret) {
        let (before, after) = (&rest[..at], &rest[at + secret.len()..]);
        out.push_str(before);
        let touches = out.ends_with(char::is_alphanumeric) || after.starts_with(char::is_alphanumeric);
        out.push_str(if touches { secret } else { STARS });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_form_of_a_secret_is_found() {
        let secret = Secret::new("se/cr\"et +12");
        let mut scrubber = Scrubber::new([&secret]);
        scrubber.add_basic("id", &secret);
        let basic = STANDARD.encode("id:se/cr\"et +12");
        for text in [
            "Bearer se/cr\"et +12",
            "client_secret=se%2Fcr%22et%20%2B12&x",
            "client_secret=se%2Fcr%22et+%2B12&x",
            r#"{"secret":"se/cr\"et +12"}"#,
            &format!("Basic {basic}"),
        ] {
            let scrubbed = scrubber.scrub(text);
            assert!(scrubbed.contains(STARS) && !scrubbed.contains("12") && !scrubbed.contains(&basic), "{scrubbed}");
        }
        assert!(!format!("{scrubber:?}").contains("12"));
    }

    #[test]
    fn a_short_secret_is_replaced_where_it_stands_alone() {
        let scrubber = Scrubber::new([&Secret::new("t"), &Secret::default()]);
        assert_eq!(scrubber.scrub("the token t, or t: t"), "the token ***, or ***: ***");
        assert_eq!(scrubber.scrub(""), "");
    }

    proptest! {
        #[test]
        fn no_long_secret_survives(secret in "[ -~]{8,40}", before in ".{0,20}", after in ".{0,20}") {
            let scrubbed = Scrubber::new([&Secret::new(secret.as_str())]).scrub(&format!("{before}{secret}{after}"));
            prop_assert!(!scrubbed.contains(&secret) || STARS.repeat(14).contains(&secret));
        }
    }
}
