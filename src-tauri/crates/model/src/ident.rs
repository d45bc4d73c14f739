//! Names of tables. A namespace has one or more levels; Unity Catalog's has exactly one.

use crate::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// `namespace.table`, written with backticks round a part that holds a dot, a backtick or white space at its ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableIdent {
    pub namespace: Vec<String>,
    pub name: String,
}

impl TableIdent {
    pub fn new<S: Into<String>>(namespace: impl IntoIterator<Item = S>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into_iter().map(Into::into).collect(), name: name.into() }
    }

    pub fn parse(text: &str) -> Result<Self> {
        let mut parts = split_parts(text)?;
        match parts.pop() {
            Some(name) if !name.is_empty() && parts.iter().all(|p| !p.is_empty()) => {
                Ok(Self { namespace: parts, name })
            }
            _ => Err(misspelt("a table is named namespace.table, with no empty part", text)),
        }
    }

    pub fn namespace_text(&self) -> String {
        join_parts(&self.namespace)
    }
}

/// Parts joined by dots, quoted where needed: the inverse of [`split_parts`].
pub fn join_parts(parts: &[String]) -> String {
    parts.iter().map(|p| quote(p)).collect::<Vec<_>>().join(".")
}

fn quote(part: &str) -> String {
    if part.is_empty() || part.contains(['.', '`']) || part.trim() != part {
        format!("`{}`", part.replace('`', "``"))
    } else {
        part.to_string()
    }
}

fn misspelt(message: &str, text: &str) -> Error {
    Error::invalid(message)
        .about(text)
        .with_hint("Write namespace.table, with backticks round a part that holds a dot: sales.`orders.v2`.")
}

pub fn split_parts(text: &str) -> Result<Vec<String>> {
    let mut parts = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        let mut part = String::new();
        if chars.peek() == Some(&'`') {
            chars.next();
            loop {
                match chars.next() {
                    Some('`') if chars.peek() == Some(&'`') => {
                        chars.next();
                        part.push('`');
                    }
                    Some('`') => break,
                    Some(c) => part.push(c),
                    None => return Err(misspelt("a backtick is not closed", text)),
                }
            }
        } else {
            while let Some(c) = chars.next_if(|c| *c != '.') {
                part.push(c);
            }
        }
        parts.push(part);
        match chars.next() {
            None => return Ok(parts),
            Some('.') => {}
            Some(_) => return Err(misspelt("text after a closing backtick", text)),
        }
    }
}

impl fmt::Display for TableIdent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = self.namespace.clone();
        parts.push(self.name.clone());
        f.write_str(&join_parts(&parts))
    }
}

impl Serialize for TableIdent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TableIdent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_survives_text() {
        for parts in
            [vec!["sales", "orders"], vec!["a", "b", "c"], vec!["odd.one", "we`ird"], vec![" pad ", "x y"], vec!["t"]]
        {
            let mut namespace = parts.clone();
            let ident =
                TableIdent::new(namespace.split_off(0).into_iter().take(parts.len() - 1), parts[parts.len() - 1]);
            assert_eq!(TableIdent::parse(&ident.to_string()).as_ref(), Ok(&ident), "{ident}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", ".", "a.", ".b", "`a", "`a`b.c"] {
            assert!(TableIdent::parse(text).is_err(), "{text}");
        }
    }
}
