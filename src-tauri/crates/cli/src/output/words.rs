//! Numbers, sizes and times as the model writes them, and errors.

use icebridge_model::Error;

pub use icebridge_model::format::{bytes, count as number, moment_with_seconds as moment, seconds};

/// `error: …`, its causes, `hint: …`, `code: …`.
pub fn error(error: &Error) -> String {
    let mut text = format!("error: {}", error.message);
    if let Some(object) = &error.object {
        text.push_str(&format!(" ({object})"));
    }
    for cause in &error.causes {
        text.push_str(&format!("\n  caused by: {cause}"));
    }
    if let Some(hint) = &error.hint {
        text.push_str(&format!("\nhint: {hint}"));
    }
    text.push_str(&format!("\ncode: {}", error.code));
    text
}

pub fn count(n: usize, one: &str, many: &str) -> String {
    icebridge_model::format::counted(n as u64, one, many)
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::Code;

    #[test]
    fn an_error_says_what_why_and_what_next() {
        let full = Error::new(Code::FileMissing, "a data file is missing")
            .about("a.b")
            .with_cause_text("no such file")
            .with_hint("Restore it.");
        let text = super::error(&full);
        assert_eq!(
            text,
            "error: a data file is missing (a.b)\n  caused by: no such file\nhint: Restore it.\ncode: file-missing"
        );
    }
}
