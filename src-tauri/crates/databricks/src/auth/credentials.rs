//! The source of a request's token.

use super::cli::Cli;
use super::machine::Machine;
use super::person::Person;
use async_trait::async_trait;
use icebridge_http::Credentials;
use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result};
use std::sync::Arc;

/// Who is signed in: the source of the bearer token of each request. Cheap to clone; clones share their tokens.
#[derive(Clone, Debug)]
pub enum Auth {
    /// A personal access token, or one that is renewed elsewhere.
    Token(Secret),
    /// A service principal (machine to machine).
    Machine(Arc<Machine>),
    /// A person who signed in through the browser (user to machine).
    Person(Arc<Person>),
    /// As the principal that `databricks auth login` signed in.
    Cli(Arc<Cli>),
}

impl Auth {
    pub fn token_of(token: Secret) -> Result<Self> {
        let text = token.expose();
        if text.is_empty() || text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(Error::invalid("the token is empty or holds white space")
                .with_hint("Copy it again, without line breaks."));
        }
        Ok(Self::Token(token))
    }

    /// For the next request. Renewed in time, by one task and one process at once.
    pub async fn token(&self) -> Result<Secret> {
        match self {
            Self::Token(token) => Ok(token.clone()),
            Self::Machine(machine) => machine.token(None).await,
            Self::Person(person) => person.token(None).await,
            Self::Cli(cli) => cli.token(None).await,
        }
    }

    /// After the workspace refused `stale`: true if there is another one to try.
    pub async fn renew(&self, stale: &Secret) -> Result<bool> {
        let fresh = match self {
            Self::Token(_) => return Ok(false),
            Self::Machine(machine) => machine.token(Some(stale)).await?,
            Self::Person(person) => person.token(Some(stale)).await?,
            Self::Cli(cli) => cli.token(Some(stale)).await?,
        };
        Ok(fresh != *stale)
    }
}

#[async_trait]
impl Credentials for Auth {
    async fn token(&self) -> Result<Option<Secret>> {
        Auth::token(self).await.map(Some)
    }

    async fn renew(&self, stale: Option<&Secret>) -> Result<bool> {
        match stale {
            Some(stale) => Auth::renew(self, stale).await,
            None => Ok(false),
        }
    }

    fn secrets(&self) -> Vec<Secret> {
        match self {
            Self::Machine(machine) => vec![machine.client_secret()],
            Self::Token(_) | Self::Person(_) | Self::Cli(_) => Vec::new(),
        }
    }
}
