//! Why a connection does not come about until somebody changes a setting of this machine.

use std::error::Error;
use std::iter::successors;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// The other side's certificate is signed by nobody that is trusted here.
    Authority,
    /// The proxy lets nobody out without one.
    ProxyPassword,
}

impl Lacking {
    /// By the words of the causes: the libraries have no common type for it.
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        successors(Some(error), |&error| error.source()).find_map(|error| {
            let words = error.to_string().to_ascii_lowercase();
            match () {
                () if words.contains("invalid peer certificate") => Some(Self::Authority),
                () if words.contains("proxy auth") => Some(Self::ProxyPassword),
                () => None,
            }
        })
    }

    pub fn message(self) -> &'static str {
        match self {
            Self::Authority => "the certificate that came is not trusted here",
            Self::ProxyPassword => "the proxy asks for a name and a password",
        }
    }

    /// Where the surroundings say the way out: what to set there.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Authority => {
                "If your company opens TLS connections with an authority of its own, add it to the system's certificates, or \
                 name its PEM file in SSL_CERT_FILE. For a workspace and its storage, give it to the workspace (--ca-file)."
            }
            Self::ProxyPassword => {
                "Give the proxy's address with user:password@ before its name, in HTTPS_PROXY or, for a workspace and its \
                 storage, as the workspace's secret `proxy`."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    #[derive(Debug)]
    struct Outer(crate::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a request failed")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn it_is_found_below_other_errors() {
        let deep = |words: &str| Outer(crate::Error::internal(words));
        assert_eq!(Lacking::of(&deep("invalid peer certificate: UnknownIssuer")), Some(Lacking::Authority));
        assert_eq!(Lacking::of(&deep("tunnel error: proxy authorization required")), Some(Lacking::ProxyPassword));
        assert_eq!(Lacking::of(&deep("connection refused")), None);
    }
}
