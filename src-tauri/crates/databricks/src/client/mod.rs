//! Requests to a workspace: turns, tokens, retries, errors. What is retried, and when, is in docs/databricks-client.md.

mod attempt;
mod call;
mod failures;
mod limiter;
mod pace;
mod pages;
mod paths;
#[cfg(test)]
mod tests;

pub(crate) use attempt::Content;
pub(crate) use call::Call;
pub(crate) use failures::{Failure, garbled, unreachable};
pub(crate) use pace::retry_after;
pub(crate) use pages::Seen;
pub(crate) use paths::segment;

pub use limiter::{Budget, Family, Limiters};
pub use pace::Pace;
pub use pages::Page;

use crate::auth::Auth;
use crate::host::Host;
use crate::transport::Transport;
use attempt::{Received, Sending};
use bytes::Bytes;
use failures::lost;
use icebridge_model::{Error, Result};
use reqwest::header::{HeaderMap, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// Of one workspace, or of an account. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    host: Host,
    workspace_id: Option<HeaderValue>,
    auth: Auth,
    http: reqwest::Client,
    limiters: Limiters,
    pace: Pace,
    transport: Transport,
}

/// How a client behaves; the default is right for people.
#[derive(Clone, Debug)]
pub struct Conduct {
    pub transport: Transport,
    pub limiters: Limiters,
    pub pace: Pace,
}

impl Default for Conduct {
    fn default() -> Self {
        Self { transport: Transport::default(), limiters: Limiters::shared(), pace: Pace::default() }
    }
}

/// What came back, and the name under which the vendor's support finds it.
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

impl Client {
    /// `workspace_id` is needed at unified hosts only.
    pub fn new(host: Host, workspace_id: Option<&str>, auth: Auth, conduct: &Conduct) -> Result<Self> {
        let workspace_id = match workspace_id.map(str::trim).filter(|id| !id.is_empty()) {
            Some(id) => Some(
                HeaderValue::from_str(id)
                    .map_err(|e| Error::invalid("the workspace's id is a number").about(id).with_cause(e))?,
            ),
            None => None,
        };
        let inner = Inner {
            host,
            workspace_id,
            auth,
            http: conduct.transport.open()?,
            limiters: conduct.limiters.clone(),
            pace: conduct.pace,
            transport: conduct.transport.clone(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub fn host(&self) -> &Host {
        &self.inner.host
    }

    pub fn auth(&self) -> &Auth {
        &self.inner.auth
    }

    /// The way out to the workspace: others that ask it, or its storage, go the same.
    pub fn transport(&self) -> &Transport {
        &self.inner.transport
    }

    /// What the limiters of this client's host, and of others that share them, leave.
    pub fn budget(&self) -> Vec<Budget> {
        self.inner.limiters.budget()
    }

    /// Method and address, for errors: without the query, which may be long and hold page tokens.
    pub(crate) fn asked(&self, call: &Call) -> String {
        format!("{} {}{}", call.method, self.inner.host.origin(), call.path)
    }

    /// The answer as JSON.
    pub(crate) async fn send<T: DeserializeOwned>(&self, call: Call) -> Result<Answer<T>, Failure> {
        let asked = self.asked(&call);
        let changes = !call.method.is_safe();
        let answer = self.bytes(call).await?;
        // Some answers have no content.
        let text = if answer.value.is_empty() { &b"{}"[..] } else { &answer.value };
        match serde_json::from_slice(text) {
            Ok(value) => Ok(Answer { value, request_id: answer.request_id }),
            Err(e) => {
                // Its place, not its words: they may repeat a value.
                let error = garbled(&asked, format!("{:?} at line {} column {}", e.classify(), e.line(), e.column()));
                Err(if changes { Failure::Unknown(lost(error)) } else { Failure::Failed(error) })
            }
        }
    }

    /// [`Client::send`] for those who need neither the request's id nor the reason of a refusal.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T> {
        Ok(self.send(call).await?.value)
    }

    /// For answers without content.
    pub(crate) async fn tell(&self, call: Call) -> Result<Answer<()>, Failure> {
        Ok(self.bytes(call).await?.map(drop))
    }

    /// None if the workspace does not know it.
    pub(crate) async fn find<T: DeserializeOwned>(&self, call: Call) -> Result<Option<T>> {
        match self.send(call).await {
            Ok(answer) => Ok(Some(answer.value)),
            Err(Failure::Refused(refusal)) if refusal.is_missing() => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    pub(crate) async fn bytes(&self, call: Call) -> Result<Answer<Bytes>, Failure> {
        match self.repeated(&call, Sending::Whole).await? {
            Received::Whole(answer) => Ok(answer),
            Received::Begun(answer) => Ok(Answer { request_id: request_id(answer.headers()), value: Bytes::new() }),
        }
    }

    /// The answer's beginning. Its body is read by the caller, who does not wait longer than [`Client::silence`] for a piece.
    pub(crate) async fn open(&self, call: &Call) -> Result<reqwest::Response, Failure> {
        match self.repeated(call, Sending::Beginning).await? {
            Received::Begun(answer) => Ok(*answer),
            Received::Whole(_) => {
                Err(Failure::Failed(Error::internal("a whole answer came where a beginning was asked for")))
            }
        }
    }

    pub(crate) async fn upload(&self, call: &Call, content: &Content, within: Duration) -> Result<(), Failure> {
        self.repeated(call, Sending::Upload { content, within }).await.map(drop)
    }

    pub(crate) fn silence(&self) -> Duration {
        self.inner.transport.answer
    }

    pub(crate) fn pace(&self) -> Pace {
        self.inner.pace
    }
}

pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    ["x-request-id", "x-databricks-request-id"]
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok().map(str::to_string))
}
