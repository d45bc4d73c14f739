//! One request, before it is sent.

use super::limiter::Family;
use bytes::Bytes;
use icebridge_model::{Error, Result};
use reqwest::Method;
use serde::Serialize;

/// What a second sending of the same request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The same as the first alone: reading, putting the same there again, deleting, or a POST with an idempotency key.
    Harmless,
    /// Perhaps a second cluster, job or statement: repeated only if the first was certainly not taken.
    Harmful,
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub method: Method,
    /// From `/api` on; its parts are encoded.
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    pub body: Option<(Bytes, &'static str)>,
    pub headers: Vec<(&'static str, String)>,
    pub family: Family,
    pub repeat: Repeat,
}

impl Call {
    fn new(method: Method, family: Family, path: impl Into<String>, repeat: Repeat) -> Self {
        Self { method, path: path.into(), query: Vec::new(), body: None, headers: Vec::new(), family, repeat }
    }
    pub fn get(family: Family, path: impl Into<String>) -> Self {
        Self::new(Method::GET, family, path, Repeat::Harmless)
    }
    pub fn head(family: Family, path: impl Into<String>) -> Self {
        Self::new(Method::HEAD, family, path, Repeat::Harmless)
    }
    pub fn put(family: Family, path: impl Into<String>) -> Self {
        Self::new(Method::PUT, family, path, Repeat::Harmless)
    }
    pub fn delete(family: Family, path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, family, path, Repeat::Harmless)
    }
    pub fn patch(family: Family, path: impl Into<String>) -> Self {
        Self::new(Method::PATCH, family, path, Repeat::Harmful)
    }
    /// Repeated only if it was certainly not taken.
    pub fn post(family: Family, path: impl Into<String>) -> Self {
        Self::new(Method::POST, family, path, Repeat::Harmful)
    }
    /// A POST or PATCH that says what shall be, or carries an idempotency key. Say at the call which.
    pub fn harmless(mut self) -> Self {
        self.repeat = Repeat::Harmless;
        self
    }
    pub fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }
    pub fn maybe(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }
    pub fn json(mut self, body: &impl Serialize) -> Result<Self> {
        let text =
            serde_json::to_vec(body).map_err(|e| Error::internal("a request cannot be written").with_cause(e))?;
        self.body = Some((text.into(), "application/json"));
        Ok(self)
    }
}
