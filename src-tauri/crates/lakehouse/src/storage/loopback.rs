//! A tiny HTTP server for tests: it answers as it is told and keeps what it was asked.

use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub method: String,
    /// Percent-encoded, with the query.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path.split('?').next() == Some(path)
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(crate) enum Reply {
    Json(u16, Value),
    With(u16, (&'static str, &'static str), Value),
    Text(u16, &'static str),
    Bytes(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// As many bytes as this are announced, and none are sent: the answer to HEAD.
    Head(u16, Vec<(&'static str, String)>, usize),
    /// The connection is cut without an answer.
    Cut,
}

pub(crate) fn ok(value: Value) -> Reply {
    Reply::Json(200, value)
}

pub(crate) fn refused(status: u16, kind: &str) -> Reply {
    Reply::Json(status, json!({"error": {"message": "no", "type": kind, "code": status}}))
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

    pub fn count(&self, method: &str, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|a| a.is(method, path)).count()
    }

    pub fn last(&self, method: &str, path: &str) -> Asked {
        self.asked.lock().unwrap().iter().rfind(|a| a.is(method, path)).cloned().unwrap()
    }
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
    let length = headers.iter().find(|(n, _)| n == "content-length").map_or(0, |(_, v)| v.parse().unwrap());
    while read.len() < head + length {
        stream.read_buf(&mut read).await.unwrap();
    }
    let asked = Asked {
        method: first.next().unwrap().into(),
        path: first.next().unwrap().into(),
        headers,
        body: read[head..].to_vec(),
    };
    let reply = answer(&asked);
    log.lock().unwrap().push(asked);
    let (status, headers, body, length) = match reply {
        Reply::Cut => return,
        Reply::Json(status, value) => (status, Vec::new(), value.to_string().into_bytes(), None),
        Reply::With(status, (name, text), value) => {
            (status, vec![(name, text.to_string())], value.to_string().into_bytes(), None)
        }
        Reply::Text(status, text) => (status, Vec::new(), text.into(), None),
        Reply::Bytes(status, headers, body) => (status, headers, body, None),
        Reply::Head(status, headers, length) => (status, headers, Vec::new(), Some(length)),
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
