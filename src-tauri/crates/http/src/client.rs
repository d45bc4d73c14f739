//! A server at one address, with the credentials and habits with which it is asked.

use crate::call::Call;
use crate::limiter::Limiters;
use crate::origin::origin_of;
use crate::retry::RetryPolicy;
use crate::service::Service;
use crate::transport::{Connection, Transport};
use async_trait::async_trait;
use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result};
use reqwest::header::HeaderMap;
use serde::Serialize;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

/// Who asks: the source of the bearer token of each request.
#[async_trait]
pub trait Credentials: Debug + Send + Sync {
    /// For the next request; None: the server is asked without one.
    async fn token(&self) -> Result<Option<Secret>>;
    /// The server refused `stale`. True if there is another one to try.
    async fn renew(&self, stale: Option<&Secret>) -> Result<bool>;
    /// What the token is made from: the server may know it, and repeat it in any answer.
    fn secrets(&self) -> Vec<Secret> {
        Vec::new()
    }
}

/// Without any.
#[derive(Debug)]
struct Anonymous;

#[async_trait]
impl Credentials for Anonymous {
    async fn token(&self) -> Result<Option<Secret>> {
        Ok(None)
    }
    async fn renew(&self, _stale: Option<&Secret>) -> Result<bool> {
        Ok(false)
    }
}

/// What came back, and the name under which the server's support finds it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer<T> {
    pub value: T,
    pub request_id: Option<String>,
}

impl<T> Answer<T> {
    pub fn map<U>(self, to: impl FnOnce(T) -> U) -> Answer<U> {
        Answer { value: to(self.value), request_id: self.request_id }
    }
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct HttpClient {
    pub(crate) connection: Connection,
    /// Without a slash at its end.
    pub(crate) base: String,
    pub(crate) origin: String,
    pub(crate) service: &'static Service,
    pub(crate) credentials: Arc<dyn Credentials>,
    pub(crate) headers: HeaderMap,
    pub(crate) limiters: Limiters,
    pub(crate) policy: RetryPolicy,
    /// For the whole of one attempt.
    pub(crate) answer: Duration,
}

impl HttpClient {
    /// `base`: what every call's path is added to.
    pub fn new(transport: &Transport, base: &str, service: &'static Service) -> Result<Self> {
        Self::over(transport.open()?, base, service, transport.answer)
    }

    /// Over a connection that others use as well.
    pub fn over(connection: Connection, base: &str, service: &'static Service, answer: Duration) -> Result<Self> {
        let base = base.trim_end_matches('/').to_string();
        let Some(origin) = origin_of(&base) else {
            return Err(Error::invalid("this is not the address of a server").about(base));
        };
        Ok(Self {
            connection,
            base,
            origin,
            service,
            credentials: Arc::new(Anonymous),
            headers: HeaderMap::new(),
            limiters: Limiters::shared(),
            policy: RetryPolicy::default(),
            answer,
        })
    }

    pub fn with_credentials(mut self, credentials: Arc<dyn Credentials>) -> Self {
        self.credentials = credentials;
        self
    }

    /// Sent with every request.
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    pub fn with_limiters(mut self, limiters: Limiters) -> Self {
        self.limiters = limiters;
        self
    }

    pub fn with_policy(mut self, policy: RetryPolicy) -> Self {
        self.policy = policy;
        self
    }

    pub fn answer_within(mut self, limit: Duration) -> Self {
        self.answer = limit;
        self
    }

    pub fn service(&self) -> &'static Service {
        self.service
    }

    pub fn policy(&self) -> RetryPolicy {
        self.policy
    }

    /// How long a server may be silent in the middle of an answer.
    pub fn max_silence(&self) -> Duration {
        self.answer
    }

    /// Method and address, for errors: without the query, which may be long and hold page tokens.
    pub fn describe(&self, call: &Call) -> String {
        format!("{} {}{}", call.method, self.base, call.shown_path())
    }
}
