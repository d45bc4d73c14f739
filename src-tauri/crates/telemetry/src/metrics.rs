//! Serves the metrics of this process on loopback, for a Prometheus on this machine.
//!
//! Whoever connects may be slow or hostile: a connection answers one request, its head is bounded, it is closed after a few
//! seconds whatever happens, and there are only so many at once.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HOST, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use icebridge_metrics::Metrics;
use icebridge_model::{Error, Result};
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

const PATH: &str = "/metrics";
/// Prometheus needs one; some more for people who look.
const AT_ONCE: usize = 16;
const MAX_HEAD_BYTES: usize = 16 << 10;
const MAX_HEADERS: usize = 64;
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// A connection with all that it does.
const CONNECTION_WITHIN: Duration = Duration::from_secs(10);
/// Before another try where the system has no more connections to give.
const PAUSE: Duration = Duration::from_millis(100);

/// The metrics are served until this is dropped.
#[derive(Debug)]
pub struct ServedMetrics {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl ServedMetrics {
    /// `address`: `127.0.0.1:9464`, `[::1]:9464` or `localhost:9464`; port 0 takes any that is free.
    pub async fn start(address: &str) -> Result<Self> {
        Self::of(Metrics::of_process(), address).await
    }

    async fn of(metrics: Metrics, address: &str) -> Result<Self> {
        let wanted = loopback(address)?;
        let cannot = |error: std::io::Error| {
            Error::invalid("the metrics cannot be served at this address")
                .about(address)
                .with_cause(error)
                .with_hint("Choose another port; 0 takes any that is free.")
        };
        let listener = TcpListener::bind(wanted).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let served = Self { address, accepting: tokio::spawn(accept(listener, metrics, CONNECTION_WITHIN)) };
        tracing::info!(url = served.url(), "metrics are served");
        Ok(served)
    }

    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }
}

impl Drop for ServedMetrics {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn loopback(text: &str) -> Result<SocketAddr> {
    const EXAMPLE: &str = "Give an address of this machine and a port, such as 127.0.0.1:9464.";
    let named = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    let address = match named {
        Some(port) => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
        None => text
            .parse()
            .map_err(|_| Error::invalid("this is not an address with a port").about(text).with_hint(EXAMPLE))?,
    };
    if !address.ip().is_loopback() {
        return Err(Error::invalid(
            "metrics are served on loopback only: nobody who asks for them is asked who they are",
        )
        .about(text)
        .with_hint(EXAMPLE));
    }
    Ok(address)
}

async fn accept(listener: TcpListener, metrics: Metrics, within: Duration) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    // With this task they end.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // Those beyond wait in the system's queue. The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let metrics = metrics.clone();
                connections.spawn(async move {
                    let _place = place;
                    // Whoever did not take the answer by now does not get it.
                    let _ = tokio::time::timeout(within, answer_one(stream, metrics)).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection for metrics was not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn answer_one(stream: TcpStream, metrics: Metrics) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer(&request, &metrics);
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    server.max_buf_size(MAX_HEAD_BYTES).max_headers(MAX_HEADERS).keep_alive(false);
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection for metrics broke");
    }
}

fn answer(request: &Request<Incoming>, metrics: &Metrics) -> Response<Full<Bytes>> {
    if !is_for_loopback(request) {
        return refused(StatusCode::FORBIDDEN, "Metrics are served by the loopback name only.\n");
    }
    if request.uri().path() != PATH {
        return refused(StatusCode::NOT_FOUND, "There is only /metrics here.\n");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = refused(StatusCode::METHOD_NOT_ALLOWED, "Metrics can only be read.\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let mut response = Response::new(Full::new(Bytes::from(metrics.text())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(icebridge_metrics::CONTENT_TYPE));
    response
}

fn refused(status: StatusCode, why: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(why.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// A page in a browser may send requests here, under a name of its own that leads to loopback. It is not answered.
fn is_for_loopback(request: &Request<Incoming>) -> bool {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    let number = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name == "localhost" || number.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
