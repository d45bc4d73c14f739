//! Where in a text a name may be. Each pass sees what the passes before it left.

use crate::pattern::pattern;
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

pub struct Found {
    pub range: Range<usize>,
    pub instead: String,
}

/// A text in pieces: what was replaced is not looked at again.
pub struct Segments(Vec<Segment>);

enum Segment {
    Left(String),
    Replaced(String),
}

impl Segments {
    pub fn new(text: &str) -> Self {
        Self(vec![Segment::Left(text.to_string())])
    }

    pub fn replace(&mut self, find: impl Fn(&str) -> Vec<Found>) {
        let mut segments = Vec::with_capacity(self.0.len());
        for segment in self.0.drain(..) {
            match segment {
                Segment::Left(text) => split(&text, find(&text), &mut segments),
                done @ Segment::Replaced(_) => segments.push(done),
            }
        }
        self.0 = segments;
    }

    pub fn into_text(self) -> String {
        let text = |segment| match segment {
            Segment::Left(text) | Segment::Replaced(text) => text,
        };
        self.0.into_iter().map(text).collect()
    }
}

fn split(text: &str, found: Vec<Found>, segments: &mut Vec<Segment>) {
    let mut done = 0;
    for Found { range, instead } in found {
        segments.push(Segment::Left(text.get(done..range.start).unwrap_or_default().to_string()));
        segments.push(Segment::Replaced(instead));
        done = range.end;
    }
    segments.push(Segment::Left(text.get(done..).unwrap_or_default().to_string()));
}

/// Neither the beginning nor the end of a longer word.
pub fn stands_alone(text: &str, range: Range<usize>) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let before = text.get(..range.start).and_then(|before| before.chars().next_back());
    let after = text.get(range.end..).and_then(|after| after.chars().next());
    !before.is_some_and(in_word) && !after.is_some_and(in_word)
}

static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"([A-Za-z][A-Za-z0-9+.-]*)://(?:\*\*\*@)?([^\s/?#"'`<>()]*)([^\s"'`<>()]*)"#));
/// Absolute paths of Unix and Windows, and relative ones of more than one part.
static PATH: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?:[A-Za-z]:[\\/]|\\\\|~?/)[^\s"'`<>(),;:]+|[^\s"'`<>(),;:/=]+(?:/[^\s"'`<>(),;:/=]+)+"#)
});
static ERROR: LazyLock<Regex> = LazyLock::new(|| pattern(r"\[[a-z]+(?:-[a-z]+)*\]$"));
static OBJECT: LazyLock<Regex> = LazyLock::new(|| pattern(r"\(([^()]+)\)"));
static MAIL: LazyLock<Regex> = LazyLock::new(|| pattern(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+"));
static NUMERIC_HOST: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b"));
static QUOTED: LazyLock<Regex> = LazyLock::new(|| pattern(r"`([^`]+)`"));
static DOTTED: LazyLock<Regex> = LazyLock::new(|| pattern(r"[\p{L}_][\p{L}\p{N}_$-]*(?:\.[\p{L}_][\p{L}\p{N}_$-]*)+"));

/// The object of an error, as errors are written: `message (object): cause [code]`.
pub fn error_objects(text: &str, name: impl Fn(&str) -> String) -> Vec<Found> {
    if !ERROR.is_match(text) {
        return Vec::new();
    }
    let objects = OBJECT.captures_iter(text).filter_map(|found| found.get(1));
    objects.map(|object| Found { range: object.range(), instead: name(object.as_str()) }).collect()
}

/// The scheme and the port stay: they say which kind of catalog or storage it is.
pub fn addresses(text: &str, host: impl Fn(&str) -> String, path: impl Fn(&str) -> String) -> Vec<Found> {
    let replace = |found: regex::Captures<'_>| {
        let (name, port) = match found[2].rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() => (name.to_string(), format!(":{port}")),
            _ => (found[2].to_string(), String::new()),
        };
        let at = if is_this_machine(&name) || name.is_empty() { name } else { host(&name) };
        let rest = found[3].trim_end_matches(['.', ',', ';', ':', '/']);
        let rest = if rest.is_empty() { String::new() } else { format!("/{}", path(rest)) };
        let range = found.get(0).map(|all| all.range())?;
        Some(Found { range, instead: format!("{}://{at}{port}{rest}", &found[1]) })
    };
    ADDRESS.captures_iter(text).filter_map(replace).collect()
}

fn is_this_machine(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]" | "0.0.0.0")
}

pub fn paths(text: &str, path: impl Fn(&str) -> String) -> Vec<Found> {
    all(&PATH, text, path)
}

pub fn mail_addresses(text: &str, user: impl Fn(&str) -> String) -> Vec<Found> {
    all(&MAIL, text, user)
}

pub fn numeric_hosts(text: &str, host: impl Fn(&str) -> String) -> Vec<Found> {
    all(&NUMERIC_HOST, text, |found| if is_this_machine(found) { found.to_string() } else { host(found) })
}

/// Commands and options of the program stand between backticks, too.
pub fn quoted_names(text: &str, name: impl Fn(&str) -> String) -> Vec<Found> {
    let is_ours = |inside: &str| inside.starts_with("icebridge ") || inside.starts_with("--");
    QUOTED
        .captures_iter(text)
        .filter_map(|found| found.get(1))
        .filter(|inside| !is_ours(inside.as_str()))
        .map(|inside| Found { range: inside.range(), instead: name(inside.as_str()) })
        .collect()
}

/// Part by part, so that the parts have the pseudonyms that they have alone.
pub fn dotted_names(text: &str, name: impl Fn(&str) -> String) -> Vec<Found> {
    all(&DOTTED, text, |found| found.split('.').map(&name).collect::<Vec<_>>().join("."))
}

fn all(pattern: &Regex, text: &str, instead: impl Fn(&str) -> String) -> Vec<Found> {
    pattern.find_iter(text).map(|found| Found { range: found.range(), instead: instead(found.as_str()) }).collect()
}
