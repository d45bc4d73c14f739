//! The operations' home in this process: opened when first asked for, and asked again after a failure, so that a window
//! over a locked or broken state can say so and recover.

use crate::arguments::Arguments;
use icebridge_api::{Api, Options};
use icebridge_model::event::Event;
use icebridge_model::{Error, Result};
use icebridge_telemetry::{Logging, logs_folder};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use tauri::{AppHandle, Emitter as _};
use tokio::sync::{Mutex, Notify, broadcast};

/// Operations whose future may be dropped at any await: an inventory stores what it has read as it goes, and keeps that.
/// A run is not among them; it has `run.cancel`.
const DROPPABLE: [&str; 2] = ["inventory.refresh", "unity.refresh"];

/// The name of the one event channel.
const CHANNEL: &str = "event";

pub struct Backend {
    app: AppHandle,
    logging: Logging,
    state_dir: PathBuf,
    sample: AtomicBool,
    metrics: Option<String>,
    api: Mutex<Option<Api>>,
    /// One for each of [`DROPPABLE`], in its order.
    stops: [Notify; DROPPABLE.len()],
}

impl Backend {
    pub fn new(app: AppHandle, arguments: Arguments, logging: Logging) -> Self {
        Self {
            app,
            logging,
            state_dir: arguments.state.unwrap_or_else(icebridge_api::default_state_dir),
            sample: AtomicBool::new(arguments.sample),
            metrics: arguments.metrics,
            api: Mutex::new(None),
            stops: Default::default(),
        }
    }

    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    pub fn take_sample(&self) -> bool {
        self.sample.swap(false, Ordering::Relaxed)
    }

    /// That of `--metrics`.
    pub fn metrics_address(&self) -> Option<&str> {
        self.metrics.as_deref()
    }

    /// Returns when somebody abandons the operation; never for one that must not be dropped.
    pub async fn abandoned(&self, op: &str) {
        match self.stop_of(op) {
            Some(stop) => stop.notified().await,
            None => std::future::pending::<()>().await,
        }
    }

    fn stop_of(&self, op: &str) -> Option<&Notify> {
        DROPPABLE.iter().zip(&self.stops).find_map(|(name, stop)| (*name == op).then_some(stop))
    }

    pub fn abandon(&self, op: &str) -> Result<()> {
        match self.stop_of(op) {
            Some(stop) => stop.notify_waiters(),
            None => return Err(Error::invalid("this operation cannot be stopped half-way").about(op)),
        }
        Ok(())
    }

    pub async fn api(&self) -> Result<Api> {
        let mut held = self.api.lock().await;
        if let Some(api) = &*held {
            return Ok(api.clone());
        }
        let opened = Api::open(Options { state_dir: self.state_dir.clone() }).await;
        // A folder that is no state folder is left as it is.
        if opened.is_ok() || logs_folder(&self.state_dir).is_dir() {
            self.logging.attach(&self.state_dir);
        }
        let api =
            opened.inspect_err(|error| tracing::error!(code = %error.code, %error, "the state cannot be opened"))?;
        tauri::async_runtime::spawn(forward(self.app.clone(), api.events()));
        *held = Some(api.clone());
        Ok(api)
    }
}

async fn forward(app: AppHandle, mut events: broadcast::Receiver<Event>) {
    loop {
        let event = match events.recv().await {
            Ok(event) => event,
            // The window was slow; it asks for the state now and then, so nothing but old news is lost.
            Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        match serde_json::to_string(&event) {
            // A window that is gone hears nothing, and that is no error.
            Ok(text) => drop(app.emit(CHANNEL, text)),
            Err(error) => tracing::error!(%error, "an event could not be written"),
        }
    }
}
