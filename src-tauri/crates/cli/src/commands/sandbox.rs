//! The sandbox in the foreground, until Ctrl-C or SIGTERM.

use crate::arguments::SandboxArgs;
use crate::ended::Ended;
use crate::interrupt::asked_to_stop;
use crate::output::Output;
use icebridge_api::SandboxProcess;
use icebridge_model::{Error, Result};
use serde_json::json;

pub async fn run(arguments: &SandboxArgs, output: &Output) -> Result<Ended> {
    // ICEBRIDGE_SANDBOX_TOKEN and ICEBRIDGE_SANDBOX_CLIENT_SECRET reach it through the environment.
    let mut sandbox = SandboxProcess::start(&arguments.for_program()).await?;
    let ended = match show(&sandbox, arguments, output) {
        Ok(()) => tokio::select! {
            asked = asked_to_stop() => asked.map_err(|e| Error::internal("the program cannot wait for a signal").with_cause(e)),
            ended = sandbox.wait() => ended,
        },
        failed => failed,
    };
    sandbox.end().await;
    ended?;
    output.note("The sandbox has ended.");
    Ok(Ended::Done)
}

fn show(sandbox: &SandboxProcess, arguments: &SandboxArgs, output: &Output) -> Result<()> {
    let sign_in = &sandbox.sign_in;
    if output.json {
        // One line, which a script can read while the sandbox goes on.
        let line = json!({
            "url": sign_in.url, "folder": sign_in.folder, "user": sign_in.user, "token": sign_in.token.expose(),
            "admin": sign_in.admin, "admin_token": sign_in.admin_token.expose(), "client_id": sign_in.client_id,
            "client_secret": sign_in.client_secret.expose(),
        });
        return output.print(&line.to_string());
    }
    let gate = if arguments.gate_open { "open" } else { "closed; open it on the page at the address" };
    let jobs = match &arguments.python {
        Some(python) => format!("run on {}", python.display()),
        None => "cannot run; start the sandbox with --python and an interpreter that has PySpark".to_owned(),
    };
    output.print(&format!(
        "A Databricks-shaped workspace on this machine. It ends with Ctrl-C.\n\n\
         address        {}\n\
         in a browser   sign in as {} or {}; there are no passwords\n\
         by token       {}   ({})\n\
         \u{20}              {}   ({})\n\
         as a program   client id {}\n\
         \u{20}              client secret {}\n\
         gate           {gate}\n\
         jobs           {jobs}\n\
         files          {}\n",
        sign_in.url,
        sign_in.user,
        sign_in.admin,
        sign_in.token.expose(),
        sign_in.user,
        sign_in.admin_token.expose(),
        sign_in.admin,
        sign_in.client_id,
        sign_in.client_secret.expose(),
        sign_in.folder.display(),
    ))
}
