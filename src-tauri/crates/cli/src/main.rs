//! `icebridge`: the same operations as the window, for terminals, scripts and CI. A thin caller of the api crate.

mod arguments;
mod ask;
mod commands;
mod ended;
mod interrupt;
mod output;
mod paths;
mod progress;
mod route;
mod usage;

use arguments::{Arguments, Command};
use clap::{CommandFactory, FromArgMatches};
use ended::Ended;
use icebridge_api::{Api, Options, default_state_dir};
use icebridge_model::error::Blame;
use icebridge_model::{Error, Result};
use icebridge_telemetry::{Logging, ServedMetrics, logs_folder};
use output::Output;
use std::process::ExitCode;

/// 0 done; 1 the person's input, a finding, or a table that was not migrated; 2 our fault.
/// Rows are decoded and encoded by threads that come and go. The system's allocator keeps what each of them freed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let (arguments, command) = match parse() {
        Ok(parsed) => parsed,
        Err(error) if error.use_stderr() && usage::wants_json(std::env::args_os()) => {
            Output::new(true).error(&usage::error(&error));
            return ExitCode::from(1);
        }
        Err(error) => {
            // Also what --help and --version come as. Nothing can be done about a closed terminal.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(1) } else { ExitCode::SUCCESS };
        }
    };
    let logging = Logging::start(None, arguments.global.log);
    let output = Output::new(arguments.global.json);
    let ended = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            tracing::info!(command, version = env!("CARGO_PKG_VERSION"), "started");
            let ended = runtime.block_on(run(arguments, &logging, &output));
            // A keychain that never answers must not keep the process.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(Error::internal("the program cannot start its threads").with_cause(error)),
    };
    let code = told(ended, &command, &output);
    logging.end();
    code
}

fn told(ended: Result<Ended>, command: &str, output: &Output) -> ExitCode {
    match ended {
        Ok(Ended::Done) => ExitCode::SUCCESS,
        Ok(Ended::Short) => ExitCode::from(1),
        Err(error) => {
            let error = error.or_usual_hint();
            output.error(&error);
            match error.code.blame() {
                Blame::User => {
                    tracing::warn!(command, code = %error.code, %error, "the command failed");
                    ExitCode::from(1)
                }
                Blame::Ours => {
                    tracing::error!(command, code = %error.code, %error, "the command failed");
                    ExitCode::from(2)
                }
            }
        }
    }
}

/// As clap's `try_parse`, with the name of the command for the log. The log gets no more of the line: it may hold names.
fn parse() -> std::result::Result<(Arguments, String), clap::Error> {
    let mut line = Arguments::command();
    let matches = line.try_get_matches_from_mut(std::env::args_os())?;
    let command = matches.subcommand_name().unwrap_or_default().to_string();
    let arguments = Arguments::from_arg_matches(&matches).map_err(|e| e.format(&mut line))?;
    Ok((arguments, command))
}

async fn serve_metrics(address: &str, output: &Output) -> Result<ServedMetrics> {
    let served = ServedMetrics::start(address).await?;
    output.address("metrics", &served.url());
    Ok(served)
}

async fn run(arguments: Arguments, logging: &Logging, output: &Output) -> Result<Ended> {
    #[cfg(unix)]
    interrupt::outlive_file_size_limit();
    let _served = match &arguments.global.metrics {
        Some(address) => Some(serve_metrics(address, output).await?),
        None => None,
    };
    let state_dir = arguments.global.state.clone().unwrap_or_else(default_state_dir);
    // These need no state.
    match &arguments.command {
        Command::Completions { shell } => return commands::completions(*shell, output),
        Command::Sandbox(sandbox) => return commands::sandbox::run(sandbox, output).await,
        Command::Preflight(preflight) if preflight.rules => return commands::preflight::rules(output),
        Command::Logs(logs) => return commands::logs::run(&state_dir, logs, output).await,
        _ => {}
    }
    let opened = Api::open(Options { state_dir: state_dir.clone() }).await;
    // A folder that is no state folder is left as it is.
    if opened.is_ok() || logs_folder(&state_dir).is_dir() {
        logging.attach(&state_dir);
    }
    let api = match (opened, &arguments.command) {
        (Ok(api), _) => api,
        (Err(error), Command::Diagnose(diagnose)) => {
            return commands::diagnose::run(&state_dir, Err(&error), diagnose, output).await;
        }
        (Err(error), _) => return Err(error),
    };
    let ended = commands::run(&api, &state_dir, arguments.command, output).await;
    api.close().await;
    ended
}
