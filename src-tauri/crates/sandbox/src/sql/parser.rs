//! A place in the words of a statement.

use super::engine::Wrong;
use super::lexer::{Token, tokens};

pub struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    pub fn new(text: &str) -> Result<Self, Wrong> {
        Ok(Self { tokens: tokens(text)?, at: 0 })
    }

    pub fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    pub fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    pub fn place(&self) -> usize {
        self.at
    }

    pub fn back(&mut self, place: usize) {
        self.at = place;
    }

    pub fn wrong(&self) -> Wrong {
        let near = match self.peek() {
            None => "end of input".to_owned(),
            Some(Token::Word(text) | Token::Quoted(text) | Token::Text(text) | Token::Number(text)) => text.clone(),
            Some(Token::Parameter(name)) => format!(":{name}"),
            Some(Token::Symbol(symbol)) => (*symbol).to_owned(),
        };
        Wrong::syntax(&near)
    }

    /// Takes the word if it is the next.
    pub fn word(&mut self, wanted: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(found);
        found
    }

    /// Takes all of the words or none.
    pub fn words(&mut self, wanted: &[&str]) -> bool {
        let start = self.at;
        let found = wanted.iter().all(|one| self.word(one));
        if !found {
            self.at = start;
        }
        found
    }

    pub fn must_word(&mut self, wanted: &str) -> Result<(), Wrong> {
        if self.word(wanted) { Ok(()) } else { Err(self.wrong()) }
    }

    pub fn symbol(&mut self, wanted: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Symbol(symbol)) if *symbol == wanted);
        self.at += usize::from(found);
        found
    }

    pub fn must_symbol(&mut self, wanted: &str) -> Result<(), Wrong> {
        if self.symbol(wanted) { Ok(()) } else { Err(self.wrong()) }
    }

    pub fn end(&self) -> Result<(), Wrong> {
        if self.peek().is_none() { Ok(()) } else { Err(self.wrong()) }
    }

    /// One part of a name, in lower case.
    pub fn identifier(&mut self) -> Result<String, Wrong> {
        match self.peek().cloned() {
            Some(Token::Word(word) | Token::Quoted(word)) => {
                self.at += 1;
                Ok(word.to_lowercase())
            }
            _ => Err(self.wrong()),
        }
    }

    /// `a.b.c`
    pub fn name(&mut self) -> Result<Vec<String>, Wrong> {
        let mut parts = vec![self.identifier()?];
        while self.symbol(".") {
            parts.push(self.identifier()?);
        }
        Ok(parts)
    }

    /// A principal or another name that keeps its case.
    pub fn exact(&mut self) -> Result<String, Wrong> {
        match self.take() {
            Some(Token::Word(word) | Token::Quoted(word) | Token::Text(word)) => Ok(word),
            _ => {
                self.at -= 1;
                Err(self.wrong())
            }
        }
    }

    pub fn text(&mut self) -> Result<String, Wrong> {
        match self.peek().cloned() {
            Some(Token::Text(text)) => {
                self.at += 1;
                Ok(text)
            }
            _ => Err(self.wrong()),
        }
    }

    /// The tokens of the next brackets, without them.
    pub fn brackets(&mut self) -> Result<Vec<Token>, Wrong> {
        self.must_symbol("(")?;
        let (start, mut depth) = (self.at, 1);
        while let Some(token) = self.take() {
            match token {
                Token::Symbol("(") => depth += 1,
                Token::Symbol(")") => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(self.tokens.get(start..self.at - 1).unwrap_or_default().to_vec());
            }
        }
        Err(self.wrong())
    }

    pub fn of(tokens: Vec<Token>) -> Self {
        Self { tokens, at: 0 }
    }

    /// `('a' = 'b', c.d = 1)` as pairs.
    pub fn pairs(&mut self) -> Result<Vec<(String, String)>, Wrong> {
        let mut inner = Self::of(self.brackets()?);
        let mut pairs = Vec::new();
        while inner.peek().is_some() {
            let name = match inner.peek().cloned() {
                Some(Token::Text(name)) => {
                    inner.take();
                    name
                }
                _ => {
                    // Keys keep their case, and are written with dots.
                    let mut name = inner.exact()?;
                    while inner.symbol(".") {
                        name = format!("{name}.{}", inner.exact()?);
                    }
                    name
                }
            };
            let value = if inner.symbol("=") {
                match inner.take() {
                    Some(Token::Text(value) | Token::Number(value) | Token::Word(value)) => value,
                    _ => return Err(inner.wrong()),
                }
            } else {
                String::new()
            };
            pairs.push((name, value));
            if !inner.symbol(",") {
                inner.end()?;
            }
        }
        Ok(pairs)
    }
}
