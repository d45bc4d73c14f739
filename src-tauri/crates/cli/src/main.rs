//! `icebridge`: the same operations as the window, for terminals, scripts and CI. A thin caller of the api crate.

mod arguments;
mod ask;
mod commands;
mod output;
mod progress;
mod route;
mod usage;

use arguments::{Arguments, Command};
use clap::Parser;
use icebridge_api::{Api, Options, default_state_dir};
use icebridge_model::error::Whose;
use icebridge_model::{Error, Result};
use output::Output;
use std::process::ExitCode;

/// 0 done; 1 the person's input, a finding, or a table that was not migrated; 2 our fault.
/// Rows are decoded and encoded by threads that come and go. The system's allocator keeps what each of them freed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
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
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_env("ICEBRIDGE_LOG").unwrap_or_else(|_| "off".into()))
        .with_writer(std::io::stderr)
        .init();
    let output = Output::new(arguments.global.json);
    let ended = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let ended = runtime.block_on(run(arguments, &output));
            // A keychain that never answers must not keep the process.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(Error::internal("the program cannot start its threads").with_cause(error)),
    };
    match ended {
        Ok(Ended::Done) => ExitCode::SUCCESS,
        Ok(Ended::Short) => ExitCode::from(1),
        Err(error) => {
            let error = error.or_usual_hint();
            output.error(&error);
            match error.code.whose() {
                Whose::User => ExitCode::from(1),
                Whose::Ours => ExitCode::from(2),
            }
        }
    }
}

/// How a command ended that has said all there is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Done,
    /// Not everything that was asked for: a table was not migrated, a check did not hold, a catalog is out of reach.
    Short,
}

impl Ended {
    pub fn done_if(good: bool) -> Self {
        if good { Self::Done } else { Self::Short }
    }
}

async fn run(arguments: Arguments, output: &Output) -> Result<Ended> {
    // These need no state.
    match &arguments.command {
        Command::Completions { shell } => return commands::completions(*shell, output),
        Command::Sandbox(sandbox) => return commands::sandbox::run(sandbox, output).await,
        Command::Preflight(preflight) if preflight.rules => return commands::preflight::rules(output),
        _ => {}
    }
    let state_dir = arguments.global.state.clone().unwrap_or_else(default_state_dir);
    let api = Api::open(Options { state_dir }).await?;
    let ended = commands::run(&api, arguments.command, output).await;
    api.close().await;
    ended
}
