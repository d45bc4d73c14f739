//! SQL as message.

use super::error::SqlError;

#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// A bare word, as written.
    Word(String),
    /// In backticks.
    Quoted(String),
    Text(String),
    Number(String),
    /// `:name`
    Parameter(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 18] =
    ["<=", ">=", "<>", "!=", "||", "=", "<", ">", "(", ")", ",", ".", "*", "+", "-", "/", "%", ":"];

/// With a last semicolon or without.
pub fn tokens(text: &str) -> Result<Vec<Token>, SqlError> {
    let mut found = Vec::new();
    let mut rest = text.trim_end().trim_end_matches(';');
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("--") {
            rest = after.split_once('\n').map_or("", |(_, after)| after);
            continue;
        }
        if let Some(after) = rest.strip_prefix("/*") {
            rest = after.split_once("*/").map_or("", |(_, after)| after);
            continue;
        }
        let Some(first) = rest.chars().next() else { return Ok(found) };
        if first == '`' {
            let (name, after) = quoted(rest, '`', false)?;
            found.push(Token::Quoted(name));
            rest = after;
        } else if first == '\'' || first == '"' {
            let (name, after) = quoted(rest, first, true)?;
            found.push(Token::Text(name));
            rest = after;
        } else if first == ':' && !word(rest.get(1..).unwrap_or_default()).0.is_empty() {
            let (name, after) = word(rest.get(1..).unwrap_or_default());
            found.push(Token::Parameter(name.to_owned()));
            rest = after;
        } else if first.is_ascii_digit() {
            let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
            let (number, after) = rest.split_at(end);
            found.push(Token::Number(number.to_owned()));
            rest = after;
        } else if first == '_' || first.is_alphabetic() {
            let (name, after) = word(rest);
            found.push(Token::Word(name.to_owned()));
            rest = after;
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            found.push(Token::Symbol(symbol));
            rest = rest.get(symbol.len()..).unwrap_or_default();
        } else {
            return Err(SqlError::syntax(&first.to_string()));
        }
    }
}

fn word(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
    text.split_at(end)
}

/// A quote twice stands for itself; in text, a backslash takes away what the next letter means.
fn quoted(text: &str, quote: char, escapes: bool) -> Result<(String, &str), SqlError> {
    let mut value = String::new();
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == quote {
            if letters.peek().is_some_and(|(_, next)| *next == quote) {
                letters.next();
                value.push(quote);
                continue;
            }
            return Ok((value, text.get(at + quote.len_utf8()..).unwrap_or_default()));
        }
        match (letter, escapes) {
            ('\\', true) => match letters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((at, 'u')) => match by_number(text.get(at + 1..at + 5)) {
                    Some(letter) => {
                        value.push(letter);
                        letters.nth(3);
                    }
                    None => value.push('u'),
                },
                Some((_, other)) => value.push(other),
                None => break,
            },
            _ => value.push(letter),
        }
    }
    Err(SqlError::syntax(text))
}

/// The letter of four hexadecimal digits.
fn by_number(digits: Option<&str>) -> Option<char> {
    let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_may_be_written_by_its_number() {
        for (sql, text) in [
            ("'\\u0024{a}'", "${a}"),
            ("'\\\\u0024'", "\\u0024"),
            ("'\\u00e9\\u00e'", "\u{e9}u00e"),
            ("'\\uzzzz'", "uzzzz"),
            ("'\\u'", "u"),
        ] {
            assert_eq!(tokens(sql).unwrap(), [Token::Text(text.into())], "{sql}");
        }
    }

    #[test]
    fn quotes_comments_and_parameters_are_distinguished() {
        let found = tokens("SELECT `a``b`.c, 'it''s \\'x' -- no\n <= :p /* no */ 1.5;").unwrap();
        let word = |text: &str| Token::Word(text.into());
        assert_eq!(
            found,
            [
                word("SELECT"),
                Token::Quoted("a`b".into()),
                Token::Symbol("."),
                word("c"),
                Token::Symbol(","),
                Token::Text("it's 'x".into()),
                Token::Symbol("<="),
                Token::Parameter("p".into()),
                Token::Number("1.5".into()),
            ]
        );
    }

    #[test]
    fn what_does_not_end_is_a_syntax_error() {
        for bad in ["'abc", "`abc", "'abc\\", "a # b", "a; b"] {
            assert!(tokens(bad).is_err(), "{bad}");
        }
    }
}
