//! Signing in to a workspace: as a person, as a service principal, with a token, or through the vendor's command line.

mod browser;
mod cli;
mod credentials;
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
pub use credentials::Auth;
pub use environment::{Configuration, Method, Overrides, Resolved, resolve};
pub use machine::Machine;
pub use oidc::{HostDescription, describe_host};
pub use person::Person;
pub use profiles::{Profile, Profiles};
pub use sign_out::{Revocation, sign_out};
pub use store::{GrantKey, MemoryTokens, TokenStore};
