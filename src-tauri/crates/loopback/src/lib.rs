//! An HTTP server on this machine for tests: it answers as the test decides and keeps what it was sent.
//!
//! Beside it changed inputs for parsers ([`fuzz`]). Ready-made servers answer politely. This one can also cut the connection, announce more than it sends, and never end.
#![allow(clippy::unwrap_used, reason = "it runs in tests alone")]

pub mod fuzz;

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Percent-encoded, without the query. Of a request to a proxy the whole address.
    pub path: String,
    /// Path and query, as sent.
    pub target: String,
    pub query: BTreeMap<String, String>,
    /// Their names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path == path
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
    /// Empty if it is not there.
    pub fn query(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
    pub fn form(&self) -> BTreeMap<String, String> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

pub enum Reply {
    Json(u16, Value),
    With(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// The connection is cut without an answer.
    Cut,
    /// So many bytes are announced; what is sent may be less, or nothing, as the answer to HEAD.
    Announced(u16, Vec<(&'static str, String)>, Vec<u8>, usize),
    /// With status 200, the same bytes until the client goes away.
    Endless(Vec<u8>),
    EndlessWith(u16, Vec<u8>),
    Slow(Duration, Box<Reply>),
}

/// Status 200.
pub fn json(value: Value) -> Reply {
    Reply::Json(200, value)
}

/// Stops when it is dropped with its runtime.
pub struct Server {
    /// `http://127.0.0.1:port`
    pub uri: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub async fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), requests.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), log.clone()));
            }
        });
        Self { uri, requests }
    }

    /// All of them so far, in the order in which they came.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub fn count(&self, method: &str, path: &str) -> usize {
        self.requests.lock().unwrap().iter().filter(|request| request.is(method, path)).count()
    }

    /// Panics if there was none.
    pub fn last(&self, method: &str, path: &str) -> Request {
        self.requests.lock().unwrap().iter().rfind(|request| request.is(method, path)).cloned().unwrap()
    }
}

async fn serve(mut stream: TcpStream, answer: Arc<impl Fn(&Request) -> Reply>, log: Arc<Mutex<Vec<Request>>>) {
    let Some(request) = read(&mut stream).await else { return };
    let mut reply = answer(&request);
    log.lock().unwrap().push(request);
    while let Reply::Slow(wait, then) = reply {
        tokio::time::sleep(wait).await;
        reply = *then;
    }
    let (status, headers, body, length) = match reply {
        Reply::Cut | Reply::Slow(..) => return,
        Reply::Endless(piece) => return endless(stream, 200, &piece).await,
        Reply::EndlessWith(status, piece) => return endless(stream, status, &piece).await,
        Reply::Json(status, value) => (status, Vec::new(), value.to_string().into_bytes(), None),
        Reply::With(status, headers, body) => (status, headers, body, None),
        Reply::Announced(status, headers, body, length) => (status, headers, body, Some(length)),
    };
    let mut head = format!("HTTP/1.1 {status} x\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", length.unwrap_or(body.len())));
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&body).await;
    let _ = stream.shutdown().await;
}

async fn endless(mut stream: TcpStream, status: u16, piece: &[u8]) {
    let head = format!("HTTP/1.1 {status} x\r\nConnection: close\r\n\r\n");
    let block = piece.repeat((64 << 10) / piece.len().max(1) + 1);
    let mut sent = stream.write_all(head.as_bytes()).await;
    while sent.is_ok() {
        sent = stream.write_all(&block).await;
    }
}

/// None if the client went away.
async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut read = Vec::new();
    let head = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
            return None;
        }
    };
    let text = String::from_utf8(read[..head].to_vec()).unwrap();
    let mut lines = text.lines();
    let mut first = lines.next().unwrap().split(' ');
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_string()))
        .collect();
    let header = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
    let body = if header("transfer-encoding").is_some() {
        while !read.ends_with(b"0\r\n\r\n") {
            if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return None;
            }
        }
        joined_chunks(&read[head..])
    } else {
        let length = header("content-length").map_or(0, |text| text.parse().unwrap());
        while read.len() < head + length {
            if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return None;
            }
        }
        read[head..].to_vec()
    };
    let method = first.next().unwrap().to_string();
    let target = first.next().unwrap().to_string();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    Some(Request { method, path: path.into(), query, headers, body, target })
}

fn joined_chunks(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
}
