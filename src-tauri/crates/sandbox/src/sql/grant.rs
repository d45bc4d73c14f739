//! GRANT, REVOKE, ALTER, COMMENT: what changes objects that are there.

use super::engine::{Session, Wrong};
use super::lexer::Token;
use super::parser::Parser;
use crate::unity::grants::{Change, apply};
use crate::unity::securable::{Kind, Securable};
use crate::world::locked;

/// `CATALOG c`, `SCHEMA s`, `TABLE t`, `VOLUME v`, `METASTORE`.
pub fn target(session: &Session<'_>, parser: &mut Parser) -> Result<(Kind, String), Wrong> {
    if parser.word("METASTORE") {
        return Ok((Kind::Metastore, locked(&session.world.unity).id.clone()));
    }
    if parser.word("CATALOG") {
        // Without a name it is the one where one stands.
        let named = matches!(parser.peek(), Some(Token::Quoted(_)))
            || matches!(parser.peek(), Some(Token::Word(word)) if !is_verb(word));
        let name = if named { parser.identifier()? } else { session.catalog.clone() };
        return Ok((Kind::Catalog, name));
    }
    if parser.word("SCHEMA") || parser.word("DATABASE") {
        return Ok((Kind::Schema, session.full_schema(&literal(parser)?)?));
    }
    if parser.word("VOLUME") {
        return Ok((Kind::Volume, session.full(&literal(parser)?)?));
    }
    if parser.word("TABLE") || parser.word("VIEW") {
        return Ok((Kind::Table, session.full(&literal(parser)?)?));
    }
    match parser.peek() {
        Some(Token::Word(_) | Token::Quoted(_)) => Ok((Kind::Table, session.full(&parser.name()?)?)),
        _ => Err(parser.wrong()),
    }
}

fn is_verb(word: &str) -> bool {
    ["ENABLE", "DISABLE", "INHERIT", "OWNER", "SET", "UNSET", "TO", "FROM"].contains(&word.to_uppercase().as_str())
}

/// A name as it is: IDENTIFIER() is a syntax error where an object is changed.
fn literal(parser: &mut Parser) -> Result<Vec<String>, Wrong> {
    let start = parser.place();
    let name = parser.name()?;
    if name.as_slice() == ["identifier"] && matches!(parser.peek(), Some(Token::Symbol("("))) {
        parser.back(start + 1);
        return Err(parser.wrong());
    }
    Ok(name)
}

pub fn run(session: &Session<'_>, parser: &mut Parser, add: bool) -> Result<(), Wrong> {
    let mut privileges = Vec::new();
    loop {
        // EXTERNAL USE SCHEMA and the like are several words, up to a comma or ON.
        let mut words = Vec::new();
        while let Some(Token::Word(word)) = parser.peek().cloned() {
            if word.eq_ignore_ascii_case("ON") {
                break;
            }
            parser.take();
            words.push(word.to_uppercase());
        }
        if words.is_empty() {
            return Err(parser.wrong());
        }
        privileges.push(words.join("_"));
        if !parser.symbol(",") {
            break;
        }
    }
    parser.must_word("ON")?;
    let (kind, name) = target(session, parser)?;
    parser.must_word(if add { "TO" } else { "FROM" })?;
    let principal = parser.exact()?;
    parser.end()?;
    let (add, remove) = if add { (privileges, Vec::new()) } else { (Vec::new(), privileges) };
    let change = Change { principal, add, remove };
    apply(session.world, session.person, kind.upper(), &name, &[change])?;
    Ok(())
}

pub fn alter(session: &Session<'_>, parser: &mut Parser) -> Result<(), Wrong> {
    let (kind, name) = target(session, parser)?;
    let securable = Securable::new(kind, &name);
    for word in ["ENABLE", "DISABLE", "INHERIT"] {
        if parser.words(&[word, "PREDICTIVE", "OPTIMIZATION"]) {
            parser.end()?;
            return optimize(session, &securable, word);
        }
    }
    parser.word("SET");
    if parser.words(&["OWNER", "TO"]) || parser.words(&["OWNER"]) {
        parser.word("TO");
        let owner = parser.exact()?;
        parser.end()?;
        return set_owner(session, &securable, &owner);
    }
    if parser.word("TAGS") {
        let pairs = parser.pairs()?;
        parser.end()?;
        return tags(session, &securable, kind, &name, pairs);
    }
    if parser.word("TBLPROPERTIES") && kind == Kind::Table {
        let pairs = parser.pairs()?;
        parser.end()?;
        super::create::check_properties(&pairs)?;
        let mut metastore = locked(&session.world.unity);
        metastore.exists(&securable)?;
        metastore.must_manage(session.person, &securable)?;
        metastore.table_mut(&name)?.properties.extend(pairs);
        return Ok(());
    }
    Err(Wrong::unsupported("this ALTER"))
}

fn optimize(session: &Session<'_>, securable: &Securable, word: &str) -> Result<(), Wrong> {
    let mut metastore = locked(&session.world.unity);
    metastore.exists(securable)?;
    metastore.must_manage(session.person, securable)?;
    let name = securable.name.as_str();
    match securable.kind {
        Kind::Catalog => {
            if let Some(catalog) = metastore.catalogs.get_mut(name) {
                word.clone_into(&mut catalog.optimization);
            }
        }
        Kind::Schema => {
            if let Some(schema) = metastore.schemas.get_mut(name) {
                word.clone_into(&mut schema.optimization);
            }
        }
        Kind::Table => {
            let table = metastore.table_mut(name)?;
            if table.kind != "MANAGED" {
                let words = "Predictive optimization is for managed tables only.";
                return Err(Wrong::new("PREDICTIVE_OPTIMIZATION_NOT_SUPPORTED", "0A000", words));
            }
            word.clone_into(&mut table.optimization);
        }
        _ => return Err(Wrong::unsupported("predictive optimization of this object")),
    }
    Ok(())
}

fn set_owner(session: &Session<'_>, securable: &Securable, owner: &str) -> Result<(), Wrong> {
    if !locked(&session.world.people).knows(owner) {
        return Err(Wrong::new(
            "PRINCIPAL_DOES_NOT_EXIST",
            "42704",
            format!("Could not find principal with name {owner}."),
        ));
    }
    let mut metastore = locked(&session.world.unity);
    metastore.exists(securable)?;
    metastore.must_manage(session.person, securable)?;
    let name = securable.name.as_str();
    let place = match securable.kind {
        Kind::Catalog => metastore.catalogs.get_mut(name).map(|one| &mut one.owner),
        Kind::Schema => metastore.schemas.get_mut(name).map(|one| &mut one.owner),
        Kind::Volume => metastore.volumes.get_mut(name).map(|one| &mut one.owner),
        Kind::Table => Some(&mut metastore.table_mut(name)?.owner),
        _ => None,
    };
    owner.clone_into(place.ok_or_else(|| Wrong::unsupported("an owner of this object"))?);
    Ok(())
}

fn tags(
    session: &Session<'_>,
    securable: &Securable,
    kind: Kind,
    name: &str,
    pairs: Vec<(String, String)>,
) -> Result<(), Wrong> {
    let mut metastore = locked(&session.world.unity);
    metastore.exists(securable)?;
    crate::unity::may_tag(&metastore, session.person, securable)?;
    let kind = format!("{}s", kind.upper().to_lowercase());
    metastore.tags.entry((kind, name.to_owned())).or_default().extend(pairs);
    Ok(())
}

pub fn comment(session: &Session<'_>, parser: &mut Parser) -> Result<(), Wrong> {
    parser.must_word("ON")?;
    let (kind, name) = target(session, parser)?;
    parser.must_word("IS")?;
    let text = if parser.word("NULL") { None } else { Some(parser.text()?) };
    parser.end()?;
    let securable = Securable::new(kind, &name);
    let mut metastore = locked(&session.world.unity);
    metastore.exists(&securable)?;
    metastore.must_manage(session.person, &securable)?;
    let place = match kind {
        Kind::Catalog => metastore.catalogs.get_mut(&name).map(|one| &mut one.comment),
        Kind::Schema => metastore.schemas.get_mut(&name).map(|one| &mut one.comment),
        Kind::Volume => metastore.volumes.get_mut(&name).map(|one| &mut one.comment),
        Kind::Table => Some(&mut metastore.table_mut(&name)?.comment),
        _ => None,
    };
    *place.ok_or_else(|| Wrong::unsupported("a comment on this object"))? = text;
    Ok(())
}
