//! The key of this state, which the keychain holds: Ed25519 (RFC 8032). It signs audit bundles and approvals, each with a
//! first line of its own, so that a signature of the one is none of the other.

use crate::secrets::{SecretStore, blocking};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result};
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::sync::Arc;

pub(crate) const ALGORITHM: &str = "Ed25519";
/// Where the keychain keeps the key. Audit bundles had it first.
const OWNER: &str = "audit";
const KEY: &str = "signing-key";

pub(crate) struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// The key of this state, made at its first use. An error: no keychain keeps it, and no variable stands in.
    pub async fn of(secrets: &Arc<dyn SecretStore>) -> Result<Self> {
        let secrets = Arc::clone(secrets);
        blocking(move || match secrets.get(OWNER, KEY)? {
            Some(secret) => Self::parse(&secret),
            None => {
                let failed = || Error::internal("no key for signatures could be made");
                let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| failed())?;
                let secret = Secret::new(STANDARD.encode(document.as_ref()));
                secrets.set(OWNER, KEY, &secret)?;
                Self::parse(&secret)
            }
        })
        .await
    }

    fn parse(secret: &Secret) -> Result<Self> {
        let wrong = || {
            Error::invalid("the key for signatures is no Ed25519 key in PKCS #8, as Base64")
                .with_hint("Remove it from the keychain or the environment; another one is made at its next use.")
        };
        let document = STANDARD.decode(secret.expose().trim()).map_err(|_| wrong())?;
        // A key from openssl has no public half in it; ring takes both forms here.
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&document).map(Self).map_err(|_| wrong())
    }

    pub fn public_key(&self) -> String {
        STANDARD.encode(self.0.public_key().as_ref())
    }

    /// Base64.
    pub fn sign(&self, message: &str) -> String {
        STANDARD.encode(self.0.sign(message.as_bytes()).as_ref())
    }
}

/// Whether a text is the Base64 of 32 bytes, in the one way to write them.
pub(crate) fn is_public_key(text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// Whether the key has signed the message. What is no key or no signature has not.
pub(crate) fn fits(public_key: &str, message: &str, signature: &str) -> bool {
    let (Ok(key), Ok(signature)) = (STANDARD.decode(public_key), STANDARD.decode(signature)) else { return false };
    UnparsedPublicKey::new(&ED25519, key).verify(message.as_bytes(), &signature).is_ok()
}
