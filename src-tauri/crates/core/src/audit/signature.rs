//! The signature of a bundle: Ed25519 (RFC 8032) over the SHA-256 of its manifest, with a key that the keychain holds.

use super::SIGNATURE;
use super::bundle::Bundle;
use super::folder;
use super::found::Found;
use super::strict;
use crate::signing::{self, ALGORITHM, SigningKey};
use icebridge_model::Result;
use icebridge_model::audit::BundleManifest;
use serde::{Deserialize, Serialize};
use std::path::Path;

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

impl Signature {
    pub fn of(key: &SigningKey, manifest_sha256: &str) -> Self {
        Self {
            algorithm: ALGORITHM.into(),
            public_key: key.public_key(),
            manifest_sha256: manifest_sha256.into(),
            signature: key.sign(&message(manifest_sha256)),
        }
    }
}

/// What is signed, so that a signature made for something else never fits.
fn message(manifest_sha256: &str) -> String {
    format!("IceBridge audit bundle\n{manifest_sha256}\n")
}

/// The manifest says whether there is a signature, and by which key: taking it away changes the manifest.
pub(super) fn check(bundle: &mut Bundle, manifest: &BundleManifest, sha256: &str, expected: Option<&str>) -> Found<()> {
    let Some(public_key) = &manifest.public_key else {
        return match (expected, bundle.has(SIGNATURE)) {
            (Some(_), _) => Err("the bundle is not signed".into()),
            (None, true) => Err(format!("there is a {SIGNATURE} of which the manifest does not speak")),
            (None, false) => Ok(((), "not signed".into())),
        };
    };
    let signature: Signature = strict::read(bundle, SIGNATURE).map_err(|e| format!("{SIGNATURE}: {e}"))?;
    if signature.algorithm != ALGORITHM || signature.public_key != *public_key || signature.manifest_sha256 != sha256 {
        return Err(format!("{SIGNATURE} is about another manifest or key"));
    }
    if !signing::fits(public_key, &message(sha256), &signature.signature) {
        return Err("the signature does not fit the manifest".into());
    }
    match expected {
        Some(expected) if expected.trim() != public_key => Err(format!("it is signed by another key, {public_key}")),
        Some(_) => Ok(((), format!("signed by the expected key {public_key}"))),
        None => Ok(((), format!("signed by {public_key}; whose key that is, only its owner can say"))),
    }
}

pub(super) fn write(folder: &Path, signature: &Signature) -> Result<()> {
    folder::write(folder, SIGNATURE, folder::pretty(signature)?.as_bytes()).map(drop)
}
