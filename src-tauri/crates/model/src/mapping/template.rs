//! Target names with placeholders: `{namespace_flat}_{1}`.

use crate::ident::split_parts;
use crate::{Error, Result, TableIdent};
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Placeholder(String),
}

const OWN: [&str; 3] = ["namespace", "namespace_flat", "table"];

impl Template {
    /// `captures`: the names the rule's pattern gives.
    pub fn new(text: &str, captures: &[String]) -> Result<Self> {
        let broken = |why: String| Error::invalid(why).about(text);
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '{' if chars.next_if_eq(&'{').is_some() => plain.push('{'),
                '}' if chars.next_if_eq(&'}').is_some() => plain.push('}'),
                '{' => {
                    let mut name = String::new();
                    loop {
                        match chars.next() {
                            Some('}') => break,
                            Some(c) => name.push(c),
                            None => {
                                return Err(broken("a placeholder is not closed with }".into())
                                    .with_hint("Write {table}, or {{ for a brace itself."));
                            }
                        }
                    }
                    if !OWN.contains(&name.as_str()) && !captures.contains(&name) {
                        let known = OWN.iter().map(|n| n.to_string()).chain(captures.iter().cloned());
                        let known = known.map(|n| format!("{{{n}}}")).collect::<Vec<_>>().join(" ");
                        return Err(broken(format!("the placeholder {{{name}}} stands for nothing in this rule"))
                            .with_hint(format!("It knows {known}.")));
                    }
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    pieces.push(Piece::Placeholder(name));
                }
                c => plain.push(c),
            }
        }
        pieces.push(Piece::Text(plain));
        Ok(Self { pieces })
    }

    /// The levels of a namespace. A dot in the template begins a level; so does each level a placeholder stands for.
    pub fn levels(&self, table: &TableIdent, captures: &BTreeMap<String, String>) -> Vec<String> {
        let mut levels = vec![String::new()];
        for piece in &self.pieces {
            let parts = match piece {
                Piece::Text(text) => text.split('.').map(str::to_string).collect(),
                Piece::Placeholder(name) => value(name, table, captures),
            };
            for (i, part) in parts.into_iter().enumerate() {
                match levels.last_mut() {
                    Some(last) if i == 0 => last.push_str(&part),
                    _ => levels.push(part),
                }
            }
        }
        levels
    }

    /// One name. Dots stay in it, for the name check to refuse.
    pub fn name(&self, table: &TableIdent, captures: &BTreeMap<String, String>) -> String {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Placeholder(name) => value(name, table, captures).join("."),
            })
            .collect()
    }
}

/// A placeholder's value as the parts of a name, without the backticks that the text of a name carries.
fn value(name: &str, table: &TableIdent, captures: &BTreeMap<String, String>) -> Vec<String> {
    let namespace = || if table.namespace.is_empty() { vec!["default".to_string()] } else { table.namespace.clone() };
    match name {
        "namespace" => namespace(),
        "namespace_flat" => vec![namespace().join("_")],
        "table" => vec![table.name.clone()],
        group => {
            let text = captures.get(group).cloned().unwrap_or_default();
            split_parts(&text).unwrap_or_else(|_| vec![text])
        }
    }
}
