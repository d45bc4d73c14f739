//! A command line that cannot be understood, as an error like every other: scripts that ask for JSON get JSON.

use clap::error::ErrorKind;
use icebridge_model::Error;
use std::error::Error as _;
use std::ffi::OsString;

/// Whether JSON was asked for, on a line that could not be parsed. What follows `--` is a value.
pub fn wants_json(line: impl IntoIterator<Item = OsString>) -> bool {
    line.into_iter().skip(1).take_while(|word| word != "--").any(|word| word == "--json")
}

/// In clap's words, taken apart: what is wrong, and its tip and usage as the next step.
pub fn error(failure: &clap::Error) -> Error {
    let text = failure.to_string();
    let mut paragraphs = text.split("\n\n").map(one_line).filter(|p| !p.is_empty());
    let missing = failure.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    let message = if missing {
        "the command line names no command".to_string()
    } else {
        let first = paragraphs.next().unwrap_or_default();
        first.strip_prefix("error: ").unwrap_or(&first).to_string()
    };
    // Of a whole help page, the usage alone.
    let next: Vec<String> =
        paragraphs.filter(|p| if missing { p.starts_with("Usage:") } else { !p.starts_with("For more") }).collect();
    let usage = [next.join(". "), "`--help` after any command explains it.".to_string()];
    let usage = usage.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(". ");
    match failure.source().and_then(|cause| cause.downcast_ref::<Error>()) {
        Some(ours) => ours.clone().with_hint(usage),
        None => Error::invalid(message).with_hint(usage),
    }
}

fn one_line(paragraph: &str) -> String {
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Arguments;
    use clap::Parser;
    use icebridge_model::Code;

    fn of(words: &[&str]) -> Error {
        error(&Arguments::try_parse_from([&["icebridge"][..], words].concat()).unwrap_err())
    }

    #[test]
    fn what_is_wrong_and_what_would_be_right() {
        let option = of(&["runs", "--sideways"]);
        assert_eq!(
            (option.code, option.message.as_str()),
            (Code::InvalidInput, "unexpected argument '--sideways' found")
        );
        assert!(option.hint.unwrap().contains("Usage: icebridge runs"));
        let missing = of(&["catalog", "add", "x", "--kind", "rest"]);
        assert_eq!(missing.message, "the following required arguments were not provided: --uri <URI>");
        for words in [&[][..], &["catalog"], &["--json"]] {
            let none = of(words);
            assert!(none.hint.unwrap().contains("Usage: icebridge"), "{words:?}: {}", none.message);
        }
    }

    #[test]
    fn our_own_words_are_kept() {
        let error = of(&["table", "facts", "lake", "shop."]);
        assert_eq!(error.object.as_deref(), Some("shop."));
        assert!(error.hint.unwrap().contains("namespace.table"));
    }

    #[test]
    fn json_is_asked_for_before_the_values_end() {
        let line = |words: &[&str]| wants_json(words.iter().map(OsString::from));
        assert!(line(&["icebridge", "--nonsense", "--json"]));
        assert!(!line(&["icebridge", "run", "--", "--json"]));
        assert!(!line(&["--json"]));
    }
}
