//! Starts logging, once a process.

use crate::layer::LineLayer;
use crate::sink::{FileSink, Stderr};
use crate::traces::Traces;
use crate::{Bounds, LOG_VARIABLE, Levels};
use icebridge_model::logs::LogLevel;
use std::io::{self, Write};
use std::path::Path;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;

/// The log of this process, and its traces. Cheap to clone; every clone is the same.
#[derive(Clone, Debug)]
pub struct Logging {
    file: FileSink,
    traces: Option<Traces>,
}

impl Logging {
    /// `usual`: what standard error gets where neither `option` (`--log`) nor `ICEBRIDGE_LOG` says it. A variable that cannot
    /// be understood is said, and counts as none.
    pub fn start(usual: Option<LogLevel>, option: Option<LogLevel>) -> Self {
        let variable = std::env::var(LOG_VARIABLE).ok();
        let levels = Levels::choose(usual, option, variable.as_deref()).unwrap_or_else(|error| {
            let _ = writeln!(io::stderr(), "warning: {error}");
            Levels::usual(usual)
        });
        let file = FileSink::default();
        let traces = Traces::from_environment().unwrap_or_else(|error| {
            let _ = writeln!(io::stderr(), "warning: {error}");
            None
        });
        let of_traces = traces.as_ref().map(|traces| traces.layer().with_filter(levels.file.clone()));
        let registry = tracing_subscriber::registry()
            .with(LineLayer::new(file.clone()).with_filter(levels.file))
            .with(levels.stderr.map(|wanted| LineLayer::new(Stderr).with_filter(wanted)))
            .with(of_traces);
        // Refused where a subscriber is set already; that one stays.
        let _ = tracing::subscriber::set_global_default(registry);
        log_panics();
        Self { file, traces }
    }

    /// Writes the log files of this state folder from now on, and what was said before. Called once the folder is known to
    /// be a state folder, so that no other is written to.
    pub fn attach(&self, state_dir: &Path) {
        self.file.attach(state_dir, Bounds::default());
    }

    /// Sends the traces that are left. Called at the end of the process, outside of its runtime.
    pub fn end(&self) {
        if let Some(traces) = &self.traces {
            traces.end();
        }
    }
}

/// Besides what the program does about a panic anyway. A panic in a task may be caught there, and is a defect all the same.
fn log_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(target: "icebridge", place = panic.location().map(ToString::to_string), panic = message, "a panic");
        usual(panic);
    }));
}
