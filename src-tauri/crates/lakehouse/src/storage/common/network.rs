//! How object storage is reached, as far as the environment does not say it.

use icebridge_http::{Proxy, Transport, install_provider};
use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result};
use object_store::{Certificate, ClientOptions};

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

    pub(in crate::storage) fn of(&self, options: ClientOptions) -> ClientOptions {
        install_provider();
        let trusting =
            self.certificates.iter().fold(options, |options, one| options.with_root_certificate(one.clone()));
        match &self.proxy {
            Some(proxy) => trusting.with_proxy_url(proxy.expose()),
            None => trusting,
        }
    }
}
