//! Text to a statement.

use super::ast::{Change, Statement, Target};
use super::cursor::Cursor;
use super::error::SqlError;
use super::lexer::Token;
use super::parse_expression::expression;
use super::{parse_select, parse_table};

/// Statements of the real SQL that the sandbox does not run.
const KNOWN: [&str; 15] = [
    "SHOW", "DESCRIBE", "DESC", "DROP", "MERGE", "UPDATE", "DELETE", "WITH", "OPTIMIZE", "VACUUM", "ANALYZE",
    "REFRESH", "SET", "EXPLAIN", "USE",
];

pub fn statement(text: &str) -> Result<Statement, SqlError> {
    let mut cursor = Cursor::new(text)?;
    let statement = first(&mut cursor)?;
    cursor.end()?;
    Ok(statement)
}

fn first(cursor: &mut Cursor) -> Result<Statement, SqlError> {
    let word = cursor.keyword().ok_or_else(|| cursor.error())?;
    if KNOWN.contains(&word.as_str()) {
        return Err(SqlError::unsupported(&word));
    }
    let known: fn(&mut Cursor) -> Result<Statement, SqlError> = match word.as_str() {
        "SELECT" => |cursor| parse_select::query(cursor).map(Statement::Select),
        "GRANT" => |cursor| grant(cursor, true),
        "REVOKE" => |cursor| grant(cursor, false),
        "CREATE" => create,
        "ALTER" => alter,
        "COMMENT" => comment,
        "INSERT" => insert,
        _ => return Err(cursor.error()),
    };
    cursor.take();
    known(cursor)
}

/// `CATALOG c`, `SCHEMA s`, `TABLE t`, `VOLUME v`, `METASTORE`; a bare name is a table's.
fn target(cursor: &mut Cursor) -> Result<Target, SqlError> {
    if cursor.words("METASTORE") {
        return Ok(Target::Metastore);
    }
    if cursor.words("CATALOG") {
        let verbs = ["ENABLE", "DISABLE", "INHERIT", "OWNER", "SET", "TO", "FROM", "IS"];
        let named = matches!(cursor.peek(), Some(Token::Quoted(_)))
            || cursor.keyword().is_some_and(|word| !verbs.contains(&word.as_str()));
        return Ok(Target::Catalog(if named { Some(cursor.identifier()?) } else { None }));
    }
    if cursor.words("SCHEMA") || cursor.words("DATABASE") {
        return Ok(Target::Schema(cursor.name()?));
    }
    if cursor.words("VOLUME") {
        return Ok(Target::Volume(cursor.name()?));
    }
    let _ = cursor.words("TABLE") || cursor.words("VIEW");
    Ok(Target::Table(cursor.name()?))
}

fn grant(cursor: &mut Cursor, add: bool) -> Result<Statement, SqlError> {
    // EXTERNAL USE SCHEMA and the like are several words, up to a comma or ON.
    let privileges = cursor.separated(|cursor| {
        let mut words = Vec::new();
        while let Some(word) = cursor.keyword().filter(|word| word != "ON") {
            cursor.take();
            words.push(word);
        }
        if words.is_empty() { Err(cursor.error()) } else { Ok(words.join("_")) }
    })?;
    cursor.must_words("ON")?;
    let on = target(cursor)?;
    cursor.must_words(if add { "TO" } else { "FROM" })?;
    Ok(Statement::Grant { add, privileges, on, principal: cursor.exact()? })
}

fn create(cursor: &mut Cursor) -> Result<Statement, SqlError> {
    if cursor.words("TABLE") {
        return parse_table::create_table(cursor).map(|table| Statement::CreateTable(Box::new(table)));
    }
    if !cursor.words("SCHEMA") {
        return Err(SqlError::unsupported("this CREATE"));
    }
    let if_not_exists = cursor.words("IF NOT EXISTS");
    Ok(Statement::CreateSchema { if_not_exists, name: cursor.name()?, comment: cursor.comment()? })
}

fn alter(cursor: &mut Cursor) -> Result<Statement, SqlError> {
    let on = target(cursor)?;
    let change = if let Target::Table(_) = on
        && cursor.words("ALTER COLUMN")
    {
        let column = cursor.identifier()?;
        if cursor.words("SET TAGS") {
            Change::ColumnTags(column, cursor.pairs()?)
        } else if cursor.words("COMMENT") {
            Change::ColumnComment(column, cursor.text()?)
        } else {
            return Err(SqlError::unsupported("this ALTER COLUMN"));
        }
    } else {
        change(cursor)?
    };
    Ok(Statement::Alter { on, change })
}

fn change(cursor: &mut Cursor) -> Result<Change, SqlError> {
    if let Some(word) = ["ENABLE", "DISABLE", "INHERIT"]
        .into_iter()
        .find(|word| cursor.words(&format!("{word} PREDICTIVE OPTIMIZATION")))
    {
        return Ok(Change::Optimization(word));
    }
    // IDENTIFIER('name') stands for a name in the real SQL, except where an object is changed.
    if cursor.sees("(") {
        return Err(cursor.error());
    }
    let set = cursor.words("SET");
    if cursor.words("OWNER TO") {
        Ok(Change::Owner(cursor.exact()?))
    } else if set && cursor.words("TAGS") {
        Ok(Change::Tags(cursor.pairs()?))
    } else {
        Err(SqlError::unsupported("this ALTER"))
    }
}

fn comment(cursor: &mut Cursor) -> Result<Statement, SqlError> {
    cursor.must_words("ON")?;
    let on = target(cursor)?;
    cursor.must_words("IS")?;
    let text = if cursor.words("NULL") { None } else { Some(cursor.text()?) };
    Ok(Statement::Comment { on, text })
}

fn insert(cursor: &mut Cursor) -> Result<Statement, SqlError> {
    cursor.must_words("INTO")?;
    cursor.words("TABLE");
    let table = cursor.name()?;
    let columns = if cursor.sees("(") { Some(cursor.bracketed(Cursor::identifier)?) } else { None };
    if !cursor.words("VALUES") {
        return Err(SqlError::unsupported("INSERT of anything but VALUES"));
    }
    let rows = cursor.separated(|cursor| cursor.bracketed(expression))?;
    Ok(Statement::Insert { table, columns, rows })
}
