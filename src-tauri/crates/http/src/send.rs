//! What a caller asks of a server: an answer as JSON, as bytes, or its beginning.

use crate::attempt::Tried;
use crate::body::{self, BodyFault, MAX_ANSWER_BYTES};
use crate::call::Call;
use crate::client::{Answer, HttpClient};
use crate::failure::{Failure, not_this_service, outcome_unknown, unreachable};
use crate::refusal::request_id;
use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

impl HttpClient {
    /// The answer as JSON.
    pub async fn send<T: DeserializeOwned>(&self, call: &Call) -> Result<Answer<T>, Failure> {
        let answer = self.bytes(call).await?;
        let text = if answer.value.is_empty() { self.service.empty_answer.as_bytes() } else { &answer.value };
        match serde_json::from_slice(text) {
            Ok(value) => Ok(Answer { value, request_id: answer.request_id }),
            Err(e) => {
                // Its place, not its text: that may repeat a value.
                let why = format!("{:?} at line {} column {}", e.classify(), e.line(), e.column());
                let error = not_this_service(self.service, &self.describe(call), why);
                Err(match call.changes_something() {
                    true => Failure::Unknown(outcome_unknown(self.service, error)),
                    false => Failure::Failed(error),
                })
            }
        }
    }

    /// The whole answer, which is JSON or empty.
    pub async fn bytes(&self, call: &Call) -> Result<Answer<Bytes>, Failure> {
        self.repeat(call, |answer| async move { self.read_json(call, answer).await }).await
    }

    /// The beginning of the answer. Its body is read by the caller, who waits for a piece no longer than
    /// [`HttpClient::max_silence`].
    pub async fn open(&self, call: &Call) -> Result<reqwest::Response, Failure> {
        self.repeat(call, |answer| async move { Tried::Done(answer) }).await
    }

    /// The whole of an answer that has begun well.
    async fn read_json(&self, call: &Call, answer: reqwest::Response) -> Tried<Answer<Bytes>> {
        let described = self.describe(call);
        let wrong = |why: &str| not_this_service(self.service, &described, why);
        let request_id = request_id(answer.headers());
        let html = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        match body::read(answer, MAX_ANSWER_BYTES).await {
            Ok(_) if html => Tried::Over(self.failed(call, wrong("a web page came back"))),
            // Cut off or mixed up on the way: another attempt may do better.
            Ok(body) if !body.is_empty() && serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_err() => {
                self.lost(call, wrong("what came back is not JSON"))
            }
            Ok(value) => Tried::Done(Answer { value, request_id }),
            Err(BodyFault::Lost(e)) => self.lost(call, unreachable(self.service, &described, e)),
            Err(BodyFault::TooLong) => {
                let why = format!("the answer has more than {} MiB", MAX_ANSWER_BYTES >> 20);
                Tried::Over(self.failed(call, wrong(&why)))
            }
        }
    }
}
