//! The signature of a bundle: Ed25519 (RFC 8032) over the SHA-256 of its manifest, with a key that the keychain holds.

use super::SIGNATURE;
use super::folder;
use super::found::Found;
use super::strict;
use crate::secrets::{SecretStore, blocking};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use icebridge_model::audit::BundleManifest;
use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result};
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// Where the keychain keeps the key.
const OWNER: &str = "audit";
const KEY: &str = "signing-key";

/// `signature.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Signature {
    /// `Ed25519`.
    pub algorithm: String,
    /// 32 bytes, Base64.
    pub public_key: String,
    /// Of `manifest.json`.
    pub manifest_sha256: String,
    /// 64 bytes, Base64.
    pub signature: String,
}

pub(super) struct SigningKey(Ed25519KeyPair);

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
                .with_hint("Remove it from the keychain or the environment; another one is made at the next export.")
        };
        let document = STANDARD.decode(secret.expose().trim()).map_err(|_| wrong())?;
        // A key from openssl has no public half in it; ring takes both forms here.
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&document).map(Self).map_err(|_| wrong())
    }

    pub fn public_key(&self) -> String {
        STANDARD.encode(self.0.public_key().as_ref())
    }

    pub fn sign(&self, manifest_sha256: &str) -> Signature {
        Signature {
            algorithm: "Ed25519".into(),
            public_key: self.public_key(),
            manifest_sha256: manifest_sha256.into(),
            signature: STANDARD.encode(self.0.sign(message(manifest_sha256).as_bytes()).as_ref()),
        }
    }
}

/// What is signed, so that a signature made for something else never fits.
fn message(manifest_sha256: &str) -> String {
    format!("IceBridge audit bundle\n{manifest_sha256}\n")
}

/// The manifest says whether there is a signature, and by which key: taking it away changes the manifest.
pub(super) fn check(path: &Path, manifest: &BundleManifest, sha256: &str, expected: Option<&str>) -> Found<()> {
    let Some(public_key) = &manifest.public_key else {
        return match (expected, path.join(SIGNATURE).exists()) {
            (Some(_), _) => Err("the bundle is not signed".into()),
            (None, true) => Err(format!("there is a {SIGNATURE} of which the manifest does not speak")),
            (None, false) => Ok(((), "not signed".into())),
        };
    };
    let signature: Signature = strict::read(&path.join(SIGNATURE)).map_err(|e| format!("{SIGNATURE}: {e}"))?;
    if signature.algorithm != "Ed25519" || signature.public_key != *public_key || signature.manifest_sha256 != sha256 {
        return Err(format!("{SIGNATURE} is about another manifest or key"));
    }
    let decoded = |text: &str| STANDARD.decode(text).map_err(|_| format!("{SIGNATURE} is not Base64"));
    UnparsedPublicKey::new(&ED25519, decoded(public_key)?)
        .verify(message(sha256).as_bytes(), &decoded(&signature.signature)?)
        .map_err(|_| "the signature does not fit the manifest".to_string())?;
    match expected {
        Some(expected) if expected.trim() != public_key => Err(format!("it is signed by another key, {public_key}")),
        Some(_) => Ok(((), format!("signed by the expected key {public_key}"))),
        None => Ok(((), format!("signed by {public_key}; whose key that is, only its owner can say"))),
    }
}

pub(super) fn write(folder: &Path, signature: &Signature) -> Result<()> {
    folder::write(folder, SIGNATURE, folder::pretty(signature)?.as_bytes()).map(drop)
}
