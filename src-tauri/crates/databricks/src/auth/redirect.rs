//! The end of the browser's way: a listener on this machine that takes one answer, and shows a page.

use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

/// The vendor's applications are registered for these ports.
pub(crate) const PORTS: RangeInclusive<u16> = 8020..=8040;
const LONGEST_HEAD: usize = 16 << 10;
const READING: Duration = Duration::from_secs(5);
/// Browsers open some connections that they never use.
const AT_ONCE: usize = 32;

#[derive(Debug)]
pub(crate) struct Listener {
    sockets: Vec<TcpListener>,
    port: u16,
}

/// What the browser brought.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub outcome: Result<Secret, Denied>,
    /// Takes how it went, for the page that the person sees.
    pub page: oneshot::Sender<bool>,
}

/// The person or the server refused.
#[derive(Debug)]
pub(crate) struct Denied {
    pub kind: String,
    pub description: String,
}

#[derive(Debug)]
enum Event {
    Arrived(Arrival),
    WrongState,
}

impl Listener {
    /// On the first free port. `localhost` may mean either family of addresses, so both are taken where both exist.
    pub(crate) async fn bind(ports: RangeInclusive<u16>) -> Result<Self> {
        let mut last = None;
        for port in ports.clone() {
            match bind_both(port).await {
                Ok(sockets) => return Ok(Self { sockets, port }),
                Err(error) => last = Some(error),
            }
        }
        let mut error = Error::new(
            Code::InvalidInput,
            format!("no port from {} to {} is free for the browser's answer", ports.start(), ports.end()),
        )
        .with_hint("End a program that listens there, or an earlier sign-in that is still waiting.");
        if let Some(cause) = last {
            error = error.with_cause(cause);
        }
        Err(error)
    }

    /// As it is registered: no path, no slash at the end.
    pub(crate) fn address(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// The first answer that carries our state. Others are turned away and waited past: any page on the web can send the
    /// browser here. Returns how many there were with another state, if none came in time.
    pub(crate) async fn arrival(self, state: Secret, patience: Duration) -> Result<(Arrival, JoinSet<()>), usize> {
        let (sender, mut events) = mpsc::channel::<Event>(AT_ONCE);
        let mut tasks = JoinSet::new();
        let (state, seats) = (Arc::new(state), Arc::new(Semaphore::new(AT_ONCE)));
        for socket in self.sockets {
            let (sender, state, seats) = (sender.clone(), state.clone(), seats.clone());
            tasks.spawn(async move {
                loop {
                    let Ok(seat) = seats.clone().acquire_owned().await else { return };
                    match socket.accept().await {
                        Ok((stream, _)) => {
                            let (sender, state) = (sender.clone(), state.clone());
                            tokio::spawn(async move {
                                answer_browser(stream, &state, &sender).await;
                                drop(seat);
                            });
                        }
                        Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                    }
                }
            });
        }
        let mut other_states = 0;
        let waiting = async {
            loop {
                match events.recv().await {
                    Some(Event::Arrived(arrival)) => return Some(arrival),
                    Some(Event::WrongState) => other_states += 1,
                    None => return None,
                }
            }
        };
        match tokio::time::timeout(patience, waiting).await {
            Ok(Some(arrival)) => Ok((arrival, tasks)),
            _ => Err(other_states),
        }
    }
}

async fn bind_both(port: u16) -> std::io::Result<Vec<TcpListener>> {
    let mut sockets = vec![TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?];
    let port = sockets[0].local_addr()?.port();
    match TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await {
        Ok(socket) => sockets.push(socket),
        // Another program has it, and the browser might go there with our code.
        Err(e) if e.kind() == ErrorKind::AddrInUse => return Err(e),
        // No such addresses on this machine.
        Err(_) => {}
    }
    Ok(sockets)
}

async fn answer_browser(mut stream: TcpStream, state: &Secret, events: &mpsc::Sender<Event>) {
    let Ok(Some(target)) = tokio::time::timeout(READING, target(&mut stream)).await else { return };
    let target = Secret::new(target);
    let Some(query) = target.expose().strip_prefix("/?") else {
        return show(&mut stream, 404, "There is nothing here.").await;
    };
    let (mut code, mut given, mut kind, mut description) = (None, None, None, String::new());
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "code" => code = Some(Secret::new(value)),
            "state" => given = Some(Secret::new(value)),
            "error" => kind = Some(value.into_owned()),
            "error_description" => description = value.into_owned(),
            _ => {}
        }
    }
    if given.as_ref() != Some(state) {
        let _ = events.send(Event::WrongState).await;
        return show(&mut stream, 400, "This answer belongs to another sign-in. Start again in IceBridge.").await;
    }
    let outcome = match (kind, code) {
        (Some(kind), _) => Err(Denied { kind, description }),
        (None, Some(code)) if !code.is_empty() => Ok(code),
        _ => return show(&mut stream, 400, "This answer holds no code. Start again in IceBridge.").await,
    };
    let (page, verdict) = oneshot::channel();
    if events.send(Event::Arrived(Arrival { outcome, page })).await.is_err() {
        return show(&mut stream, 400, "The sign-in is over already.").await;
    }
    match tokio::time::timeout(Duration::from_secs(60), verdict).await {
        Ok(Ok(true)) => show(&mut stream, 200, "You are signed in. This page can be closed.").await,
        _ => show(&mut stream, 400, "The sign-in did not succeed. IceBridge shows the reason.").await,
    }
}

/// The request's target, if it is a GET.
async fn target(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::with_capacity(LONGEST_HEAD);
    while !read.windows(4).any(|four| four == b"\r\n\r\n") {
        if read.len() >= LONGEST_HEAD || stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
    let line = read.split(|byte| *byte == b'\r').next()?;
    let mut parts = std::str::from_utf8(line).ok()?.split(' ');
    let target = match parts.next()? {
        "GET" => parts.next()?.to_string(),
        _ => String::new(),
    };
    zeroize::Zeroize::zeroize(&mut read);
    Some(target)
}

async fn show(stream: &mut TcpStream, status: u16, sentence: &'static str) {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>IceBridge</title>\
         <body style=\"font:16px system-ui;margin:20vh auto;max-width:30em;text-align:center\"><h1>IceBridge</h1><p>{sentence}</p>"
    );
    let reason = match status {
        200 => "OK",
        404 => "Not Found",
        _ => "Bad Request",
    };
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n\r\n",
        page.len()
    );
    // The browser may have gone away; nothing depends on the page.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(page.as_bytes()).await;
    let _ = stream.shutdown().await;
}
