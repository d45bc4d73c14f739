//! The end of a sign-in: revoked at the server, then erased here.

use super::grant::Grant;
use super::lock::Lock;
use super::oauth::explain;
use super::store::{GrantKey, TokenStore};
use crate::service::SERVICE;
use icebridge_http::{TokenRequest, Transport};
use icebridge_model::{Error, Result};
use std::path::Path;

/// What became of the tokens at the server. Here they are gone in every case.
#[derive(Clone, Debug, PartialEq)]
pub enum Revocation {
    Revoked,
    /// No one was signed in.
    NothingThere,
    /// The server names no address for it: the access token ends by itself, within the hour as a rule, and the refresh
    /// token with the lifetime that an administrator has set.
    NotOffered,
    /// The tokens live on at the server until they end by themselves.
    Failed(Error),
}

pub async fn sign_out(
    store: &dyn TokenStore,
    key: &GrantKey,
    locks: &Path,
    transport: &Transport,
) -> Result<Revocation> {
    // So that no other process stores a renewed one after we have erased.
    let _lock = Lock::of(locks, key).await?;
    let Some(text) = store.get(key).await? else { return Ok(Revocation::NothingThere) };
    let revocation = match Grant::from_secret(&text) {
        Ok(grant) => match revoke(&grant, transport).await {
            Ok(true) => Revocation::Revoked,
            Ok(false) => Revocation::NotOffered,
            Err(error) => Revocation::Failed(error),
        },
        // What cannot be read cannot be revoked, but it can be erased.
        Err(error) => Revocation::Failed(error),
    };
    store.erase(key).await?;
    Ok(revocation)
}

/// False: the server does not offer it.
async fn revoke(grant: &Grant, transport: &Transport) -> Result<bool> {
    let Some(endpoint) = &grant.revocation_endpoint else { return Ok(false) };
    let connection = transport.open()?;
    // The refresh token first: it is the one that lasts.
    let tokens = grant.refresh_token.iter().map(|token| ("refresh_token", token));
    for (kind, token) in tokens.chain([("access_token", &grant.access_token)]) {
        let request = TokenRequest {
            endpoint,
            form: vec![("client_id", &grant.client_id), ("token_type_hint", kind)],
            secrets: vec![("token", token)],
            basic: None,
        };
        request.revoke(&connection, &SERVICE).await.map_err(|failure| explain(&request, failure))?;
    }
    Ok(true)
}
