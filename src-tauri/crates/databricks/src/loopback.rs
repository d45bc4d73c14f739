//! A small HTTP server for tests: it answers as it is told and keeps what it was asked.

use crate::auth::Auth;
use crate::client::{Client, Conduct, Limiters, Pace};
use crate::host::Host;
use crate::transport::{Proxy, Transport};
use icebridge_model::secret::Secret;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub method: String,
    /// Percent-encoded, without the query.
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path == path
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
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

pub(crate) enum Reply {
    Json(u16, Value),
    With(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// The connection is cut without an answer.
    Cut,
    /// More is announced than is sent.
    Short(Vec<(&'static str, String)>, Vec<u8>, usize),
    Slow(Duration, Box<Reply>),
}

pub(crate) fn ok(value: Value) -> Reply {
    Reply::Json(200, value)
}

pub(crate) fn refused(status: u16, kind: &str) -> Reply {
    Reply::Json(status, json!({"error_code": kind, "message": format!("{kind} it is")}))
}

pub(crate) fn page(list: &str, items: Value, next: Option<&str>) -> Reply {
    let mut body = json!({});
    if items != json!([]) {
        body[list] = items;
    }
    if let Some(next) = next {
        body["next_page_token"] = json!(next);
    }
    ok(body)
}

pub(crate) struct Server {
    pub uri: String,
    pub asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub async fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), asked.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), log.clone()));
            }
        });
        Self { uri, asked }
    }

    pub fn host(&self) -> Host {
        Host::parse(&self.uri).unwrap()
    }

    pub fn count(&self, method: &str, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|a| a.is(method, path)).count()
    }

    pub fn last(&self, method: &str, path: &str) -> Asked {
        self.asked.lock().unwrap().iter().rfind(|a| a.is(method, path)).cloned().unwrap()
    }

    pub fn client(&self) -> Client {
        self.client_with(Auth::token_of(Secret::new("canary-token")).unwrap())
    }

    pub fn client_with(&self, auth: Auth) -> Client {
        Client::new(self.host(), None, auth, &conduct()).unwrap()
    }
}

pub(crate) fn direct() -> Transport {
    Transport { proxy: Proxy::Direct, answer: Duration::from_millis(400), ..Transport::default() }
}

pub(crate) fn swift() -> Pace {
    let most = Duration::from_millis(10);
    Pace { first: Duration::from_millis(2), longest: most, attempts: 4, patience: Duration::from_secs(5) }
}

/// Quick, and with limiters of its own.
pub(crate) fn conduct() -> Conduct {
    Conduct { transport: direct(), limiters: Limiters::default(), pace: swift() }
}

async fn serve(mut stream: TcpStream, answer: Arc<impl Fn(&Asked) -> Reply>, log: Arc<Mutex<Vec<Asked>>>) {
    let mut read = Vec::new();
    let head = loop {
        if let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
            return;
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
    let body = match header("transfer-encoding") {
        Some(_) => {
            while !read.ends_with(b"0\r\n\r\n") {
                stream.read_buf(&mut read).await.unwrap();
            }
            dechunked(&read[head..])
        }
        None => {
            let length = header("content-length").map_or(0, |text| text.parse().unwrap());
            while read.len() < head + length {
                if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                    return;
                }
            }
            read[head..].to_vec()
        }
    };
    let method = first.next().unwrap().to_string();
    let target = first.next().unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let asked = Asked { method, path: path.into(), query, headers, body };
    let mut reply = answer(&asked);
    log.lock().unwrap().push(asked);
    while let Reply::Slow(wait, then) = reply {
        tokio::time::sleep(wait).await;
        reply = *then;
    }
    let (status, headers, body, length) = match reply {
        Reply::Cut | Reply::Slow(..) => return,
        Reply::Json(status, value) => (status, Vec::new(), value.to_string().into_bytes(), None),
        Reply::With(status, headers, body) => (status, headers, body, None),
        Reply::Short(headers, body, length) => (200, headers, body, Some(length)),
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

fn dechunked(mut rest: &[u8]) -> Vec<u8> {
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
