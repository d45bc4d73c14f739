//! The sandbox in the foreground, until it is told to end.

use crate::Ended;
use crate::arguments::SandboxArgs;
use crate::output::Output;
use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result};
use icebridge_sandbox::{Config, Sandbox, Spark};
use serde_json::json;
use std::time::Duration;

pub async fn run(arguments: &SandboxArgs, output: &Output) -> Result<Ended> {
    // From the environment: an argument could be read by everybody on the machine.
    let secret = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty()).map(Secret::new);
    let sandbox = Sandbox::start(Config {
        port: arguments.port,
        folder: arguments.folder.clone(),
        tables: arguments.tables,
        seed: arguments.seed,
        spark: Spark {
            python: arguments.python.clone(),
            jars: arguments.jars.clone(),
            conf: arguments.spark_conf.clone(),
        },
        latency: Duration::from_millis(arguments.latency_ms),
        gate_open: arguments.gate_open,
        token: secret("ICEBRIDGE_SANDBOX_TOKEN"),
        client_secret: secret("ICEBRIDGE_SANDBOX_CLIENT_SECRET"),
        ..Config::default()
    })
    .await?;
    tell(&sandbox, arguments, output)?;
    until_told().await?;
    output.note("The sandbox has ended.");
    Ok(Ended::Done)
}

fn tell(sandbox: &Sandbox, arguments: &SandboxArgs, output: &Output) -> Result<()> {
    let (url, folder, sign_in) = (sandbox.url(), sandbox.folder(), sandbox.sign_in());
    if output.json {
        // One line, which a script can read while the sandbox goes on.
        let told = json!({
            "url": url, "folder": folder, "user": sign_in.pilot, "token": sign_in.pilot_token.expose(),
            "admin": sign_in.admin, "admin_token": sign_in.admin_token.expose(), "client_id": sign_in.client_id,
            "client_secret": sign_in.client_secret.expose(),
        });
        return output.print(&told.to_string());
    }
    let gate = if arguments.gate_open { "open" } else { "closed; open it on the page at the address" };
    let jobs = match &arguments.python {
        Some(python) => format!("run on {}", python.display()),
        None => "cannot run; start the sandbox with --python and an interpreter that has PySpark".to_owned(),
    };
    output.print(&format!(
        "A Databricks-shaped workspace on this machine. It ends with Ctrl-C.\n\n\
         address        {url}\n\
         in a browser   sign in as {} or {}; there are no passwords\n\
         by token       {}   ({})\n\
         \u{20}              {}   ({})\n\
         as a program   client id {}\n\
         \u{20}              client secret {}\n\
         gate           {gate}\n\
         jobs           {jobs}\n\
         files          {}\n",
        sign_in.pilot,
        sign_in.admin,
        sign_in.pilot_token.expose(),
        sign_in.pilot,
        sign_in.admin_token.expose(),
        sign_in.admin,
        sign_in.client_id,
        sign_in.client_secret.expose(),
        folder.display(),
    ))
}

/// Ctrl-C, or the signal by which services are ended.
async fn until_told() -> Result<()> {
    let failed = |error: std::io::Error| Error::internal("the program cannot wait for a signal").with_cause(error);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut end = signal(SignalKind::terminate()).map_err(failed)?;
        tokio::select! {
            ended = tokio::signal::ctrl_c() => ended.map_err(failed),
            _ = end.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map_err(failed)
}
