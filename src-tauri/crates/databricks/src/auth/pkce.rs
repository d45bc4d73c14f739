//! The proof that who fetches the token is who asked for it (RFC 7636), and the state that ties answer to question.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

#[derive(Debug)]
pub(crate) struct Pkce {
    pub state: Secret,
    pub verifier: Secret,
}

impl Pkce {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { state: random::<24>()?, verifier: random::<64>()? })
    }

    /// S256.
    pub(crate) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.expose().as_bytes()))
    }
}

fn random<const N: usize>() -> Result<Secret> {
    let mut bytes = Zeroizing::new([0_u8; N]);
    getrandom::fill(&mut bytes[..])
        .map_err(|e| Error::internal("the system gives no random numbers").with_cause_text(e.to_string()))?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(&bytes[..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B.
        let verifier = Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        let pkce = Pkce { state: Secret::default(), verifier };
        assert_eq!(pkce.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn no_two_are_alike_and_the_verifier_is_long_enough() {
        let (one, other) = (Pkce::new().unwrap(), Pkce::new().unwrap());
        assert!(one.state != other.state && one.verifier != other.verifier);
        assert!((43..=128).contains(&one.verifier.expose().len()));
        assert!(!format!("{one:?}").contains(one.verifier.expose()));
    }
}
