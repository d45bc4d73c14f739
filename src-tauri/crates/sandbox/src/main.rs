//! `icebridge-sandbox`: the sandbox as a program, which `icebridge sandbox` and the window start.
//!
//! It prints one line of JSON, with the address and the credentials or with the error, and ends with its standard input: a
//! program that started it takes it along, even when that program is killed. Credentials come from the environment: an argument
//! can be read by every user of the machine.

use clap::Parser;
use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result};
use icebridge_sandbox::{Config, Sandbox, Spark};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::oneshot;

/// A Databricks-shaped workspace on 127.0.0.1, until standard input ends
#[derive(Debug, Parser)]
#[command(name = "icebridge-sandbox", version)]
struct Arguments {
    /// The port on 127.0.0.1; 0 takes any that is free
    #[arg(long, default_value_t = 8765)]
    port: u16,
    /// Keep volumes, workspace files and job logs here (default: a temporary folder)
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Add a catalog `lake` with this many generated tables
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    tables: u32,
    /// Another number makes other tables
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// The Python that runs submitted scripts
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// A jar for the jobs' Spark. Can be repeated
    #[arg(long = "jar", value_name = "FILE")]
    jars: Vec<PathBuf>,
    /// A Spark setting of every job. Can be repeated
    #[arg(long = "spark-conf", value_name = "KEY=VALUE", value_parser = setting)]
    spark_conf: Vec<(String, String)>,
    /// How long every answer takes at least
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency_ms: u64,
    /// Begin with the governance gate open
    #[arg(long)]
    gate_open: bool,
}

fn setting(text: &str) -> std::result::Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a setting is KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> ExitCode {
    let sandbox = match start(Arguments::parse()).await {
        Ok(sandbox) => sandbox,
        Err(error) => {
            // A closed pipe: there is no reader for the error.
            let _ = print(&json!({"error": error}));
            return ExitCode::FAILURE;
        }
    };
    match print(&sign_in(&sandbox)) {
        Ok(()) => until_end().await,
        Err(_) => return ExitCode::FAILURE,
    }
    drop(sandbox);
    ExitCode::SUCCESS
}

async fn start(arguments: Arguments) -> Result<Sandbox> {
    let secret = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty()).map(Secret::new);
    Sandbox::start(Config {
        port: arguments.port,
        folder: arguments.folder,
        tables: arguments.tables,
        seed: arguments.seed,
        spark: Spark { python: arguments.python, jars: arguments.jars, conf: arguments.spark_conf },
        latency: Duration::from_millis(arguments.latency_ms),
        gate_open: arguments.gate_open,
        token: secret("ICEBRIDGE_SANDBOX_TOKEN"),
        client_secret: secret("ICEBRIDGE_SANDBOX_CLIENT_SECRET"),
        ..Config::default()
    })
    .await
    .map_err(Error::or_usual_hint)
}

fn sign_in(sandbox: &Sandbox) -> Value {
    let sign_in = sandbox.sign_in();
    json!({
        "url": sandbox.url(), "folder": sandbox.folder(), "user": sign_in.pilot, "token": sign_in.pilot_token.expose(),
        "admin": sign_in.admin, "admin_token": sign_in.admin_token.expose(), "client_id": sign_in.client_id,
        "client_secret": sign_in.client_secret.expose(),
    })
}

fn print(line: &Value) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// The end of standard input, Ctrl-C, or the signal by which services are ended.
async fn until_end() {
    let (ended, input) = oneshot::channel();
    // A thread of its own: a read that waits would hold up the end of the runtime.
    std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        while std::io::stdin().read(&mut buffer).is_ok_and(|count| count > 0) {}
        // The receiver is gone where a signal came first.
        let _ = ended.send(());
    });
    tokio::select! {
        _ = input => {}
        _ = tokio::signal::ctrl_c() => {}
        () = terminated() => {}
    }
}

async fn terminated() {
    #[cfg(unix)]
    if let Ok(mut signal) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        signal.recv().await;
        return;
    }
    std::future::pending().await
}
