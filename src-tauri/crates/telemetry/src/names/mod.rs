//! Pseudonyms in place of names, for an archive that leaves the company.
//!
//! A name becomes `name-1a2b3c4d`, a host `host-…`, a path `path-…`, a principal `user-…`: a hash with a salt that is made for
//! one archive and kept nowhere. The same name has the same pseudonym in the whole archive and another in the next.
//!
//! Replaced are the names that are known (of catalogs, tables, hosts, principals), and besides them whatever looks like an
//! address, a path, a mail address or a dotted name. A word in a message that is in no list and looks like any other word stays.

mod passes;
#[cfg(test)]
mod tests;

use crate::scrub::HIDDEN;
use aho_corasick::{AhoCorasick, MatchKind};
use icebridge_model::logs::LogLine;
use icebridge_model::{Error, Result, TableIdent};
use passes::{Found, Segments};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Name,
    Host,
    Path,
    User,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Host => "host",
            Self::Path => "path",
            Self::User => "user",
        }
    }
}

/// Names that are known, in lower case: catalogs compare them so.
#[derive(Clone, Debug, Default)]
pub struct Names(HashMap<String, Kind>);

impl Names {
    /// What was added first keeps its kind.
    pub fn add(&mut self, kind: Kind, name: &str) {
        let name = name.trim().to_lowercase();
        // One letter is a word of every message; it is replaced where a field says that it is a name.
        if name.chars().count() > 1 && name != HIDDEN {
            self.0.entry(name).or_insert(kind);
        }
    }

    /// Each part of a table's name.
    pub fn add_table(&mut self, table: &TableIdent) {
        table.namespace.iter().chain([&table.name]).for_each(|part| self.add(Kind::Name, part));
    }

    /// What the fields of a value name: tables that were dropped since, and catalogs that were removed.
    pub fn harvest(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.harvest(item)),
            Value::Object(map) => {
                for (key, value) in map {
                    match value {
                        Value::String(text) if names_a_table(key) => match TableIdent::parse(text) {
                            Ok(table) => self.add_table(&table),
                            Err(_) => self.add(Kind::Name, text),
                        },
                        Value::String(text) if is_user(key) => self.add(Kind::User, text),
                        _ => self.harvest(value),
                    }
                }
            }
            _ => {}
        }
    }
}

/// Fields whose text is a name as a whole.
const NAME_FIELDS: &[&str] = &[
    "table",
    "source",
    "target",
    "source_table",
    "target_table",
    "catalog",
    "namespace",
    "schema",
    "name",
    "warehouse",
    "volume",
    "workspace",
    "bucket",
    "object",
    "source_catalog",
    "metrics_table",
    "profile",
    "account_id",
    "workspace_id",
];

const USER_FIELDS: &[&str] = &["by", "user", "user_name", "principal", "owner", "client_id", "single_user"];

/// Fields whose text is one of the program's own words, or a number.
const PLAIN_FIELDS: &[&str] = &[
    "state",
    "mode",
    "kind",
    "role",
    "code",
    "level",
    "engine",
    "run",
    "job",
    "plan_hash",
    "hash",
    "version",
    "way",
    "sha256",
    "at",
    "started_at",
    "ended_at",
    "created_at",
    "schema_version",
    "os",
    "arch",
    "program",
    "system",
    "proof",
    "method",
    "attempt",
];

fn names_a_table(key: &str) -> bool {
    NAME_FIELDS.contains(&key)
}

fn is_user(key: &str) -> bool {
    USER_FIELDS.contains(&key)
}

pub struct Pseudonyms {
    salt: [u8; 16],
    kinds: HashMap<String, Kind>,
    known: AhoCorasick,
}

impl Pseudonyms {
    pub fn new(names: Names) -> Result<Self> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|e| Error::internal("the system has no random numbers").with_cause(e))?;
        let known = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(names.0.keys())
            .map_err(|e| Error::internal("there are too many names to replace").with_cause(e))?;
        Ok(Self { salt, kinds: names.0, known })
    }

    fn hash(&self, text: &str) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.salt);
        hasher.update(text.to_lowercase());
        hex::encode(hasher.finalize()).chars().take(8).collect()
    }

    fn of_kind(&self, kind: Kind, text: &str) -> String {
        let kind = self.kinds.get(&text.to_lowercase()).copied().unwrap_or(kind);
        format!("{}-{}", kind.prefix(), self.hash(text))
    }

    /// A text that is a name.
    pub fn whole(&self, text: &str) -> String {
        if text.is_empty() || text == HIDDEN {
            return text.to_string();
        }
        if text.contains(['/', '\\', '@', ':']) {
            let replaced = self.text(text);
            return if replaced == text { self.of_kind(Kind::Name, text) } else { replaced };
        }
        match TableIdent::parse(text) {
            Ok(TableIdent { namespace, name }) => {
                let parts: Vec<String> =
                    namespace.iter().chain([&name]).map(|part| self.of_kind(Kind::Name, part)).collect();
                parts.join(".")
            }
            Err(_) => self.of_kind(Kind::Name, text),
        }
    }

    /// A text with names in it.
    pub fn text(&self, text: &str) -> String {
        let known_paths = |text: &str| self.known_in(text, |kind| kind == Kind::Path);
        let known = |text: &str| self.known_in(text, |_| true);
        let of = |kind: Kind| move |found: &str| self.of_kind(kind, found);
        let mut segments = Segments::new(text);
        segments.replace(known_paths);
        segments.replace(|text| passes::error_objects(text, |object| self.whole(object)));
        segments.replace(|text| passes::addresses(text, of(Kind::Host), of(Kind::Path)));
        segments.replace(|text| passes::paths(text, of(Kind::Path)));
        segments.replace(|text| passes::mail_addresses(text, of(Kind::User)));
        segments.replace(|text| passes::numeric_hosts(text, of(Kind::Host)));
        segments.replace(known);
        segments.replace(|text| passes::quoted_names(text, of(Kind::Name)));
        segments.replace(|text| passes::dotted_names(text, of(Kind::Name)));
        segments.into_text()
    }

    /// A key is a name where it is known as one, as in Spark's properties of a catalog.
    fn key(&self, key: &str) -> String {
        if !key.contains('.') {
            return key.to_string();
        }
        let mut segments = Segments::new(key);
        segments.replace(|text| self.known_in(text, |_| true));
        segments.into_text()
    }

    fn known_in(&self, text: &str, wanted: impl Fn(Kind) -> bool) -> Vec<Found> {
        let mut found = Vec::new();
        for one in self.known.find_iter(text) {
            let Some(name) = text.get(one.range()) else { continue };
            let kind = self.kinds.get(&name.to_lowercase()).copied();
            if kind.is_some_and(&wanted) && passes::stands_alone(text, one.range()) {
                found.push(Found { range: one.range(), instead: self.of_kind(Kind::Name, name) });
            }
        }
        found
    }

    pub fn json(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Value::Object(map) => {
                for (key, mut value) in std::mem::take(map) {
                    self.field(&key, &mut value);
                    map.insert(self.key(&key), value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn field(&self, key: &str, value: &mut Value) {
        match value {
            Value::String(_) if PLAIN_FIELDS.contains(&key) => {}
            Value::String(text) if names_a_table(key) => *text = self.whole(text),
            Value::String(text) if is_user(key) => *text = self.of_kind(Kind::User, text),
            Value::Array(items) if names_a_table(key) || is_user(key) => {
                items.iter_mut().for_each(|item| self.field(key, item));
            }
            other => self.json(other),
        }
    }

    /// A line of a log: the program's own words in it stay.
    pub fn line(&self, line: &mut LogLine) {
        line.message = self.text(&line.message);
        line.table = line.table.as_deref().map(|table| self.whole(table));
        line.step = line.step.as_deref().map(|step| self.text(step));
        for (name, value) in &mut line.fields {
            self.field(name, value);
        }
    }
}
