//! The way to the collector: the library makes the requests, the one transport of the product sends them.

use super::settings::{Settings, is_of_the_request};
use async_trait::async_trait;
use bytes::Bytes;
use icebridge_http::header::HeaderMap;
use icebridge_http::{
    Call, Explanation, Failure, Family, HttpClient, Limits, Refusal, RetryPolicy, Service, Transport,
};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use opentelemetry_http::{HttpError, Request, Response};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;

static SERVICE: Service = Service {
    name: "the collector of traces",
    unreachable: Code::TracesFailed,
    unreachable_hint: "Check OTEL_EXPORTER_OTLP_ENDPOINT, the network and the proxy. Nothing but the traces is missing.",
    certificate_hint: "Give the certificates of the authority that the collector's is from: OTEL_EXPORTER_OTLP_CERTIFICATE.",
    proxy_hint: "Give the proxy's address with user:password@ before its name.",
    refused: Code::TracesFailed,
    not_this_service: "the address answers, but not as a collector of traces",
    not_this_service_hint: "Check OTEL_EXPORTER_OTLP_ENDPOINT. A sign-in page or a proxy may have answered instead.",
    empty_answer: "null",
    explain,
};

const FAMILY: Family = Family { name: "traces", limits: Limits { start: 20.0, max: 20.0, at_once: 1 } };

fn explain(_: &Refusal) -> Explanation {
    Explanation {
        code: Code::TracesFailed,
        message: "the collector of traces refused them",
        hint: "Check OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_HEADERS, and the collector's own log.",
    }
}

/// The library's thread asks it, outside of the program's own runtime, which may have ended by then.
#[derive(Debug)]
pub struct Collector {
    client: HttpClient,
    runtime: Runtime,
    origin: String,
    path: String,
    secrets: Vec<Secret>,
    timeout: Duration,
    is_failing: AtomicBool,
}

impl Collector {
    pub fn new(settings: &Settings) -> Result<Self> {
        let mut transport = Transport::from_environment(|name| std::env::var(name).ok());
        if let Some(path) = &settings.ca_file {
            transport.ca_file = Some(path.clone());
        }
        let policy = RetryPolicy { attempts: 3, patience: settings.timeout, ..RetryPolicy::default() };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::internal("the thread for traces cannot be started").with_cause(e))?;
        let address = settings.address.expose();
        Ok(Self {
            client: HttpClient::new(&transport, &settings.origin, &SERVICE)?.with_policy(policy),
            runtime,
            origin: settings.origin.clone(),
            path: path_of(address),
            secrets: settings.secrets.iter().chain([&settings.address]).cloned().collect(),
            timeout: settings.timeout,
            is_failing: AtomicBool::new(false),
        })
    }

    async fn send(&self, request: Request<Bytes>) -> Result<()> {
        let (head, body) = request.into_parts();
        let mut headers = HeaderMap::new();
        let given = head.headers.iter().filter(|(name, _)| !is_of_the_request(name));
        headers.extend(given.map(|(name, value)| (name.clone(), value.clone())));
        // The same spans have the same ids: sent twice they are the same.
        let call = Call::post(FAMILY, self.path.clone()).body(body, "application/x-protobuf").idempotent();
        let call = self.secrets.iter().fold(call.within(self.timeout), Call::scrub);
        let client = self.client.clone().with_headers(headers);
        match tokio::time::timeout(self.timeout, client.open(&call)).await {
            Ok(answered) => answered.map(drop).map_err(|failure| self.told(failure)),
            Err(_) => Err(Error::new(Code::TracesFailed, "the collector of traces did not answer in time")
                .about(&self.origin)
                .with_hint(SERVICE.unreachable_hint)),
        }
    }

    /// Neither the whole address nor what the server says, which may repeat a header.
    fn told(&self, failure: Failure) -> Error {
        let message = match failure.refusal() {
            Some(refusal) => format!("the collector of traces refused them: HTTP {}", refusal.status),
            None => Error::from(failure).message,
        };
        Error::new(Code::TracesFailed, message).about(&self.origin).with_hint(SERVICE.unreachable_hint)
    }
}

#[async_trait]
impl opentelemetry_http::HttpClient for Collector {
    /// A collector that is away is said once, and again after it was back.
    async fn send_bytes(&self, request: Request<Bytes>) -> std::result::Result<Response<Bytes>, HttpError> {
        match self.runtime.block_on(self.send(request)) {
            Ok(()) => {
                self.is_failing.store(false, Ordering::Relaxed);
                Ok(Response::new(Bytes::new()))
            }
            Err(error) => {
                if !self.is_failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(code = %error.code, %error, hint = error.hint, "traces could not be sent");
                }
                Err(error.into())
            }
        }
    }
}

fn path_of(address: &str) -> String {
    let rest = address.split_once("://").map_or("", |(_, rest)| rest);
    let rest = rest.split('#').next().unwrap_or_default();
    match rest.find(['/', '?']) {
        Some(at) if rest[at..].starts_with('?') => format!("/{}", &rest[at..]),
        Some(at) => rest[at..].to_string(),
        None => "/".to_string(),
    }
}
