//! One request, before it is sent.

use crate::limiter::Family;
use crate::scrub::Scrubber;
use bytes::Bytes;
use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result};
use reqwest::Method;
use serde::Serialize;
use std::time::Duration;

/// What sending the same request a second time does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// The same as sending it once: reading, replacing, deleting, or a POST with an idempotency key.
    Idempotent,
    /// Perhaps a second cluster, job, statement or commit: sent again only if the first was certainly not accepted.
    Unsafe,
}

#[derive(Clone, Debug)]
pub struct Call {
    pub(crate) method: Method,
    /// Below the client's base address; each name in it is encoded.
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<(Bytes, &'static str)>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) family: Family,
    pub(crate) repeat: Repeat,
    /// For the whole of one attempt; the client's own limit if none.
    pub(crate) within: Option<Duration>,
    /// Part of the request, and to be taken out of what a refusal repeats of it.
    pub(crate) secrets: Vec<Secret>,
}

impl Call {
    fn new(method: Method, family: impl Into<Family>, path: impl Into<String>, repeat: Repeat) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            body: None,
            headers: Vec::new(),
            family: family.into(),
            repeat,
            within: None,
            secrets: Vec::new(),
        }
    }
    pub fn get(family: impl Into<Family>, path: impl Into<String>) -> Self {
        Self::new(Method::GET, family, path, Repeat::Idempotent)
    }
    pub fn head(family: impl Into<Family>, path: impl Into<String>) -> Self {
        Self::new(Method::HEAD, family, path, Repeat::Idempotent)
    }
    pub fn put(family: impl Into<Family>, path: impl Into<String>) -> Self {
        Self::new(Method::PUT, family, path, Repeat::Idempotent)
    }
    pub fn delete(family: impl Into<Family>, path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, family, path, Repeat::Idempotent)
    }
    pub fn patch(family: impl Into<Family>, path: impl Into<String>) -> Self {
        Self::new(Method::PATCH, family, path, Repeat::Unsafe)
    }
    pub fn post(family: impl Into<Family>, path: impl Into<String>) -> Self {
        Self::new(Method::POST, family, path, Repeat::Unsafe)
    }
    pub fn path(&self) -> &str {
        &self.path
    }
    /// The path as it may be told and logged: some addresses are secrets.
    pub(crate) fn shown_path(&self) -> String {
        Scrubber::new(&self.secrets).scrub(&self.path)
    }
    /// The same request to another address.
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }
    /// A POST or PATCH that says what shall be, or carries an idempotency key. Say at the call which.
    pub fn idempotent(mut self) -> Self {
        self.repeat = Repeat::Idempotent;
        self
    }
    /// Sent once: what became of it, the caller looks for.
    pub fn once(mut self) -> Self {
        self.repeat = Repeat::Unsafe;
        self
    }
    pub fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }
    pub fn query_opt(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
    pub fn json(mut self, body: &impl Serialize) -> Result<Self> {
        let text =
            serde_json::to_vec(body).map_err(|e| Error::internal("a request cannot be written").with_cause(e))?;
        self.body = Some((text.into(), "application/json"));
        Ok(self)
    }
    pub fn bytes(self, body: Bytes) -> Self {
        self.body(body, "application/octet-stream")
    }
    pub fn body(mut self, body: Bytes, content_type: &'static str) -> Self {
        self.body = Some((body, content_type));
        self
    }
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = Some(limit);
        self
    }
    pub fn scrub(mut self, secret: &Secret) -> Self {
        self.secrets.push(secret.clone());
        self
    }
    /// Whether an answer of it may be lost without knowing what happened.
    pub fn changes_something(&self) -> bool {
        !self.method.is_safe()
    }
}
