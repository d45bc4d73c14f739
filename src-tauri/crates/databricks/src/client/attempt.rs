//! One request: sent, judged, and sent again where that is safe.

use super::call::{Call, Repeat};
use super::failures::{Failure, Refusal, garbled, lost, unreachable};
use super::limiter::Turn;
use super::{Answer, Client, Inner, request_id, retry_after};
use bytes::{Bytes, BytesMut};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// No answer that is read at once is longer: a listing's page has some megabytes at most, inline results 25 MiB.
const LONGEST_ANSWER: usize = 96 << 20;

/// How a request's body comes, and how much of the answer is waited for.
#[derive(Clone, Copy)]
pub(super) enum Sending<'a> {
    Whole,
    Beginning,
    Upload { content: &'a Content, within: Duration },
}

pub(super) enum Received {
    Whole(Answer<Bytes>),
    Begun(Box<reqwest::Response>),
}

/// A body that is made anew for each attempt.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Memory(Bytes),
    File(PathBuf),
}

impl Content {
    async fn open(&self) -> Result<reqwest::Body> {
        match self {
            Self::Memory(bytes) => Ok(bytes.clone().into()),
            Self::File(path) => match tokio::fs::File::open(path).await {
                Ok(file) => Ok(file.into()),
                Err(e) => Err(Error::invalid("the file cannot be read").about(path.display()).with_cause(e)),
            },
        }
    }
}

/// The outcome of one sending, and whether another may follow.
enum Tried<T> {
    Done(T),
    /// `wait`: what the server asks for.
    Again {
        failure: Failure,
        wait: Option<Duration>,
    },
    Unauthorised(Box<Refusal>),
    Over(Failure),
}

impl Client {
    async fn attempt(&self, call: &Call, sending: Sending<'_>, turn: &Turn, token: &Secret) -> Tried<Received> {
        let asked = self.asked(call);
        let within = match sending {
            Sending::Whole | Sending::Beginning => self.inner.transport.answer,
            Sending::Upload { within, .. } => within,
        };
        let sent = async {
            let request = self.request(call, token);
            let request = match sending {
                Sending::Whole | Sending::Beginning => request,
                Sending::Upload { content, .. } => match content.open().await {
                    Ok(body) => request.header(CONTENT_TYPE, "application/octet-stream").body(body),
                    Err(error) => return Tried::Over(Failure::Failed(error)),
                },
            };
            match (self.judged(call, turn, request, token, &asked).await, sending) {
                (Tried::Done(answer), Sending::Whole) => self.read(call, answer, &asked).await,
                (Tried::Done(answer), _) => Tried::Done(Received::Begun(Box::new(answer))),
                (Tried::Again { failure, wait }, _) => Tried::Again { failure, wait },
                (Tried::Unauthorised(refusal), _) => Tried::Unauthorised(refusal),
                (Tried::Over(failure), _) => Tried::Over(failure),
            }
        };
        match tokio::time::timeout(within, sent).await {
            Ok(tried) => tried,
            Err(_) => silent(call, &asked, within),
        }
    }

    pub(super) async fn repeated(&self, call: &Call, sending: Sending<'_>) -> Result<Received, Failure> {
        let Inner { auth, pace, limiters, host, .. } = &*self.inner;
        let limiter = limiters.of(host.origin(), call.family);
        // Without the waits for a turn: those say nothing about this request.
        let mut spent = Duration::ZERO;
        let mut renewed = false;
        let mut attempt = 0;
        loop {
            let token = auth.token().await.map_err(Failure::Failed)?;
            let turn = limiter.turn().await;
            let begun = Instant::now();
            let tried = self.attempt(call, sending, &turn, &token).await;
            drop(turn);
            spent += begun.elapsed();
            let (failure, wait) = match tried {
                Tried::Done(value) => return Ok(value),
                Tried::Over(failure) => return Err(failure),
                Tried::Unauthorised(refusal) => {
                    // Once: a fresh token that is refused as well will not get better.
                    if !renewed && auth.renew(&token).await.map_err(Failure::Failed)? {
                        renewed = true;
                        continue;
                    }
                    return Err(Failure::Refused(refusal));
                }
                Tried::Again { failure, wait } => (failure, wait),
            };
            attempt += 1;
            if attempt >= pace.attempts {
                return Err(failure);
            }
            let wait = wait.map_or_else(|| pace.backoff(attempt), |asked| pace.after(asked));
            spent += wait;
            if spent > pace.patience {
                return Err(too_long(failure, wait));
            }
            tracing::debug!(asked = self.asked(call), attempt, ?wait, "the workspace is asked again");
            tokio::time::sleep(wait).await;
        }
    }

    fn request(&self, call: &Call, token: &Secret) -> reqwest::RequestBuilder {
        let inner = &*self.inner;
        let address = format!("{}{}", inner.host.origin(), call.path);
        let mut headers = HeaderMap::new();
        if let Some(id) = &inner.workspace_id {
            headers.insert(HeaderName::from_static("x-databricks-workspace-id"), id.clone());
        }
        let mut request = inner
            .http
            .request(call.method.clone(), address)
            .headers(headers)
            .query(&call.query)
            .bearer_auth(token.expose());
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        match &call.body {
            Some((body, kind)) => request.header(CONTENT_TYPE, *kind).body(body.clone()),
            None => request,
        }
    }

    /// The whole of an answer that has begun well.
    async fn read(&self, call: &Call, answer: reqwest::Response, asked: &str) -> Tried<Received> {
        let request_id = request_id(answer.headers());
        let html = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        match whole(answer).await {
            Ok(_) if html => Tried::Over(failed(call, garbled(asked, "a web page came back"))),
            // Cut off or mixed up on the way: another attempt may do better.
            Ok(body) if !body.is_empty() && serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_err() => {
                maybe_again(call, garbled(asked, "what came back is not JSON"))
            }
            Ok(value) => Tried::Done(Received::Whole(Answer { value, request_id })),
            Err(Cut::Lost(e)) => maybe_again(call, unreachable(asked, e)),
            Err(Cut::TooLong) => Tried::Over(failed(
                call,
                garbled(asked, format!("the answer has more than {} MiB", LONGEST_ANSWER >> 20)),
            )),
        }
    }

    async fn judged(
        &self,
        call: &Call,
        turn: &Turn,
        request: reqwest::RequestBuilder,
        token: &Secret,
        asked: &str,
    ) -> Tried<reqwest::Response> {
        let answer = match request.send().await {
            Ok(answer) => answer,
            // Never sent: it may be sent again, whatever it is.
            Err(e) if e.is_connect() => {
                let error = unreachable(asked, e);
                let again = error.retryable;
                let failure = Failure::Failed(error);
                return if again { Tried::Again { failure, wait: None } } else { Tried::Over(failure) };
            }
            Err(e) if e.is_builder() => return Tried::Over(Failure::Failed(unreachable(asked, e))),
            Err(e) => return maybe_again(call, unreachable(asked, e)),
        };
        let status = answer.status().as_u16();
        if (200..300).contains(&status) {
            turn.answered();
            return Tried::Done(answer);
        }
        let wait = retry_after(answer.headers());
        let headers = answer.headers().clone();
        let body = match whole(answer).await {
            Ok(body) => body,
            // The status has said enough.
            Err(_) => Bytes::new(),
        };
        let mut refusal = Box::new(Refusal::parse(status, &headers, &body, asked));
        // A server may repeat what it was sent. What is so short is no secret, and may be part of any word.
        if token.expose().len() >= 8 {
            refusal.message = refusal.message.replace(token.expose(), "***");
        }
        match status {
            401 => Tried::Unauthorised(refusal),
            // Said before anything was done: whatever it was may be sent again.
            429 => {
                turn.throttled(wait);
                Tried::Again { failure: Failure::Refused(refusal), wait }
            }
            // With Retry-After it is the workspace that asks to come again. Without, something on the way may have given
            // up on a request that was taken.
            503 if wait.is_some() => {
                turn.throttled(wait);
                Tried::Again { failure: Failure::Refused(refusal), wait }
            }
            500 | 502..=504 => match call.repeat {
                Repeat::Harmless => Tried::Again { failure: Failure::Refused(refusal), wait },
                Repeat::Harmful => Tried::Over(Failure::Unknown(lost(refusal.into_error()))),
            },
            _ => {
                turn.answered();
                Tried::Over(Failure::Refused(refusal))
            }
        }
    }
}

fn silent<T>(call: &Call, asked: &str, waited: Duration) -> Tried<T> {
    let error = Error::new(Code::WorkspaceUnreachable, "the workspace did not answer in time")
        .about(asked)
        .with_hint("Try again; if it stays, look at the network and the workspace's status page.")
        .with_cause_text(format!("no whole answer within {} ms", waited.as_millis()))
        .retryable();
    maybe_again(call, error)
}

fn failed(call: &Call, error: Error) -> Failure {
    match call.repeat {
        Repeat::Harmless => Failure::Failed(error),
        Repeat::Harmful => Failure::Unknown(lost(error)),
    }
}

fn maybe_again<T>(call: &Call, error: Error) -> Tried<T> {
    match call.repeat {
        Repeat::Harmless => Tried::Again { failure: Failure::Failed(error), wait: None },
        // Repeated by who sent it, after a look at what came of it.
        Repeat::Harmful => Tried::Over(failed(call, error)),
    }
}

fn too_long(failure: Failure, wait: Duration) -> Failure {
    match failure {
        Failure::Refused(refusal) => {
            let words = format!("the workspace asks to wait {} seconds", wait.as_secs());
            Failure::Failed(refusal.into_error().with_cause_text(words))
        }
        other => other,
    }
}

enum Cut {
    Lost(reqwest::Error),
    TooLong,
}

async fn whole(mut answer: reqwest::Response) -> Result<Bytes, Cut> {
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(Cut::Lost)? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(Cut::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
