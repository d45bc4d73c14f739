//! A place among the tokens of a statement.

use super::ast::{Name, Pairs};
use super::error::SqlError;
use super::lexer::{Token, tokens};

pub struct Cursor {
    tokens: Vec<Token>,
    at: usize,
}

impl Cursor {
    pub fn new(text: &str) -> Result<Self, SqlError> {
        Ok(Self { tokens: tokens(text)?, at: 0 })
    }

    pub fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    pub fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += usize::from(token.is_some());
        token
    }

    pub fn error(&self) -> SqlError {
        match self.peek() {
            None => SqlError::syntax("end of input"),
            Some(Token::Word(text) | Token::Quoted(text) | Token::Text(text) | Token::Number(text)) => {
                SqlError::syntax(text)
            }
            Some(Token::Parameter(name)) => SqlError::syntax(&format!(":{name}")),
            Some(Token::Symbol(symbol)) => SqlError::syntax(symbol),
        }
    }

    /// The next token's keyword, in upper case.
    pub fn keyword(&self) -> Option<String> {
        match self.peek() {
            Some(Token::Word(word)) => Some(word.to_uppercase()),
            _ => None,
        }
    }

    /// Takes the words if they are the next, all or none.
    pub fn words(&mut self, wanted: &str) -> bool {
        let start = self.at;
        for word in wanted.split(' ') {
            if !matches!(self.peek(), Some(Token::Word(next)) if next.eq_ignore_ascii_case(word)) {
                self.at = start;
                return false;
            }
            self.at += 1;
        }
        true
    }

    pub fn must_words(&mut self, wanted: &str) -> Result<(), SqlError> {
        if self.words(wanted) { Ok(()) } else { Err(self.error()) }
    }

    pub fn symbol(&mut self, wanted: &str) -> bool {
        let found = self.sees(wanted);
        self.at += usize::from(found);
        found
    }

    /// Whether the symbol is the next.
    pub fn sees(&self, wanted: &str) -> bool {
        matches!(self.peek(), Some(Token::Symbol(symbol)) if *symbol == wanted)
    }

    pub fn must_symbol(&mut self, wanted: &str) -> Result<(), SqlError> {
        if self.symbol(wanted) { Ok(()) } else { Err(self.error()) }
    }

    pub fn end(&self) -> Result<(), SqlError> {
        if self.peek().is_none() { Ok(()) } else { Err(self.error()) }
    }

    /// What `one` reads, once or more, with commas between.
    pub fn separated<T>(&mut self, mut one: impl FnMut(&mut Self) -> Result<T, SqlError>) -> Result<Vec<T>, SqlError> {
        let mut all = vec![one(self)?];
        while self.symbol(",") {
            all.push(one(self)?);
        }
        Ok(all)
    }

    /// The same in brackets.
    pub fn bracketed<T>(&mut self, one: impl FnMut(&mut Self) -> Result<T, SqlError>) -> Result<Vec<T>, SqlError> {
        self.must_symbol("(")?;
        let all = self.separated(one)?;
        self.must_symbol(")")?;
        Ok(all)
    }

    /// One part of a name, in lower case.
    pub fn identifier(&mut self) -> Result<String, SqlError> {
        match self.peek() {
            Some(Token::Word(word) | Token::Quoted(word)) => {
                let name = word.to_lowercase();
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.error()),
        }
    }

    /// `a.b.c`
    pub fn name(&mut self) -> Result<Name, SqlError> {
        let mut parts = vec![self.identifier()?];
        while self.symbol(".") {
            parts.push(self.identifier()?);
        }
        Ok(parts)
    }

    /// `a.*`
    pub fn all_of(&mut self) -> Option<String> {
        let next = self.tokens.get(self.at..self.at + 3)?;
        let [Token::Word(name) | Token::Quoted(name), Token::Symbol("."), Token::Symbol("*")] = next else {
            return None;
        };
        let name = name.to_lowercase();
        self.at += 3;
        Some(name)
    }

    /// A principal or another name that keeps its case.
    pub fn exact(&mut self) -> Result<String, SqlError> {
        match self.peek() {
            Some(Token::Word(word) | Token::Quoted(word) | Token::Text(word)) => {
                let name = word.clone();
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.error()),
        }
    }

    pub fn text(&mut self) -> Result<String, SqlError> {
        match self.peek() {
            Some(Token::Text(text)) => {
                let text = text.clone();
                self.at += 1;
                Ok(text)
            }
            _ => Err(self.error()),
        }
    }

    pub fn comment(&mut self) -> Result<Option<String>, SqlError> {
        if self.words("COMMENT") { self.text().map(Some) } else { Ok(None) }
    }

    /// `('a' = 'b', c.d = 1)`
    pub fn pairs(&mut self) -> Result<Pairs, SqlError> {
        self.bracketed(|cursor| {
            // Keys keep their case, and are quoted or written with dots.
            let mut name = cursor.exact()?;
            while cursor.symbol(".") {
                name = format!("{name}.{}", cursor.exact()?);
            }
            if !cursor.symbol("=") {
                return Ok((name, String::new()));
            }
            match cursor.take() {
                Some(Token::Text(value) | Token::Number(value) | Token::Word(value)) => Ok((name, value)),
                _ => Err(cursor.error()),
            }
        })
    }
}
