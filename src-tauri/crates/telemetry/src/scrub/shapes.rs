//! Secrets that are known by how they look or what they follow, under whatever name.

use super::hidden::HIDDEN;
use crate::pattern::pattern;
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::NO_PAD;
use regex::{Captures, Regex};
use std::sync::LazyLock;

static PRIVATE_KEY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)")
});

/// Databricks' personal tokens and OAuth secrets, AWS' key ids, JSON web tokens.
static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:(?:dapi|dkea|dsapi|dose)[0-9A-Za-z]{8,}(?:-[0-9]+)?|(?:AKIA|ASIA)[0-9A-Z]{12,}|eyJ[0-9A-Za-z_-]{6,}(?:\.[0-9A-Za-z_-]*){1,4})",
    )
});

/// Up to the last `@` before the path.
static USER_INFO: LazyLock<Regex> = LazyLock::new(|| pattern(r#"([A-Za-z][A-Za-z0-9+.-]*://)([^\s/"'`<>]*)@"#));

/// A password may hold a slash that was not encoded. What follows a colon and is a port is none.
static USER_INFO_WITH_SLASH: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"([A-Za-z][A-Za-z0-9+.-]*://)([^\s/:@"'`<>]*:)([^\s"'`<>]*)@"#));

static BEARER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)\b(bearer(?:\s|%20|\+)+(?:token\s+)?)([^\s"'`,;&<>\\]{6,})"#));

static BASIC: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\b(basic(?:\s|%20|\+)+)([A-Za-z0-9+/_-]{4,}=*)"));

/// Parameters of a query or a form that are secrets there, and plain words elsewhere.
static PARAMETER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?i)([?&](?:sig|code|state|key|nonce|code_challenge|saml(?:request|response))=)[^&\s"'`<>]+"#)
});

pub fn hide(text: &str) -> String {
    let text = PRIVATE_KEY.replace_all(text, HIDDEN);
    let text = USER_INFO_WITH_SLASH.replace_all(&text, |found: &Captures<'_>| {
        if begins_with_port(&found[3]) { found[0].to_string() } else { format!("{}{HIDDEN}@", &found[1]) }
    });
    let text = USER_INFO.replace_all(&text, format!("${{1}}{HIDDEN}@"));
    let text = BEARER.replace_all(&text, format!("${{1}}{HIDDEN}"));
    let text = BASIC.replace_all(&text, |found: &Captures<'_>| {
        if is_user_and_password(&found[2]) { format!("{}{HIDDEN}", &found[1]) } else { found[0].to_string() }
    });
    let text = PARAMETER.replace_all(&text, format!("${{1}}{HIDDEN}"));
    TOKEN.replace_all(&text, HIDDEN).into_owned()
}

fn begins_with_port(text: &str) -> bool {
    let port = text.split(['/', '?', '#']).next().unwrap_or_default();
    port.parse::<u16>().is_ok() && text.len() > port.len()
}

/// What HTTP's Basic scheme carries, and no other word does.
fn is_user_and_password(text: &str) -> bool {
    let bare = text.trim_end_matches('=');
    [&STANDARD, &URL_SAFE].into_iter().any(|alphabet| {
        let lenient = NO_PAD.with_decode_allow_trailing_bits(true);
        let decoded = GeneralPurpose::new(alphabet, lenient).decode(bare);
        decoded.is_ok_and(|bytes| bytes.contains(&b':'))
    })
}
