use super::*;
use icebridge_model::Code;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn started() -> ServedMetrics {
    ServedMetrics::of(Metrics::default(), "127.0.0.1:0").await.unwrap()
}

async fn send(served: &ServedMetrics, request: &str) -> String {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is closed with bytes unread ends in a reset.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

#[tokio::test]
async fn metrics_are_answered_and_nothing_else() {
    let served = started().await;
    let answer = send(&served, "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9464\r\n\r\n").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(head.to_ascii_lowercase().contains("connection: close"), "{head}");
    assert!(body.contains("icebridge_build_info{version="), "{body}");
    for (request, expected) in [
        ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
        ("GET /metrics/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
        ("GET /metrics?x=1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n", "200"),
        ("HEAD /metrics HTTP/1.1\r\nHost: [::1]:9464\r\n\r\n", "200"),
        ("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "405"),
        ("GET /metrics HTTP/1.1\r\nHost: evil.example.com\r\n\r\n", "403"),
        ("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1.example.com\r\n\r\n", "403"),
        ("GET /metrics HTTP/1.1\r\n\r\n", "403"),
        ("nonsense\r\n\r\n", "400"),
    ] {
        assert_eq!(status(&send(&served, request).await), expected, "{request}");
    }
}

#[tokio::test]
async fn a_head_of_any_length_is_cut_off() {
    let served = started().await;
    let long = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    assert_ne!(status(&send(&served, &long).await), "200");
    let many = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(MAX_HEADERS + 1));
    assert_ne!(status(&send(&served, &many).await), "200");
    assert_eq!(status(&send(&served, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await), "200");
}

#[tokio::test]
async fn those_who_say_nothing_are_sent_away_and_others_are_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepting = tokio::spawn(accept(listener, Metrics::default(), Duration::from_millis(200)));
    let served = ServedMetrics { address, accepting };
    let mut silent = Vec::new();
    for _ in 0..AT_ONCE * 2 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    assert_eq!(status(&send(&served, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await), "200");
    let mut nothing = Vec::new();
    silent[0].read_to_end(&mut nothing).await.unwrap();
    assert!(nothing.is_empty());
}

#[tokio::test]
async fn other_addresses_than_loopback_are_refused() {
    for address in [
        "0.0.0.0:0",
        "[::]:0",
        "192.168.1.2:9464",
        "10.0.0.1:1",
        "9464",
        "127.0.0.1",
        "localhost",
        "example.com:80",
        "",
    ] {
        let error = ServedMetrics::of(Metrics::default(), address).await.unwrap_err();
        assert_eq!(error.code, Code::InvalidInput, "{address}");
        assert!(error.to_string().contains(address) && error.hint.is_some(), "{error}");
    }
    for address in ["127.0.0.1:0", "localhost:0", "127.9.9.9:0"] {
        loopback(address).unwrap();
    }
    let served = started().await;
    let taken = ServedMetrics::of(Metrics::default(), &served.address.to_string()).await.unwrap_err();
    assert_eq!(taken.code, Code::InvalidInput);
}

#[tokio::test]
async fn nobody_is_answered_afterwards() {
    let served = started().await;
    let address = served.address;
    drop(served);
    // The task is ended at its next turn.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
