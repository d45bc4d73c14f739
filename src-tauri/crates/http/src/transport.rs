//! How connections are made: TLS, proxy, redirects, time limits. As companies have them: a certificate authority of their
//! own, and a proxy.

use crate::tls::install_provider;
use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result};
use reqwest::redirect::{Action, Attempt, Policy};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Names the product to servers, whose logs show it.
pub const USER_AGENT: &str = concat!("IceBridge/", env!("CARGO_PKG_VERSION"));

const MAX_REDIRECTS: usize = 3;

#[derive(Clone, Debug, Default)]
pub enum Proxy {
    /// HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, and what the system is set to.
    #[default]
    Environment,
    /// None, whatever the environment says.
    Direct,
    /// For every request. A secret, since it may hold a password.
    At(Secret),
}

/// Which redirects are followed. Never one to another origin: the request's credentials, headers and body go with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// From a workspace a redirect means a sign-in page. Followed, it would look like a broken answer.
    #[default]
    Never,
    SameOrigin,
}

#[derive(Clone, Debug)]
pub struct Transport {
    pub proxy: Proxy,
    /// A PEM file whose certificates are trusted besides those of the system.
    pub ca_file: Option<PathBuf>,
    pub redirects: Redirects,
    pub connect: Duration,
    /// For the whole of a request and its answer. Files may take longer, but not fall silent for as long.
    pub answer: Duration,
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            proxy: Proxy::Environment,
            ca_file: None,
            redirects: Redirects::Never,
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(60),
        }
    }
}

/// Opened from a [`Transport`]. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Connection(pub(crate) reqwest::Client);

impl Transport {
    /// With the certificates that other tools on this machine use. The TLS library reads SSL_CERT_FILE by itself.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let named = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];
        let ca_file =
            named.iter().find_map(|name| variable(name).filter(|path| !path.trim().is_empty())).map(PathBuf::from);
        Self { ca_file, ..Self::default() }
    }

    pub fn open(&self) -> Result<Connection> {
        self.builder()?.build().map(Connection).map_err(|e| {
            Error::invalid("the HTTP connection cannot be set up")
                .with_cause(e)
                .with_hint("Check the certificates of the system and those in the settings.")
        })
    }

    fn builder(&self) -> Result<reqwest::ClientBuilder> {
        install_provider();
        let mut builder = reqwest::Client::builder().user_agent(USER_AGENT).connect_timeout(self.connect).redirect(
            match self.redirects {
                Redirects::Never => Policy::none(),
                Redirects::SameOrigin => Policy::custom(within_origin),
            },
        );
        if let Some(path) = &self.ca_file {
            let certificates = reqwest::Certificate::from_pem_bundle(&pem(path)?)
                .map_err(|e| broken(path, "cannot be parsed").with_cause(e))?;
            if certificates.is_empty() {
                return Err(broken(path, "holds no certificate"));
            }
            builder = builder.tls_certs_merge(certificates);
        }
        Ok(match &self.proxy {
            Proxy::Environment => builder,
            Proxy::Direct => builder.no_proxy(),
            Proxy::At(address) => builder.proxy(reqwest::Proxy::all(address.expose()).map_err(|_| {
                // The cause repeats the address.
                Error::invalid("the proxy's address is not valid").with_hint(
                    "A proxy is given as http://name:port, with user:password@ before the name if it asks for them.",
                )
            })?),
        })
    }

    /// The certificates that are trusted besides those of the system, in PEM form.
    pub fn certificates(&self) -> Result<Option<Vec<u8>>> {
        self.ca_file.as_deref().map(pem).transpose()
    }
}

/// Stopped, the redirect itself is the answer, and is reported with where it leads.
fn within_origin(attempt: Attempt<'_>) -> Action {
    let followed = attempt.previous();
    let same = followed.first().is_some_and(|first| first.origin() == attempt.url().origin());
    if same && followed.len() <= MAX_REDIRECTS { attempt.follow() } else { attempt.stop() }
}

fn pem(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| broken(path, "cannot be read").with_cause(e))
}

fn broken(path: &Path, why: &str) -> Error {
    Error::invalid(format!("the file of certificates {why}"))
        .about(path.display())
        .with_hint("Give a file with certificates in PEM form, as your company's administrators hand it out.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_file_of_certificates_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        for content in
            [None, Some("no certificate"), Some("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n")]
        {
            if let Some(content) = content {
                std::fs::write(&file, content).unwrap();
            }
            let error = Transport { ca_file: Some(file.clone()), ..Transport::default() }.open().unwrap_err();
            assert!(error.object.unwrap().ends_with("ca.pem"), "{content:?}");
        }
    }

    #[test]
    fn a_proxys_password_is_not_repeated() {
        let proxy = Proxy::At(Secret::new("http://me:canary@[::bad"));
        let transport = Transport { proxy, ..Transport::default() };
        let error = transport.open().unwrap_err();
        assert!(!format!("{error} {error:?} {transport:?}").contains("canary"));
    }

    #[test]
    fn the_environments_certificates_are_found() {
        let of = |name: &'static str| {
            Transport::from_environment(move |asked| (asked == name).then(|| "/ca.pem".into())).ca_file
        };
        assert_eq!(of("CURL_CA_BUNDLE"), Some(PathBuf::from("/ca.pem")));
        assert_eq!(of("OTHER"), None);
    }
}
