//! The client of one workspace.

use super::lenient;
use super::versions::Versions;
use crate::auth::Auth;
use crate::family::Family;
use crate::host::Host;
use crate::options::ClientOptions;
use crate::service::{RefusalKind, SERVICE};
use bytes::Bytes;
use icebridge_http::header::{HeaderMap, HeaderName, HeaderValue};
use icebridge_http::{Answer, Call, Failure, HttpClient, Response, RetryPolicy, Scrubber, Transport};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Names one workspace of a host that serves several.
const WORKSPACE_ID: &str = "x-databricks-workspace-id";

/// An answer that cannot be understood so often in a row will not be the next time either.
const TIMES_NOT_UNDERSTOOD: u32 = 2;
pub(crate) const NOT_UNDERSTOOD: &str = "See the cause. Update IceBridge if there is a newer version, and report it if not. If the address \
                                         is not the workspace's, or a proxy answered in its place, mend that.";
const MAY_BE_DONE: &str = "It may have been done: look in the workspace before it is done again. Update IceBridge if there is a newer \
                           version, and report the cause if not.";

/// Of one workspace, or of an account. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    host: Host,
    workspace_id: Option<String>,
    auth: Auth,
    http: HttpClient,
    versions: Versions,
    transport: Transport,
    /// That others may repeat in what the workspace shows of them.
    hidden: Mutex<Vec<Secret>>,
}

impl Client {
    /// `workspace_id` is needed at unified hosts only.
    pub fn new(host: Host, workspace_id: Option<&str>, auth: Auth, options: &ClientOptions) -> Result<Self> {
        let mut headers = HeaderMap::new();
        let workspace_id = workspace_id.map(str::trim).filter(|id| !id.is_empty());
        if let Some(id) = workspace_id {
            let value = HeaderValue::from_str(id)
                .map_err(|e| Error::invalid("the workspace's id is a number").about(id).with_cause(e))?;
            headers.insert(HeaderName::from_static(WORKSPACE_ID), value);
        }
        let http = HttpClient::new(&options.transport, host.origin(), &SERVICE)?
            .with_credentials(Arc::new(auth.clone()))
            .with_headers(headers)
            .with_limiters(options.limiters.clone())
            .with_policy(options.retry);
        Ok(Self {
            inner: Arc::new(Inner {
                host,
                workspace_id: workspace_id.map(str::to_owned),
                auth,
                http,
                versions: Versions::default(),
                transport: options.transport.clone(),
                hidden: Mutex::default(),
            }),
        })
    }

    pub fn host(&self) -> &Host {
        &self.inner.host
    }

    /// What every request to this workspace carries besides the sign-in, also one to an endpoint that others speak to.
    pub fn headers(&self) -> BTreeMap<String, String> {
        self.inner.workspace_id.iter().map(|id| (WORKSPACE_ID.to_owned(), id.clone())).collect()
    }

    pub fn auth(&self) -> &Auth {
        &self.inner.auth
    }

    /// Takes a secret out of all answers from now on: what is lent to a job may come back in what the job printed.
    pub fn hide(&self, secret: Secret) {
        let mut hidden = self.inner.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        if !hidden.contains(&secret) {
            hidden.push(secret);
        }
    }

    /// All secrets that this client knows.
    async fn scrubber(&self, call: &Call) -> Scrubber {
        let token = self.inner.auth.token().await.ok();
        let mut scrubber = self.inner.http.scrubber(call, token.as_ref());
        let hidden = self.inner.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        hidden.iter().for_each(|secret| scrubber.add(secret));
        scrubber
    }

    /// A file that a job wrote, without the secrets that it may repeat, if it is JSON.
    pub async fn without_secrets(&self, content: Vec<u8>) -> Vec<u8> {
        let Ok(mut value) = serde_json::from_slice(&content) else { return content };
        scrub(&mut value, &self.scrubber(&Call::get(Family::Files, "")).await);
        serde_json::to_vec(&value).unwrap_or(content)
    }

    /// How the workspace is reached: others that connect to it, or to its storage, connect the same way.
    pub fn transport(&self) -> &Transport {
        &self.inner.transport
    }

    /// Method and address, for errors: without the query.
    pub(crate) fn describe(&self, call: &Call) -> String {
        self.inner.http.describe(call)
    }

    /// The answer as JSON, with the request's id and the reason of a refusal.
    pub(crate) async fn send<T: DeserializeOwned>(&self, call: Call) -> Result<Answer<T>, Failure> {
        let mut asked = 0;
        loop {
            let answer = self.answer(&call).await?;
            asked += 1;
            match self.understood(&call, &answer.value, &self.scrubber(&call).await) {
                Ok(value) => return Ok(Answer { value, request_id: answer.request_id }),
                // Something in between may have answered once.
                Err(_) if asked < TIMES_NOT_UNDERSTOOD && !call.changes_something() => {}
                Err(error) if call.changes_something() => {
                    return Err(Failure::Unknown(error.with_hint(MAY_BE_DONE)));
                }
                Err(error) => return Err(Failure::Failed(error.with_hint(NOT_UNDERSTOOD))),
            }
        }
    }

    /// Statements and runs that failed are answers like others, and their texts are kept and shown.
    fn understood<T: DeserializeOwned>(&self, call: &Call, body: &[u8], scrubber: &Scrubber) -> Result<T> {
        let text = if body.is_empty() { SERVICE.empty_answer.as_bytes() } else { body };
        let described = self.describe(call);
        let value = serde_json::from_slice(text).map_err(|_| "it is not JSON".to_owned());
        let read = |mut value: Value| {
            scrub(&mut value, scrubber);
            lenient::read(value, &described)
        };
        value.and_then(read).map_err(|why| self.not_understood(call, why))
    }

    /// `why` must not repeat the answer, which may hold a secret.
    pub(crate) fn not_understood(&self, call: &Call, why: impl Into<String>) -> Error {
        Error::new(Code::AnswerNotUnderstood, "the workspace's answer is not understood")
            .about(self.describe(call))
            .with_cause_text(why)
    }

    /// [`Client::send`] for callers who need neither the request's id nor the reason of a refusal.
    pub(crate) async fn fetch<T: DeserializeOwned>(&self, call: Call) -> Result<T> {
        Ok(self.send(call).await?.value)
    }

    /// For calls whose answer has no content that matters.
    pub(crate) async fn execute(&self, call: Call) -> Result<(), Failure> {
        self.bytes(&call).await.map(drop)
    }

    /// As [`Client::execute`], where an object that is not there is as good as one that is deleted.
    pub(crate) async fn execute_if_there(&self, call: Call) -> Result<()> {
        match self.execute(call).await {
            Err(Failure::Refused(refusal)) if refusal.is_missing() => Ok(()),
            other => Ok(other?),
        }
    }

    /// None if the workspace has no such object.
    pub(crate) async fn find<T: DeserializeOwned>(&self, call: Call) -> Result<Option<T>> {
        match self.send(call).await {
            Ok(answer) => Ok(Some(answer.value)),
            Err(Failure::Refused(refusal)) if refusal.is_missing() => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    pub(crate) async fn bytes(&self, call: &Call) -> Result<Bytes, Failure> {
        Ok(self.answer(call).await?.value)
    }

    async fn answer(&self, call: &Call) -> Result<Answer<Bytes>, Failure> {
        let call = self.inner.versions.known(call.clone());
        match self.inner.http.bytes(&call).await {
            Err(failure) => self.inner.http.bytes(&self.at_older_version(&call, failure)?).await,
            Ok(answer) => Ok(answer),
        }
    }

    /// A workspace that does not have an endpoint has done nothing: the request may go to the version before.
    fn at_older_version(&self, call: &Call, failure: Failure) -> Result<Call, Failure> {
        let unknown = failure.refusal().is_some_and(RefusalKind::is_unknown_endpoint);
        let older = if unknown { self.inner.versions.missing(call) } else { None };
        older.ok_or(failure)
    }

    /// The answer's beginning. Its body is read by the caller, who waits for a piece no longer than
    /// [`Client::max_silence`].
    pub(crate) async fn open(&self, call: &Call) -> Result<Response, Failure> {
        self.inner.http.open(call).await
    }

    pub(crate) fn max_silence(&self) -> Duration {
        self.inner.http.max_silence()
    }

    pub(crate) fn retry(&self) -> RetryPolicy {
        self.inner.http.policy()
    }
}

fn scrub(value: &mut Value, scrubber: &Scrubber) {
    match value {
        Value::String(text) => *text = scrubber.scrub(text),
        Value::Array(items) => items.iter_mut().for_each(|item| scrub(item, scrubber)),
        Value::Object(fields) => fields.values_mut().for_each(|field| scrub(field, scrubber)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
