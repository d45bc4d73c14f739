//! Text to a statement.

use super::ast::{Change, CreateFunction, Name, Statement, Target};
use super::cursor::Cursor;
use super::error::SqlError;
use super::lexer::Token;
use super::parse_expression::expression;
use super::{parse_select, parse_table};

/// Statements of the real SQL that the sandbox does not run.
const KNOWN: [&str; 10] =
    ["MERGE", "UPDATE", "DELETE", "WITH", "OPTIMIZE", "VACUUM", "ANALYZE", "SET", "EXPLAIN", "USE"];

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
        "DESCRIBE" | "DESC" => describe,
        "DROP" => drop,
        "REFRESH" => refresh,
        "SHOW" => show,
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
        return parse_table::create_table(cursor);
    }
    let replace = cursor.words("OR REPLACE");
    if cursor.words("FUNCTION") {
        return function(cursor, replace).map(Statement::CreateFunction);
    }
    if replace || !(cursor.words("SCHEMA") || cursor.words("DATABASE")) {
        return Err(SqlError::unsupported("this CREATE"));
    }
    let if_not_exists = cursor.words("IF NOT EXISTS");
    Ok(Statement::CreateSchema { if_not_exists, name: cursor.name()?, comment: cursor.comment()? })
}

/// What follows `CREATE FUNCTION`: parameters, `RETURN` and an expression.
fn function(cursor: &mut Cursor, replace: bool) -> Result<CreateFunction, SqlError> {
    let if_not_exists = cursor.words("IF NOT EXISTS");
    let name = cursor.name()?;
    cursor.must_symbol("(")?;
    let mut parameters = Vec::new();
    if !cursor.symbol(")") {
        parameters = cursor.separated(|cursor| parse_table::column(cursor).map(|column| column.name.to_lowercase()))?;
        cursor.must_symbol(")")?;
    }
    if cursor.words("RETURNS") {
        parse_table::data_type(cursor, "result", 8)?;
    }
    let _ = cursor.words("LANGUAGE SQL");
    let _ = cursor.words("DETERMINISTIC");
    cursor.comment()?;
    cursor.must_words("RETURN")?;
    Ok(CreateFunction { name, replace, if_not_exists, parameters, body: expression(cursor)? })
}

fn drop(cursor: &mut Cursor) -> Result<Statement, SqlError> {
    if !cursor.words("FUNCTION") {
        return Err(SqlError::unsupported("this DROP"));
    }
    let if_exists = cursor.words("IF EXISTS");
    Ok(Statement::DropFunction { name: cursor.name()?, if_exists })
}

fn describe(cursor: &mut Cursor) -> Result<Statement, SqlError> {
    if cursor.words("DETAIL") {
        return cursor.name().map(Statement::Detail);
    }
    if !cursor.words("HISTORY") {
        return Err(SqlError::unsupported("DESCRIBE of anything but a history or a detail"));
    }
    cursor.name().map(Statement::History)
}

fn refresh(cursor: &mut Cursor) -> Result<Statement, SqlError> {
    if !cursor.words("FOREIGN") {
        return Err(SqlError::unsupported("REFRESH of what is not foreign"));
    }
    let on = target(cursor)?;
    let _ = cursor.words("RESOLVE DBFS LOCATION");
    Ok(Statement::Refresh(on))
}

fn show(cursor: &mut Cursor) -> Result<Statement, SqlError> {
    if cursor.words("TBLPROPERTIES") {
        return cursor.name().map(Statement::Properties);
    }
    if !(cursor.words("GRANTS") || cursor.words("GRANT")) {
        return Err(SqlError::unsupported("this SHOW"));
    }
    let principal = if cursor.words("ON") {
        None
    } else {
        let name = cursor.exact()?;
        cursor.must_words("ON")?;
        Some(name)
    };
    Ok(Statement::ShowGrants { principal, on: target(cursor)? })
}

fn alter(cursor: &mut Cursor) -> Result<Statement, SqlError> {
    let on = target(cursor)?;
    let is_table = matches!(on, Target::Table(_));
    let change = if is_table && cursor.words("ALTER COLUMN") { column_change(cursor)? } else { change(cursor)? };
    Ok(Statement::Alter { on, change })
}

/// A function and the columns that it is given, after `word`, in brackets.
fn applied(cursor: &mut Cursor, word: &str) -> Result<(Name, Vec<String>), SqlError> {
    let name = cursor.name()?;
    let mut columns = Vec::new();
    if cursor.words(word) {
        cursor.must_symbol("(")?;
        if !cursor.symbol(")") {
            columns = cursor.separated(Cursor::identifier)?;
            cursor.must_symbol(")")?;
        }
    }
    Ok((name, columns))
}

fn column_change(cursor: &mut Cursor) -> Result<Change, SqlError> {
    let column = cursor.name()?.join(".");
    if cursor.words("SET TAGS") {
        return Ok(Change::ColumnTags(column, cursor.pairs()?));
    }
    if cursor.words("UNSET TAGS") {
        return Ok(Change::UntagColumn(column, cursor.bracketed(Cursor::exact)?));
    }
    if cursor.words("SET MASK") {
        return Ok(Change::Mask(column, Some(applied(cursor, "USING COLUMNS")?)));
    }
    if cursor.words("DROP MASK") {
        return Ok(Change::Mask(column, None));
    }
    if !cursor.words("COMMENT") {
        return Err(SqlError::unsupported("this ALTER COLUMN"));
    }
    let mut comments = vec![(column, cursor.text()?)];
    while cursor.symbol(",") {
        let column = cursor.name()?.join(".");
        cursor.must_words("COMMENT")?;
        comments.push((column, cursor.text()?));
    }
    Ok(Change::ColumnComments(comments))
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
    if cursor.words("UNSET TAGS") {
        return Ok(Change::UntagTable(cursor.bracketed(Cursor::exact)?));
    }
    if cursor.words("DROP ROW FILTER") {
        return Ok(Change::RowFilter(None));
    }
    if cursor.words("CLUSTER BY") {
        return parse_table::clustering(cursor).map(Change::Clustering);
    }
    let set = cursor.words("SET");
    if cursor.words("OWNER TO") {
        Ok(Change::Owner(cursor.exact()?))
    } else if set && cursor.words("TAGS") {
        Ok(Change::Tags(cursor.pairs()?))
    } else if set && cursor.words("TBLPROPERTIES") {
        Ok(Change::Properties(cursor.pairs()?))
    } else if set && cursor.words("ROW FILTER") {
        Ok(Change::RowFilter(Some(applied(cursor, "ON")?)))
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
