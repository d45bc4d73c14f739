//! `icebridge-sandbox` as the programs that start it see it.
#![allow(clippy::unwrap_used, reason = "in a test it is the assertion, in its helpers too")]

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn start(arguments: &[&str]) -> (Child, Value) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_icebridge-sandbox"))
        .args(arguments)
        .env("ICEBRIDGE_SANDBOX_TOKEN", "dapi-of-the-test")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

fn ends(child: &mut Child) -> bool {
    let limit = Instant::now() + Duration::from_secs(20);
    while Instant::now() < limit {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("it did not end");
}

#[test]
fn it_prints_how_to_sign_in_and_ends_with_its_input() {
    let (mut child, line) = start(&["--port", "0", "--gate-open"]);
    assert_eq!((&line["user"], &line["token"]), (&"pilot@sandbox.example".into(), &"dapi-of-the-test".into()));
    let address = line["url"].as_str().unwrap().strip_prefix("http://").unwrap();
    let folder = std::path::PathBuf::from(line["folder"].as_str().unwrap());
    TcpStream::connect(address).unwrap();
    assert!(folder.join("warehouse").is_dir());
    // As when the program that started it was killed.
    drop(child.stdin.take());
    assert!(ends(&mut child));
    assert!(TcpStream::connect(address).is_err());
    assert!(!folder.exists(), "its temporary folder is gone");
}

#[test]
fn a_failed_start_is_an_error_with_a_code_and_a_next_step() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (mut child, line) = start(&["--port", &port]);
    assert_eq!(line["error"]["code"], "invalid-input");
    assert!(line["error"]["hint"].as_str().unwrap().contains("--port"));
    assert!(!ends(&mut child));
}
