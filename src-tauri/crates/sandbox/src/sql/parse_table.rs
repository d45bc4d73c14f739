//! CREATE TABLE.

use super::ast::{CloneTable, Clustering, CreateTable, Statement};
use super::cursor::Cursor;
use super::error::SqlError;
use super::lexer::Token;
use super::parse_expression::expression;
use super::parse_select;
use crate::unity::objects::Column;
use crate::unity::types::Type;

const MAX_DEPTH: usize = 32;

/// What follows the word TABLE.
pub fn create_table(cursor: &mut Cursor) -> Result<Statement, SqlError> {
    let if_not_exists = cursor.words("IF NOT EXISTS");
    let name = cursor.name()?;
    if cursor.words("SHALLOW CLONE") {
        return Err(SqlError::not_allowed("Iceberg tables cannot be cloned shallowly."));
    }
    if cursor.words("DEEP CLONE") || cursor.words("CLONE") {
        let (source, version) = (cursor.name()?, parse_select::version(cursor)?);
        if cursor.words("TBLPROPERTIES") {
            return Err(SqlError::not_allowed("A clone of an Iceberg table takes no properties."));
        }
        return Ok(Statement::Clone(CloneTable { name, if_not_exists, source, version }));
    }
    let mut table = CreateTable { name, if_not_exists, ..CreateTable::default() };
    if cursor.sees("(") {
        table.columns = cursor.bracketed(column)?;
    }
    while cursor.peek().is_some() {
        clause(cursor, &mut table)?;
    }
    Ok(Statement::CreateTable(Box::new(table)))
}

fn clause(cursor: &mut Cursor, table: &mut CreateTable) -> Result<(), SqlError> {
    if cursor.words("USING") {
        let format = cursor.identifier()?;
        if !["iceberg", "delta"].contains(&format.as_str()) {
            return Err(SqlError::unsupported(&format!("a table USING {format}")));
        }
        table.iceberg = format == "iceberg";
    } else if cursor.words("PARTITIONED BY") {
        table.partitioned_by = Some(cursor.bracketed(expression)?);
    } else if cursor.words("CLUSTER BY") {
        table.clustering = Some(clustering(cursor)?);
    } else if cursor.words("COMMENT") {
        table.comment = Some(cursor.text()?);
    } else if cursor.words("TBLPROPERTIES") {
        table.properties = cursor.pairs()?;
    } else if cursor.words("LOCATION") {
        cursor.text()?;
        return Err(SqlError::not_allowed("LOCATION is not supported for managed Iceberg tables."));
    } else if cursor.words("AS") {
        return Err(SqlError::unsupported("CREATE TABLE with data (AS SELECT)"));
    } else {
        return Err(cursor.error());
    }
    Ok(())
}

/// What follows the words CLUSTER BY.
pub fn clustering(cursor: &mut Cursor) -> Result<Clustering, SqlError> {
    if cursor.words("NONE") {
        Ok(Clustering::None)
    } else if cursor.words("AUTO") {
        Ok(Clustering::Auto)
    } else {
        cursor.bracketed(Cursor::name).map(Clustering::By)
    }
}

pub fn column(cursor: &mut Cursor) -> Result<Column, SqlError> {
    let name = cursor.exact()?;
    let kind = data_type(cursor, &name, MAX_DEPTH)?;
    let nullable = !cursor.words("NOT NULL");
    if cursor.words("DEFAULT") || cursor.words("GENERATED") {
        return Err(SqlError::unsupported("default and generated columns"));
    }
    Ok(Column { nullable, comment: cursor.comment()?, ..Column::new(&name, kind) })
}

pub fn data_type(cursor: &mut Cursor, column: &str, depth: usize) -> Result<Type, SqlError> {
    let depth = depth.checked_sub(1).ok_or_else(|| SqlError::syntax("a type nested too deeply"))?;
    // `a:int` inside a struct has the form of a parameter.
    let word = match cursor.peek() {
        Some(Token::Word(word) | Token::Parameter(word)) => word.to_lowercase(),
        _ => return Err(cursor.error()),
    };
    cursor.take();
    let kind = match word.as_str() {
        "array" | "map" | "struct" => {
            cursor.must_symbol("<")?;
            let kind = nested(cursor, column, &word, depth)?;
            cursor.must_symbol(">")?;
            return Ok(kind);
        }
        _ if cursor.sees("(") => {
            let numbers = cursor.bracketed(|cursor| match cursor.take() {
                Some(Token::Number(number)) => Ok(number),
                _ => Err(cursor.error()),
            })?;
            format!("{word}({})", numbers.join(","))
        }
        _ => word,
    };
    Type::read(&kind).ok_or_else(|| {
        let message = format!("The data type \"{}\" of column `{column}` is not supported.", kind.to_uppercase());
        SqlError::new("UNSUPPORTED_DATATYPE", "0A000", message)
    })
}

fn nested(cursor: &mut Cursor, column: &str, word: &str, depth: usize) -> Result<Type, SqlError> {
    let boxed = |cursor: &mut Cursor| data_type(cursor, column, depth).map(Box::new);
    if word == "array" {
        return Ok(Type::Array(boxed(cursor)?));
    }
    if word == "map" {
        let key = boxed(cursor)?;
        cursor.must_symbol(",")?;
        return Ok(Type::Map(key, boxed(cursor)?));
    }
    let fields = cursor.separated(|cursor| {
        let name = cursor.exact()?;
        cursor.symbol(":");
        let kind = data_type(cursor, column, depth)?;
        Ok((name, kind, !cursor.words("NOT NULL")))
    })?;
    Ok(Type::Struct(fields))
}
