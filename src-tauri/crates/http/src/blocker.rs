//! Why no connection comes about until a setting of this machine is changed.

use std::error::Error;
use std::io;
use std::iter::successors;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectBlocker {
    /// The certificate of the other side is signed by no authority that is trusted here, or is not valid for its name.
    UntrustedCertificate,
    /// The proxy asks for a name and a password.
    ProxyPassword,
}

impl ConnectBlocker {
    /// Looked for in `error` and all its sources.
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        successors(Some(error), |&error| inner(error)).find_map(|error| {
            if is_untrusted_certificate(error) {
                Some(Self::UntrustedCertificate)
            } else if is_proxy_password(error) {
                Some(Self::ProxyPassword)
            } else {
                None
            }
        })
    }

    pub const fn message(self) -> &'static str {
        match self {
            Self::UntrustedCertificate => "the server's certificate is not trusted on this machine",
            Self::ProxyPassword => "the proxy asks for a name and a password",
        }
    }

    /// What to set in the environment.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::UntrustedCertificate => {
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

/// The next error of a chain. An I/O error names the source of what it holds as its own and so skips what it holds.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(held) => Some(held),
        None => error.source(),
    }
}

fn is_untrusted_certificate(error: &(dyn Error + 'static)) -> bool {
    matches!(error.downcast_ref::<rustls::Error>(), Some(rustls::Error::InvalidCertificate(_)))
}

/// The one place of this crate that looks at an error's text: hyper-util answers a proxy's 407 with the variant
/// `ProxyAuthRequired` of an enum that it does not export, so that its text is all there is. A test holds it against the
/// version that is built in.
fn is_proxy_password(error: &(dyn Error + 'static)) -> bool {
    error.to_string() == "tunnel error: proxy authorization required"
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_loopback::{Reply, Server};
    use icebridge_model::secret::Secret;
    use std::fmt;

    #[derive(Debug)]
    struct Outer(io::Error);

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
    fn a_certificate_is_found_by_its_type_below_other_errors() {
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let deep = Outer(io::Error::new(io::ErrorKind::InvalidData, tls));
        assert_eq!(ConnectBlocker::of(&deep), Some(ConnectBlocker::UntrustedCertificate));
        let other = Outer(io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError));
        assert_eq!(ConnectBlocker::of(&other), None);
        let words = Outer(io::Error::other("invalid peer certificate: UnknownIssuer"));
        assert_eq!(ConnectBlocker::of(&words), None, "text alone decides nothing");
        assert_eq!(ConnectBlocker::of(&Outer(io::ErrorKind::ConnectionRefused.into())), None);
    }

    #[tokio::test]
    async fn a_proxy_that_asks_for_a_password_is_found_in_the_librarys_own_error() {
        let proxy = Server::start(|_| Reply::With(407, vec![("Proxy-Authenticate", "Basic".into())], vec![])).await;
        let transport = crate::Transport {
            proxy: crate::Proxy::At(Secret::new(proxy.uri.as_str())),
            ..crate::Transport::default()
        };
        let connection = transport.open().unwrap();
        let error = connection.0.get("https://h.example/x").send().await.unwrap_err();
        assert_eq!(ConnectBlocker::of(&error), Some(ConnectBlocker::ProxyPassword), "{error:?}");
    }
}
