//! The shell: the window, and the wires between it and the operations. It decides nothing.
//!
//! The page asks through one command, [`rpc::rpc`], and hears events through one channel named `event`. Both carry JSON
//! as text or bytes, because JavaScript's numbers cannot hold a 64-bit snapshot id.

mod arguments;
mod backend;
mod metrics;
mod outside;
mod preferences;
mod rpc;
mod sandbox;

use arguments::Arguments;
use backend::Backend;
use clap::Parser as _;
use icebridge_model::logs::LogLevel;
use icebridge_telemetry::Logging;
use std::process::ExitCode;
use tauri::Manager as _;

/// Runs until the window is closed.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Also what --help and --version come as. Nothing can be done about a closed terminal.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let logging = Logging::start(Some(LogLevel::Warn), arguments.log);
    let ending = logging.clone();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "the window starts");
    let built = tauri::Builder::default()
        .plugin(tauri_plugin_store::Builder::default().build())
        .setup(move |app| {
            app.manage(Backend::new(app.handle().clone(), arguments, logging));
            app.manage(sandbox::Trial::default());
            app.manage(metrics::Served::default());
            Ok(())
        })
        .invoke_handler(tauri::generate_handler![
            rpc::rpc,
            rpc::abandon,
            rpc::launch,
            metrics::metrics_serve,
            metrics::metrics_end,
            preferences::preferences_read,
            preferences::preferences_write,
            outside::open_link,
            outside::open_folder,
            outside::open_document,
            sandbox::sandbox_start,
            sandbox::sandbox_end,
        ])
        .build(tauri::generate_context!());
    match built {
        Ok(app) => {
            let code = app.run_return(end_trial);
            ending.end();
            if code == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) }
        }
        Err(error) => {
            eprintln!("error: the window could not be opened: {error}");
            eprintln!("hint: `icebridge` does the same in a terminal and needs no display");
            ExitCode::from(2)
        }
    }
}

/// What the process holds is not dropped at its end, and the sandbox has a folder to clear away.
fn end_trial(app: &tauri::AppHandle, event: tauri::RunEvent) {
    if matches!(event, tauri::RunEvent::Exit) {
        tauri::async_runtime::block_on(app.state::<sandbox::Trial>().end());
    }
}
