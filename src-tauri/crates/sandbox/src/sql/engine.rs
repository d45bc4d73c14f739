//! One statement: what it says, and what comes of it.

use super::{create, describe, grant, parser::Parser, select, show};
use crate::answer::Refusal;
use crate::people::Person;
use crate::world::World;
use serde_json::Value;
use std::collections::BTreeMap;

/// A statement's failure, which the API tells in a 200.
#[derive(Clone, Debug, PartialEq)]
pub struct Wrong {
    pub code: String,
    pub state: &'static str,
    pub message: String,
}

impl Wrong {
    pub fn new(class: &str, state: &'static str, words: impl std::fmt::Display) -> Self {
        Self { code: "BAD_REQUEST".to_owned(), state, message: format!("[{class}] {words} SQLSTATE: {state}") }
    }

    pub fn syntax(near: &str) -> Self {
        let near: String = near.chars().take(40).collect();
        Self::new("PARSE_SYNTAX_ERROR", "42601", format!("Syntax error at or near '{near}'."))
    }

    pub fn unsupported(what: &str) -> Self {
        let words = format!("The sandbox does not run this: {what}. It has no engine for data; run it as a job.");
        Self::new("UNSUPPORTED_FEATURE.SANDBOX", "0A000", words)
    }

    pub fn no_table(name: &str) -> Self {
        let words = format!("The table or view `{}` cannot be found.", name.replace('.', "`.`"));
        Self::new("TABLE_OR_VIEW_NOT_FOUND", "42P01", words)
    }
}

/// What the same call refuses over REST, as SQL words it.
impl From<Refusal> for Wrong {
    fn from(refusal: Refusal) -> Self {
        let code = crate::body::plain(&refusal.code);
        let (class, state) = match code.as_str() {
            "PERMISSION_DENIED" => ("INSUFFICIENT_PERMISSIONS", "42501"),
            "CATALOG_DOES_NOT_EXIST" => ("NO_SUCH_CATALOG_EXCEPTION", "42704"),
            "SCHEMA_DOES_NOT_EXIST" => ("SCHEMA_NOT_FOUND", "42704"),
            "TABLE_DOES_NOT_EXIST" => ("TABLE_OR_VIEW_NOT_FOUND", "42P01"),
            "SCHEMA_ALREADY_EXISTS" => ("SCHEMA_ALREADY_EXISTS", "42P06"),
            "TABLE_ALREADY_EXISTS" => ("TABLE_OR_VIEW_ALREADY_EXISTS", "42P07"),
            "PRINCIPAL_DOES_NOT_EXIST" => ("PRINCIPAL_DOES_NOT_EXIST", "42704"),
            _ => ("UC_COMMAND_NOT_SUPPORTED", "0AKUC"),
        };
        let class = if class == "UC_COMMAND_NOT_SUPPORTED" { code.as_str() } else { class };
        Self::new(class, state, refusal.message)
    }
}

/// Columns with their SQL types, and rows of text or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub columns: Vec<(String, &'static str)>,
    pub rows: Vec<Vec<Option<String>>>,
}

impl Table {
    pub fn texts<const N: usize>(names: [&str; N], rows: Vec<[String; N]>) -> Self {
        Self {
            columns: names.map(|name| (name.to_owned(), "STRING")).to_vec(),
            rows: rows.into_iter().map(|row| row.into_iter().map(Some).collect()).collect(),
        }
    }
}

/// Who asks, and where they stand.
pub struct Session<'a> {
    pub world: &'a World,
    pub person: &'a Person,
    pub catalog: String,
    pub schema: String,
    pub parameters: BTreeMap<String, Value>,
}

impl Session<'_> {
    /// A name in full: what is missing is where one stands.
    pub fn full(&self, parts: &[String]) -> Result<String, Wrong> {
        match parts {
            [table] => Ok(format!("{}.{}.{table}", self.catalog, self.schema)),
            [schema, table] => Ok(format!("{}.{schema}.{table}", self.catalog)),
            [catalog, schema, table] => Ok(format!("{catalog}.{schema}.{table}")),
            _ => Err(Wrong::new(
                "IDENTIFIER_TOO_MANY_NAME_PARTS",
                "42601",
                format!("{} is not a table name.", parts.join(".")),
            )),
        }
    }

    pub fn full_schema(&self, parts: &[String]) -> Result<String, Wrong> {
        match parts {
            [schema] => Ok(format!("{}.{schema}", self.catalog)),
            [catalog, schema] => Ok(format!("{catalog}.{schema}")),
            _ => Err(Wrong::new(
                "REQUIRES_SINGLE_PART_NAMESPACE",
                "42K05",
                format!("{} is not a schema.", parts.join(".")),
            )),
        }
    }
}

pub fn run(session: &Session<'_>, text: &str) -> Result<Table, Wrong> {
    let mut parser = Parser::new(text)?;
    if parser.word("SELECT") {
        return select::run(session, &mut parser);
    }
    if parser.word("SHOW") {
        return show::run(session, &mut parser);
    }
    if parser.word("DESCRIBE") || parser.word("DESC") {
        return describe::run(session, &mut parser);
    }
    let done = if parser.word("GRANT") {
        grant::run(session, &mut parser, true)
    } else if parser.word("REVOKE") {
        grant::run(session, &mut parser, false)
    } else if parser.word("CREATE") {
        create::create(session, &mut parser)
    } else if parser.word("ALTER") {
        grant::alter(session, &mut parser)
    } else if parser.word("COMMENT") {
        grant::comment(session, &mut parser)
    } else if parser.word("DROP") {
        create::drop(session, &mut parser)
    } else if parser.word("INSERT") {
        return create::insert(session, &mut parser);
    } else if parser.word("USE") {
        return Err(Wrong::unsupported("USE; a statement names its catalog and schema itself"));
    } else {
        let first = parser.take();
        let known = ["MERGE", "UPDATE", "DELETE", "WITH", "OPTIMIZE", "VACUUM", "ANALYZE", "REFRESH", "SET", "EXPLAIN"];
        return Err(match first {
            Some(super::lexer::Token::Word(word)) if known.contains(&word.to_uppercase().as_str()) => {
                Wrong::unsupported(&word.to_uppercase())
            }
            _ => {
                parser.back(0);
                parser.wrong()
            }
        });
    };
    done.map(|()| Table::default())
}
