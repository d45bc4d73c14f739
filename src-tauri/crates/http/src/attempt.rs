//! One request: sent, judged, and sent again where that is safe.

use crate::body;
use crate::call::{Call, Repeat};
use crate::client::HttpClient;
use crate::failure::{Failure, outcome_unknown, unreachable};
use crate::limiter::Turn;
use crate::refusal::request_id;
use crate::retry::{Attempts, GiveUp, retry_after};
use crate::scrub::Scrubber;
use crate::service::Refusal;
use crate::verdict::{Verdict, verdict};
use icebridge_model::Error;
use icebridge_model::secret::Secret;
use reqwest::header::CONTENT_TYPE;
use std::time::Duration;
use tokio::time::Instant;

/// The outcome of one attempt, and whether another may follow.
pub(crate) enum Tried<T> {
    Done(T),
    /// `wait`: what the server asks for.
    Again {
        failure: Failure,
        wait: Option<Duration>,
    },
    Unauthorized(Box<Refusal>),
    Over(Failure),
}

impl HttpClient {
    /// Sends the call until it is answered, refused, or must not be sent again. `read` takes an answer that began well.
    #[tracing::instrument(level = "debug", name = "call", skip_all, fields(method = %call.method, path = call.shown_path(), family = ?call.family))]
    pub(crate) async fn repeat<T, R>(&self, call: &Call, read: impl Fn(reqwest::Response) -> R) -> Result<T, Failure>
    where
        R: Future<Output = Tried<T>>,
    {
        let limiter = self.limiters.of(&self.origin, call.family);
        let mut attempts = Attempts::new(self.policy);
        let mut renewed = false;
        loop {
            let token = self.credentials.token().await.map_err(Failure::Failed)?;
            let turn = limiter.turn().await;
            // Without the wait for the turn: that says nothing about this request.
            let begun = Instant::now();
            limiter.requests.sent();
            let tried = self.attempt(call, &turn, token.as_ref(), &read).await;
            drop(turn);
            attempts.spend(begun.elapsed());
            let (failure, wait) = match tried {
                Tried::Done(value) => return Ok(value),
                Tried::Over(failure) => return Err(failure),
                Tried::Unauthorized(refusal) => {
                    // Once: a fresh token that is refused as well will not get better.
                    if !renewed && self.credentials.renew(token.as_ref()).await.map_err(Failure::Failed)? {
                        renewed = true;
                        continue;
                    }
                    return Err(Failure::Refused(refusal));
                }
                Tried::Again { failure, wait } => (failure, wait),
            };
            let wait = match attempts.next(wait) {
                Ok(wait) => wait,
                Err(GiveUp::Attempts) => return Err(failure),
                Err(GiveUp::Patience { wait }) => return Err(self.too_long(failure, wait)),
            };
            tracing::debug!(call = self.describe(call), attempt = attempts.made(), ?wait, "the request is sent again");
            tokio::time::sleep(wait).await;
            limiter.requests.sent_again();
        }
    }

    async fn attempt<T, R>(
        &self,
        call: &Call,
        turn: &Turn,
        token: Option<&Secret>,
        read: impl Fn(reqwest::Response) -> R,
    ) -> Tried<T>
    where
        R: Future<Output = Tried<T>>,
    {
        let within = call.within.unwrap_or(self.answer);
        let sent = async {
            match self.exchange(call, turn, token).await {
                Tried::Done(answer) => read(answer).await,
                Tried::Again { failure, wait } => Tried::Again { failure, wait },
                Tried::Unauthorized(refusal) => Tried::Unauthorized(refusal),
                Tried::Over(failure) => Tried::Over(failure),
            }
        };
        match tokio::time::timeout(within, sent).await {
            Ok(tried) => tried,
            Err(_) => self.silent(call, within),
        }
    }

    async fn exchange(&self, call: &Call, turn: &Turn, token: Option<&Secret>) -> Tried<reqwest::Response> {
        let answer = match self.request(call, token).send().await {
            Ok(answer) => answer,
            Err(e) => return self.not_sent(call, e),
        };
        let status = answer.status().as_u16();
        let wait = retry_after(answer.headers());
        tracing::debug!(status, request_id = request_id(answer.headers()), "answered");
        let verdict = verdict(status, wait.is_some(), call.repeat);
        match verdict {
            Verdict::Accepted => {
                turn.answered();
                return Tried::Done(answer);
            }
            Verdict::Throttled => turn.throttled(wait),
            Verdict::Refused => turn.answered(),
            Verdict::Again | Verdict::OutcomeUnknown | Verdict::RenewToken => {}
        }
        let refusal = self.refusal(call, token, answer).await;
        match verdict {
            Verdict::RenewToken => Tried::Unauthorized(refusal),
            Verdict::Throttled | Verdict::Again => Tried::Again { failure: Failure::Refused(refusal), wait },
            Verdict::OutcomeUnknown => {
                Tried::Over(Failure::Unknown(outcome_unknown(self.service, refusal.into_error())))
            }
            Verdict::Refused | Verdict::Accepted => Tried::Over(Failure::Refused(refusal)),
        }
    }

    fn request(&self, call: &Call, token: Option<&Secret>) -> reqwest::RequestBuilder {
        let address = format!("{}{}", self.base, call.path);
        let mut request =
            self.connection.0.request(call.method.clone(), address).headers(self.headers.clone()).query(&call.query);
        if let Some(token) = token {
            request = request.bearer_auth(token.expose());
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        match &call.body {
            Some((body, kind)) => request.header(CONTENT_TYPE, *kind).body(body.clone()),
            None => request,
        }
    }

    async fn refusal(&self, call: &Call, token: Option<&Secret>, answer: reqwest::Response) -> Box<Refusal> {
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = body::read_error(answer).await;
        let scrubber = self.scrubber(call, token);
        Box::new(Refusal::parse(status, &headers, &body, &self.describe(call), self.service, &scrubber))
    }

    /// A server may repeat what it was sent, now or earlier.
    pub fn scrubber(&self, call: &Call, token: Option<&Secret>) -> Scrubber {
        let known = self.credentials.secrets();
        Scrubber::new(token.into_iter().chain(&call.secrets).chain(&known))
    }

    fn not_sent<T>(&self, call: &Call, cause: reqwest::Error) -> Tried<T> {
        let (never_sent, broken, timeout) = (cause.is_connect(), cause.is_builder(), cause.is_timeout());
        let error = unreachable(self.service, &self.describe(call), cause);
        if broken || (never_sent && !error.retryable) || (never_sent && timeout && !self.policy.repeat_silence) {
            return Tried::Over(Failure::Failed(error));
        }
        // Never sent: it may be sent again, whatever it is.
        if never_sent { Tried::Again { failure: Failure::Failed(error), wait: None } } else { self.lost(call, error) }
    }

    fn silent<T>(&self, call: &Call, waited: Duration) -> Tried<T> {
        let error = Error::new(self.service.unreachable, format!("{} did not answer in time", self.service.name))
            .about(self.describe(call))
            .with_hint(self.service.unreachable_hint)
            .with_cause_text(format!("no whole answer within {} ms", waited.as_millis()))
            .retryable();
        if self.policy.repeat_silence { self.lost(call, error) } else { Tried::Over(self.failed(call, error)) }
    }

    pub(crate) fn failed(&self, call: &Call, error: Error) -> Failure {
        match call.repeat {
            Repeat::Idempotent => Failure::Failed(error),
            Repeat::Unsafe => Failure::Unknown(outcome_unknown(self.service, error)),
        }
    }

    /// It was sent, and no answer came that can be used.
    pub(crate) fn lost<T>(&self, call: &Call, error: Error) -> Tried<T> {
        match call.repeat {
            Repeat::Idempotent => Tried::Again { failure: Failure::Failed(error), wait: None },
            // Repeated by the caller, after a look at what came of it.
            Repeat::Unsafe => Tried::Over(self.failed(call, error)),
        }
    }

    fn too_long(&self, failure: Failure, wait: Duration) -> Failure {
        match failure {
            Failure::Refused(refusal) => {
                let cause = format!("{} asks to wait {} seconds", self.service.name, wait.as_secs());
                Failure::Failed(refusal.into_error().with_cause_text(cause))
            }
            other => other,
        }
    }
}
