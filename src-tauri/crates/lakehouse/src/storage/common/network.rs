//! How object storage is reached, as far as the environment does not say it.

use icebridge_http::{Proxy, Transport, install_provider};
use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result};
use object_store::{BackoffConfig, Certificate, ClientOptions, RetryConfig};
use std::time::Duration;

/// Certificates that are trusted besides those of the system, and a proxy in place of the environment's.
#[derive(Clone, Debug, Default)]
pub struct Network {
    certificates: Vec<Certificate>,
    proxy: Option<Secret>,
}

impl Network {
    /// Certificates in PEM form, and a proxy's address: a secret, since it may hold a password.
    pub fn new(pem: Option<&[u8]>, proxy: Option<Secret>) -> Result<Self> {
        let certificates = pem
            .map_or_else(|| Ok(Vec::new()), Certificate::from_pem_bundle)
            .map_err(|e| Error::invalid("the certificates for object storage cannot be parsed").with_cause(e))?;
        Ok(Self { certificates, proxy })
    }

    /// As the catalog of the files is reached.
    pub fn through(transport: &Transport) -> Result<Self> {
        let proxy = match &transport.proxy {
            Proxy::At(address) => Some(address.clone()),
            Proxy::Environment | Proxy::Direct => None,
        };
        Self::new(transport.certificates()?.as_deref(), proxy)
    }

    /// For requests to object storage: no limit on a whole request, which may be a large body on a slow line; one on silence.
    pub(in crate::storage) fn client(&self) -> ClientOptions {
        let usual = ClientOptions::new()
            .with_allow_http(true)
            .with_connect_timeout(Duration::from_secs(10))
            .with_timeout_disabled()
            .with_read_timeout(Duration::from_secs(120));
        self.of(usual)
    }

    fn of(&self, options: ClientOptions) -> ClientOptions {
        install_provider();
        let trusting =
            self.certificates.iter().fold(options, |options, one| options.with_root_certificate(one.clone()));
        match &self.proxy {
            Some(proxy) => trusting.with_proxy_url(proxy.expose()),
            None => trusting,
        }
    }
}

pub(in crate::storage) fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { init_backoff: Duration::from_millis(200), ..Default::default() },
        max_retries: 5,
        retry_timeout: Duration::from_secs(60),
    }
}

/// For the addresses that a cloud's machines have for their credentials: elsewhere nothing answers there.
pub(in crate::storage) fn of_machine() -> RetryConfig {
    RetryConfig { max_retries: 1, retry_timeout: Duration::from_secs(4), ..retry() }
}
