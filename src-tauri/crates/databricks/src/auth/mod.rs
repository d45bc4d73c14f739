//! Who we are to a workspace: a person, a service principal, a token, or whom the vendor's command line has signed in.

mod browser;
mod cli;
mod environment;
mod grant;
mod lock;
mod machine;
mod oauth;
mod oidc;
mod person;
mod pkce;
mod profiles;
mod redirect;
mod sign_out;
mod store;
#[cfg(test)]
pub(crate) mod tests;

pub use browser::{Application, SignIn};
pub use cli::Cli;
pub use environment::{Configuration, Method, Resolved, Wish, resolve};
pub use machine::Machine;
pub use oidc::{Recognised, recognise};
pub use person::Person;
pub use profiles::{Profile, Profiles};
pub use sign_out::{Revocation, sign_out};
pub use store::{GrantKey, MemoryTokens, TokenStore};

use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result};
use std::sync::Arc;

/// The source of the bearer token of each request. Cheap to clone; clones share what they know.
#[derive(Clone, Debug)]
pub enum Auth {
    /// A personal access token, or one that somebody else looks after.
    Token(Secret),
    /// A service principal (machine to machine).
    Machine(Arc<Machine>),
    /// A person who signed in through the browser (user to machine).
    Person(Arc<Person>),
    /// Whoever `databricks auth login` signed in.
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

    /// Told that the workspace refused `stale`. True if there is another one to try.
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
